//! `cargo xtask train`.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::command::{interrupted, run as run_command};
use crate::failure::{Failure, Result};
use crate::plan::{COMPARED, PlannedRun, runs};
use crate::program::Program;
use crate::{data, readme, weights};

#[derive(Args)]
#[command(after_help = "Examples:
  cargo xtask train                            # the emoji data set, preset rcml
  cargo xtask train --compare                  # all presets, three seeds each, one table
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
    /// Write the compared table into README.md
    #[arg(long, requires = "compare", conflicts_with_all = ["data", "encoders"])]
    readme: bool,
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

    let mut failures = Vec::new();
    let mut trained = Vec::new();
    for run in &runs {
        // One broken run must not lose the others.
        match train(&program, run) {
            Ok(()) => trained.push(run),
            Err(failure) if interrupted() || runs.len() == 1 => return Err(failure),
            Err(failure) => {
                eprintln!("error: {failure}");
                failures.push(failure.to_string());
            }
        }
    }
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
        readme::update(Path::new("README.md"), &dataset, &table)?;
    }
    Ok(())
}

const TABLE: &str = "table.md";

fn train(program: &Program, run: &PlannedRun) -> Result<()> {
    if run.begin()? {
        println!("{}: trained already", run.folder.display());
        return Ok(());
    }
    run_command(program.call(["train"]).args(&run.arguments).arg("--out").arg(&run.folder))
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
