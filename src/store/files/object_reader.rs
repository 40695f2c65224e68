use super::storage::FileStorage;
use crate::ids::ObjectId;
use crate::store::database::error::StoreError;
use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt};
use std::ops::Range;

/// The bytes of an object, as they are read.
pub type ObjectStream = BoxStream<'static, Result<Bytes, StoreError>>;

impl FileStorage {
    /// Reads a part of an object in pieces; the first piece is read before this returns. Each piece is a read of its own, so
    /// that no file or request stays open for a slow client.
    ///
    /// # Errors
    /// [`StoreError::BytesMissing`], [`StoreError::Files`].
    pub async fn read(&self, object: ObjectId, range: Range<u64>) -> Result<ObjectStream, StoreError> {
        let first = self.piece_of(object, range.clone()).await?;
        let rest = range.start + first.len() as u64..range.end;
        let files = self.clone();
        let pieces = stream::try_unfold((files, rest), move |(files, rest)| async move {
            if rest.is_empty() {
                return Ok(None);
            }
            let piece = files.piece_of(object, rest.clone()).await?;
            let rest = rest.start + piece.len() as u64..rest.end;
            Ok(Some((piece, (files, rest))))
        });
        Ok(stream::iter((!first.is_empty()).then_some(Ok(first))).chain(pieces).boxed())
    }

    async fn piece_of(&self, object: ObjectId, range: Range<u64>) -> Result<Bytes, StoreError> {
        if range.is_empty() {
            return Ok(Bytes::new());
        }
        self.read_at(object, range.start..range.end.min(range.start + self.sizes().piece)).await
    }
}
