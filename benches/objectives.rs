//! InfoNCE of B anchors against B candidates, forward and backward: the streaming kernel, the dense form of Burn operations,
//! PyTorch's dense form, and what four matrix products of that size cost on this machine.
//!
//! `cargo xtask bench objectives` runs it. `--peer PYTHON` adds PyTorch; `--rows 1024,4096`; `--rounds N`; `--json FILE`;
//! `--markdown FILE`. Every measurement is a process of its own, so that peaks of memory are its own; sides take turns.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a bench says by panicking why it cannot run"
)]

use std::path::Path;
use std::process::{Command, Stdio};

use burn::tensor::{Device, Distribution, Tensor};
use rcml_benches::{Arguments, Clock, Probe, Process, Report, Table, median};
use rcml_kernels::device;
use rcml_losses::contrast::{Contest, Evaluation, Logits, Positives};
use serde_json::{Value, json};

/// Width of the embeddings.
const WIDTH: usize = 512;
/// Rows of the same label, where each row has several positives.
const SAME: usize = 4;
/// Scores that the dense forms are asked for at most: about four matrices of them are alive at once.
const DENSE: usize = 1 << 28;

fn main() -> Result<(), String> {
    rcml_kernels::memory::keep_freed();
    let arguments = Arguments::of_this_process();
    let rounds = arguments.number("--rounds", 3)?;
    if let Some(way) = arguments.value("--way") {
        let result = ours(way, arguments.number("--b", 0)?, arguments.number("--positives", 1)?, rounds);
        println!("RESULT {result}");
        return Ok(());
    }
    let rows: Vec<usize> = arguments.numbers("--rows", (10..=15).map(|power| 1 << power).collect())?;
    let mut results = vec![];
    for positives in [1, SAME] {
        for &b in &rows {
            let result = measure(b, positives, rounds, arguments.value("--peer"));
            eprintln!("{result}");
            results.push(result);
        }
    }
    let peer = results.iter().find_map(|r| r["version"].as_str()).map_or(String::new(), |v| format!("; PyTorch {v}"));
    let (setting, table) = (format!("{} threads{peer}", rayon::current_num_threads()), table(&results));
    Report { bench: "objectives", setting, results, table }.publish(&arguments)
}

/// Every side twice in turn, each in a new process.
fn measure(b: usize, positives: usize, rounds: usize, python: Option<&str>) -> Value {
    let program = std::env::current_exe().unwrap();
    let arguments = [("--b", b), ("--positives", positives), ("--rounds", rounds)];
    let with = |mut command: Command| {
        for (name, number) in arguments {
            command.args([name, &number.to_string()]);
        }
        run(command)
    };
    let own = |way: &str| {
        let mut command = Command::new(&program);
        command.args(["--way", way]);
        with(command)
    };
    let mut numbers = json!({"rows": b, "positives": positives, "width": WIDTH});
    let mut sides = vec!["streamed"];
    // Burn keeps more of them alive for the gradient than PyTorch does.
    if b * b <= DENSE / 4 {
        sides.push("dense");
    }
    if python.is_some() && b * b <= DENSE {
        sides.push("torch");
    }
    let mut seconds = vec![vec![]; sides.len()];
    let mut floor = vec![];
    for _ in 0..2 {
        for (side, seconds) in sides.iter().zip(&mut seconds) {
            let found = match (*side, python) {
                ("torch", Some(python)) => {
                    let mut command = Command::new(python);
                    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("objectives/peer.py"));
                    command.args(["--threads", &rayon::current_num_threads().to_string()]);
                    command.args(["--width", &WIDTH.to_string()]);
                    with(command)
                }
                (way, _) => own(way),
            };
            seconds.extend(found["seconds"].as_array().unwrap().iter().filter_map(Value::as_f64));
            floor.extend(found["gemm"].as_f64());
            numbers[format!("{side}_peak")] = found["peak"].clone();
            if let Some(version) = found.get("version") {
                numbers["version"] = version.clone();
            }
        }
    }
    for (side, seconds) in sides.iter().zip(seconds) {
        numbers[format!("{side}_seconds")] = median(seconds).into();
    }
    let operations = 4.0 * 2.0 * (b * b * WIDTH) as f64;
    numbers["floor_seconds"] = (operations / median(floor)).into();
    numbers
}

fn run(mut command: Command) -> Value {
    let output = command.stderr(Stdio::inherit()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stdout);
    let Some(line) = said.lines().find_map(|line| line.strip_prefix("RESULT ")) else {
        panic!("{command:?}: {}, {said}", output.status)
    };
    serde_json::from_str(line).unwrap()
}

/// Seconds of each run after a first one, which is what the most memory is taken of, and the rate of a matrix product, measured
/// in turn with the runs.
fn ours(way: &str, b: usize, positives: usize, rounds: usize) -> Value {
    let device = device::parse("cpu").unwrap();
    let evaluation = match way {
        "streamed" => Evaluation::Kernel,
        "dense" => Evaluation::Dense,
        _ => panic!("--way: expected streamed or dense, found {way:?}"),
    };
    // Labels are part of the data.
    let labels: Vec<u32> = (0..b).map(|row| (row / positives) as u32).collect();
    device.seed(1);
    let (x, y) = (unit(b, &device), unit(b, &device));
    let step = || {
        let (x, y) = (x.clone().autodiff().require_grad(), y.clone().autodiff().require_grad());
        let mut contest = Contest::own(x.clone(), y.clone());
        if positives > 1 {
            contest = contest.with_positives(Positives::of_labels(&labels, &labels));
        }
        let loss = contest.cross_entropy(&Logits::fixed(0.07, &x).evaluated(evaluation));
        let gradients = loss.backward();
        let (dx, dy) = (x.grad(&gradients).unwrap(), y.grad(&gradients).unwrap());
        std::hint::black_box((dx.into_data(), dy.into_data()));
    };
    step();
    let peak = Process::now().peak;
    let mut probe = Probe::new();
    let seconds: Vec<f64> = (0..rounds)
        .map(|_| {
            probe.measure(Clock::Wall);
            Clock::Wall.time(step)
        })
        .collect();
    json!({"seconds": seconds, "peak": peak, "gemm": probe.limits().gemm})
}

/// Rows of unit length.
fn unit(rows: usize, device: &Device) -> Tensor<2> {
    rcml_kernels::l2_normalize(Tensor::random([rows, WIDTH], Distribution::Normal(0.0, 1.0), device))
}

fn table(results: &[Value]) -> Table {
    let mut table = Table::new(&[
        "B",
        "positives a row",
        "streamed",
        "four products",
        "streamed / four products",
        "dense",
        "PyTorch, dense",
        "PyTorch / streamed",
        "peak, streamed",
        "peak, dense",
        "peak, PyTorch",
    ]);
    for r in results {
        let number = |key: &str| r[key].as_f64();
        let ratio = |over: &str, under: &str| {
            number(over).zip(number(under)).map_or("-".into(), |(over, under)| format!("{:.2}", over / under))
        };
        let ms = |key: &str| number(key).map_or("-".into(), |seconds| format!("{:.1} ms", seconds * 1e3));
        let mb = |key: &str| number(key).map_or("-".into(), |bytes| format!("{:.0} MB", bytes / 1e6));
        table.row([
            r["rows"].to_string(),
            r["positives"].to_string(),
            ms("streamed_seconds"),
            ms("floor_seconds"),
            ratio("streamed_seconds", "floor_seconds"),
            ms("dense_seconds"),
            ms("torch_seconds"),
            ratio("torch_seconds", "streamed_seconds"),
            mb("streamed_peak"),
            mb("dense_peak"),
            mb("torch_peak"),
        ]);
    }
    table
}
