//! The user that PostgreSQL runs as: that of this process, or another one if this process runs as root, which PostgreSQL
//! refuses.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, lchown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::geteuid;

use super::error::EmbeddedError;

/// The users that may run PostgreSQL when this process runs as root, best first.
const POSTGRES_USERS: [&str; 2] = ["postgres", "nobody"];

/// The user that runs PostgreSQL and owns its files.
#[derive(Clone, Debug)]
pub(super) struct RunAs {
    /// The user to switch to; `None`: the user of this process.
    user: Option<SystemUser>,
}

#[derive(Clone, Debug, PartialEq)]
struct SystemUser {
    name: String,
    uid: u32,
    gid: u32,
}

impl RunAs {
    /// Chooses the user for a cluster. As root an existing cluster keeps its owner, so that a
    /// `postgres` user that is installed later changes nothing.
    pub(super) fn choose(pgdata: &Path) -> Result<RunAs, EmbeddedError> {
        let owner = fs::symlink_metadata(pgdata).ok();
        if !geteuid().is_root() {
            return match owner.map(|owner| owner.uid()) {
                Some(uid) if uid != geteuid().as_raw() => {
                    Err(EmbeddedError::ForeignCluster { pgdata: pgdata.to_owned(), uid })
                }
                _ => Ok(RunAs { user: None }),
            };
        }
        let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let user = match owner {
            Some(owner) if owner.uid() != 0 => {
                Some(SystemUser { name: name_of(&passwd, owner.uid()), uid: owner.uid(), gid: owner.gid() })
            }
            _ => POSTGRES_USERS.iter().find_map(|name| look_up(&passwd, name)),
        };
        match user {
            Some(user) => Ok(RunAs { user: Some(user) }),
            None => Err(EmbeddedError::NoUser),
        }
    }

    /// Returns whether this is another user than that of this process.
    pub(super) fn is_other(&self) -> bool {
        self.user.is_some()
    }

    /// Makes the command run as this user. For root the standard library also drops the
    /// supplementary groups, and all that before the `pre_exec` closures run.
    pub(super) fn apply(&self, command: &mut Command) {
        if let Some(user) = &self.user {
            command.uid(user.uid).gid(user.gid);
        }
    }

    /// Returns the user's id.
    pub(super) fn uid(&self) -> u32 {
        self.user.as_ref().map_or_else(|| geteuid().as_raw(), |user| user.uid)
    }

    /// Gives a file or directory to this user.
    pub(super) fn give(&self, path: &Path) -> Result<(), EmbeddedError> {
        match &self.user {
            Some(user) => {
                lchown(path, Some(user.uid), Some(user.gid)).map_err(EmbeddedError::io("change the owner of", path))
            }
            None => Ok(()),
        }
    }

    /// Gives a directory to this user's group, its owner unchanged.
    pub(super) fn give_group(&self, path: &Path) -> Result<(), EmbeddedError> {
        match &self.user {
            Some(user) => lchown(path, None, Some(user.gid)).map_err(EmbeddedError::io("change the group of", path)),
            None => Ok(()),
        }
    }

    /// Returns whether this user may enter a directory that exists. It is tried by a child, since
    /// mode bits know nothing of access control lists and security modules.
    pub(super) fn can_enter(&self, dir: &Path) -> bool {
        if !self.is_other() {
            return true;
        }
        let mut trial = Command::new("/bin/sh");
        trial.args(["-c", ":"]).current_dir(dir);
        trial.stdin(Stdio::null()).stdout(Stdio::null());
        self.apply(&mut trial);
        let refused = |error: io::Error| matches!(error.kind(), io::ErrorKind::PermissionDenied);
        !trial.status().is_err_and(refused)
    }

    /// Makes sure that this user can get to `dir`, which is on the way to `data_dir` or is it.
    pub(super) fn require_entry(&self, dir: &Path, data_dir: &Path) -> Result<(), EmbeddedError> {
        let Some(user) = self.user.as_ref().filter(|_| !self.can_enter(dir)) else {
            return Ok(());
        };
        let mut way: Vec<_> = dir.ancestors().collect();
        way.reverse();
        let closed = way.into_iter().find(|step| !self.can_enter(step));
        Err(EmbeddedError::Unreachable {
            user: user.name.clone(),
            data_dir: data_dir.to_owned(),
            closed: closed.unwrap_or(dir).to_owned(),
        })
    }
}

/// Finds a user by name in the text of `/etc/passwd`.
fn look_up(passwd: &str, name: &str) -> Option<SystemUser> {
    let mut fields = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let fields = fields.find(|fields| fields[0] == name)?;
    // macOS writes the ids of nobody as -2.
    let id = |field: &&str| field.parse::<i64>().ok().map(|id| id as u32);
    Some(SystemUser { name: name.to_owned(), uid: fields.get(2).and_then(id)?, gid: fields.get(3).and_then(id)? })
}

/// Returns the name of a user id, or the id in words for one without a name.
fn name_of(passwd: &str, uid: u32) -> String {
    passwd
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>())
        .find(|fields| fields.get(2) == Some(&uid.to_string().as_str()))
        .map_or_else(|| format!("with the uid {uid}"), |fields| fields[0].to_owned())
}

#[cfg(test)]
#[path = "tests/run_as.rs"]
mod tests;
