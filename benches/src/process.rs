//! What this process has used so far, as Linux tells it.

/// Memory and processor time of this process; `None` on systems that do not tell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Process {
    /// Most memory held at any time, in bytes. Pages of mapped files count while they are loaded.
    pub peak: Option<u64>,
    /// Of the memory held now, what is not mapped from files, in bytes.
    pub anonymous: Option<u64>,
    /// Processor time of all threads, in seconds.
    pub seconds: Option<f64>,
}

impl Process {
    /// Now.
    pub fn now() -> Self {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let bytes = |name: &str| {
            let value = status.lines().find_map(|line| line.strip_prefix(name))?;
            Some(value.trim().trim_end_matches("kB").trim().parse::<u64>().ok()? << 10)
        };
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
        // After the name in brackets come 11 fields, then user and system time in hundredths of a second.
        let seconds = || {
            let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
            let mut ticks = || fields.next()?.parse::<f64>().ok();
            Some((ticks()? + ticks()?) / 100.0)
        };
        Self { peak: bytes("VmHWM:"), anonymous: bytes("RssAnon:"), seconds: seconds() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn memory_that_is_held_is_seen() {
        let before = Process::now();
        let held = vec![1u8; 64 << 20];
        let after = Process::now();
        assert!(after.anonymous.unwrap() >= before.anonymous.unwrap() + (63 << 20), "{before:?} {after:?}");
        assert!(after.peak.unwrap() >= after.anonymous.unwrap() && after.seconds >= before.seconds);
        assert_eq!(held.iter().map(|&b| u64::from(b)).sum::<u64>(), 64 << 20);
    }
}
