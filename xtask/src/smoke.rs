//! The real program on a tiny data set, from building it to searching it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::command::line;
use crate::failure::{Failure, Result};
use crate::program::{Program, target_folder};

/// Small enough for seconds, long enough to be killed half way: a checkpoint every few steps.
const SETTINGS: [&str; 6] = [
    "training.steps=40",
    "training.checkpoint_every=4",
    "training.validate_every=10",
    "sampler.items=32",
    "sampler.relations=4",
    "model.image.size=32",
];
/// The recipe holds out 10 of each 50.
const ITEMS: u64 = 200;
/// A run that hangs is a failure.
const PATIENCE: Duration = Duration::from_secs(600);

/// Builds, trains, evaluates, searches and embeds; then kills a run and expects it to end as if it had not been.
pub(crate) fn run(program: &Program) -> Result<()> {
    let folder = target_folder()?.join("smoke");
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(|error| Failure::file(&folder, error))?;
    }
    fs::create_dir_all(&folder).map_err(|error| Failure::file(&folder, error))?;
    let smoke = Smoke { program, folder };
    smoke.data()?;
    let whole = smoke.train("whole")?;
    smoke.results(&whole)?;
    let killed = smoke.train_killed("killed")?;
    smoke.same_embeddings(&whole, &killed)?;
    smoke.bad_input()?;
    // Kept after a failure, to be looked at.
    fs::remove_dir_all(&smoke.folder).map_err(|error| Failure::file(&smoke.folder, error))
}

struct Smoke<'a> {
    program: &'a Program,
    folder: PathBuf,
}

impl Smoke<'_> {
    fn data(&self) -> Result<()> {
        let items = ITEMS.to_string();
        self.ok(self.call(["data", "build", "synthetic", "--items", &items, "--seed", "1", "--out", "data"]))?;
        self.ok(self.call(["data", "check", "data"]))?;
        let stats = json(&self.ok(self.call(["data", "stats", "data", "--json"]))?)?;
        expect(stats["items"] == ITEMS, || format!("data stats: expected {ITEMS} items, found {}", stats["items"]))?;
        expect(stats["edges"].as_u64() > Some(0), || "data stats: no edges".into())
    }

    fn train(&self, run: &str) -> Result<PathBuf> {
        self.ok(self.training(run))?;
        self.files(run, &["config.toml", "model.safetensors", "tokenizer.json", "metrics.jsonl"])
    }

    /// A run that is killed (SIGKILL, so it can write nothing) after its first checkpoint and then continued.
    fn train_killed(&self, run: &str) -> Result<PathBuf> {
        let checkpoints = self.folder.join(run).join("checkpoints");
        let mut training = self.training(run);
        println!("$ {}    # killed after its first checkpoint", line(&training));
        let mut child = training.stdout(Stdio::null()).spawn().map_err(|error| Failure::new(error.to_string()))?;
        let start = Instant::now();
        let ended = loop {
            let saved = fs::read_dir(&checkpoints).is_ok_and(|entries| entries.flatten().any(is_checkpoint));
            let ended = child.try_wait().map_err(|error| Failure::new(error.to_string()))?;
            if saved || ended.is_some() || start.elapsed() > PATIENCE {
                break ended;
            }
            sleep(Duration::from_millis(5));
        };
        if let Some(status) = ended {
            return Err(Failure::new(format!("`rcml train` ended ({status}) before it could be killed")));
        }
        child.kill().and_then(|()| child.wait()).map_err(|error| Failure::new(error.to_string()))?;
        let unfinished = !self.folder.join(run).join("model.safetensors").exists();
        expect(unfinished, || "a run that was killed left model.safetensors, as a finished one does".into())?;
        self.train(run)
    }

    fn results(&self, run: &Path) -> Result<()> {
        let mut eval = self.call(["eval"]);
        eval.arg(run).args(["--data", "data", "--task", "retrieval", "--task", "crossmodal", "--baselines"]);
        self.ok(eval.args(["--json", "eval.json", "--report", "report", "--markdown", "table.md"]))?;
        self.files(".", &["eval.json", "report/report.html", "table.md"])?;
        let rows = json(&read(&self.folder.join("eval.json"))?)?["results"].as_array().cloned().unwrap_or_default();
        expect(!rows.is_empty(), || "eval.json: no results".into())?;
        for row in rows.iter().filter(|row| row["metric"].as_str().is_some_and(|metric| metric.starts_with("hit@"))) {
            let fraction = |key: &str| row[key].as_f64().is_some_and(|value| (0.0..=1.0).contains(&value));
            expect(fraction("value") && fraction("chance"), || format!("eval.json: not a fraction in {row}"))?;
            expect(row["queries"].as_u64() > Some(0), || format!("eval.json: no queries in {row}"))?;
        }

        let items = read(&self.folder.join("data").join("items.jsonl"))?;
        let first = json(items.lines().next().unwrap_or_default())?;
        let id = first["id"].as_str().unwrap_or_default();
        let mut search = self.call(["search"]);
        search.arg(run).args([
            "--data",
            "data",
            "--item",
            id,
            "--relation",
            "has the same colour",
            "-k",
            "5",
            "--json",
        ]);
        let found = json(&self.ok(&mut search)?)?;
        let found = found["results"].as_array().cloned().unwrap_or_default();
        expect(found.len() == 5, || format!("search: expected 5 results, found {}", found.len()))?;
        expect(found.iter().all(|row| row["id"] != id), || "search: the query item is among its results".into())?;
        let falls = found.windows(2).all(|pair| pair[0]["score"].as_f64() >= pair[1]["score"].as_f64());
        expect(falls, || "search: not best first".into())
    }

    /// Two runs with the same seed must give the same bits, whatever happened to one of them.
    fn same_embeddings(&self, a: &Path, b: &Path) -> Result<()> {
        let embed = |run: &Path, out: &str| {
            let mut embed = self.call(["embed"]);
            embed.arg(run).args(["--data", "data", "--out", out, "--relation", "has the same shape"]);
            self.ok(&mut embed)?;
            let path = self.folder.join(out);
            fs::read(&path).map_err(|error| Failure::file(&path, error))
        };
        let same = embed(a, "a.npy")? == embed(b, "b.npy")?;
        expect(same, || "a run that was killed and continued differs from one that was not".into())
    }

    fn bad_input(&self) -> Result<()> {
        let broken = self.folder.join("broken");
        fs::create_dir_all(&broken).map_err(|error| Failure::file(&broken, error))?;
        let items = broken.join("items.jsonl");
        fs::write(&items, "{\"id\": \"a\", \"text\": \n").map_err(|error| Failure::file(&items, error))?;
        self.refused(self.call(["data", "check", "broken"]), "items.jsonl:1")?;
        self.refused(self.call(["train", "--data", "broken", "--out", "refused"]), "items.jsonl:1")?;
        let train =
            |extra: [&str; 2]| self.call(["train", "--data", "data", "--out", "refused"].into_iter().chain(extra));
        self.refused(train(["--set", "no.such.key=1"]), "no.such.key")?;
        self.refused(train(["--device", "abacus"]), "abacus")?;
        self.refused(train(["--preset", "no-such-preset"]), "no-such-preset")
    }

    fn training(&self, run: &str) -> Command {
        let mut train = self.call(["train", "--data", "data", "--preset", "rcml", "--seed", "1", "--device", "cpu"]);
        train.args(["--out", run]).args(SETTINGS.iter().flat_map(|setting| ["--set", setting]));
        train
    }

    fn call<'s>(&self, args: impl IntoIterator<Item = &'s str>) -> Command {
        let mut command = self.program.call(args);
        command.current_dir(&self.folder);
        command
    }

    /// Expects success and gives what was printed.
    fn ok(&self, mut command: impl std::borrow::BorrowMut<Command>) -> Result<String> {
        let command = command.borrow_mut();
        let output = output(command)?;
        let shown = || format!("`{}` failed ({})\n{}", line(command), output.status, text(&output.stderr));
        expect(output.status.success(), shown)?;
        Ok(text(&output.stdout))
    }

    /// Expects exit code 2 and a message that names the culprit.
    fn refused(&self, mut command: Command, culprit: &str) -> Result<()> {
        let output = output(&mut command)?;
        let said = text(&output.stdout) + &text(&output.stderr);
        let right = output.status.code() == Some(2) && said.contains(culprit) && !said.contains("panicked");
        expect(right, || {
            format!("`{}`: expected exit code 2 and {culprit:?}, found {}\n{said}", line(&command), output.status)
        })
    }

    fn files(&self, folder: &str, names: &[&str]) -> Result<PathBuf> {
        for path in names.iter().map(|name| self.folder.join(folder).join(name)) {
            let size = fs::metadata(&path).map_err(|error| Failure::file(&path, error))?.len();
            expect(size > 0, || format!("{}: empty", path.display()))?;
        }
        Ok(PathBuf::from(folder))
    }
}

/// Whole, not being written.
fn is_checkpoint(entry: fs::DirEntry) -> bool {
    entry.file_name().to_str().is_some_and(|name| name.starts_with("step-"))
}

fn expect(holds: bool, otherwise: impl FnOnce() -> String) -> Result<()> {
    if holds { Ok(()) } else { Err(Failure::new(otherwise())) }
}

fn output(command: &mut Command) -> Result<Output> {
    println!("$ {}", line(command));
    command.output().map_err(|error| Failure::new(format!("{}: {error}", line(command))))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).map_err(|error| Failure::file(path, error))
}

fn json(text: &str) -> Result<Value> {
    serde_json::from_str(text).map_err(|error| Failure::new(format!("not JSON: {error}: {text}")))
}
