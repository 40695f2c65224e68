use std::path::PathBuf;

/// Where the bytes of attachments are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttachmentStorage {
    Directory(PathBuf),
    /// A bucket of an S3-compatible storage, and the prefix of all keys in it.
    Bucket {
        name: String,
        prefix: String,
    },
}

impl AttachmentStorage {
    /// Parses a directory or `s3://BUCKET/PREFIX`.
    ///
    /// # Errors
    /// The text is empty, names no bucket, or has another scheme; the error says which.
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
#[path = "tests/attachment_storage.rs"]
mod tests;
