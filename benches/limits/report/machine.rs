//! What was measured where, and whom.

use crate::scratch::Scratch;
use crate::servers::Who;
use std::fs;

/// The machine and the servers.
pub struct Machine {
    pub processor: String,
    pub cores: usize,
    pub memory_gib: f64,
    pub kernel: String,
    /// How long it takes to get one page onto the disk.
    pub sync_ms: f64,
    /// Of all that were driven.
    pub versions: Vec<String>,
}

impl Machine {
    pub fn read(scratch: &Scratch, present: &[Who]) -> anyhow::Result<Self> {
        let file = |path| fs::read_to_string(path).unwrap_or_default();
        let (processors, memory) = (file("/proc/cpuinfo"), file("/proc/meminfo"));
        let field = |text: &str, name| {
            let line = text.lines().find_map(|line: &str| line.strip_prefix(name)?.split_once(':'));
            line.map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
        };
        let memory_kib: f64 = field(&memory, "MemTotal").trim_end_matches(" kB").parse().unwrap_or_default();
        Ok(Self {
            processor: field(&processors, "model name"),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            memory_gib: memory_kib / 1_048_576.0,
            kernel: file("/proc/sys/kernel/osrelease").split(['-', '\n']).next().unwrap_or_default().to_owned(),
            sync_ms: scratch.sync_time()?.as_secs_f64() * 1e3,
            versions: present.iter().filter_map(|who| who.version()).collect(),
        })
    }

    /// All in one line.
    pub fn line(&self) -> String {
        format!(
            "{}, {} cores, {:.0} GiB, Linux {}; a disk that syncs a page in {:.2} ms; loopback",
            self.processor, self.cores, self.memory_gib, self.kernel, self.sync_ms
        )
    }
}
