//! `cargo xtask train`.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use clap::Args;

use crate::command::{interrupted, run as run_command};
use crate::failure::{Failure, Result};
use crate::plan::{COMPARED, PlannedRun, runs};
use crate::program::Program;
use crate::{data, readme, weights};

#[derive(Args)]
#[command(after_help = "Examples:
  cargo xtask train                            # the emoji data set, preset rcml
  cargo xtask train --compare --jobs 2         # all presets, three seeds each, one table; two trainings at a time
  cargo xtask train --data my-folder           # your own data set
  cargo xtask train --encoders minilm+efficientnet-lite0
  cargo xtask train -- --set training.steps=50   # further arguments of `rcml train`

A run that is finished is not trained again; one that was interrupted continues.")]
pub(crate) struct TrainArgs {
    /// Train the presets rcml, rcml-paper, gate, clip-relations and clip with the same budget and compare them
    #[arg(long)]
    compare: bool,
    /// Seeds per preset [default: 1, with --compare 3]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    seeds: Option<u32>,
    /// Folder of a data set [default: emoji, built if it is not there]
    #[arg(long, value_name = "DIR", value_parser = absolute)]
    data: Option<PathBuf>,
    /// Folder of the run [default: runs/DATASET-rcml-s1]
    #[arg(long, value_name = "RUN", value_parser = absolute, conflicts_with_all = ["compare", "seeds"])]
    out: Option<PathBuf>,
    /// Pretrained encoders instead of ones from scratch, fetched if they are not there: see `cargo xtask weights --help`
    #[arg(long, value_name = "NAMES")]
    encoders: Option<String>,
    /// Write the compared tables into docs/results/emoji.md, and the main rows of the first into README.md
    #[arg(long, requires = "compare", conflicts_with_all = ["data", "encoders"])]
    readme: bool,
    /// Trainings at a time, each with its share of the cores. Two at a time on two cores take less time than one after the
    /// other, since not all of a step can be divided; the results are the same
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    jobs: u32,
    /// Features of the program: wgpu, cuda (docs/getting-started.md)
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    features: Vec<String>,
    /// Further arguments of `rcml train`
    #[arg(last = true, value_name = "ARGS")]
    rcml: Vec<String>,
}

fn absolute(path: &str) -> std::io::Result<PathBuf> {
    std::path::absolute(path)
}

/// Paths below the workspace's folder are shown without it.
fn short(path: PathBuf) -> PathBuf {
    path.strip_prefix(crate::root()).map(PathBuf::from).unwrap_or(path)
}

pub(crate) fn run(args: TrainArgs) -> Result<()> {
    let program = Program::build(&args.features)?;
    let data = match args.data {
        Some(folder) => short(folder),
        None => {
            data::build_if_missing(&program, "emoji")?;
            data::folder("emoji")
        }
    };
    let dataset = data::name(&data)?;
    let presets = if args.compare { &COMPARED[..] } else { &COMPARED[..1] };
    let seeds = args.seeds.unwrap_or(if args.compare { 3 } else { 1 });
    let mut extra = args.rcml.clone();
    let mut name = dataset.clone();
    if let Some(encoders) = &args.encoders {
        weights::fetch_if_missing(encoders)?;
        extra.splice(0..0, ["--encoders".into(), encoders.clone()]);
        name = format!("{dataset}-{}", encoders.replace(['/', '\\'], "-"));
    }
    let mut runs = runs(&name, &data, presets, seeds, &extra);
    if let (Some(out), [run]) = (args.out, runs.as_mut_slice()) {
        run.folder = short(out);
    }

    let (trained, failures) = train_all(&program, &runs, args.jobs as usize)?;
    if trained.is_empty() {
        return Err(Failure::new("no run was trained to its end"));
    }
    let report = match runs.as_slice() {
        [run] => run.folder.join("report"),
        _ if args.compare => Path::new("runs").join(format!("{name}-compare")),
        _ => Path::new("runs").join(format!("{name}-rcml")),
    };
    evaluate(&program, &trained, &data, &report)?;
    if !failures.is_empty() {
        return Err(Failure::new(format!(
            "{} of {} runs failed:\n{}",
            failures.len(),
            runs.len(),
            failures.join("\n")
        )));
    }
    // A table with missing rows never gets this far.
    if args.readme {
        let table = report.join(TABLE);
        let table = std::fs::read_to_string(&table).map_err(|error| Failure::file(&table, error))?;
        let page = Path::new("docs/results/emoji.md");
        readme::update(page, &dataset, &table)?;
        let main = readme::excerpt(&table, &SHOWN, &COLUMNS).map_err(|message| Failure::file(page, message))?;
        readme::update(Path::new("README.md"), &dataset, &main)?;
    }
    Ok(())
}

const TABLE: &str = "table.md";

/// What README.md shows of the first table.
const SHOWN: [&str; 9] =
    ["rcml", "rcml-paper", "gate", "clip-relations", "clip", "linear-map", "tf-idf", "frozen+text", "(queries)"];
const COLUMNS: [&str; 4] =
    ["seen: Hit@5, 21-way", "seen: MRR, full corpus", "unseen: Hit@5, 21-way", "unseen: MRR, full corpus"];

/// The runs that were trained to their end, in their order, and what became of the others: one broken run must not lose the
/// rest.
fn train_all<'a>(program: &Program, runs: &'a [PlannedRun], jobs: usize) -> Result<(Vec<&'a PlannedRun>, Vec<String>)> {
    let jobs = jobs.min(runs.len());
    let next = AtomicUsize::new(0);
    let outcomes: Vec<_> = runs.iter().map(|_| OnceLock::new()).collect();
    let work = || {
        while let Some((run, outcome)) = runs.iter().zip(&outcomes).nth(next.fetch_add(1, Ordering::Relaxed)) {
            let done = train(program, run, jobs);
            if let (Err(failure), false) = (&done, runs.len() == 1) {
                eprintln!("error: {failure}");
            }
            let _ = outcome.set(done);
            if interrupted() {
                return;
            }
        }
    };
    std::thread::scope(|scope| {
        (1..jobs).for_each(|_| drop(scope.spawn(work)));
        work();
    });
    if interrupted() {
        return Err(Failure::interrupted());
    }
    let (mut trained, mut failures) = (Vec::new(), Vec::new());
    for (run, outcome) in runs.iter().zip(outcomes) {
        match outcome.into_inner() {
            Some(Ok(())) => trained.push(run),
            Some(Err(failure)) if runs.len() == 1 => return Err(failure),
            Some(Err(failure)) => failures.push(failure.to_string()),
            None => {}
        }
    }
    Ok((trained, failures))
}

/// One of `jobs` trainings at a time. The output of several would mix on a terminal: it goes to files.
fn train(program: &Program, run: &PlannedRun, jobs: usize) -> Result<()> {
    if run.begin()? {
        println!("{}: trained already", run.folder.display());
        return Ok(());
    }
    let mut command = program.call(["train"]);
    command.args(&run.arguments).arg("--out").arg(&run.folder);
    if jobs <= 1 {
        return run_command(&mut command);
    }
    let log = run.folder.join("train.log");
    let file = File::create(&log).map_err(|error| Failure::file(&log, error))?;
    let second = file.try_clone().map_err(|error| Failure::file(&log, error))?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    command.env("RAYON_NUM_THREADS", (cores / jobs).max(1).to_string()).stdout(second).stderr(file);
    let begun = Instant::now();
    run_command(&mut command).map_err(|failure| {
        let said = std::fs::read_to_string(&log).unwrap_or_default();
        let last: Vec<&str> = said.lines().rev().take(5).collect();
        Failure::new(format!("{failure}\n{}", last.into_iter().rev().collect::<Vec<_>>().join("\n")))
    })?;
    println!(
        "{}: trained in {:.0} s; its output is in {}",
        run.folder.display(),
        begun.elapsed().as_secs_f64(),
        log.display()
    );
    Ok(())
}

fn evaluate(program: &Program, trained: &[&PlannedRun], data: &Path, report: &Path) -> Result<()> {
    std::fs::create_dir_all(report).map_err(|error| Failure::file(report, error))?;
    let mut eval = program.call(["eval"]);
    eval.args(trained.iter().map(|run| &run.folder)).arg("--data").arg(data);
    eval.args(["--task", "retrieval", "--task", "crossmodal", "--baselines", "--report"]).arg(report);
    run_command(eval.arg("--markdown").arg(report.join(TABLE)))?;
    println!("\nReport: {}", report.join("report.html").display());
    Ok(())
}
