//! One cell: trained, read once, recorded.

use std::fs;
use std::path::PathBuf;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::grid::PlannedCell;
use crate::command::run as run_command;
use crate::failure::{Failure, Result};
use crate::program::Program;

impl PlannedCell {
    fn record_path(&self) -> PathBuf {
        self.folder.join("cell.json")
    }

    pub(super) fn results_path(&self) -> PathBuf {
        self.folder.join("eval.json")
    }

    /// What makes this cell the same cell next time.
    fn identity(&self) -> Value {
        json!({
            "dataset": self.dataset, "data": self.data, "method": self.method.name, "preset": self.method.preset,
            "seed": self.seed, "settings": self.settings,
        })
    }

    /// The record of an earlier call, where it is of this very cell.
    pub(super) fn record(&self) -> Option<Value> {
        let record: Value = serde_json::from_slice(&fs::read(self.record_path()).ok()?).ok()?;
        (record["cell"] == self.identity()).then_some(record)
    }

    /// Whether nothing is left to do.
    pub(super) fn is_done(&self) -> bool {
        self.record().is_some_and(|record| record["state"] == "done") && self.results_path().is_file()
    }

    /// Trains and evaluates, and records how it went, also where it broke.
    pub(super) fn run(&self, program: &Program, environment: &Value) -> Result<()> {
        if self.folder.join("cell.json").is_file() && self.record().is_none() {
            return Err(Failure::input(format!(
                "{}: holds a cell with other settings; move or remove the folder, or give another --out",
                self.folder.display()
            )));
        }
        fs::create_dir_all(&self.folder).map_err(|error| Failure::file(&self.folder, error))?;
        let start = Instant::now();
        let result = self.work(program);
        let message = result.as_ref().err().map(ToString::to_string);
        let config = fs::read(self.folder.join("run").join("config.toml")).unwrap_or_default();
        let record = json!({
            "cell": self.identity(),
            "state": if result.is_ok() { "done" } else { "failed" },
            "failure": message,
            "seconds": start.elapsed().as_secs_f64(),
            "finished_unix": SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs()),
            "config_hash": format!("{:016x}", fnv(&config)),
            "environment": environment,
        });
        let path = self.record_path();
        fs::write(&path, format!("{record:#}\n")).map_err(|error| Failure::file(&path, error))?;
        result
    }

    fn work(&self, program: &Program) -> Result<()> {
        let run = self.folder.join("run");
        if !run.join("model.safetensors").is_file() {
            let mut train = program.call(["train", "--preset", self.method.preset, "--seed", &self.seed.to_string()]);
            train.arg("--data").arg(&self.data).arg("--out").arg(&run);
            self.settings.iter().for_each(|setting| {
                train.args(["--set", setting]);
            });
            run_command(&mut train)?;
        }
        // The one reading of the test split.
        let mut eval = program.call(["eval"]);
        eval.arg(&run).arg("--data").arg(&self.data).arg("--json").arg(self.results_path());
        eval.arg("--queries").arg(self.folder.join("queries.jsonl"));
        run_command(eval.args(self.baselines.then_some("--baselines")))
    }

    /// (method, row) of everything that the cell measured.
    pub(super) fn rows(&self) -> Result<Vec<(String, Value)>> {
        let path = self.results_path();
        let bytes = fs::read(&path).map_err(|error| Failure::file(&path, error))?;
        let report: Value = serde_json::from_slice(&bytes).map_err(|error| Failure::file(&path, error))?;
        let of = |report: &Value, name: &str| -> Vec<(String, Value)> {
            let rows = report["results"].as_array().cloned().unwrap_or_default();
            rows.into_iter().map(|row| (name.to_string(), row)).collect()
        };
        let mut rows = of(&report, self.method.name);
        for baseline in report["baselines"].as_array().into_iter().flatten() {
            rows.extend(of(baseline, baseline["method"].as_str().unwrap_or("baseline")));
        }
        Ok(rows)
    }
}

/// FNV-1a, 64 bits: to tell configurations apart, not to guard them.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::grid::cells;
    use super::*;

    #[test]
    fn a_finished_cell_is_kept_and_a_broken_one_is_tried_again() {
        let out = std::env::temp_dir().join(format!("xtask-cell-{}", std::process::id()));
        let plan = |extra: &[String]| cells(&out, &[("d".into(), Path::new("data").into())], 1, true, extra).remove(0);
        let cell = plan(&[]);
        assert!(!cell.is_done());
        fs::create_dir_all(&cell.folder).unwrap();
        let write = |state: &str| {
            let record = json!({ "cell": cell.identity(), "state": state });
            fs::write(cell.record_path(), record.to_string()).unwrap();
        };
        write("done");
        assert!(!cell.is_done(), "without its results");
        let row = json!({ "task": "retrieval", "value": 0.5 });
        let results = json!({ "results": [row], "baselines": [{ "method": "chance", "results": [row] }] });
        fs::write(cell.results_path(), results.to_string()).unwrap();
        assert!(cell.is_done());
        let rows = cell.rows().unwrap();
        assert_eq!(rows.iter().map(|r| r.0.as_str()).collect::<Vec<_>>(), ["rcml", "chance"]);
        write("failed");
        assert!(!cell.is_done() && cell.record().is_some());
        assert!(plan(&["training.steps=9".into()]).record().is_none(), "other settings are another cell");
        fs::remove_dir_all(&out).unwrap();
    }
}
