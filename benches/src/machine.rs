//! What a bench ran on.

use std::fmt;

/// A machine in words; what the system does not tell is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// Model of the processor.
    pub processor: String,
    /// Cores that this process may use.
    pub cores: usize,
    /// Memory in GiB, rounded; 0 = unknown.
    pub memory: u64,
    /// Operating system and architecture.
    pub system: String,
}

impl Machine {
    /// This one.
    pub fn this() -> Self {
        let field = |file: &str, name: &str| {
            let text = std::fs::read_to_string(file).ok()?;
            let line = text.lines().find(|line| line.starts_with(name))?.split_once(':')?.1.trim().to_string();
            Some(line)
        };
        let kib = |text: String| text.trim_end_matches(" kB").trim().parse::<u64>().ok();
        Self {
            processor: field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown processor".into()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory: field("/proc/meminfo", "MemTotal").and_then(kib).map_or(0, |kib| (kib + (1 << 19)) >> 20),
            system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {} cores", self.processor, self.cores)?;
        if self.memory > 0 {
            write!(f, ", {} GiB", self.memory)?;
        }
        write!(f, ", {}", self.system)
    }
}
