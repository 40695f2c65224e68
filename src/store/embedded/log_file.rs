//! PostgreSQL's log in a file that stays small.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

/// How large the log may grow before it is put aside as `postgres.log.old`, in bytes; the two keep
/// the last 4 to 8 MiB, which is weeks of a healthy server.
const MAX_LOG_BYTES: u64 = 4 << 20;

/// How much of the log's end an error quotes, in bytes.
const LOG_TAIL_BYTES: u64 = 2_048;

/// The log file of a cluster.
#[derive(Clone, Debug)]
pub(super) struct LogFile(pub(super) PathBuf);

impl LogFile {
    /// Copies what PostgreSQL says until it says no more. Reading goes on when writing fails (a
    /// full disk), or else PostgreSQL would wait for us.
    pub(super) fn fill(&self, mut from: impl Read) {
        let mut file = self.open().ok();
        let mut buffer = [0; 8_192];
        loop {
            match from.read(&mut buffer) {
                Ok(0) => return,
                Ok(read) => {
                    if let Some(open) = &mut file
                        && !matches!(self.write(open, &buffer[..read]), Ok(MAX_LOG_BYTES..))
                    {
                        continue;
                    }
                    file = self.rotate().ok();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    }

    /// Returns the last lines of the log.
    pub(super) fn tail(&self) -> String {
        let read = || {
            let mut file = File::open(&self.0)?;
            let skip = file.metadata()?.len().saturating_sub(LOG_TAIL_BYTES);
            file.seek(SeekFrom::Start(skip))?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            io::Result::Ok((skip, String::from_utf8_lossy(&bytes).into_owned()))
        };
        match read() {
            Ok((0, text)) => text.trim_end().to_owned(),
            // The first line is cut somewhere.
            Ok((_, text)) => text.split_once('\n').map_or("", |(_, rest)| rest.trim_end()).to_owned(),
            Err(error) => format!("(no log: {error})"),
        }
    }

    fn open(&self) -> io::Result<File> {
        let no_follow = rustix::fs::OFlags::NOFOLLOW.bits() as i32;
        let mut options = OpenOptions::new();
        options.append(true).create(true).mode(0o600);
        options.custom_flags(no_follow).open(&self.0)
    }

    /// Writes, and returns the size of the file after that.
    fn write(&self, file: &mut File, bytes: &[u8]) -> io::Result<u64> {
        file.write_all(bytes)?;
        Ok(file.metadata()?.len())
    }

    fn rotate(&self) -> io::Result<File> {
        fs::rename(&self.0, self.0.with_extension("log.old"))?;
        self.open()
    }
}

#[cfg(test)]
#[path = "tests/log_file.rs"]
mod tests;
