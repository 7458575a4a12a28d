//! The graph file under criterion: opening it, asking it, drawing batches from it.
//!
//!     cargo bench --workspace --bench graph_queries
//!
//! One size, 10 million edges, built first; what changed since the last run is criterion's own report. Building, peaks of
//! memory and 100 million edges are `cargo xtask bench graph --full`, where every size has a process of its own.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub, reason = "a bench that cannot run says so by panicking")]

#[path = "graph/catalogue.rs"]
mod catalogue;

use std::hint::black_box;

use catalogue::{BATCH, QUESTIONS, last, questions};
use criterion::{Criterion, Throughput};
use rcml_data::RelationGraph;

const EDGES: u64 = 10_000_000;

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bench.rgraph");
    catalogue::build(EDGES, &path);
    let mut criterion = Criterion::default().sample_size(10).configure_from_args();
    criterion.bench_function("open", |bencher| bencher.iter(|| RelationGraph::open(&path).unwrap()));

    let graph = RelationGraph::open(&path).unwrap();
    let questions = questions(&graph);
    let mut group = criterion.benchmark_group("look-ups");
    group.throughput(Throughput::Elements(QUESTIONS as u64));
    group.bench_function("one by one", |bencher| {
        let answers = || questions.iter().map(|&(relation, item)| last(graph.targets(relation, item)));
        bencher.iter(|| answers().fold(0, u64::wrapping_add));
    });
    group.bench_function("many at once", |bencher| {
        bencher.iter(|| graph.targets_many(questions.iter().copied()).map(last).fold(0, u64::wrapping_add));
    });
    group.finish();

    let sampler = catalogue::sampler(&graph);
    let mut group = criterion.benchmark_group("batches");
    group.throughput(Throughput::Elements(BATCH as u64));
    let mut step = 0;
    group.bench_function("512 items of 16 relations", |bencher| {
        bencher.iter(|| {
            step += 1;
            black_box(sampler.batch(step))
        });
    });
    group.finish();
    criterion.final_summary();
}
