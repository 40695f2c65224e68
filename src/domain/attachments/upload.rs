//! Uploading: first the object, then the row of the attachment.

use crate::domain::attachments::file_name;
use crate::domain::attachments::media_type::MediaTypeDetector;
use crate::domain::attachments::view::view_attachment;
use crate::domain::auth::caller::Caller;
use crate::domain::error::Error;
use crate::domain::idempotency::created::Created;
use crate::domain::idempotency::key::{check_known, check_unused};
use crate::domain::idempotency::request::RequestIdentity;
use crate::domain::service::{Domain, run_to_completion};
use crate::ids::{AttachmentId, ObjectId, UserId, WriteId};
use crate::log::WriteKey;
use crate::store::attachments::{self, AttachmentRow};
use crate::store::files::ObjectWriter;
use crate::store::{Connection, StoreError, orphaned_objects};
use crate::telemetry::error_chain;
use crate::wire;
use aws_lc_rs::digest::{Context, SHA256};
use diesel_async::AsyncConnection;
use std::time::Duration;

/// How long an upload may take until its object is taken for that of a node that died: more than four times what the
/// largest upload takes on the slowest line.
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(2 * 3_600);

/// What a client says of a file.
#[derive(Clone, Copy, Debug)]
pub struct UploadLabel<'a> {
    pub name: Option<&'a str>,
    /// Only a hint.
    pub media_type: Option<&'a str>,
}

/// An upload under way. Dropped before it is finished, it leaves nothing behind.
pub struct Upload {
    domain: Domain,
    owner: UserId,
    /// `None`: the key is known, and the bytes only tell whether the request is the same.
    store: Option<PendingObject>,
    digest: Context,
    content: MediaTypeDetector,
    size: i64,
}

impl Domain {
    /// Begins an upload.
    ///
    /// # Errors
    /// Those of keys.
    pub async fn begin_upload(&self, caller: &Caller, key: Option<WriteId>) -> Result<Upload, Error> {
        let mut connection = self.connection().await?;
        let owner = caller.user.id;
        let known = match key {
            Some(key) => is_known_key(&mut connection, owner, key).await?,
            None => false,
        };
        let store = if known {
            None
        } else {
            let object = ObjectId::new();
            orphaned_objects::insert(&mut connection, object, UPLOAD_TIMEOUT).await?;
            drop(connection);
            let writing = self.0.files.write(object).await?;
            Some(PendingObject { domain: self.clone(), object, writing: Some(writing) })
        };
        let digest = Context::new(&SHA256);
        Ok(Upload { domain: self.clone(), owner, store, digest, content: MediaTypeDetector::default(), size: 0 })
    }

    async fn replayed_upload(&self, key: &WriteKey) -> Result<Created<wire::Attachment>, Error> {
        let found = attachments::confirm(&mut *self.connection().await?, key.id.into()).await?;
        let attachment = found.ok_or(Error::Unresolved)?;
        check_known(key.owner, attachment.user_id, attachment.mac == key.mac)?;
        Ok(Created { thing: view_attachment(&attachment), created: true, replayed: true })
    }
}

/// Whether the caller has uploaded something under this key.
async fn is_known_key(connection: &mut Connection, owner: UserId, key: WriteId) -> Result<bool, Error> {
    check_unused(connection, key, owner).await?;
    let Some(attachment) = attachments::by_id(connection, key.into()).await? else { return Ok(false) };
    // Whether it is the same request is known when the body is: see `Domain::replayed_upload`.
    check_known(owner, attachment.user_id, true)?;
    Ok(true)
}

impl Upload {
    /// Writes the next bytes of the file.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.digest.update(bytes);
        self.content.read(bytes);
        self.size += bytes.len() as i64;
        match self.store.as_mut().and_then(|store| store.writing.as_mut()) {
            Some(writing) => Ok(writing.write(bytes).await?),
            None => Ok(()),
        }
    }

    /// Finishes the upload. The fingerprint of the request covers the SHA-256 of the body instead of the body.
    ///
    /// # Errors
    /// Those of keys, and [`Error::Store`].
    ///
    /// # Cancel safety
    /// Once it is called, the attachment is created even if the future is dropped.
    pub async fn finish(
        self,
        label: UploadLabel<'_>,
        request: RequestIdentity<'_>,
    ) -> Result<Created<wire::Attachment>, Error> {
        let sha256 = self.digest.finish();
        let key = self.domain.0.fingerprinter.key(self.owner, RequestIdentity { body: sha256.as_ref(), ..request });
        let Some(store) = self.store else {
            return self.domain.replayed_upload(&key).await;
        };
        let attachment = AttachmentRow {
            id: AttachmentId::from(key.id),
            user_id: self.owner,
            mac: key.mac.clone(),
            object: store.object,
            name: file_name::clean(label.name),
            media_type: self.content.media_type(label.media_type).to_owned(),
            size: self.size,
            sha256: sha256.as_ref().to_vec(),
            message_id: None,
            conversation_id: None,
            position: None,
        };
        run_to_completion(store.claim(attachment, key)).await
    }
}

/// An object that no attachment has yet. Dropped, it is removed in the background.
struct PendingObject {
    domain: Domain,
    object: ObjectId,
    writing: Option<ObjectWriter>,
}

/// Why an object did not become an attachment.
enum ClaimError {
    /// The upload took too long, and the object may have been removed.
    Late,
    /// The key has an attachment already.
    Known,
    Failed(StoreError),
}

impl From<StoreError> for ClaimError {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}

impl From<diesel::result::Error> for ClaimError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Failed(error.into())
    }
}

impl PendingObject {
    /// Makes the object durable, and then inserts the attachment.
    async fn claim(mut self, attachment: AttachmentRow, key: WriteKey) -> Result<Created<wire::Attachment>, Error> {
        if let Some(writing) = self.writing.take()
            && let Err(error) = writing.finish().await
        {
            self.domain.make_object_due(self.object).await;
            return Err(error.into());
        }
        let mut connection = self.domain.connection().await?;
        let added = connection.transaction(async |connection| add(connection, &attachment).await).await;
        drop(connection);
        match added {
            Ok(()) => Ok(Created { thing: view_attachment(&attachment), created: true, replayed: false }),
            Err(ClaimError::Known) => {
                self.domain.make_object_due(self.object).await;
                self.domain.replayed_upload(&key).await
            }
            Err(ClaimError::Late) => Err(StoreError::Files("the upload took too long".into()).into()),
            // The transaction may have been committed: the object is kept until it is due for removal.
            Err(ClaimError::Failed(error)) => Err(error.into()),
        }
    }
}

async fn add(connection: &mut Connection, attachment: &AttachmentRow) -> Result<(), ClaimError> {
    if !orphaned_objects::keep(connection, attachment.object).await? {
        return Err(ClaimError::Late);
    }
    if !attachments::insert(connection, attachment).await? {
        return Err(ClaimError::Known);
    }
    Ok(())
}

impl Drop for PendingObject {
    fn drop(&mut self) {
        let Some(writing) = self.writing.take() else { return };
        let (domain, object) = (self.domain.clone(), self.object);
        // Without a runtime, the process is ending: the object is removed when it is due.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                if let Err(error) = writing.abort().await {
                    tracing::warn!(error = error_chain(&error), %object, "cannot give up an upload");
                }
                domain.make_object_due(object).await;
            });
        }
    }
}

impl Domain {
    /// Makes an object that no attachment will have due for removal. If that fails, it is removed when the upload would
    /// have timed out.
    async fn make_object_due(&self, object: ObjectId) {
        let noted = async { orphaned_objects::make_due(&mut *self.connection().await?, object).await };
        if let Err(error) = noted.await {
            tracing::warn!(error = error_chain(&error), %object, "cannot hasten the removal of an attachment's bytes");
        }
    }
}
