//! One cell: trained, read once, recorded.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use rcml_eval::{EvalReport, QueryValues};
use rcml_train::RunConfig;
use serde_json::{Value, json};

use crate::failure::{Failure, Result};
use crate::grid::Options;
use crate::method::{MAIN, METHODS, Method, slug};
use crate::program::Program;
use crate::source::Source;

/// A method on a dataset with a seed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cell {
    pub(crate) source: Source,
    pub(crate) method: Method,
    pub(crate) seed: u32,
    /// Where it is kept.
    pub(crate) folder: PathBuf,
}

/// What methods of an ablation are asked; the presets are asked everything.
const ABLATION_TASKS: [&str; 2] = ["retrieval", "crossmodal"];

/// Bounds of a quick evaluation: methods that read the relation's words behind an item's text encode that text anew for each.
pub(crate) const QUICK: [&str; 4] = ["--max-queries", "50", "--max-relations", "20"];

impl Cell {
    pub(crate) fn name(&self) -> String {
        format!("{}: {}, seed {}", self.source.name, self.method.name, self.seed)
    }

    pub(crate) fn results(&self) -> PathBuf {
        self.folder.join("eval.json")
    }

    /// What makes this cell the same cell next time.
    fn identity(&self, options: &Options) -> Value {
        json!({
            "dataset": self.source.name, "data": self.source.folder, "method": self.method.name,
            "preset": self.method.preset, "seed": self.seed, "settings": self.method.settings,
            "common": options.common(), "encoders": options.encoders, "rates": options.rates,
            "evaluation": QUICK.iter().filter(|_| options.quick).collect::<Vec<_>>(),
        })
    }

    /// The record of an earlier call, where it is of this very cell.
    pub(crate) fn record(&self, options: &Options) -> Option<Value> {
        let record: Value = serde_json::from_slice(&fs::read(self.folder.join("cell.json")).ok()?).ok()?;
        (record["cell"] == self.identity(options)).then_some(record)
    }

    /// Whether nothing is left to do.
    pub(crate) fn is_done(&self, options: &Options) -> bool {
        self.record(options).is_some_and(|record| record["state"] == "done") && self.results().is_file()
    }

    /// The run that was chosen, where the cell is done.
    pub(crate) fn run_folder(&self, options: &Options) -> Option<PathBuf> {
        let record = self.record(options)?;
        Some(self.folder.join(format!("run-{}", record["rate"].as_str()?)))
    }

    /// Trains and evaluates, and records how it went, also where it broke.
    pub(crate) fn run(&self, program: &Program, options: &Options, environment: &Value) -> Result<()> {
        if self.folder.join("cell.json").is_file() && self.record(options).is_none() {
            return Err(Failure::Input(format!(
                "{}: holds a cell with other settings; move or remove the folder, or give another --out",
                self.folder.display()
            )));
        }
        fs::create_dir_all(&self.folder).map_err(|error| Failure::file(&self.folder, error))?;
        let start = Instant::now();
        let mut trainings = Vec::new();
        let result = self.work(program, options, &mut trainings);
        let chosen = result.as_ref().ok().cloned();
        let config = chosen.as_ref().map(|rate| self.folder.join(format!("run-{rate}")).join("config.toml"));
        let config = config.and_then(|path| fs::read(path).ok()).unwrap_or_default();
        let record = json!({
            "cell": self.identity(options),
            "state": if result.is_ok() { "done" } else { "failed" },
            "failure": result.as_ref().err().map(ToString::to_string),
            "rate": chosen,
            "trainings": trainings,
            "seconds": start.elapsed().as_secs_f64(),
            "training_seconds": trainings.iter().filter_map(|training| training["seconds"].as_f64()).sum::<f64>(),
            "finished_unix": SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs()),
            "config_hash": format!("{:016x}", fnv(&config)),
            "environment": environment,
        });
        let path = self.folder.join("cell.json");
        rcml_data::write_whole(&path, |part| fs::write(part, format!("{record:#}\n")))
            .map_err(|error| Failure::file(&path, error))?;
        result.map(|_| ())
    }

    /// Gives the learning rate's factor that was chosen, by the validation split alone.
    fn work(&self, program: &Program, options: &Options, trainings: &mut Vec<Value>) -> Result<String> {
        let mut best: Option<(f64, String)> = None;
        for rate in self.rates(options)? {
            let run = self.folder.join(format!("run-{rate}"));
            self.train(program, options, &rate, &run)?;
            let seconds = training_seconds(&self.folder.join(format!("train-{rate}.log")));
            let value = best_validation(&run.join("metrics.jsonl"))?;
            trainings.push(json!({ "rate": rate, "validation": value, "seconds": seconds }));
            // Without a validation split the first is taken.
            let value = value.unwrap_or(f64::NEG_INFINITY);
            if best.as_ref().is_none_or(|(most, _)| value > *most) {
                best = Some((value, rate));
            }
        }
        let Some((_, rate)) = best else { return Err(Failure::Input("--rates: expected at least one".into())) };
        self.evaluate(program, options, &self.folder.join(format!("run-{rate}")))?;
        Ok(rate)
    }

    /// All factors for a preset's first seed; for everything else the one that was chosen there.
    fn rates(&self, options: &Options) -> Result<Vec<String>> {
        if self.method.table == MAIN && self.seed == 1 {
            return Ok(options.rates.clone());
        }
        let base = self.method.base();
        let folder = self.folder.with_file_name(format!("{}-s1", slug(base.name)));
        let first = Self { source: self.source.clone(), method: *base, seed: 1, folder };
        let rate = first.record(options).and_then(|record| Some(record["rate"].as_str()?.to_string()));
        let missing =
            || Failure::Runtime(format!("{} has not been trained, whose learning rate this takes", first.name()));
        rate.map(|rate| vec![rate]).ok_or_else(missing)
    }

    fn train(&self, program: &Program, options: &Options, rate: &str, run: &Path) -> Result<()> {
        if run.join("model.safetensors").is_file() {
            return Ok(());
        }
        let mut train = program.call(["train"]);
        train.args(self.source.config.iter()).args(["--preset", self.method.preset]);
        train.args(["--seed", &self.seed.to_string()]).arg("--data").arg(&self.source.folder).arg("--out").arg(run);
        if let Some(encoders) = &options.encoders {
            train.args(["--encoders", encoders]);
        }
        let own: Vec<String> = self.method.settings.iter().map(ToString::to_string).collect();
        let settings: Vec<String> = options.common().into_iter().chain(own).collect();
        let config = RunConfig::resolve(Some(self.method.preset), self.source.config.as_deref(), &settings, None)?;
        let factor: f64 =
            rate.parse().map_err(|_| Failure::Input(format!("--rates: expected numbers, found {rate}")))?;
        let learning_rate = format!("optimizer.learning_rate={:e}", factor * config.optimizer.learning_rate);
        for setting in settings.iter().chain([&learning_rate]) {
            train.args(["--set", setting]);
        }
        program.run(&mut train, Some(&self.folder.join(format!("train-{rate}.log"))))
    }

    /// The one reading of the test split.
    fn evaluate(&self, program: &Program, options: &Options, run: &Path) -> Result<()> {
        let mut eval = program.call(["eval"]);
        eval.arg(run).arg("--data").arg(&self.source.folder).arg("--json").arg(self.results());
        eval.arg("--queries").arg(self.folder.join("queries.jsonl"));
        if options.quick {
            eval.args(QUICK);
        }
        if self.method.table != MAIN {
            ABLATION_TASKS.iter().for_each(|task| {
                eval.args(["--task", task]);
            });
        }
        let baselines = self.seed == 1 && self.method == METHODS[0];
        program.run(eval.args(baselines.then_some("--baselines")), Some(&self.folder.join("eval.log")))
    }

    /// What the cell measured, under the method's name, with what each query scored; then its baselines.
    pub(crate) fn reports(&self) -> Result<Vec<EvalReport>> {
        let path = self.results();
        let bytes = fs::read(&path).map_err(|error| Failure::file(&path, error))?;
        let whole: Value = serde_json::from_slice(&bytes).map_err(|error| Failure::file(&path, error))?;
        let of = |value: &Value| -> Result<EvalReport> {
            serde_json::from_value(value.clone()).map_err(|error| Failure::file(&path, error))
        };
        let mut own = of(&whole)?;
        own.method = self.method.name.into();
        let mut reports = vec![own];
        for baseline in whole["baselines"].as_array().into_iter().flatten() {
            reports.push(of(baseline)?);
        }
        let names: Vec<String> = reports.iter().map(|report| report.method.clone()).collect();
        let path = self.folder.join("queries.jsonl");
        let text = fs::read_to_string(&path).map_err(|error| Failure::file(&path, error))?;
        for (number, line) in text.lines().enumerate() {
            let line: Value = serde_json::from_str(line)
                .map_err(|error| Failure::Runtime(format!("{}:{}: {error}", path.display(), number + 1)))?;
            let method = line["method"].as_str().unwrap_or_default();
            let method = if method == self.method.preset { self.method.name } else { method };
            let values: QueryValues = serde_json::from_value(line.clone())
                .map_err(|error| Failure::Runtime(format!("{}:{}: {error}", path.display(), number + 1)))?;
            if let Some(at) = names.iter().position(|name| name == method) {
                reports[at].queries.push(values);
            }
        }
        Ok(reports)
    }
}

/// The best value of the validation metric in a run's log; `None` where nothing was validated.
fn best_validation(log: &Path) -> Result<Option<f64>> {
    let text = fs::read_to_string(log).map_err(|error| Failure::file(log, error))?;
    let values = text.lines().filter_map(|line| {
        let line: Value = serde_json::from_str(line).ok()?;
        (line["split"] == "validation").then(|| line["validation_mrr"].as_f64()).flatten()
    });
    Ok(values.reduce(f64::max))
}

/// What a training said of its time, also where an earlier call of the grid made it: "RUN: 100 steps, 12 s in this call; ...".
fn training_seconds(log: &Path) -> Option<f64> {
    let text = fs::read_to_string(log).ok()?;
    let line = text.lines().rev().find(|line| line.contains(" s in this call"))?;
    line.split_once(" s in this call")?.0.rsplit(' ').next()?.parse().ok()
}

/// FNV-1a, 64 bits: to tell configurations apart, not to guard them.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(out: &Path, settings: &[&str]) -> Options {
        let settings = settings.iter().map(ToString::to_string).collect();
        Options { out: out.into(), quick: true, seeds: 1, encoders: None, rates: vec!["1".into()], settings }
    }

    #[test]
    fn a_finished_cell_is_kept_and_a_broken_one_is_tried_again() {
        let out = tempfile::tempdir().unwrap();
        let options = options(out.path(), &[]);
        let sources = [Source::find("synthetic", true, out.path()).unwrap()];
        let cell = options.cells(&sources).remove(0);
        assert!(!cell.is_done(&options));
        fs::create_dir_all(&cell.folder).unwrap();
        let write = |state: &str| {
            let record = json!({ "cell": cell.identity(&options), "state": state, "rate": "1" });
            fs::write(cell.folder.join("cell.json"), record.to_string()).unwrap();
        };
        write("done");
        assert!(!cell.is_done(&options), "without its results");
        let row = json!({ "task": "retrieval", "protocol": "full", "relations": "all", "view": "AVG", "metric": "mrr",
                          "value": 0.5, "queries": 1, "chance": 0.1 });
        let report = json!({ "dataset": "d", "split": "test", "seed": 1, "method": "rcml", "results": [row] });
        let mut whole = report.clone();
        whole["baselines"] =
            json!([{ "dataset": "d", "split": "test", "seed": 0, "method": "chance", "results": [row] }]);
        fs::write(cell.results(), whole.to_string()).unwrap();
        let queries = json!({ "method": "rcml", "seed": 1, "task": "retrieval", "protocol": "full", "relation": "r",
                              "groups": ["all"], "view": "AVG", "metrics": ["mrr"], "queries": [[3, 4]], "values": [0.5] });
        fs::write(cell.folder.join("queries.jsonl"), format!("{queries}\n")).unwrap();
        assert!(cell.is_done(&options) && cell.run_folder(&options).unwrap().ends_with("run-1"));
        let reports = cell.reports().unwrap();
        assert_eq!(
            reports.iter().map(|r| (r.method.as_str(), r.queries.len())).collect::<Vec<_>>(),
            [("rcml", 1), ("chance", 0)]
        );
        write("failed");
        assert!(!cell.is_done(&options) && cell.record(&options).is_some());
        assert!(
            cell.record(&self::options(out.path(), &["training.steps=9"])).is_none(),
            "other settings, another cell"
        );
    }

    #[test]
    fn the_rate_is_chosen_by_validation_alone() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("metrics.jsonl");
        let lines = "{\"step\":1,\"split\":\"train\",\"loss\":2.5,\"validation_mrr\":0.9}\n{\"step\":2,\"split\":\"validation\",\
                     \"validation_mrr\":0.25}\n{\"step\":4,\"split\":\"validation\",\"validation_mrr\":0.2}\n";
        fs::write(&log, lines).unwrap();
        assert_eq!(best_validation(&log).unwrap(), Some(0.25));
        fs::write(&log, "").unwrap();
        assert_eq!((best_validation(&log).unwrap(), training_seconds(&log)), (None, None));
        fs::write(&log, "step 4: x\nrun-2: 100 steps, 734 s in this call; kept step 80\n").unwrap();
        assert_eq!(training_seconds(&log), Some(734.0));
    }
}
