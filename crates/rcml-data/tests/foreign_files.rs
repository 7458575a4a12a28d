//! Files that other tools wrote (`formats/make.py`), against what those tools read back.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use rcml_data::{Dataset, Item, Split};
use serde_json::{Value, json};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats").join(name)
}

fn expected(name: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(folder("expected.json")).unwrap();
    let all: Value = serde_json::from_str(&text).unwrap();
    all[name].as_array().unwrap().clone()
}

fn crc(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

fn as_json(dataset: &Dataset, index: usize) -> Value {
    let Item { id, text, label, split, attributes, .. } = &dataset.items[index];
    let picture = dataset.picture(index as u32).unwrap().map(|bytes| crc(&bytes));
    let split = split.map(|split| match split {
        Split::Train => "train",
        Split::Validation => "validation",
        Split::Test => "test",
    });
    json!({"id": id, "text": text, "image": picture, "label": label, "split": split, "attributes": attributes})
}

fn compare(name: &str, ids: bool) -> Dataset {
    let path = folder(name);
    assert_eq!(Dataset::check(&path).unwrap(), [], "{name}");
    let dataset = Dataset::open(&path).unwrap();
    let expected = expected(name);
    assert!(dataset.items.len() >= expected.len(), "{name}: {} items", dataset.items.len());
    for (index, expected) in expected.iter().enumerate() {
        let mut found = as_json(&dataset, index);
        if !ids {
            found.as_object_mut().unwrap().shift_remove("id");
        }
        assert_eq!(&found, expected, "{name}: item {index}");
    }
    dataset
}

#[test]
fn pandas() {
    let dataset = compare("pandas", true);
    assert_eq!(dataset.items.len(), 7);
}

#[test]
fn polars() {
    let dataset = compare("polars", true);
    assert_eq!(dataset.items[1].features["audio"], 1);
    assert!(!dataset.items[1].features.contains_key("clip"));
    let descriptions: Vec<_> = dataset.relations.iter().map(|r| (r.descriptions.join("|"), r.symmetric)).collect();
    assert_eq!(descriptions, [("goes with|fits".into(), false), ("has the same shape as".into(), true)]);
    let edges: Vec<_> = dataset.edges.iter().map(|e| (e.relation, e.source, e.target, e.weight)).collect();
    assert_eq!(edges, [(0, 0, 1, 0.5), (1, 1, 2, 1.0), (0, 2, 3, 1.0), (0, 3, 4, 2.0)]);
    assert_eq!(dataset.features("clip").unwrap().shape, [2, 3]);
}

#[test]
fn hugging_face_datasets() {
    let dataset = compare("huggingface", false);
    assert_eq!(dataset.items.len(), 7);
    let ids: Vec<&str> = dataset.items.iter().map(|item| item.id.as_str()).collect();
    assert_eq!(ids, ["test-0", "test-1", "train-2", "train-3", "train-4", "train-5", "train-6"]);
    assert_eq!(dataset.info.modalities.len(), 0);
}

#[test]
fn arrow_in_every_form_of_page() {
    let dataset = compare("arrow", true);
    // Pictures in any order, from several threads.
    let order = [6u32, 0, 5, 1, 1, 4, 2, 3, 0];
    let forth: Vec<_> = order.iter().map(|&item| dataset.picture(item).unwrap()).collect();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for (&item, expected) in order.iter().rev().zip(forth.iter().rev()) {
                    assert_eq!(&dataset.picture(item).unwrap(), expected);
                }
            });
        }
    });
}

#[test]
fn webdataset() {
    let dataset = compare("webdataset", true);
    let relations: Vec<_> = dataset.relations.iter().map(|r| (r.id.as_str(), r.description())).collect();
    assert_eq!(relations, [("same-shelf", "same shelf"), ("goes_with", "goes with")]);
    let id = |index: u32| dataset.items[index as usize].id.as_str();
    let edges: Vec<_> =
        dataset.edges.iter().map(|e| (e.relation, id(e.source), id(e.target), e.weight, e.split)).collect();
    let expected = [
        (0, "000000", "000001", 0.5, None),
        (1, "000000", "000002", 1.0, None),
        (0, "000001", "000002", 1.0, None),
        (0, "000001", "000003", 1.0, Some(Split::Test)),
    ];
    assert_eq!(edges, expected);
    let alone = Dataset::open(folder("webdataset/train-000000.tar")).unwrap();
    assert_eq!((alone.items.len(), alone.edges.len(), alone.name()), (4, 4, "train".into()));
}

#[test]
fn one_table_is_a_dataset() {
    let dataset = Dataset::open(folder("huggingface/data/train-00001-of-00002.parquet")).unwrap();
    assert!(dataset.items.iter().all(|item| item.split == Some(Split::Train)));
    // The table of items of a folder stands for the folder.
    let dataset = Dataset::open(folder("polars/items.parquet")).unwrap();
    assert_eq!((dataset.items.len(), dataset.edges.len()), (7, 4));
}
