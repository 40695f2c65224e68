use super::*;

#[test]
fn bucket_with_or_without_a_prefix_and_directory_are_told_apart() {
    let bucket = |name: &str, prefix: &str| Ok(AttachmentStorage::Bucket { name: name.into(), prefix: prefix.into() });
    assert_eq!(AttachmentStorage::parse("s3://files"), bucket("files", ""));
    assert_eq!(AttachmentStorage::parse("s3://files/a/b/"), bucket("files", "a/b"));
    assert_eq!(AttachmentStorage::parse("./files"), Ok(AttachmentStorage::Directory("./files".into())));
    for text in ["", "s3://", "s3:///a", "gs://files"] {
        assert!(AttachmentStorage::parse(text).is_err(), "{text}");
    }
}
