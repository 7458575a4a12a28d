//! Items encoded once into a folder, and asked from it.

use std::collections::BTreeMap;
use std::path::Path;

use rcml_data::{Dataset, Item, Role};
use rcml_model::{Embedder, IndexBuilder, ItemIndex, Precision, RelationQuery};

use crate::things::{config, run, things, turn};

fn relation(role: Role) -> RelationQuery {
    RelationQuery::Relation("comes just before in the catalogue".into(), role)
}

/// Builds an index in parts of eight items; also the ids of those that were encoded for it.
fn build(folder: &Path, embedder: &Embedder, dataset: &Dataset, precision: Precision) -> (ItemIndex, Vec<String>) {
    let builder = IndexBuilder::new(folder, embedder, dataset, precision).unwrap().with_part(8);
    let new = builder.new_items().to_vec();
    let reader = embedder.reader(dataset, &new, &|_| {}).unwrap();
    let names = new.iter().map(|item| dataset.items[*item as usize].id.clone()).collect();
    (builder.finish(&reader, &|_| {}).unwrap(), names)
}

fn values(vectors: rcml_model::Embeddings) -> Vec<f32> {
    vectors.fused.into_data().try_to_vec::<f32>().unwrap()
}

/// The score of each item for the first of the dataset, by id: from an index, and from items encoded together.
fn scores(index: &ItemIndex, embedder: &Embedder) -> BTreeMap<String, f32> {
    let asking = index.dataset().find_item("t0").unwrap();
    let query = embedder.queries(&index.items(&[asking], embedder).unwrap(), &relation(Role::Source)).unwrap();
    let n = index.dataset().items.len();
    let found = index.nearest(embedder, &values(query), &relation(Role::Target), n).unwrap();
    found[0].iter().map(|(score, item)| (index.dataset().items[*item as usize].id.clone(), *score)).collect()
}

fn fresh(dataset: &Dataset, embedder: &Embedder) -> BTreeMap<String, f32> {
    let items: Vec<u32> = (0..dataset.items.len() as u32).collect();
    let reader = embedder.reader(dataset, &items, &|_| {}).unwrap();
    let encoded = embedder.encode(&reader, &items, &|_| {}).unwrap();
    let asking = dataset.find_item("t0").unwrap();
    let query = values(embedder.queries(&encoded.select(&[asking]), &relation(Role::Source)).unwrap());
    let all = values(embedder.candidates(&encoded, &relation(Role::Target)).unwrap());
    let score = |row: &[f32]| row.iter().zip(&query).map(|(a, b)| a * b).sum();
    dataset.items.iter().zip(all.chunks(query.len())).map(|(item, row)| (item.id.clone(), score(row))).collect()
}

fn close(a: &BTreeMap<String, f32>, b: &BTreeMap<String, f32>, slack: f32) -> bool {
    a.len() == b.len() && a.iter().all(|(id, score)| b.get(id).is_some_and(|other| (score - other).abs() < slack))
}

/// Parts of one index by name.
fn files(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn an_index_says_what_the_items_say_and_follows_their_changes() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    things().write(&data).unwrap();
    let device = rcml_kernels::device::parse("cpu").unwrap();
    let trained = |name: &str, preset: &str, settings: &[&str]| {
        let out = folder.path().join(name);
        run(&data, &out, config(preset, settings)).unwrap();
        Embedder::load(&out, &device).unwrap()
    };
    let words = ["model.exact_words.share=0.25", "model.exact_words.width=64"];
    let mut dataset = Dataset::open(&data).unwrap();
    for (preset, settings) in [("rcml", &words[..]), ("gate", &[]), ("clip-relations-text", &[])] {
        let embedder = trained(preset, preset, settings);
        let at = folder.path().join(format!("{preset}.index"));
        let (index, new) = build(&at, &embedder, &dataset, Precision::F32);
        assert_eq!((new.len(), index.parts(), index.dataset().relations.len()), (40, 5, 2), "{preset}");
        assert!(close(&scores(&index, &embedder), &fresh(&dataset, &embedder), 1e-5), "{preset}");
        let halves = folder.path().join(format!("{preset}.half"));
        let (half, _) = build(&halves, &embedder, &dataset, Precision::F16);
        assert!(half.bytes() < index.bytes() && close(&scores(&half, &embedder), &fresh(&dataset, &embedder), 3e-3));
        // Items of several parts, in the order that is asked for.
        let some = index.items(&[39, 0, 17], &embedder).unwrap();
        assert_eq!(some.items(), [39, 0, 17]);
    }

    let embedder = Embedder::load(folder.path().join("rcml"), &device).unwrap();
    let at = folder.path().join("rcml.index");
    let before = files(&at);
    assert!(build(&at, &embedder, &dataset, Precision::F32).1.is_empty() && files(&at) == before);
    // One is gone, one says something else, one has another name, two are new.
    dataset.items.retain(|item| item.id != "t3");
    dataset.items.iter_mut().filter(|item| item.id == "t20").for_each(|item| item.text = Some("a red sofa".into()));
    dataset.items.iter_mut().filter(|item| item.id == "t30").for_each(|item| item.id = "t30b".into());
    dataset.items.extend([Item::new("n1").text("a green sofa"), Item::new("n2").text("a white moped")]);
    let (index, new) = build(&at, &embedder, &dataset, Precision::F32);
    assert_eq!(new, ["t20", "t30b", "n1", "n2"]);
    assert!(close(&scores(&index, &embedder), &fresh(&dataset, &embedder), 1e-5));
    // Who has opened the old one can go on with it until the next change.
    let after = files(&at);
    assert!(before.iter().all(|name| after.contains(name)) && after.len() > index.parts() + 1);
    assert!(build(&at, &embedder, &dataset, Precision::F32).1.is_empty());
    let after = files(&at);
    let kept = after.iter().filter(|name| before.contains(name) && *name != "index.json").count();
    assert_eq!((kept, after.len()), (2, index.parts() + 1), "whole parts stay, and none that is not listed");

    // A call that was interrupted before its end has its parts read by the next one.
    std::fs::remove_file(at.join("index.json")).unwrap();
    let error = ItemIndex::open(&at, &embedder).unwrap_err();
    assert!(error.is_input() && error.to_string().contains("expected an index"), "{error}");
    let (index, new) = build(&at, &embedder, &dataset, Precision::F32);
    assert!(new.is_empty() && close(&scores(&index, &embedder), &fresh(&dataset, &embedder), 1e-5));

    // A damaged part is told, and made again.
    let part = files(&at).into_iter().find(|name| name != "index.json").unwrap();
    let bytes = std::fs::read(at.join(&part)).unwrap();
    std::fs::write(at.join(&part), &bytes[..bytes.len() - 8]).unwrap();
    let error = ItemIndex::open(&at, &embedder).unwrap_err().to_string();
    assert!(error.contains(&part) && error.contains("rcml index"), "{error}");
    let (index, new) = build(&at, &embedder, &dataset, Precision::F32);
    assert!((1..=8).contains(&new.len()), "{new:?}");
    assert!(close(&scores(&index, &embedder), &fresh(&dataset, &embedder), 1e-5));

    let other = Embedder::load(folder.path().join("gate"), &device).unwrap();
    let error = ItemIndex::open(&at, &other).unwrap_err().to_string();
    assert!(error.contains("made by another model"), "{error}");
    let error = IndexBuilder::new(&data, &embedder, &dataset, Precision::F16).unwrap_err();
    assert!(error.is_input() && error.to_string().contains("other files"), "{error}");
}
