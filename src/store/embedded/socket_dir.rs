//! Where the Unix socket lies: the paths of sockets are short, those of data directories need not be.

use std::env;
use std::ffi::OsStr;
use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::cluster::SOCKET_NAME;
use super::data_dir::DataDir;
use super::error::EmbeddedError;
use super::run_as::RunAs;

/// The longest path of a Unix socket in bytes: 103 on macOS, 107 on Linux; the smaller for both.
const SOCKET_PATH_MAX: usize = 103;

/// The directory of the Unix socket, which only PostgreSQL's user (and root) may enter.
#[derive(Debug)]
pub(super) struct SocketDir {
    path: PathBuf,
    /// Outside the data directory, so to be removed in the end; the file that remembers it.
    note: Option<PathBuf>,
}

impl SocketDir {
    /// Makes the directory, in the data directory if its path is short enough, else under the
    /// temporary directory.
    pub(super) fn make(dir: &DataDir, run_as: &RunAs) -> Result<SocketDir, EmbeddedError> {
        let near = dir.path().join("socket");
        if fits(&near) {
            make_private(&near, run_as)?;
            return Ok(SocketDir { path: near, note: None });
        }
        let note = dir.path().join("socket-dir");
        let path = match remembered(&note, run_as) {
            Some(path) => path,
            None => make_far(&note, run_as)?,
        };
        Ok(SocketDir { path, note: Some(note) })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for SocketDir {
    fn drop(&mut self) {
        // PostgreSQL removed its socket when it ended. If it was killed the directory stays, and is
        // found again through the note.
        if let Some(note) = &self.note
            && fs::remove_dir(&self.path).is_ok()
        {
            let _ = fs::remove_file(note);
        }
    }
}

fn fits(dir: &Path) -> bool {
    dir.join(SOCKET_NAME).as_os_str().len() <= SOCKET_PATH_MAX
}

fn make_private(dir: &Path, run_as: &RunAs) -> Result<(), EmbeddedError> {
    match DirBuilder::new().mode(0o700).create(dir) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && is_dir(dir) => {}
        made => made.map_err(EmbeddedError::io("create", dir))?,
    }
    run_as.give(dir)?;
    fs::set_permissions(dir, Permissions::from_mode(0o700)).map_err(EmbeddedError::io("set the mode of", dir))
}

/// Returns whether this is a directory and no link to one, which somebody might turn elsewhere.
fn is_dir(dir: &Path) -> bool {
    fs::symlink_metadata(dir).is_ok_and(|found| found.is_dir())
}

/// Returns the directory that an earlier run made, if it is still as private as it was.
fn remembered(note: &Path, run_as: &RunAs) -> Option<PathBuf> {
    let bytes = fs::read(note).ok()?;
    let path = PathBuf::from(OsStr::from_bytes(&bytes));
    let found = fs::symlink_metadata(&path).ok()?;
    let private = found.is_dir() && found.uid() == run_as.uid() && found.mode() & 0o077 == 0;
    (private && fits(&path)).then_some(path)
}

/// Makes a directory with a name that nobody guesses under the temporary directory.
fn make_far(note: &Path, run_as: &RunAs) -> Result<PathBuf, EmbeddedError> {
    let name = format!("longwave-{:.12}", Uuid::new_v4().simple().to_string());
    let usable = |path: &PathBuf| fits(path) && path.parent().is_some_and(|dir| run_as.can_enter(dir));
    let path = [env::temp_dir(), PathBuf::from("/tmp")]
        .map(|base| base.join(&name))
        .into_iter()
        .find(usable)
        .ok_or(EmbeddedError::NoSocketDir)?;
    make_private(&path, run_as)?;
    fs::write(note, path.as_os_str().as_bytes()).map_err(EmbeddedError::io("write", note))?;
    Ok(path)
}
