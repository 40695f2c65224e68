//! The data directory: its layout and its lock.

use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::error::EmbeddedError;
use super::run_as::RunAs;

/// How long to wait for a lock: its holder may be dying from a SIGKILL, or be a `longwave token`
/// that looks whether the lock is held.
const LOCK_TIMEOUT: Duration = Duration::from_secs(1);

/// A data directory that exists, by its canonical path.
#[derive(Clone, Debug)]
pub(super) struct DataDir(PathBuf);

impl DataDir {
    /// Returns a data directory if it is there.
    pub(super) fn existing(path: &Path) -> Option<DataDir> {
        fs::canonicalize(path).ok().map(DataDir)
    }

    /// Makes the directory if it is missing, and makes sure that PostgreSQL's user may enter it.
    pub(super) fn prepare(path: &Path, run_as: &RunAs) -> Result<DataDir, EmbeddedError> {
        let path = std::path::absolute(path).map_err(EmbeddedError::io("resolve", path))?;
        let missing = !path.exists();
        if missing || (is_empty(&path) && !run_as.can_enter(&path)) {
            let parent = path.ancestors().skip(1).find(|dir| dir.exists());
            run_as.require_entry(parent.unwrap_or(Path::new("/")), &path)?;
            fs::create_dir_all(&path).map_err(EmbeddedError::io("create", &path))?;
            run_as.give_group(&path)?;
            // Root's directory stays root's; the one user besides only passes through.
            let mode = if run_as.is_other() { 0o710 } else { 0o700 };
            fs::set_permissions(&path, Permissions::from_mode(mode))
                .map_err(EmbeddedError::io("set the mode of", &path))?;
        }
        run_as.require_entry(&path, &path)?;
        let canonical = fs::canonicalize(&path).map_err(EmbeddedError::io("resolve", &path))?;
        Ok(DataDir(canonical))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    pub(super) fn pgdata(&self) -> PathBuf {
        self.0.join("postgres")
    }

    pub(super) fn lock_file(&self) -> PathBuf {
        self.0.join("longwave.lock")
    }

    pub(super) fn log_file(&self) -> PathBuf {
        self.0.join("postgres.log")
    }
}

fn is_empty(dir: &Path) -> bool {
    fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_none())
}

/// The lock on a data directory; the kernel drops it with the process, however that ends.
#[derive(Debug)]
pub(super) struct Lock(File);

impl Lock {
    /// Takes the lock and leaves our process id in it for those who come later.
    pub(super) fn take(dir: &DataDir) -> Result<Lock, EmbeddedError> {
        let path = dir.lock_file();
        let no_follow = rustix::fs::OFlags::NOFOLLOW.bits() as i32;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let file = options.mode(0o600).custom_flags(no_follow).open(&path);
        let mut file = file.map_err(EmbeddedError::io("open", &path))?;
        let deadline = Instant::now() + LOCK_TIMEOUT;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                    thread::sleep(Duration::from_millis(10));
                }
                Err(TryLockError::WouldBlock) => {
                    let holder = fs::read_to_string(&path).unwrap_or_default();
                    return Err(EmbeddedError::InUse {
                        data_dir: dir.path().to_owned(),
                        pid: holder.trim().parse().ok(),
                    });
                }
                Err(TryLockError::Error(error)) => {
                    return Err(EmbeddedError::io("lock", &path)(error));
                }
            }
        }
        file.set_len(0)
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .map_err(EmbeddedError::io("write", &path))?;
        Ok(Lock(file))
    }

    /// Returns whether some process holds the lock now.
    pub(super) fn is_held(path: &Path) -> bool {
        let free = File::open(path).map(|file| file.try_lock_shared());
        matches!(free, Ok(Err(TryLockError::WouldBlock)))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing would do, were it not for a child forked elsewhere at this moment that has a copy.
        let _ = self.0.unlock();
    }
}
