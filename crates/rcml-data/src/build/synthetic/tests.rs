use std::collections::HashSet;

use super::*;
use crate::{Dataset, RelationGraph};

fn built(options: &SyntheticOptions) -> (tempfile::TempDir, SyntheticCounts) {
    let dir = tempfile::tempdir().unwrap();
    let counts = build_synthetic(dir.path(), options).unwrap();
    (dir, counts)
}

fn files(dir: &Path) -> Vec<Vec<u8>> {
    ["items.jsonl", "relations.jsonl", "edges.jsonl.zst", "dataset.toml"]
        .map(|f| std::fs::read(dir.join(f)).unwrap())
        .into()
}

#[test]
fn edges_are_the_truth() {
    let (dir, counts) = built(&SyntheticOptions { items: 400, images: false, ..SyntheticOptions::default() });
    assert!(counts.complete);
    let dataset = Dataset::open(dir.path()).unwrap();
    assert_eq!((dataset.items.len(), dataset.edges.len() as u64), (400, counts.edges));
    let truth = planted_truth(&dataset).unwrap();
    let graph = RelationGraph::new(400, &dataset.relations, &dataset.edges);
    let mut pairs = 0;
    for relation in 0..RULES.len() as u32 {
        for a in 0..400 {
            for b in 0..400 {
                let same_split = dataset.items[a as usize].split == dataset.items[b as usize].split;
                let expected = truth.holds(relation, a, b) && same_split;
                assert_eq!(graph.contains(relation, a, b), expected, "{relation} {a} {b}");
                pairs += usize::from(expected);
            }
        }
        assert!(graph.pairs(relation) > 100);
    }
    assert_eq!(pairs, (0..RULES.len() as u32).map(|r| graph.pairs(r)).sum::<usize>());
}

#[test]
fn capped_edges_are_true_distinct_and_few() {
    let (dir, counts) = built(&SyntheticOptions { items: 6_000, images: false, ..SyntheticOptions::default() });
    assert!(!counts.complete);
    let dataset = Dataset::open(dir.path()).unwrap();
    let truth = planted_truth(&dataset).unwrap();
    let mut seen = HashSet::new();
    for edge in &dataset.edges {
        assert!(truth.holds(edge.relation, edge.source, edge.target));
        assert!(seen.insert((edge.relation, edge.source, edge.target)));
        assert_eq!(dataset.items[edge.source as usize].split, dataset.items[edge.target as usize].split);
    }
    assert!(seen.len() > 6_000 * RULES.len() * 3 && seen.len() <= 6_000 * RULES.len() * 8, "{}", seen.len());
}

#[test]
fn pictures_are_there_and_decode() {
    let (dir, _) = built(&SyntheticOptions { items: 60, size: 32, ..SyntheticOptions::default() });
    assert!(Dataset::check(dir.path()).unwrap().is_empty());
    let dataset = Dataset::open(dir.path()).unwrap();
    assert!(dataset.items.iter().all(|i| i.image.is_some() && i.text.is_some()));
    let share = |split| dataset.items.iter().filter(|i| i.split == Some(split)).count();
    assert_eq!(share(Split::Test) + share(Split::Validation) + share(Split::Train), 60);
}

#[test]
fn splits_are_exact_per_block() {
    let splits = splits(&SyntheticOptions { items: 1000, ..SyntheticOptions::default() });
    let count = |s| splits.iter().filter(|x| **x == s).count();
    assert_eq!((count(Split::Train), count(Split::Validation), count(Split::Test)), (720, 80, 200));
}

#[test]
fn options_alone_decide_the_bytes() {
    for items in [300, 5_001] {
        let options = SyntheticOptions { items, images: false, ..SyntheticOptions::default() };
        let (a, _) = built(&options);
        let one_thread = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let (b, _) = one_thread.install(|| built(&options));
        let (c, _) = built(&SyntheticOptions { seed: 1, ..options });
        assert!(files(a.path()) == files(b.path()));
        assert!(files(a.path())[0] != files(c.path())[0]);
    }
}

#[test]
fn other_datasets_have_no_planted_truth() {
    let dataset = Dataset { items: vec![crate::Item::new("a").text("a lamp")], ..Dataset::default() };
    assert!(planted_truth(&dataset).is_none());
    assert!(
        build_synthetic(Path::new("unused"), &SyntheticOptions { items: 0, ..SyntheticOptions::default() }).is_err()
    );
    assert!(
        build_synthetic(Path::new("unused"), &SyntheticOptions { size: 0, ..SyntheticOptions::default() }).is_err()
    );
}
