//! Files: upload, download, sending, storage in a bucket, removal.

mod bucket;
mod cleanup;
mod files;
mod sending;
