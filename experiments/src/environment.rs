//! Where and from what the numbers come.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

/// Commit, compiler and machine.
pub(crate) fn environment() -> Value {
    let first_line = |program: &str, args: &[&str]| {
        let output = Command::new(program).args(args).output().ok()?;
        let text = String::from_utf8_lossy(&output.stdout).lines().next().map(String::from);
        text.filter(|_| output.status.success())
    };
    let processor = fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("model name"))?;
        Some(line.split(':').nth(1)?.trim().to_string())
    });
    json!({
        "commit": first_line("git", &["rev-parse", "--short=12", "HEAD"]),
        "changed_files": first_line("git", &["status", "--porcelain", "--untracked-files=no"]).is_some(),
        "rustc": first_line("rustc", &["--version"]),
        "system": format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        "processor": processor,
        "threads": std::thread::available_parallelism().map_or(0, usize::from),
    })
}

/// Processor time of the programs that this one started and that have ended, in seconds; 0 where the system does not tell.
pub(crate) fn processor_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // After the name in brackets come 13 fields, then user and system time of children in hundredths of a second.
    let fields = || Some(stat.rsplit_once(')')?.1.split_whitespace().skip(13));
    let ticks: Option<f64> = fields().map(|fields| fields.take(2).filter_map(|tick| tick.parse::<f64>().ok()).sum());
    ticks.unwrap_or(0.0) / 100.0
}
