//! The bytes of attachments: in a directory, or in a bucket of an S3-compatible storage. All nodes of a deployment need
//! the same one.
//!
//! Every upload writes an object of its own, once. An object is stored whole and durably, or not at all: in a directory it is
//! written to a temporary file, flushed, and renamed; in a bucket it is put, or a multipart upload is completed. What an
//! interrupted upload may leave behind is recorded before its first byte ([`orphaned_objects`](super::orphaned_objects)) and removed later.

mod bucket;
mod directory;
mod error;
mod object_reader;
mod object_writer;
mod storage;

pub use object_reader::ObjectStream;
pub use object_writer::ObjectWriter;
pub use storage::FileStorage;
