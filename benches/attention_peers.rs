//! Relation attention: ours and PyTorch's, in turn, beside what the machine can do. (Under criterion, device beside device:
//! `relation_attention`.)
//!
//! `cargo xtask bench attention` runs it. `--peer PYTHON` adds PyTorch, `--compiled` also through torch.compile;
//! `--device NAME`, `--clock wall|processor`, `--rounds N`, `--shapes full|headline|large|quick`, `--part all|pool|module`,
//! `--fill SECONDS` (of runs between two waits for the device; 0: one run, for a profiler);
//! `--markdown`, `--json` and `--png` name files to write.

#![allow(missing_docs, unreachable_pub, reason = "a program")]

#[path = "attention/cost.rs"]
mod cost;
#[path = "attention/inputs.rs"]
mod inputs;
#[path = "attention/limiter.rs"]
mod limiter;
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

use burn::tensor::Device;
use rcml_benches::{Arguments, Clock};
use rcml_kernels::device;

fn main() -> Result<(), String> {
    rcml_kernels::memory::keep_freed();
    let arguments = Arguments::of_this_process();
    let rounds = arguments.number("--rounds", 7)?;
    let name = arguments.value("--device").unwrap_or("cpu");
    let device = device::parse(name).map_err(|error| error.to_string())?;
    let clock = Clock::parse(arguments.value("--clock").unwrap_or("wall"))?;
    let (pool, module): (&[_], &[_]) = match arguments.value("--shapes").unwrap_or("full") {
        "full" => (&shape::POOL, &shape::MODULE),
        "large" => (&shape::LARGE, &shape::LARGE_MODULE),
        "headline" => (&shape::HEADLINE, &shape::HEADLINE_MODULE),
        "quick" => (&shape::QUICK, &shape::QUICK[..1]),
        other => return Err(format!("--shapes: expected full, headline, large or quick, found {other:?}")),
    };
    let (pool, module): (&[_], &[_]) = match arguments.value("--part").unwrap_or("all") {
        "all" => (pool, module),
        "pool" => (pool, &[]),
        "module" => (&[], module),
        other => return Err(format!("--part: expected all, pool or module, found {other:?}")),
    };
    let peer = arguments.path("--peer");
    let outcome = measure::measure(&measure::Plan {
        pool,
        module,
        rounds,
        device: &device,
        peer: peer.as_deref(),
        compiled: arguments.has("--compiled"),
        clock,
        // A GPU is handed work that it has not begun: one wait for many runs, as in a service or in training.
        fill: arguments.number("--fill", if device == Device::flex() { 0.0 } else { 0.02 })?,
        peer_device: if name.starts_with("cuda") { "cuda" } else { "cpu" },
        small: arguments.value("--shapes") == Some("quick"),
    })?;
    let table = report::table(&outcome);
    println!("\n{table}");
    arguments.write("--markdown", &table)?;
    arguments.write("--json", &format!("{:#}", report::json(&outcome)))?;
    arguments.path("--png").map_or(Ok(()), |path| plot::roofline(&outcome, &path))
}
