//! A shell that commands are pasted into.

use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::support::eventually;

const SEEN_WITHIN: Duration = Duration::from_secs(60);

/// A bash, which keeps what it and all that runs in it writes. Whatever runs in it ends with it.
pub struct Shell {
    child: Child,
    input: ChildStdin,
    output: Output,
    pasted: usize,
    /// Where the output of the last paste begins, in bytes.
    begin: usize,
}

type Output = Arc<Mutex<Vec<u8>>>;

impl Shell {
    /// Starts one in a directory, with further variables.
    pub async fn start(directory: &Path, variables: &[(&str, &Path)]) -> Self {
        let mut child = Command::new("bash")
            .current_dir(directory)
            .env_remove("DATABASE_URL")
            .env_remove("LONGWAVE_DATA_DIR")
            .env("no_proxy", "127.0.0.1")
            .envs(variables.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .expect("bash");
        let input = child.stdin.take().expect("a pipe");
        let output = Output::default();
        tokio::spawn(keep(child.stdout.take().expect("a pipe"), output.clone()));
        let mut shell = Self { child, input, output, pasted: 0, begin: 0 };
        shell.paste("exec 2>&1; command -v curl >/dev/null || { echo 'curl is not installed'; false; }\n").await;
        shell
    }

    /// Pastes a block, and waits until all that it does not leave in the background has ended well.
    pub async fn paste(&mut self, block: &str) {
        let begin = self.bytes().len();
        self.begin = begin;
        self.pasted += 1;
        let mark = format!("paste {} ended: ", self.pasted);
        let pasted = format!("{block}printf '\\n{mark}%s\\n' $?\n");
        self.input.write_all(pasted.as_bytes()).await.expect("bash reads");
        let status = self.eventually(block, |text| {
            let (_, after) = text.split_once(&mark)?;
            Some(after.split_once('\n')?.0.to_owned())
        });
        assert_eq!(status.await, "0", "this ended badly:\n{block}");
    }

    /// Waits until one line of what came since the last paste has all these parts.
    pub async fn sees(&self, parts: &[&str]) {
        let has_all = |line: &str| parts.iter().all(|part| line.contains(part));
        self.eventually(&parts.join(" … "), |text| text.lines().any(has_all).then_some(())).await;
    }

    /// Answers all that came out so far.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }

    fn last(&self) -> String {
        String::from_utf8_lossy(&self.bytes()[self.begin..]).into_owned()
    }

    fn bytes(&self) -> MutexGuard<'_, Vec<u8>> {
        self.output.lock().expect("no panic under the lock")
    }

    async fn eventually<T>(&self, what: &str, probe: impl Fn(&str) -> Option<T>) -> T {
        eventually(what, SEEN_WITHIN, async || probe(&self.last())).await
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the shell shows:\n{}", self.text());
        }
        if let Some(group) = self.child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?)) {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

async fn keep(mut from: ChildStdout, output: Output) {
    let mut bytes = [0; 4096];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        output.lock().expect("no panic under the lock").extend_from_slice(&bytes[..count]);
    }
}
