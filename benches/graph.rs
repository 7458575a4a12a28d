//! The graph file at scale: building it from a stream of edges, opening it, asking it, drawing batches from it.
//!
//! Every size is built and read by a process of its own, so that peaks of memory are its own. `--full` adds 100 million
//! edges; `--json FILE` writes the numbers for programs; `--folder DIR` says where there is room (11 GB for the largest).
#![allow(clippy::unwrap_used, clippy::panic, unreachable_pub, reason = "a bench that cannot run says so by panicking")]

#[path = "graph/catalogue.rs"]
mod catalogue;

use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use catalogue::{QUESTIONS, RELATIONS, items, last, questions, stream};
use rcml_benches::{Arguments, Process, Report, Table};
use rcml_data::RelationGraph;
use serde_json::{Value, json};

fn main() -> Result<(), String> {
    let arguments = Arguments::of_this_process();
    if let (Some(part), Some(path)) = (arguments.value("--part"), arguments.path("--path")) {
        let edges = arguments.number("--edges", 0)?;
        let numbers = if part == "build" { build(edges, &path) } else { read(&path) };
        println!("RESULT {numbers}");
        return Ok(());
    }
    let folder = arguments.path("--folder").unwrap_or_else(std::env::temp_dir);
    let folder = tempfile::Builder::new().prefix("rcml-graph").tempdir_in(folder).unwrap();
    let full = arguments.has("--full") || std::env::var_os("RCML_BENCH_FULL").is_some_and(|value| value != "0");
    let sizes: &[u64] = if full { &[10_000_000, 30_000_000, 100_000_000] } else { &[10_000_000, 30_000_000] };
    let results: Vec<Value> = sizes.iter().map(|&edges| measure(edges, folder.path())).collect();

    let (setting, table) = (format!("{RELATIONS} relations"), table(&results));
    Report { bench: "graph", setting, results, table }.publish(&arguments)
}

/// Builds and reads a graph in processes of their own; gives the numbers of both.
fn measure(edges: u64, folder: &Path) -> Value {
    let path = folder.join("bench.rgraph");
    let mut numbers = json!({"edges": edges, "items": items(edges), "relations": RELATIONS});
    for part in ["build", "read"] {
        eprintln!("{} M edges: {part}", edges / 1_000_000);
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--part", part, "--edges", &edges.to_string(), "--path"]).arg(&path);
        let output = command.stderr(std::process::Stdio::inherit()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let Some(line) = said.lines().find_map(|line| line.strip_prefix("RESULT ")) else { panic!("{part}: {said}") };
        let found: Value = serde_json::from_str(line).unwrap();
        for (key, value) in found.as_object().unwrap() {
            numbers[key] = value.clone();
        }
    }
    std::fs::remove_file(&path).unwrap();
    numbers
}

fn build(edges: u64, path: &Path) -> Value {
    let start = Instant::now();
    let drawn: u64 = stream(edges).map(|edge| u64::from(edge.target)).sum();
    let drawing = start.elapsed().as_secs_f64();
    black_box(drawn);

    let (start, used) = (Instant::now(), Process::now().seconds);
    let counts = catalogue::build(edges, path);
    let seconds = start.elapsed().as_secs_f64();
    let now = Process::now();
    json!({
        "build_seconds": seconds, "build_cpu_seconds": now.seconds.zip(used).map(|(now, used)| now - used),
        "drawing_seconds": drawing, "build_peak_bytes": now.peak, "runs": counts.runs, "pairs": counts.pairs,
        "bytes": counts.bytes,
    })
}

fn read(path: &Path) -> Value {
    let start = Instant::now();
    drop(RelationGraph::verify(path).unwrap());
    let verify = start.elapsed().as_secs_f64();
    let open = Rate::of(|| _ = black_box(RelationGraph::open(path).unwrap()));

    let graph = RelationGraph::open(path).unwrap();
    let questions = questions(&graph);
    let one_by_one =
        || questions.iter().map(|&(relation, item)| last(graph.targets(relation, item))).fold(0, u64::wrapping_add);
    let many = || graph.targets_many(questions.iter().copied()).map(last).fold(0, u64::wrapping_add);
    assert_eq!(one_by_one(), many());
    // In turns, since the machine may be slower at one time than at another.
    let rounds = [0; 3].map(|_| [Rate::of(|| _ = black_box(one_by_one())), Rate::of(|| _ = black_box(many()))]);
    let [one_by_one, many] = [0, 1].map(|way| Rate::median(rounds.map(|round| round[way])));
    let sampler = catalogue::sampler(&graph);
    let mut step = 0;
    let batches = Rate::of(|| {
        step += 1;
        black_box(sampler.batch(step));
    });
    let process = Process::now();
    json!({
        "verify_seconds": verify, "open_microseconds": 1e6 / open.clock,
        "look_ups_per_second": QUESTIONS as f64 * many.clock,
        "look_ups_per_processor_second": QUESTIONS as f64 * many.processor,
        "single_look_ups_per_second": QUESTIONS as f64 * one_by_one.clock,
        "single_look_ups_per_processor_second": QUESTIONS as f64 * one_by_one.processor,
        "batches_per_second": batches.clock, "batches_per_processor_second": batches.processor,
        "read_anonymous_bytes": process.anonymous, "read_peak_bytes": process.peak,
    })
}

/// Calls a second, by the clock and by the processor time of this process: on a machine that others use, the clock says little.
#[derive(Clone, Copy)]
struct Rate {
    clock: f64,
    /// NaN where the system does not tell.
    processor: f64,
}

impl Rate {
    /// Over at least two seconds of either, after one call that warms up.
    fn of(mut call: impl FnMut()) -> Self {
        call();
        let (start, used) = (Instant::now(), Process::now().seconds.unwrap_or(f64::NAN));
        let mut calls = 0.0;
        loop {
            // Asking for the processor time costs as much as a small call.
            for _ in 0..4 {
                call();
            }
            calls += 4.0;
            let (seconds, processor) =
                (start.elapsed().as_secs_f64(), Process::now().seconds.unwrap_or(f64::NAN) - used);
            if processor >= 2.0 || (processor.is_nan() && seconds >= 2.0) {
                return Self { clock: calls / seconds, processor: calls / processor };
            }
        }
    }

    /// The middle one of three, for each clock.
    fn median(rates: [Self; 3]) -> Self {
        let middle = |mut rates: [f64; 3]| {
            rates.sort_unstable_by(f64::total_cmp);
            rates[1]
        };
        Self { clock: middle(rates.map(|rate| rate.clock)), processor: middle(rates.map(|rate| rate.processor)) }
    }
}

fn table(results: &[Value]) -> Table {
    let mut table = Table::new(&[
        "edges",
        "items",
        "pairs",
        "file",
        "build",
        "of it drawing edges",
        "CPU time",
        "edges/s",
        "runs",
        "peak memory",
        "verify",
        "open",
        "look-ups/s, one core, many at once",
        "of processor time",
        "one by one",
        "of processor time",
        "batches of 512/s",
        "of processor time",
        "memory while reading, without the file's pages",
    ]);
    for r in results {
        let number = |key: &str| r[key].as_f64().unwrap_or(f64::NAN);
        let millions = |key: &str| format!("{:.0} M", number(key) / 1e6);
        let mib = |key: &str| format!("{:.0} MiB", number(key) / (1 << 20) as f64);
        let seconds = |key: &str| format!("{:.1} s", number(key));
        table.row([
            millions("edges"),
            millions("items"),
            millions("pairs"),
            mib("bytes"),
            seconds("build_seconds"),
            seconds("drawing_seconds"),
            seconds("build_cpu_seconds"),
            format!("{:.2} M", number("edges") / number("build_seconds") / 1e6),
            number("runs").to_string(),
            mib("build_peak_bytes"),
            seconds("verify_seconds"),
            format!("{:.0} µs", number("open_microseconds")),
            format!("{:.1} M", number("look_ups_per_second") / 1e6),
            format!("{:.1} M", number("look_ups_per_processor_second") / 1e6),
            format!("{:.1} M", number("single_look_ups_per_second") / 1e6),
            format!("{:.1} M", number("single_look_ups_per_processor_second") / 1e6),
            format!("{:.0}", number("batches_per_second")),
            format!("{:.0}", number("batches_per_processor_second")),
            mib("read_anonymous_bytes"),
        ]);
    }
    table
}
