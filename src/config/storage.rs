use std::path::PathBuf;

/// Where the bytes of attachments are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Storage {
    Directory(PathBuf),
    /// A bucket of an S3-compatible storage, and what all names in it begin with.
    Bucket {
        name: String,
        prefix: String,
    },
}

impl Storage {
    /// Reads a directory or `s3://BUCKET/PREFIX`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.split_once("://") {
            Some(("s3", rest)) => {
                let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
                if name.is_empty() {
                    return Err("names no bucket, write s3://BUCKET/PREFIX".into());
                }
                Ok(Self::Bucket { name: name.into(), prefix: prefix.trim_end_matches('/').into() })
            }
            Some(_) => Err("is neither a directory nor s3://BUCKET/PREFIX".into()),
            None if text.is_empty() => Err("is empty".into()),
            None => Ok(Self::Directory(text.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_with_and_without_a_prefix_and_a_directory_are_told_apart() {
        let bucket = |name: &str, prefix: &str| Ok(Storage::Bucket { name: name.into(), prefix: prefix.into() });
        assert_eq!(Storage::parse("s3://files"), bucket("files", ""));
        assert_eq!(Storage::parse("s3://files/a/b/"), bucket("files", "a/b"));
        assert_eq!(Storage::parse("./files"), Ok(Storage::Directory("./files".into())));
        for text in ["", "s3://", "s3:///a", "gs://files"] {
            assert!(Storage::parse(text).is_err(), "{text}");
        }
    }
}
