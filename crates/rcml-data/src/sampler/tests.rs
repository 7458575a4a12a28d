use std::collections::HashSet;

use proptest::prelude::*;

use super::*;
use crate::Edge;

fn relations(n: u32) -> Vec<Relation> {
    (0..n).map(|r| Relation::new(format!("r{r}"), "goes with").phrasing("fits").symmetric(r % 2 == 0)).collect()
}

fn sampler(config: SamplerConfig, items: u32, n: u32, edges: &[Edge]) -> RelationSampler {
    let relations = relations(n);
    let graph = RelationGraph::new(items as usize, &relations, edges);
    RelationSampler::new(config, 7, (0..items).collect(), &relations, graph).unwrap()
}

/// Everything that a batch promises, checked against the edges rather than the graph.
fn assert_sound(batch: &RelationBatch, edges: &[Edge], size: usize, most_relations: usize) {
    assert_eq!(batch.items.len(), size);
    assert_eq!(batch.items.iter().collect::<HashSet<_>>().len(), size, "no item stands twice");
    assert!(batch.relations.len() <= most_relations);
    assert_eq!(batch.relations.iter().map(|r| r.relation).collect::<HashSet<_>>().len(), batch.relations.len());
    let holds: HashSet<(u32, u32, u32)> = edges
        .iter()
        .flat_map(|e| {
            let back = (e.relation % 2 == 0).then_some((e.relation, e.target, e.source));
            [Some((e.relation, e.source, e.target)), back].into_iter().flatten()
        })
        .collect();
    let linked: HashSet<(u32, u32)> = holds.iter().flat_map(|&(_, a, b)| [(a, b), (b, a)]).collect();
    let rows = |keep: &dyn Fn(u32) -> bool| -> Vec<u32> {
        (0..size as u32).filter(|&row| keep(batch.items[row as usize])).collect()
    };
    for (&item, related) in batch.items.iter().zip(&batch.related) {
        assert_eq!(related, &rows(&|other| other != item && linked.contains(&(item, other))));
    }
    for relation in &batch.relations {
        assert!(relation.phrasing < 2 && !relation.anchors.is_empty());
        let mut anchors = Vec::new();
        for row in 0..size as u32 {
            let item = batch.items[row as usize];
            let positives = rows(&|other| other != item && holds.contains(&(relation.relation, item, other)));
            if !positives.is_empty() {
                assert!(positives.iter().all(|p| batch.related[row as usize].contains(p)));
                assert_eq!(relation.positives.get(anchors.len()), Some(&positives));
                anchors.push(row);
            }
        }
        assert_eq!(relation.anchors, anchors);
    }
}

proptest! {
    #[test]
    fn batches_keep_their_promises(
        items in 1u32..60, edges in prop::collection::vec((0u32..6, 0u32..60, 0u32..60), 0..300),
        size in 1usize..70, most in 0usize..8, power in 0.0f64..2.0, step in any::<u64>(),
    ) {
        let edges: Vec<Edge> = edges.into_iter().filter(|e| e.1 < items && e.2 < items && e.1 != e.2).map(|(r, s, t)| Edge::new(r, s, t)).collect();
        let sampler = sampler(SamplerConfig { items: size, relations: most, relation_power: power, ..Default::default() }, items, 6, &edges);
        let batch = sampler.batch(step);
        prop_assert_eq!(&batch, &sampler.batch(step));
        prop_assert_eq!(sampler.batch_items(), size.min(items as usize));
        assert_sound(&batch, &edges, sampler.batch_items(), most);
    }
}

#[test]
fn every_step_differs_and_every_relation_of_the_draw_has_pairs() {
    let edges: Vec<Edge> = (0..1000).map(|i| Edge::new(i % 5, i, (i + 5) % 1000)).collect();
    let sampler =
        sampler(SamplerConfig { items: 64, relations: 4, relation_power: 0.5, ..Default::default() }, 1000, 5, &edges);
    let batches: Vec<RelationBatch> = (0..50).map(|step| sampler.batch(step)).collect();
    assert_eq!(batches.iter().map(|b| &b.items).collect::<HashSet<_>>().len(), 50);
    assert!(batches.iter().all(|b| b.relations.len() == 4));
    // 64 / (2 * 4) = 8 pairs were drawn for each, of which a few may coincide.
    assert!(batches.iter().flat_map(|b| &b.relations).all(|r| r.anchors.len() >= 5));
    assert_eq!(batches.iter().flat_map(|b| &b.relations).map(|r| r.phrasing).collect::<HashSet<_>>().len(), 2);
}

#[test]
fn relation_power_balances_relations() {
    // Relation 1 has 900 edges, relation 3 has 100.
    let edges: Vec<Edge> = (0..1000).map(|i| Edge::new(if i < 900 { 1 } else { 3 }, i, (i + 1) % 1000)).collect();
    for (power, expected) in [(0.0, 0.5), (0.5, 0.75), (1.0, 0.9)] {
        let config = SamplerConfig { items: 8, relations: 1, relation_power: power, ..Default::default() };
        let sampler = sampler(config, 1000, 4, &edges);
        let drawn = |step| sampler.draw_relations(&mut ChaCha8Rng::seed_from_u64(step))[0];
        let share = (0..4000).filter(|&step| drawn(step) == 1).count() as f64 / 4000.0;
        assert!((share - expected).abs() < 0.03, "power {power}: {share} of draws, expected {expected}");
    }
}

#[test]
fn held_out_items_never_enter() {
    let relations = relations(2);
    let edges: Vec<Edge> = (0..40).map(|i| Edge::new(i % 2, i, (i + 1) % 40)).collect();
    let graph = RelationGraph::new(40, &relations, &edges);
    let config = SamplerConfig { items: 16, relations: 2, relation_power: 0.5, ..Default::default() };
    let sampler = RelationSampler::new(config, 1, (0..20).collect(), &relations, graph).unwrap();
    assert!((0..100).all(|step| sampler.batch(step).items.iter().all(|&item| item < 20)));
}

#[test]
fn refuses_what_cannot_be_drawn_from() {
    let make = |config, items: Vec<u32>| {
        RelationSampler::new(config, 0, items, &[], RelationGraph::new(3, &[], [])).map(|_| ())
    };
    let message = |result: Result<()>| result.unwrap_err().to_string();
    assert!(message(make(SamplerConfig::default(), vec![])).contains("no training items"));
    assert!(message(make(SamplerConfig::default(), vec![3])).contains("item 3"));
    assert!(message(make(SamplerConfig { items: 0, ..Default::default() }, vec![0])).contains("sampler.items"));
    let power = SamplerConfig { relation_power: f64::NAN, ..Default::default() };
    assert!(message(make(power, vec![0])).contains("relation_power"));
    assert!(make(SamplerConfig::default(), vec![0, 2]).is_ok());
}

#[test]
#[ignore = "a measurement: cargo test --release -p rcml-data -- --ignored --nocapture batches_per_second"]
fn batches_per_second() {
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let mut end = || rng.random_range(0..100_000u32);
    let edges: Vec<Edge> = (0..1_000_000).map(|i| Edge::new(i % 50, end(), end())).collect();
    let start = std::time::Instant::now();
    let sampler = sampler(
        SamplerConfig { items: 512, relations: 16, relation_power: 0.5, ..Default::default() },
        100_000,
        50,
        &edges,
    );
    let built = start.elapsed();
    let start = std::time::Instant::now();
    let rows: usize = (0..200).map(|step| sampler.batch(step).items.len()).sum();
    println!("graph of 1M edges in {built:?}; {:?} per batch of {} items", start.elapsed() / 200, rows / 200);
}
