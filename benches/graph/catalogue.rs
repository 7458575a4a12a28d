//! A catalogue's graph out of a generator, and what is asked of it.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rcml_data::{Edge, GraphBuilder, GraphCounts, Relation, RelationGraph, RelationSampler, SamplerConfig};
use std::path::Path;

pub const RELATIONS: u32 = 1000;

/// Items of a batch.
pub const BATCH: usize = 512;

/// Questions asked in turn; many more than fit into the caches with their answers.
pub const QUESTIONS: usize = 1 << 20;

/// Ten edges for every item.
pub fn items(edges: u64) -> u64 {
    edges / 10
}

/// Edges of a catalogue with popular things in it: sources are spread evenly, targets and relations are not (the share of the
/// most popular hundredth is a fifth of all targets). One stream of a generator, so that it costs no memory.
pub fn stream(edges: u64) -> impl Iterator<Item = Edge> {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let items = items(edges);
    (0..edges).map(move |_| {
        let skewed = |u: f64, power: i32, n: u64| (u.powi(power) * n as f64) as u64;
        let relation = skewed(rng.random(), 2, u64::from(RELATIONS));
        let source = rng.random_range(0..items);
        let target = skewed(rng.random(), 3, items);
        // Never an edge from an item to itself.
        let target = if target == source { (target + 1) % items } else { target };
        Edge::new(relation as u32, source as u32, target as u32)
    })
}

fn symmetric(relation: u32) -> bool {
    relation.is_multiple_of(2)
}

/// Touches the answer.
pub fn last(targets: &[u32]) -> u64 {
    targets.last().map_or(0, |&target| u64::from(target))
}

/// Random anchors of random relations: each question has an answer, and the next one lies anywhere else.
pub fn questions(graph: &RelationGraph) -> Vec<(u32, u32)> {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let one = |_| {
        let relation = rng.random_range(0..RELATIONS);
        let anchors = graph.anchors(relation);
        (relation, anchors[rng.random_range(0..anchors.len() as u64) as usize])
    };
    (0..QUESTIONS).map(one).collect()
}

/// Builds the file.
pub fn build(edges: u64, path: &Path) -> GraphCounts {
    let symmetric: Vec<bool> = (0..RELATIONS).map(symmetric).collect();
    let mut builder = GraphBuilder::new(path, items(edges) as usize, &symmetric, GraphBuilder::MEMORY).unwrap();
    stream(edges).for_each(|edge| builder.push(edge).unwrap());
    builder.finish().unwrap()
}

/// A sampler of batches of [`BATCH`] items.
pub fn sampler(graph: &RelationGraph) -> RelationSampler {
    let relations: Vec<Relation> =
        (0..RELATIONS).map(|r| Relation::new(format!("r{r}"), "goes with").symmetric(symmetric(r))).collect();
    let config = SamplerConfig { items: BATCH, relations: 16, relation_power: 0.5, ..SamplerConfig::default() };
    RelationSampler::new(config, 7, (0..graph.items() as u32).collect(), &relations, graph.clone()).unwrap()
}
