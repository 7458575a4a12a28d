//! `metrics.jsonl`: one JSON object a line.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use rcml_data::write_whole;
use serde_json::{Map, Value, json};

use crate::{Error, Result};

/// Appends lines to a run's log.
pub(crate) struct MetricsLog {
    path: PathBuf,
    file: File,
}

impl MetricsLog {
    /// Opens the log of a run that has done `steps` steps: what an interrupted call wrote beyond them is cut off, since those
    /// steps are done again.
    pub(crate) fn open(run: &Path, steps: u64) -> Result<Self> {
        let path = run.join("metrics.jsonl");
        let fail = |error| Error::io(&path, error);
        let kept = match std::fs::read_to_string(&path) {
            Ok(text) => {
                let keep = |line: &&str| {
                    let step = serde_json::from_str::<Value>(line).ok().and_then(|v| v.get("step")?.as_u64());
                    step.is_some_and(|step| step <= steps)
                };
                text.lines().filter(keep).map(|line| format!("{line}\n")).collect()
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(fail(error)),
        };
        write_whole(&path, |part| std::fs::write(part, kept)).map_err(fail)?;
        let file = OpenOptions::new().append(true).open(&path).map_err(fail)?;
        Ok(Self { path, file })
    }

    /// Writes one line.
    pub(crate) fn write(&mut self, step: u64, split: &str, values: &[(String, f64)]) -> Result<()> {
        let mut line = Map::new();
        line.insert("step".into(), json!(step));
        line.insert("split".into(), json!(split));
        line.extend(values.iter().map(|(name, value)| (name.clone(), json!(value))));
        writeln!(self.file, "{}", Value::Object(line)).map_err(|error| Error::io(&self.path, error))
    }
}
