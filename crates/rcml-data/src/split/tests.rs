use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::Item;

fn dataset(items: u32, edges: Vec<Edge>) -> Dataset {
    Dataset {
        items: (0..items).map(|i| Item::new(format!("i{i}")).text("x")).collect(),
        relations: vec![
            Relation::new("sym", "goes with").symmetric(true),
            Relation::new("dir", "is part of"),
            Relation::new("other", "is like").symmetric(true),
        ],
        edges,
        ..Dataset::default()
    }
}

/// Every pair under relation 0, and a ring under relations 1 and 2.
fn dense(items: u32) -> Dataset {
    let pairs = (0..items).flat_map(|a| (a + 1..items).map(move |b| Edge::new(0, a, b)));
    let ring = (0..items).flat_map(|a| [Edge::new(1, a, (a + 1) % items), Edge::new(2, a, (a + 1) % items)]);
    dataset(items, pairs.chain(ring).collect())
}

fn counts(splits: &[Split]) -> [usize; 3] {
    [Split::Train, Split::Validation, Split::Test].map(|s| splits.iter().filter(|&&x| x == s).count())
}

fn edges(strategy: SplitStrategy) -> SplitConfig {
    SplitConfig { strategy, ..SplitConfig::default() }
}

#[test]
fn draws_items_by_default_and_keeps_edges_within_a_split() {
    let data = dense(100);
    let splits = Splits::assign(&data, &SplitConfig::default()).unwrap();
    assert_eq!(counts(&splits.items), [70, 10, 20]);
    assert_eq!(splits, Splits::assign(&data, &SplitConfig::default()).unwrap());
    assert_ne!(splits, Splits::assign(&data, &SplitConfig { seed: 1, ..SplitConfig::default() }).unwrap());
    for (edge, &split) in data.edges.iter().zip(&splits.edges) {
        let (a, b) = (splits.items[edge.source as usize], splits.items[edge.target as usize]);
        assert_eq!(split, (a == b).then_some(a));
    }
    let used: usize =
        [Split::Train, Split::Validation, Split::Test].map(|s| splits.edges_of(&data, s).count()).iter().sum();
    assert_eq!(used + splits.unused_edges(), data.edges.len());
    assert_eq!(splits.items_of(Split::Test).len(), 20);
}

#[test]
fn ten_items_are_enough_for_every_split() {
    let config = SplitConfig { validation: 0.01, test: 0.01, ..SplitConfig::default() };
    assert_eq!(counts(&Splits::assign(&dense(10), &config).unwrap().items), [8, 1, 1]);
    assert_eq!(counts(&Splits::assign(&dense(3), &SplitConfig::default()).unwrap().items), [3, 0, 0]);
}

#[test]
fn items_that_name_a_split_keep_it_and_validation_is_carved_from_training() {
    let mut data = dense(40);
    (0..10).for_each(|i| data.items[i].split = Some(Split::Test));
    let splits = Splits::assign(&data, &edges(SplitStrategy::Edges)).unwrap();
    assert_eq!(counts(&splits.items), [27, 3, 10]);
    assert!(splits.items[..10].iter().all(|&s| s == Split::Test));
    data.items[39].split = Some(Split::Validation);
    assert_eq!(counts(&Splits::assign(&data, &SplitConfig::default()).unwrap().items), [29, 1, 10]);
}

#[test]
fn an_edge_that_names_a_split_keeps_it_but_training_never_touches_a_held_out_item() {
    let mut data = dataset(4, vec![Edge::new(0, 0, 1), Edge::new(0, 0, 3), Edge::new(0, 1, 3), Edge::new(1, 0, 2)]);
    data.items[2].split = Some(Split::Validation);
    data.items[3].split = Some(Split::Test);
    data.edges[1].split = Some(Split::Test);
    data.edges[2].split = Some(Split::Train);
    let splits = Splits::assign(&data, &SplitConfig::default()).unwrap();
    assert_eq!(splits.edges, [Some(Split::Train), Some(Split::Test), None, None]);
    assert_eq!(splits.unused_edges(), 2);
}

#[test]
fn edges_that_name_a_split_make_it_a_split_over_edges() {
    let mut data = dense(20);
    data.edges[0].split = Some(Split::Test);
    let splits = Splits::assign(&data, &SplitConfig::default()).unwrap();
    assert!(splits.shares_items());
    assert_eq!(splits.items_of(Split::Test).len(), 20);
    let of = |s| splits.edges.iter().filter(|&&x| x == Some(s)).count();
    assert_eq!((of(Split::Test), of(Split::Validation)), (1, ((data.edges.len() - 1) as f64 * 0.1).round() as usize));
    data.edges[1].split = Some(Split::Validation);
    let splits = Splits::assign(&data, &SplitConfig::default()).unwrap();
    assert_eq!(splits.edges_of(&data, Split::Validation).count(), 1);
}

#[test]
fn a_marked_relation_is_unseen() {
    let mut data = dense(40);
    data.relations[2].split = Some(Split::Test);
    for strategy in [SplitStrategy::Items, SplitStrategy::Edges] {
        let splits = Splits::assign(&data, &edges(strategy)).unwrap();
        assert_eq!(splits.relations, [Split::Train, Split::Train, Split::Test]);
        let unseen: Vec<_> = splits.edges.iter().zip(&data.edges).filter(|(_, e)| e.relation == 2).collect();
        assert!(unseen.iter().all(|(split, e)| match strategy {
            SplitStrategy::Edges => **split == Some(Split::Test),
            _ => {
                let both = [e.source, e.target].iter().all(|&i| splits.items[i as usize] == Split::Test);
                **split == both.then_some(Split::Test)
            }
        }));
        assert!(unseen.iter().any(|(split, _)| split.is_some()) || strategy == SplitStrategy::Items);
    }
}

#[test]
fn unseen_relations_are_drawn_but_never_all() {
    let data = dense(40);
    for (share, expected) in [(0.0, 0), (0.01, 1), (0.34, 1), (0.67, 2), (0.99, 2)] {
        let config = SplitConfig { unseen_relations: share, ..SplitConfig::default() };
        let splits = Splits::assign(&data, &config).unwrap();
        assert_eq!(counts(&splits.relations)[2], expected, "share {share}");
    }
    let mut single = data;
    single.edges.retain(|e| e.relation == 0);
    let config = SplitConfig { unseen_relations: 0.5, ..SplitConfig::default() };
    assert_eq!(counts(&Splits::assign(&single, &config).unwrap().relations)[2], 0);
}

#[test]
fn impossible_splits_are_refused_in_words() {
    let message = |data: &Dataset, config: &SplitConfig| Splits::assign(data, config).unwrap_err().to_string();
    let with = |validation, test| SplitConfig { validation, test, ..SplitConfig::default() };
    assert!(message(&dense(9), &with(f64::NAN, 0.1)).contains("split.validation is NaN"));
    assert!(message(&dense(9), &with(0.1, 1.0)).contains("split.test is 1"));
    assert!(message(&dense(9), &with(0.5, 0.5)).contains("nothing is left"));
    assert!(message(&dataset(0, vec![]), &with(0.1, 0.1)).contains("no items"));
    // A matching: with half the items held out, some seed leaves no edge whole.
    let sparse = dataset(10, vec![Edge::new(0, 0, 1)]);
    let failed = (0..20).find_map(|seed| Splits::assign(&sparse, &SplitConfig { seed, ..with(0.2, 0.6) }).err());
    assert!(failed.unwrap().to_string().contains("none of 1 edges to train on"));
}

#[test]
fn a_dataset_that_is_held_out_entirely_is_for_evaluation() {
    let mut data = dense(10);
    data.items.iter_mut().for_each(|item| item.split = Some(Split::Test));
    let splits = Splits::assign(&data, &SplitConfig::default()).unwrap();
    assert_eq!(splits.edges_of(&data, Split::Test).count(), data.edges.len());
}

#[test]
fn a_dataset_without_edges_can_be_split() {
    let data = dataset(20, vec![]);
    for strategy in [SplitStrategy::Items, SplitStrategy::Edges] {
        assert!(Splits::assign(&data, &edges(strategy)).is_ok());
    }
}

fn split() -> impl Strategy<Value = Option<Split>> {
    prop_oneof![6 => Just(None), 1 => Just(Some(Split::Train)), 1 => Just(Some(Split::Validation)), 1 => Just(Some(Split::Test))]
}

proptest! {
    #[test]
    fn no_statement_is_in_two_splits_and_training_stays_clean(
        edges in prop::collection::vec((0u32..3, 0u32..12, 0u32..12, split()), 1..80),
        items in prop::collection::vec(split(), 12), fix_items: bool, fix_edges: bool,
        over_edges: bool, seed: u64, unseen in 0.0f64..0.9,
    ) {
        let mut data = dataset(12, edges.iter().map(|&(r, s, t, split)| Edge { split: split.filter(|_| fix_edges), ..Edge::new(r, s, t) }).collect());
        data.items.iter_mut().zip(items).for_each(|(item, split)| item.split = split.filter(|_| fix_items));
        let strategy = if over_edges { SplitStrategy::Edges } else { SplitStrategy::Items };
        let config = SplitConfig { strategy, seed, unseen_relations: unseen, ..SplitConfig::default() };
        let Ok(splits) = Splits::assign(&data, &config) else { return Ok(()) };
        let mut seen = HashMap::new();
        for (edge, &split) in data.edges.iter().zip(&splits.edges) {
            prop_assert_eq!(*seen.entry(statement(&data, edge)).or_insert(split), split);
            let unseen = splits.relations[edge.relation as usize] == Split::Test;
            prop_assert!(!unseen || matches!(split, None | Some(Split::Test)));
            if split == Some(Split::Train) {
                let ends = [edge.source, edge.target].map(|i| splits.items[i as usize]);
                prop_assert_eq!(ends, [Split::Train; 2]);
            }
        }
        for (item, &split) in data.items.iter().zip(&splits.items) {
            // Only training items are ever moved, and only to validation.
            prop_assert!(item.split.is_none_or(|s| s == split || (s == Split::Train && split == Split::Validation)));
        }
    }
}
