//! A step of training and an inference forward pass of two towers: ours, and PyTorch's of the same model.
//!
//! `cargo xtask bench training` runs it. `--peer PYTHON` adds PyTorch, `--compiled` torch.compile; `--sizes small,vit-b-32`;
//! `--rounds N`; `--turns N`; `--json FILE`; `--markdown FILE`. Every measurement is a process of its own, so that peaks of
//! memory are its own; sides take turns.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a bench says by panicking why it cannot run"
)]

#[path = "training/cost.rs"]
mod cost;
#[path = "training/model.rs"]
mod model;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::{Distribution, Tensor};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rcml_benches::{Arguments, Clock, Probe, Process, Report, Table, median};
use rcml_encoders::TokenIds;
use rcml_kernels::device;
use rcml_train::{AdamW, GradientScale};
use serde_json::{Value, json};

use model::{BASE, SMALL, Size, TwoTowers};

/// What is timed.
const PHASES: [&str; 4] = ["forward", "backward", "optimizer", "inference"];

fn main() -> Result<(), String> {
    rcml_kernels::memory::keep_freed();
    let arguments = Arguments::of_this_process();
    let rounds = arguments.number("--rounds", 5)?;
    let sized = |name: &str| [SMALL, BASE].into_iter().find(|size| size.name == name);
    let unknown = |name: &str| format!("--sizes: expected small or vit-b-32, found {name:?}");
    if let Some(name) = arguments.value("--ours") {
        println!("RESULT {}", ours(&sized(name).ok_or_else(|| unknown(name))?, rounds));
        return Ok(());
    }
    let names = arguments.value("--sizes").unwrap_or("small,vit-b-32");
    let mut results = vec![];
    for name in names.split(',') {
        let size = sized(name).ok_or_else(|| unknown(name))?;
        results.extend(measure(&size, &arguments, rounds)?);
    }
    let version = results.iter().find_map(|r| r["version"].as_str());
    let peer = version.map_or(String::new(), |version| format!("; PyTorch {version}"));
    let (setting, table) = (format!("{} threads{peer}", rayon::current_num_threads()), table(&results));
    Report { bench: "training", setting, results, table }.publish(&arguments)
}

/// Every side in turn, each time in a new process.
fn measure(size: &Size, arguments: &Arguments, rounds: usize) -> Result<Vec<Value>, String> {
    let peer = arguments.value("--peer");
    let mut sides = vec!["ours"];
    sides.extend(peer.map(|_| "PyTorch, eager"));
    sides.extend(peer.filter(|_| arguments.has("--compiled")).map(|_| "PyTorch, compiled"));
    let mut found: Vec<Vec<Value>> = vec![vec![]; sides.len()];
    for _ in 0..arguments.number("--turns", 2)? {
        for (side, found) in sides.iter().zip(&mut found) {
            let command = match peer.filter(|_| *side != "ours") {
                Some(python) => theirs(size, python, rounds, side.ends_with("compiled")),
                None => {
                    let mut command = Command::new(std::env::current_exe().unwrap());
                    command.args(["--ours", size.name, "--rounds", &rounds.to_string()]);
                    command
                }
            };
            // A compiler that is not there is no reason to lose the other sides.
            match run(command) {
                Ok(result) => found.push(result),
                Err(error) => eprintln!("{side}: {error}"),
            }
        }
    }
    Ok(sides
        .iter()
        .zip(found)
        .filter(|(_, found)| !found.is_empty())
        .map(|(side, found)| summary(size, side, &found))
        .collect())
}

fn theirs(size: &Size, python: &str, rounds: usize, compiled: bool) -> Command {
    let sizes = json!({
        "picture": size.picture, "patch": size.patch, "image": size.image, "text": size.text,
        "vocabulary": size.vocabulary, "tokens": size.tokens, "width": size.width, "cross": size.cross,
        "batch": size.batch,
    });
    let mut command = Command::new(python);
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("training/peer.py"));
    command.args(["--size", &sizes.to_string(), "--threads", &rayon::current_num_threads().to_string()]);
    command.args(["--rounds", &rounds.to_string()]);
    command.args(compiled.then_some("--compiled"));
    command
}

fn run(mut command: Command) -> Result<Value, String> {
    let output = command.stderr(Stdio::inherit()).output().map_err(|error| format!("{command:?}: {error}"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let line = said.lines().find_map(|line| line.strip_prefix("RESULT "));
    let line = line.ok_or_else(|| format!("{command:?}: {}, {said}", output.status))?;
    serde_json::from_str(line).map_err(|error| error.to_string())
}

/// Medians over all runs of all processes of a side.
fn summary(size: &Size, side: &str, found: &[Value]) -> Value {
    let all = |key: &str| -> Vec<f64> {
        let values = found.iter().filter_map(|result| result[key].as_array());
        values.flatten().filter_map(Value::as_f64).collect()
    };
    let one = |key: &str| median(found.iter().filter_map(|result| result[key].as_f64()).collect());
    let mut summary = json!({
        "size": size.name, "side": side, "batch": size.batch, "parameters": found[0]["parameters"],
        "peak": one("peak"), "cores": one("cores"), "operations": cost::operations(size),
    });
    for phase in PHASES {
        summary[phase] = median(all(phase)).into();
    }
    let steps: Vec<f64> = (0..all("forward").len())
        .map(|i| ["forward", "backward", "optimizer"].iter().map(|phase| all(phase)[i]).sum())
        .collect();
    summary["step"] = median(steps).into();
    for key in ["version", "gemm"] {
        if let Some(value) = found[0].get(key) {
            summary[key] = value.clone();
        }
    }
    summary
}

/// Seconds of each phase of each step after two that do not count.
fn ours(size: &Size, rounds: usize) -> Value {
    let plain = device::parse("cpu").unwrap();
    let device = plain.clone().autodiff();
    device.seed(1);
    let mut model = TwoTowers::new(size, &device);
    let parameters = model.num_params();
    let pixels =
        Tensor::<4>::random([size.batch, 3, size.picture, size.picture], Distribution::Normal(0.0, 1.0), &plain);
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut text = || (0..size.tokens).map(|_| random.random_range(0..size.vocabulary as u32)).collect();
    let texts = TokenIds::padded((0..size.batch).map(|_| text()).collect(), 0);
    let mut optimizer =
        AdamW { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, decay: 0.01, scale: GradientScale::default() }.init();
    let mut times: [Vec<f64>; 4] = Default::default();
    let (mut wall, mut before) = (Instant::now(), Process::now());
    for round in 0..rounds + 2 {
        if round == 2 {
            (wall, before) = (Instant::now(), Process::now());
            times = Default::default();
        }
        let begun = Instant::now();
        let loss = model.loss(pixels.clone(), &texts, &device);
        let value: f32 = loss.clone().into_scalar();
        assert!(value.is_finite(), "the loss is {value}");
        let forward = Instant::now();
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        let backward = Instant::now();
        model = optimizer.step(1e-4, model, gradients);
        times[0].push((forward - begun).as_secs_f64());
        times[1].push((backward - forward).as_secs_f64());
        times[2].push(backward.elapsed().as_secs_f64());
    }
    let processor = Process::now().seconds.zip(before.seconds).map(|(now, before)| now - before);
    let cores = processor.map(|seconds| seconds / wall.elapsed().as_secs_f64());
    let model = model.valid();
    let inference = || {
        let value: f32 = model.loss(pixels.clone(), &texts, &plain).into_scalar();
        std::hint::black_box(value);
    };
    inference();
    times[3] = (0..rounds).map(|_| Clock::Wall.time(inference)).collect();
    let peak = Process::now().peak;
    let mut probe = Probe::new();
    (0..3).for_each(|_| probe.measure(Clock::Wall));
    let mut result = json!({"cores": cores, "peak": peak, "parameters": parameters, "gemm": probe.limits().gemm});
    for (phase, times) in PHASES.iter().zip(times) {
        result[*phase] = times.into();
    }
    result
}

fn table(results: &[Value]) -> Table {
    let mut table = Table::new(&[
        "model",
        "side",
        "forward",
        "backward",
        "optimiser",
        "step",
        "floor",
        "step / best PyTorch",
        "samples/s",
        "inference",
        "inference / best PyTorch",
        "peak",
        "cores",
    ]);
    for r in results {
        let number = |key: &str| r[key].as_f64().unwrap_or(f64::NAN);
        let ms = |seconds: f64| if seconds.is_finite() { format!("{:.1} ms", seconds * 1e3) } else { "-".into() };
        let same = |other: &&Value| other["size"] == r["size"];
        let gemm = results.iter().filter(same).find_map(|r| r["gemm"].as_f64());
        let peers = || results.iter().filter(same).filter(|other| other["side"] != "ours");
        let ratio = |key: &str| {
            let best = peers().filter_map(|peer| peer[key].as_f64()).min_by(f64::total_cmp);
            best.map_or("-".into(), |best| format!("{:.2}", number(key) / best))
        };
        table.row([
            format!(
                "{}, {} M, batch {}",
                r["size"].as_str().unwrap_or(""),
                (number("parameters") / 1e6).round(),
                r["batch"]
            ),
            r["side"].as_str().unwrap_or("").to_string(),
            ms(number("forward")),
            ms(number("backward")),
            ms(number("optimizer")),
            ms(number("step")),
            ms(gemm.map_or(f64::NAN, |gemm| number("operations") / gemm)),
            ratio("step"),
            format!("{:.1}", number("batch") / number("step")),
            ms(number("inference")),
            ratio("inference"),
            format!("{:.0} MB", number("peak") / 1e6),
            format!("{:.2}", number("cores")),
        ]);
    }
    table
}
