//! A model of one dataset on another: its test split is read by a model that knows nothing of it.

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use rcml_eval::EvalReport;
use serde_json::{Value, json};

use crate::cell::{Cell, QUICK};
use crate::failure::{Failure, Result};
use crate::grid::Options;
use crate::program::Program;
use crate::source::Source;

/// A trained cell, and where it is taken.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Transfer {
    pub(crate) cell: Cell,
    pub(crate) to: Source,
    pub(crate) folder: PathBuf,
}

impl Transfer {
    pub(crate) fn name(&self) -> String {
        format!("{} -> {}", self.cell.name(), self.to.name)
    }

    fn results(&self) -> PathBuf {
        self.folder.join("eval.json")
    }

    /// Changes with the model that is taken.
    fn identity(&self, options: &Options) -> Option<Value> {
        let record = self.cell.record(options)?;
        Some(
            json!({ "cell": record["cell"], "config": record["config_hash"], "to": self.to.name, "data": self.to.folder }),
        )
    }

    pub(crate) fn is_done(&self, options: &Options) -> bool {
        let record = fs::read(self.folder.join("transfer.json")).ok();
        let record: Option<Value> = record.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        record.is_some_and(|record| Some(&record["of"]) == self.identity(options).as_ref()) && self.results().is_file()
    }

    pub(crate) fn run(&self, program: &Program, options: &Options) -> Result<()> {
        let run = self.cell.run_folder(options).filter(|_| self.cell.is_done(options));
        let (Some(run), Some(identity)) = (run, self.identity(options)) else {
            return Err(Failure::Runtime(format!("{} has not been trained", self.cell.name())));
        };
        fs::create_dir_all(&self.folder).map_err(|error| Failure::file(&self.folder, error))?;
        let start = Instant::now();
        let mut eval = program.call(["eval", "--task", "retrieval"]);
        if options.quick {
            eval.args(QUICK);
        }
        eval.arg(run).arg("--data").arg(&self.to.folder).arg("--json").arg(self.results());
        program.run(&mut eval, Some(&self.folder.join("eval.log")))?;
        let record = json!({ "of": identity, "seconds": start.elapsed().as_secs_f64() });
        let path = self.folder.join("transfer.json");
        fs::write(&path, format!("{record:#}\n")).map_err(|error| Failure::file(&path, error))
    }

    /// What was measured, under a name that says where the model comes from.
    pub(crate) fn report(&self) -> Result<EvalReport> {
        let mut report = EvalReport::read(self.results())?;
        report.method = format!("{}, trained on {}", self.cell.method.name, self.cell.source.name);
        Ok(report)
    }
}
