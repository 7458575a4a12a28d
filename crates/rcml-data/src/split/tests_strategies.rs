//! Splits by time, by component and community, stratified, few-shot, and in files.

use std::collections::{BTreeMap, HashSet};

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::Item;

/// `clusters` rings of `size` items each; a chain of `bridges` edges links each ring to the next.
fn rings(clusters: u32, size: u32, bridges: u32) -> Dataset {
    let mut data = Dataset {
        items: (0..clusters * size).map(|i| Item::new(format!("i{i}")).text("x")).collect(),
        relations: vec![Relation::new("next", "is next to").symmetric(true), Relation::new("far", "is far from")],
        ..Dataset::default()
    };
    for (i, item) in data.items.iter_mut().enumerate() {
        item.attributes.insert("time".into(), json!(1_000_000 - i));
    }
    for cluster in 0..clusters {
        let of = |i: u32| cluster * size + i % size;
        for i in 0..size {
            data.edges.extend([
                Edge::new(0, of(i), of(i + 1)),
                Edge::new(0, of(i), of(i + 2)),
                Edge::new(1, of(i), of(i + 3)),
            ]);
        }
        if cluster + 1 < clusters {
            (0..bridges).for_each(|b| data.edges.push(Edge::new(0, of(b), (cluster + 1) * size + b)));
        }
    }
    data
}

fn assign(data: &Dataset, config: &SplitConfig) -> Splits {
    let splits = Splits::assign(data, config).unwrap();
    assert_eq!(splits, Splits::assign(data, config).unwrap());
    splits
}

fn by(strategy: SplitStrategy) -> SplitConfig {
    SplitConfig { strategy, ..SplitConfig::default() }
}

fn counts(splits: &Splits) -> [usize; 3] {
    [Split::Train, Split::Validation, Split::Test].map(|s| splits.items.iter().filter(|&&x| x == s).count())
}

#[test]
fn the_latest_items_are_held_out() {
    let data = rings(5, 20, 1);
    let splits = assign(&data, &by(SplitStrategy::ItemTime));
    // Time runs backwards through the items.
    assert_eq!(counts(&splits), [70, 10, 20]);
    assert!(splits.items.is_sorted_by(|a, b| a >= b));
}

#[test]
fn the_latest_edges_are_held_out_and_items_shared() {
    let data = rings(5, 20, 1);
    let splits = assign(&data, &by(SplitStrategy::EdgeTime));
    assert!(splits.shares_items());
    let latest = |split: Split| {
        let edges = splits.edges_of(&data, split);
        edges.map(|e| 100 - e.source.min(e.target)).fold((u32::MAX, 0), |(a, b), t| (a.min(t), b.max(t)))
    };
    let (train, validation, test) = (latest(Split::Train), latest(Split::Validation), latest(Split::Test));
    assert!(train.1 < validation.0 && validation.1 < test.0, "{train:?} {validation:?} {test:?}");
    assert_eq!(splits.unused_edges(), 0);
}

#[test]
fn times_that_are_missing_or_all_the_same_are_refused() {
    let message = |data: &Dataset, strategy| Splits::assign(data, &by(strategy)).unwrap_err().to_string();
    let mut data = rings(2, 10, 1);
    data.items[3].attributes.insert("time".into(), json!("yesterday"));
    for strategy in [SplitStrategy::ItemTime, SplitStrategy::EdgeTime] {
        assert!(message(&data, strategy).contains("item \"i3\": attribute `time`: found \"yesterday\""));
    }
    data.items[3].attributes.clear();
    assert!(message(&data, SplitStrategy::ItemTime).contains("item \"i3\" has no such attribute"));
    data.items.iter_mut().for_each(|item| _ = item.attributes.insert("time".into(), json!(3)));
    assert!(message(&data, SplitStrategy::ItemTime).contains("different times"));
}

#[test]
fn components_are_never_parted() {
    let data = rings(20, 10, 0);
    let splits = assign(&data, &by(SplitStrategy::Components));
    assert_eq!(counts(&splits), [140, 20, 40]);
    assert!(splits.items.chunks(10).all(|ring| ring.iter().all(|split| split == &ring[0])));
    assert_eq!(splits.unused_edges(), 0);
    // One component: nothing can be held out beside it.
    let message = Splits::assign(&rings(20, 10, 1), &by(SplitStrategy::Components)).unwrap_err().to_string();
    assert!(message.contains("1 components holds 200 of 200") && message.contains("communities"), "{message}");
}

#[test]
fn communities_take_one_component_apart_at_its_bridges() {
    let data = rings(40, 10, 1);
    let cut = |strategy| assign(&data, &by(strategy)).unused_edges();
    let splits = assign(&data, &by(SplitStrategy::Communities));
    let [train, validation, test] = counts(&splits);
    assert!(
        train.abs_diff(280) < 20 && validation.abs_diff(40) < 10 && test.abs_diff(80) < 10,
        "{:?}",
        counts(&splits)
    );
    let (random, few) = (cut(SplitStrategy::Items), cut(SplitStrategy::Communities));
    assert!(few < random / 5, "{few} edges are cut, by random items {random}");
}

#[test]
fn what_is_carved_out_for_validation_parts_no_duplicates() {
    let folder = tempfile::tempdir().unwrap();
    let mut data = rings(10, 10, 1);
    data.root = folder.path().into();
    for (i, item) in data.items.iter_mut().enumerate() {
        item.split = Some(if i % 50 < 10 { Split::Test } else { Split::Train });
        item.label = Some(format!("{}", i % 2));
    }
    let lines: String = (0..50).map(|i| format!("{{\"a\":\"i{i}\",\"b\":\"i{}\"}}\n", i + 50)).collect();
    std::fs::write(folder.path().join(Duplicates::FILE), lines).unwrap();
    let duplicates = Duplicates::read(&data).unwrap();
    for seed in 0..5 {
        let config = SplitConfig { seed, stratify: true, ..SplitConfig::default() };
        let splits = assign(&data, &config);
        assert_eq!(counts(&splits), [72, 8, 20], "seed {seed}");
        assert_eq!(duplicates.parted(&splits.items), 0, "seed {seed}");
        let of_label = |parity| (0..100).filter(|i| i % 2 == parity && splits.items[*i] == Split::Validation).count();
        assert_eq!((of_label(0), of_label(1)), (4, 4), "seed {seed}");
    }
    // What the files part stays parted, and is counted.
    data.items[60].split = Some(Split::Test);
    assert_eq!(duplicates.parted(&assign(&data, &SplitConfig::default()).items), 1);
}

#[test]
fn duplicates_are_never_parted() {
    let folder = tempfile::tempdir().unwrap();
    let mut data = rings(10, 10, 1);
    data.root = folder.path().into();
    let lines: String = (0..50).map(|i| format!("{{\"a\":\"i{i}\",\"b\":\"i{}\"}}\n", i + 50)).collect();
    std::fs::write(folder.path().join(Duplicates::FILE), lines).unwrap();
    let mut together = 0;
    for strategy in [SplitStrategy::Items, SplitStrategy::ItemTime, SplitStrategy::Communities] {
        let splits = assign(&data, &by(strategy));
        assert!((0..50).all(|i| splits.items[i] == splits.items[i + 50]), "{strategy:?}");
        together += counts(&splits)[2];
    }
    assert!(together.abs_diff(60) <= 4, "{together}");
    let apart = SplitConfig { duplicates_together: false, ..SplitConfig::default() };
    let splits = assign(&data, &apart);
    assert!((0..50).any(|i| splits.items[i] != splits.items[i + 50]));
}

#[test]
fn every_split_has_each_label_in_proportion() {
    let mut data = rings(1, 200, 0);
    for (i, item) in data.items.iter_mut().enumerate() {
        item.label = (i % 4 != 0).then(|| if i % 40 == 1 { "rare" } else { "common" }.into());
    }
    let splits = assign(&data, &SplitConfig { stratify: true, ..SplitConfig::default() });
    assert_eq!(counts(&splits), [140, 20, 40]);
    let mut of_labels: BTreeMap<Option<&str>, [usize; 3]> = BTreeMap::new();
    for (item, &split) in data.items.iter().zip(&splits.items) {
        of_labels.entry(item.label.as_deref()).or_default()[split as usize] += 1;
    }
    // 50 without a label, 145 common, 5 rare.
    assert_eq!(of_labels[&None], [35, 5, 10]);
    assert_eq!(of_labels[&Some("rare")][2], 1);
    let message = |strategy| {
        let config = SplitConfig { stratify: true, ..by(strategy) };
        Splits::assign(&data, &config).unwrap_err().to_string()
    };
    assert!(message(SplitStrategy::Edges).contains("split.stratify"));
}

#[test]
fn few_shot_leaves_every_relation_as_many_training_edges() {
    let mut data = rings(4, 25, 1);
    // An edge that is there twice is one shot.
    data.edges.extend(data.edges.clone());
    let whole = assign(&data, &SplitConfig::default());
    for few_shot in [1, 5, 1000] {
        let splits = assign(&data, &SplitConfig { few_shot, ..SplitConfig::default() });
        for relation in 0..2 {
            let shots = |splits: &Splits| {
                let edges = splits.edges_of(&data, Split::Train).filter(|e| e.relation == relation);
                edges.map(|e| statement(&data, e)).collect::<HashSet<_>>().len()
            };
            assert_eq!(shots(&splits), few_shot.min(shots(&whole)));
        }
        let held = |splits: &Splits| splits.edges_of(&data, Split::Test).count();
        assert_eq!(held(&splits), held(&whole));
    }
}

#[test]
fn splits_come_back_from_a_file_whatever_the_order_of_the_tables() {
    let folder = tempfile::tempdir().unwrap();
    let mut data = rings(5, 20, 2);
    let config = SplitConfig { few_shot: 20, unseen_relations: 0.5, ..SplitConfig::default() };
    let splits = assign(&data, &config);
    for name in ["s.jsonl", "s.jsonl.zst"] {
        let path = folder.path().join(name);
        splits.write(&data, &path).unwrap();
        assert_eq!(Splits::read(&data, &path).unwrap(), splits);
        let by_file = SplitConfig { file: path.to_str().unwrap().into(), ..SplitConfig::default() };
        assert_eq!(assign(&data, &by_file), splits);
    }
    data.items.reverse();
    data.edges.iter_mut().for_each(|e| (e.source, e.target) = (99 - e.source, 99 - e.target));
    data.edges.reverse();
    let read = Splits::read(&data, folder.path().join("s.jsonl")).unwrap();
    assert!(read.items.iter().eq(splits.items.iter().rev()) && read.edges.iter().eq(splits.edges.iter().rev()));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn what_is_wrong_with_a_file_of_splits_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let data = rings(1, 10, 0);
    let splits = assign(&data, &SplitConfig::default());
    let path = folder.path().join("s.jsonl");
    splits.write(&data, &path).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    let message = |text: &str| {
        std::fs::write(&path, text).unwrap();
        let error = Splits::read(&data, &path).unwrap_err();
        assert!(error.is_input(), "{error}");
        error.to_string()
    };
    let edge = text.lines().last().unwrap();
    for (text, words) in [
        (text.replace("\"splits\":1", "\"splits\":2"), "s.jsonl:1: is of version 2"),
        (text.replace("\"i3\"", "\"q\""), "no item has the id \"q\""),
        (text.replacen("\"relation\":\"next\"", "\"relation\":\"q\"", 1), "no relation has the id \"q\""),
        (text.replacen("train", "trian", 1), "expected the header"),
        (text.lines().skip(1).map(|l| format!("{l}\n")).collect(), "has no header"),
        (text.replace(edge, ""), "is cut short or was added to"),
        (
            text.lines().filter(|l| !l.contains("\"item\":\"i4\"")).map(|l| format!("{l}\n")).collect(),
            "1 items no split, the first is \"i4\"",
        ),
        (
            text.clone() + "{\"item\":\"i0\",\"split\":\"validation\"}\n{\"item\":\"i0\",\"split\":\"train\"}",
            "has a split already",
        ),
        (text.clone() + "{\"edge\":[\"far\",\"i0\",\"i1\"],\"split\":\"train\"}", "has no edge \"i0\" -far- \"i1\""),
    ] {
        let found = message(&text);
        assert!(found.contains(words), "{words}: {found}");
    }
    let train = data.edges.iter().zip(&splits.edges).find(|(_, s)| **s == Some(Split::Train)).unwrap().0.source;
    let moved = text.replace(
        &format!("{{\"item\":\"i{train}\",\"split\":\"train\"}}"),
        &format!("{{\"item\":\"i{train}\",\"split\":\"test\"}}"),
    );
    assert!(message(&moved).contains("is held out"), "{}", message(&moved));
    assert!(Splits::read(&data, folder.path().join("s.csv")).is_err());
    assert!(Splits::read(&data, folder.path().join("none.jsonl")).unwrap_err().is_input());
    std::fs::write(folder.path().join("s.jsonl.zst"), b"nonsense").unwrap();
    assert!(Splits::read(&data, folder.path().join("s.jsonl.zst")).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn every_strategy_keeps_training_clean(
        edges in prop::collection::vec((0u32..2, 0u32..40, 0u32..40), 1..120), labels in prop::collection::vec(0u8..4, 40),
        times in prop::collection::vec(0u8..9, 40), strategy in 0usize..6, stratify: bool, few_shot in 0usize..5, seed: u64,
    ) {
        let mut data = rings(4, 10, 0);
        data.edges = edges.iter().filter(|e| e.1 != e.2).map(|&(r, s, t)| Edge::new(r, s, t)).collect();
        for ((item, label), time) in data.items.iter_mut().zip(labels).zip(times) {
            item.label = (label > 0).then(|| label.to_string());
            item.attributes.insert("time".into(), json!(time));
        }
        let strategy = [SplitStrategy::Items, SplitStrategy::Edges, SplitStrategy::ItemTime, SplitStrategy::EdgeTime, SplitStrategy::Components, SplitStrategy::Communities][strategy];
        let stratify = stratify && matches!(strategy, SplitStrategy::Items | SplitStrategy::Communities);
        let config = SplitConfig { strategy, stratify, few_shot, seed, ..SplitConfig::default() };
        let Ok(splits) = Splits::assign(&data, &config) else { return Ok(()) };
        prop_assert_eq!(splits.items.len(), 40);
        for (edge, &split) in data.edges.iter().zip(&splits.edges) {
            let ends = [edge.source, edge.target].map(|i| splits.items[i as usize]);
            prop_assert!(split != Some(Split::Train) || ends == [Split::Train; 2]);
            prop_assert!(strategy != SplitStrategy::Components || ends[0] == ends[1]);
        }
        let folder = tempfile::tempdir().unwrap();
        splits.write(&data, folder.path().join("s.jsonl")).unwrap();
        prop_assert_eq!(Splits::read(&data, folder.path().join("s.jsonl")).unwrap(), splits);
    }
}
