//! Relation attention: ours and PyTorch's, in turn, beside what the machine can do.
//!
//! `cargo xtask bench attention` runs it. `--peer PYTHON` adds PyTorch, `--compiled` also through torch.compile;
//! `--device NAME`, `--clock wall|processor`, `--rounds N`, `--shapes full|headline|quick`; `--markdown`, `--json` and
//! `--png` name files to write.

#![allow(missing_docs, unreachable_pub, reason = "a program")]

#[path = "attention/clock.rs"]
mod clock;
#[path = "attention/inputs.rs"]
mod inputs;
#[path = "attention/limits.rs"]
mod limits;
#[path = "attention/measure.rs"]
mod measure;
#[path = "attention/peer.rs"]
mod peer;
#[path = "attention/plot.rs"]
mod plot;
#[path = "attention/report.rs"]
mod report;
#[path = "attention/shape.rs"]
mod shape;

use std::path::PathBuf;
use std::process::ExitCode;

use rcml_kernels::device;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match table(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn table(arguments: &[String]) -> Result<(), String> {
    let value = |name: &str| arguments.iter().position(|a| a == name).and_then(|i| arguments.get(i + 1));
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    let path = |name: &str| value(name).map(PathBuf::from);
    let rounds = match value("--rounds") {
        Some(rounds) => rounds.parse().map_err(|_| format!("--rounds: expected a number, found {rounds:?}"))?,
        None => 7,
    };
    let device = device::parse(value("--device").map_or("cpu", String::as_str)).map_err(|error| error.to_string())?;
    let clock = clock::Clock::parse(value("--clock").map_or("wall", String::as_str))?;
    let (pool, module): (&[_], &[_]) = match value("--shapes").map_or("full", String::as_str) {
        "full" => (&shape::POOL, &shape::MODULE),
        "headline" => (&shape::HEADLINE, &shape::HEADLINE_MODULE),
        "quick" => (&shape::QUICK, &shape::QUICK[..1]),
        other => return Err(format!("--shapes: expected full, headline or quick, found {other:?}")),
    };
    let peer = path("--peer");
    let outcome = measure::measure(&measure::Plan {
        pool,
        module,
        rounds,
        device: &device,
        peer: peer.as_deref(),
        compiled: has("--compiled"),
        clock,
    })?;
    let table = report::table(&outcome);
    println!("\n{table}");
    let texts = [("--markdown", table), ("--json", format!("{:#}\n", report::json(&outcome)))];
    for (name, text) in texts {
        if let Some(path) = path(name) {
            std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
        }
    }
    if let Some(path) = path("--png") {
        plot::roofline(&outcome, &path)?;
    }
    Ok(())
}
