//! `cargo xtask bench evaluation`: retrieval over a whole corpus beside the matrix products that it is made of, and exact search
//! beside faiss. Each part is a process of its own, whose peak of memory counts.

#[path = "evaluation/gated.rs"]
mod gated;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use gated::{Gated, values};
use rcml_benches::{Arguments, Clock, Peer, Probe, Process, Report, Table, median};
use rcml_data::{Dataset, Edge, Item, Relation, Split, Splits};
use rcml_eval::{EvalOptions, EvalSet, Task};
use rcml_kernels::{largest_products, row_products};
use serde_json::{Value, json};

const WIDTH: usize = 512;
const RELATIONS: usize = 10;
/// Right answers of each query.
const ANSWERS: usize = 4;
/// Results of a search.
const K: usize = 10;
/// Queries that are multiplied at a time where nothing but the products is measured.
const ROWS: usize = 256;

fn main() -> Result<(), String> {
    rcml_kernels::memory::keep_freed();
    let arguments = Arguments::of_this_process();
    let (items, queries) = (arguments.number("--items", 100_000)?, arguments.number("--queries", 1_000)?);
    let rounds = arguments.number("--rounds", 3)?;
    match arguments.value("--part") {
        Some("evaluation") => println!("RESULT {}", evaluation(items, queries, rounds)?),
        Some("search") => println!("RESULT {}", search(items, queries, rounds, arguments.value("--peer"))?),
        Some(part) => return Err(format!("--part: expected evaluation or search, found {part:?}")),
        None => {
            let of = |part: &str| {
                let mut command = Command::new(std::env::current_exe().map_err(|error| error.to_string())?);
                command.args(["--part", part, "--items", &items.to_string(), "--queries", &queries.to_string()]);
                command.args(["--rounds", &rounds.to_string()]);
                arguments.value("--peer").iter().for_each(|python| {
                    command.args(["--peer", python]);
                });
                run(command)
            };
            let results = vec![of("evaluation")?, of("search")?];
            let version = results[1]["version"].as_str().map_or(String::new(), |version| format!("; faiss {version}"));
            let setting = format!("{} threads{version}", rayon::current_num_threads());
            Report { bench: "evaluation", setting, table: table(&results), results }.publish(&arguments)?;
        }
    }
    Ok(())
}

fn run(mut command: Command) -> Result<Value, String> {
    let output = command.stderr(Stdio::inherit()).output().map_err(|error| format!("{command:?}: {error}"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let line = said.lines().find_map(|line| line.strip_prefix("RESULT "));
    let line = line.ok_or_else(|| format!("{command:?}: {}, {said}", output.status))?;
    serde_json::from_str(line).map_err(|error| error.to_string())
}

/// The retrieval task as a user runs it, both protocols, beside the products of its full protocol alone.
fn evaluation(items: usize, queries: usize, rounds: usize) -> Result<Value, String> {
    let text = |error: rcml_eval::Error| error.to_string();
    let mut dataset = Dataset { items: (0..items).map(|i| Item::new(format!("i{i}"))).collect(), ..Dataset::default() };
    for relation in 0..RELATIONS as u32 {
        dataset.relations.push(Relation::new(format!("r{relation}"), format!("relates in way {relation}")));
        for query in 0..queries {
            let query = (query * items / queries) as u32;
            let answer = |n: usize| ((query as usize + 1) * (17 + n) * (relation as usize + 3) % items) as u32;
            dataset.edges.extend((0..ANSWERS).map(|n| Edge::new(relation, query, answer(n))));
        }
    }
    let splits = Splits {
        items: vec![Split::Test; items],
        relations: vec![Split::Train; RELATIONS],
        edges: vec![Some(Split::Test); dataset.edges.len()],
    };
    let set = EvalSet::new(&dataset, &splits, Split::Test).map_err(text)?;
    let options = EvalOptions { max_queries: queries, ..EvalOptions::default() };
    let mut scorer = Gated::new(items, RELATIONS, WIDTH);
    let (mut seconds, mut asked) = (Vec::new(), 0);
    for _ in 0..rounds {
        let mut result = Ok(rcml_eval::TaskResult::default());
        seconds.push(Clock::Wall.time(|| result = Task::Retrieval.run(&set, &mut scorer, &options, &mut |_, _| {})));
        let full =
            |row: &&rcml_eval::ResultRow| row.protocol == "full" && row.relations == "all" && row.metric == "mrr";
        asked = result.map_err(text)?.rows.iter().find(full).map_or(0, |row| row.queries);
    }
    let peak = Process::now().peak;
    // What follows is not the evaluation's memory.
    let (x, y) = (values(ROWS.min(queries), WIDTH, 3), values(items, WIDTH, 4));
    let mut out = vec![0.0; x.len() / WIDTH * items];
    let products = |out: &mut [f32]| Clock::Wall.time(|| row_products(&x, &y, WIDTH, out));
    products(&mut out);
    let mut alone = Vec::new();
    let mut probe = Probe::new();
    for _ in 0..3 * rounds {
        alone.push(products(&mut out));
        probe.measure(Clock::Wall);
    }
    let operations = 2.0 * (asked * items * WIDTH) as f64;
    let share = asked as f64 / (x.len() / WIDTH) as f64;
    Ok(json!({
        "part": "evaluation", "items": items, "relations": RELATIONS, "queries": asked, "width": WIDTH,
        "seconds": median(seconds), "products_seconds": share * median(alone), "floor_seconds": operations / probe.limits().gemm,
        "peak": peak,
    }))
}

/// The k best of all items for every query, in turn with faiss on the same vectors.
fn search(items: usize, queries: usize, rounds: usize, python: Option<&str>) -> Result<Value, String> {
    let (x, y) = (values(queries, WIDTH, 5), values(items, WIDTH, 6));
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let mut peer = None;
    let mut version = Value::Null;
    if let Some(python) = python {
        let threads = rayon::current_num_threads().to_string();
        let mut started = Peer::start(Path::new(python), "evaluation/peer.py", [&threads, &WIDTH.to_string()])?;
        let write = |name: &str, values: &[f32]| {
            let path = folder.path().join(name);
            let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            fs::write(&path, bytes).map(|()| path).map_err(|error| error.to_string())
        };
        let loaded = started.ask(&json!({ "base": write("base", &y)?, "queries": write("queries", &x)? }))?;
        version = loaded["version"].clone();
        peer = Some(started);
    }
    let (mut ours, mut theirs, mut same) = (Vec::new(), Vec::new(), Vec::new());
    let mut found = Vec::new();
    for round in 0..=rounds {
        let seconds = Clock::Wall.time(|| found = largest_products(&x, &y, WIDTH, K));
        let answer = peer.as_mut().map(|peer| peer.ask(&json!({ "k": K }))).transpose()?;
        // The first round finds cold caches on both sides.
        if round == 0 {
            continue;
        }
        ours.push(seconds);
        if let Some(answer) = answer {
            theirs.extend(answer["seconds"][0].as_f64());
            let rows = answer["rows"].as_array().ok_or("no rows in the answer")?;
            let rows: Vec<u64> = rows.iter().filter_map(Value::as_u64).collect();
            let own = found.iter().flatten().map(|(row, _)| u64::from(*row));
            same.push(own.zip(rows).filter(|(a, b)| a == b).count() as f64 / (queries * K) as f64);
        }
    }
    let mut probe = Probe::new();
    (0..3 * rounds).for_each(|_| probe.measure(Clock::Wall));
    let floor = 2.0 * (queries * items * WIDTH) as f64 / probe.limits().gemm;
    let mut result = json!({
        "part": "search", "items": items, "queries": queries, "width": WIDTH, "k": K, "seconds": median(ours),
        "floor_seconds": floor, "peak": Process::now().peak,
    });
    if !theirs.is_empty() {
        result["faiss_seconds"] = median(theirs).into();
        result["same"] = median(same).into();
        result["version"] = version;
    }
    Ok(result)
}

fn table(results: &[Value]) -> Table {
    let mut table = Table::new(&[
        "what",
        "ours",
        "its products alone",
        "at the rate of a 1024 product",
        "ours / that",
        "faiss",
        "faiss / ours",
        "peak memory",
    ]);
    for r in results {
        let number = |key: &str| r[key].as_f64();
        let seconds = |key: &str| number(key).map_or("-".into(), |seconds| format!("{seconds:.2} s"));
        let ratio = |over: &str, under: &str| {
            number(over).zip(number(under)).map_or("-".into(), |(over, under)| format!("{:.2}", over / under))
        };
        let what = match r["part"].as_str() {
            Some("evaluation") => {
                format!("retrieval, {} items, {} queries over {} relations", r["items"], r["queries"], r["relations"])
            }
            _ => format!("best {} of {} items for {} queries", r["k"], r["items"], r["queries"]),
        };
        table.row([
            what,
            seconds("seconds"),
            seconds("products_seconds"),
            seconds("floor_seconds"),
            ratio("seconds", "floor_seconds"),
            seconds("faiss_seconds"),
            ratio("faiss_seconds", "seconds"),
            number("peak").map_or("-".into(), |bytes| format!("{:.0} MB", bytes / 1e6)),
        ]);
    }
    table
}
