//! Negatives that are hard by design, duplicates kept apart, popularity.

use std::collections::HashSet;

use proptest::prelude::*;

use super::*;
use crate::{Edge, Item};

fn relations(n: u32) -> Vec<Relation> {
    (0..n).map(|r| Relation::new(format!("r{r}"), "goes with").symmetric(r % 2 == 0)).collect()
}

fn sampler(config: SamplerConfig, items: u32, n: u32, edges: &[Edge]) -> RelationSampler {
    let graph = RelationGraph::new(items as usize, &relations(n), edges);
    RelationSampler::new(config, 3, (0..items).collect(), &relations(n), graph).unwrap()
}

/// Points on a circle: the nearest items are the neighbouring numbers.
fn circle(items: u32) -> Embeddings {
    let angle = |i: u32| std::f32::consts::TAU * i as f32 / items as f32;
    Embeddings::new(2, (0..items).flat_map(|i| [3.0 * angle(i).cos(), 3.0 * angle(i).sin()]).collect())
}

#[test]
fn rows_of_a_share_are_neighbours_under_another_relation() {
    // Under relation 0 each item goes with its neighbour, under relation 1 it points 50 further, under relation 2 at 30.
    let edges: Vec<Edge> = (0..2000)
        .flat_map(|i| [(0, 1), (1, 50), (2, 30)].map(|(r, step)| Edge::new(r, i, (i + step) % 2000)))
        .collect();
    // Of batches with one relation: rows that some anchor of that relation has as a neighbour under another one alone.
    let wrong = |share: f64| -> usize {
        let config = SamplerConfig { items: 40, relations: 1, wrong_relation: share, ..SamplerConfig::default() };
        let sampler = sampler(config, 2000, 3, &edges);
        let count = |step| {
            let batch = sampler.batch(step);
            assert_eq!(batch.items.len(), 40);
            let relation = &batch.relations[0];
            let others = relation.anchors.iter().zip(&relation.positives).flat_map(|(&anchor, positives)| {
                batch.related[anchor as usize].iter().filter(|&row| !positives.contains(row))
            });
            others.collect::<HashSet<_>>().len()
        };
        (0..50).map(count).sum()
    };
    let (without, with) = (wrong(0.0), wrong(0.5));
    assert!(with > 50 * 15 && with > 2 * without, "{without} rows without, {with} with");
}

#[test]
fn hard_negatives_are_the_nearest_that_are_not_related() {
    // Items 0 to 9 point at items far away, and at their right neighbour.
    let edges: Vec<Edge> =
        (0..10).flat_map(|i| [Edge::new(1, 10 * i, 10 * i + 45), Edge::new(1, 10 * i, 10 * i + 1)]).collect();
    let config = SamplerConfig { items: 16, relations: 1, hard: 0.25, hard_pool: 1000, ..SamplerConfig::default() };
    let sampler = sampler(config, 200, 2, &edges).with_embeddings(circle(200)).unwrap();
    for step in 0..20 {
        let batch = sampler.batch(step);
        // Six pairs fill up to twelve rows, then come four hard negatives of the first four anchors.
        let pairs: HashSet<u32> = edges.iter().flat_map(|e| [e.source, e.target]).collect();
        let drawn = batch.items.iter().take_while(|item| pairs.contains(item)).count();
        let mut anchors: Vec<u32> = Vec::new();
        batch.items[..drawn].iter().filter(|&&i| i % 10 == 0 && i < 100).for_each(|&i| anchors.push(i));
        let hard = &batch.items[drawn..][..4.min(anchors.len())];
        for (anchor, &item) in anchors.iter().zip(hard) {
            // The right neighbour is related, so the left one is the nearest; in a tie with it there is none.
            assert_eq!(item, (anchor + 199) % 200, "step {step}: {batch:?}");
        }
    }
}

#[test]
fn embeddings_of_another_dataset_are_refused() {
    let sampler = sampler(SamplerConfig::default(), 20, 1, &[]);
    let error = sampler.with_embeddings(circle(19)).unwrap_err();
    assert!(error.to_string().contains("19 items, expected 20"), "{error}");
}

#[test]
fn embeddings_are_read_by_the_ids_of_their_rows() {
    let folder = tempfile::tempdir().unwrap();
    let items = ["a", "b", "c"].map(Item::new).to_vec();
    let data = Dataset { root: folder.path().into(), items, ..Dataset::default() };
    let write = |name: &str, ids: Option<&str>, rows: usize| {
        let values: Vec<u8> = (0..rows * 2).flat_map(|i| (i as f32).to_le_bytes()).collect();
        let view = safetensors::tensor::TensorView::new(safetensors::Dtype::F32, vec![rows, 2], &values).unwrap();
        let metadata = ids.map(|ids| std::collections::HashMap::from([("ids".to_string(), ids.to_string())]));
        let path = folder.path().join(name);
        safetensors::serialize_to_file([("embeddings", view)], metadata, &path).unwrap();
        path
    };
    // Rows are (0, 1), (2, 3), (4, 5), (6, 7).
    let found = Embeddings::open(write("a.safetensors", Some(r#"["c","x","a","b"]"#), 4), &data).unwrap();
    let cosine = |a: [f32; 2], b: [f32; 2]| (a[0] * b[0] + a[1] * b[1]) / (a[0].hypot(a[1]) * b[0].hypot(b[1]));
    assert!((found.cosine(0, 2) - cosine([4.0, 5.0], [0.0, 1.0])).abs() < 1e-6);
    assert!((found.cosine(1, 1) - 1.0).abs() < 1e-6);
    assert_eq!(Embeddings::open(write("b.safetensors", None, 3), &data).unwrap().len(), 3);
    for (ids, rows, words) in [
        (None, 2, "2 rows, expected one for each of 3"),
        (Some(r#"["a","b","x"]"#), 3, "1 items have no row, the first is \"c\""),
        (Some(r#"["a"]"#), 3, "names 1 items"),
        (Some("a b c"), 3, "no array of strings"),
    ] {
        let error = Embeddings::open(write("c.safetensors", ids, rows), &data).unwrap_err();
        assert!(error.is_input() && error.to_string().contains(words), "{error}");
    }
    assert!(Embeddings::open(folder.path().join("none.npy"), &data).unwrap_err().is_input());
}

#[test]
fn the_correction_is_the_log_of_how_often_an_item_is_drawn() {
    // Item 0 is everybody's target; items of the second half are in no edge.
    let edges: Vec<Edge> =
        (1..100).flat_map(|i| [Edge::new(1, i, 0), Edge::new(3, i, 1 + i % 98), Edge::new(0, i, i + 1)]).collect();
    let config = SamplerConfig { items: 24, relations: 2, popularity_correction: 0.5, ..SamplerConfig::default() };
    let sampler = sampler(config, 200, 4, &edges);
    let steps = 20_000;
    let (mut seen, mut expected) = (vec![0.0; 200], vec![(0.0, 0.0); 200]);
    for step in 0..steps {
        let batch = sampler.batch(step);
        for (&item, &correction) in batch.items.iter().zip(&batch.logit_correction) {
            seen[item as usize] += 1.0 / steps as f64;
            let (sum, count) = &mut expected[item as usize];
            *sum += f64::from(2.0 * correction).exp();
            *count += 1.0;
        }
    }
    for item in 0..200 {
        let (found, expected) = (seen[item], expected[item].0 / expected[item].1);
        assert!((found / expected - 1.0).abs() < 0.25, "item {item}: in {found:.4} of batches, expected {expected:.4}");
    }
    assert!(seen[0] > 5.0 * seen[150], "item 0 is popular, item 150 has no edge");
}

#[test]
fn chances_sum_to_the_number_of_winners() {
    for wanted in [1, 3, 7] {
        let weights: Vec<(u32, f64)> = (0..10).map(|r| (r, 10f64.powi(r as i32 - 5))).collect();
        let chances = chances(&weights, wanted);
        let sum: f64 = chances.iter().map(|c| c.1).sum();
        assert!((sum - wanted as f64).abs() < 1e-6, "{sum}");
        assert!(chances.iter().all(|c| (0.0..=1.0).contains(&c.1)) && chances.is_sorted_by(|a, b| a.1 <= b.1));
    }
    assert_eq!(chances(&[(4, 2.0)], 3), [(4, 1.0)]);
}

#[test]
fn impossible_shares_are_refused() {
    let message = |config: SamplerConfig| config.validate().unwrap_err().to_string();
    let base = SamplerConfig::default;
    assert!(message(SamplerConfig { wrong_relation: 1.5, ..base() }).contains("sampler.wrong_relation is 1.5"));
    assert!(message(SamplerConfig { popularity_correction: -0.1, ..base() }).contains("popularity_correction"));
    assert!(message(SamplerConfig { wrong_relation: 0.5, hard: 0.5, ..base() }).contains("at most 0.75"));
    assert!(message(SamplerConfig { hard: 0.2, ..base() }).contains("sampler.hard_embeddings"));
    assert!(base().validate().is_ok());
}

proptest! {
    #[test]
    fn everything_at_once_stays_a_function_of_the_step(
        items in 2u32..60, edges in prop::collection::vec((0u32..4, 0u32..60, 0u32..60), 0..200),
        pairs in prop::collection::vec((0u32..60, 0u32..60), 0..40),
        size in 1usize..50, hard in 0.0f64..0.4, wrong in 0.0f64..0.35, pool in 1usize..80, step: u64,
    ) {
        let edges: Vec<Edge> = edges.into_iter().filter(|e| e.1 < items && e.2 < items && e.1 != e.2).map(|(r, s, t)| Edge::new(r, s, t)).collect();
        let duplicates = Duplicates::of_pairs(pairs.into_iter().filter(|p| p.0 < items && p.1 < items));
        let config = SamplerConfig {
            items: size, relations: 3, hard, wrong_relation: wrong, hard_pool: pool, popularity_correction: 1.0, ..SamplerConfig::default()
        };
        let make = || sampler(config.clone(), items, 4, &edges).with_duplicates(duplicates.clone()).with_embeddings(circle(items)).unwrap();
        let (sampler, again) = (make(), make());
        let batch = sampler.batch(step);
        prop_assert_eq!(&batch, &again.batch(step));
        prop_assert_eq!(batch.items.iter().collect::<HashSet<_>>().len(), batch.items.len());
        for (i, &a) in batch.items.iter().enumerate() {
            prop_assert!(batch.items[..i].iter().all(|&b| !duplicates.same(a, b)));
        }
        // A batch is only short of rows where every other item is a duplicate of one of them.
        let groups: HashSet<u32> = (0..items).map(|i| duplicates.group(i).unwrap_or(i)).collect();
        prop_assert!(batch.items.len() <= sampler.batch_items().min(groups.len()));
        let full = batch.items.len() == sampler.batch_items();
        prop_assert!(full || (0..items).all(|i| batch.items.iter().any(|&b| b == i || duplicates.same(b, i))));
        prop_assert_eq!(batch.logit_correction.len(), batch.items.len());
        prop_assert!(batch.logit_correction.iter().all(|&c| c.is_finite() && c <= 0.0));
    }
}
