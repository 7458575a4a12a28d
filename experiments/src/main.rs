//! The experiments again: a grid of trainings and evaluations that can be stopped and continued, and a report made of its cells.
//! `cargo xtask reproduce` builds and calls this program.

mod article;
mod cell;
mod claims;
mod columns;
mod cost;
mod environment;
mod failure;
mod findings;
mod grid;
mod map;
mod method;
mod program;
mod report;
mod results;
mod source;
mod trained;
mod transfer;
mod tsne;
mod work;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use crate::environment::{environment, processor_seconds};
use crate::failure::{Failure, Result};
use crate::grid::Options;
use crate::program::{Program, interrupted, watch_interrupts};
use crate::source::Source;
use crate::work::{Job, bar, work};

/// Trains and evaluates a grid of methods, and writes a report
#[derive(Parser)]
#[command(after_help = "Examples:
  cargo xtask reproduce --quick                                  # emoji and synthetic, within half an hour on two cores
  cargo xtask reproduce --quick --dataset emoji --dataset synthetic --dataset my-folder
  cargo xtask reproduce --dataset emoji --seeds 3                # from scratch: hours
  cargo xtask reproduce --quick --plan                           # which cells, and which are finished
  cargo xtask reproduce --dataset my-folder -- sampler.items=64  # further settings of every run

Finished cells are kept, a broken one is recorded, does not stop the others, and is tried again by the next call. The test split
is read once a cell. Writes report.html, tables.md, tables/ (CSV and LaTeX) and figures/ (PNG and SVG) into --out.")]
struct Arguments {
    /// emoji, synthetic, or a folder; may be given several times [default: emoji and synthetic]
    #[arg(long, value_name = "NAME")]
    dataset: Vec<String>,
    /// Seeds of every method [default: 3, with --quick 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    seeds: Option<u32>,
    /// Few steps on frozen pretrained encoders, one seed; all ablations on synthetic alone
    #[arg(long)]
    quick: bool,
    /// Pretrained encoders, or `scratch` [default: scratch, with --quick minilm+efficientnet-lite0]
    #[arg(long, value_name = "NAMES")]
    encoders: Option<String>,
    /// Factors on the configured learning rate, of which the validation split chooses one for each preset
    /// [default: 0.5,1,2, with --quick 2,6]
    #[arg(long, value_name = "X,X,...", value_delimiter = ',')]
    rates: Vec<String>,
    /// Cells at a time, each with its share of the threads [default: as many as threads, four at most]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    jobs: Option<u32>,
    /// Show which cells there are and which are finished, and do nothing
    #[arg(long)]
    plan: bool,
    /// Write the report of the cells that are finished, and run none
    #[arg(long, conflicts_with = "plan")]
    report: bool,
    /// Where everything is kept [default: runs/reproduce, with --quick runs/reproduce-quick]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Settings of every run, as `rcml train --set` takes them
    #[arg(last = true, value_name = "KEY=VALUE")]
    settings: Vec<String>,
}

fn main() -> ExitCode {
    rcml_kernels::memory::keep_freed();
    match watch_interrupts().and_then(|()| run(Arguments::parse())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::from(failure.code())
        }
    }
}

fn run(arguments: Arguments) -> Result<()> {
    let quick = arguments.quick;
    let choose = |quickly: &str, fully: &str| if quick { quickly.to_string() } else { fully.to_string() };
    let encoders = arguments.encoders.unwrap_or_else(|| choose("minilm+efficientnet-lite0", "scratch"));
    let default_rates = || choose("2,6", "0.5,1,2").split(',').map(String::from).collect();
    let options = Options {
        out: arguments.out.unwrap_or_else(|| choose("runs/reproduce-quick", "runs/reproduce").into()),
        quick,
        seeds: arguments.seeds.unwrap_or(if quick { 1 } else { 3 }),
        encoders: (encoders != "scratch").then_some(encoders),
        rates: if arguments.rates.is_empty() { default_rates() } else { arguments.rates },
        settings: arguments.settings,
    };
    let names = if arguments.dataset.is_empty() { vec!["emoji".into(), "synthetic".into()] } else { arguments.dataset };
    let sources: Vec<Source> =
        names.iter().map(|name| Source::find(name, quick, &options.out)).collect::<Result<_>>()?;
    let cells = options.cells(&sources);
    let transfers = options.transfers(&cells, &sources);
    if arguments.plan {
        for cell in &cells {
            let record = cell.record(&options);
            let state = record.map_or("open".into(), |record| record["state"].as_str().unwrap_or("?").to_string());
            println!("{state:7} {}", cell.name());
        }
        for transfer in &transfers {
            println!("{:7} {}", if transfer.is_done(&options) { "done" } else { "open" }, transfer.name());
        }
        return Ok(());
    }
    let mut failures = Vec::new();
    if !arguments.report {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let at_once = arguments.jobs.map_or(threads.min(4), |jobs| jobs as usize);
        let program = Program::beside_this((threads / at_once).max(1))?;
        sources.iter().try_for_each(|source| source.prepare(&program))?;
        // Ablations wait for the presets, whose learning rate they take, and travellers for the models.
        let stages = cells.chunk_by(|a, b| (a.method.table == method::MAIN) == (b.method.table == method::MAIN));
        let mut stages: Vec<Vec<Job<'_>>> = stages.map(|stage| stage.iter().map(Job::Cell).collect()).collect();
        stages.insert(stages.len().min(1), transfers.iter().map(Job::Transfer).collect());
        let open = stages.iter().flatten().filter(|job| !job.is_done(&options)).count();
        println!("{} cells, {open} of them open", cells.len() + transfers.len());
        let (bar, environment) = (bar(open), environment());
        for stage in &stages {
            failures.extend(work(stage, at_once, &program, &options, &environment, &bar));
        }
        bar.finish_and_clear();
    }
    let page = report::write(&options, &sources, &cells, &transfers, processor_seconds())?;
    println!("Report: {}", page.display());
    if interrupted() {
        return Err(Failure::Runtime("interrupted; the same command continues".into()));
    }
    match failures.is_empty() {
        true => Ok(()),
        false => Err(Failure::Runtime(format!("{} cells failed:\n{}", failures.len(), failures.join("\n")))),
    }
}
