//! What is written is what was read, through every format.

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::ModalityInfo;

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1000i32..1000).prop_map(|n| Value::from(f64::from(n) / 8.0)),
        ".*".prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map(".*", inner, 0..3).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn attributes() -> impl Strategy<Value = serde_json::Map<String, Value>> {
    prop::collection::btree_map("x_.{0,5}", value(), 0..3).prop_map(|map| map.into_iter().collect())
}

fn split() -> impl Strategy<Value = Option<Split>> {
    prop_oneof![Just(None), Just(Some(Split::Train)), Just(Some(Split::Validation)), Just(Some(Split::Test))]
}

prop_compose! {
    fn dataset()(
        items in prop::collection::vec(("\\PC{0,8}", ".{0,8}[a-z]", prop::option::of(".*"), split(), any::<bool>(), any::<bool>(), attributes()), 2..8),
        relations in prop::collection::vec((prop::collection::btree_set(".{0,8}[a-z]", 1..4), any::<bool>(), any::<bool>(), prop::option::of(".*"), attributes()), 1..4),
        edges in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 1usize..100, prop_oneof![Just(1.0f32), 0.0f32..1e30], split()), 0..10),
        name in prop::option::of(".*"),
    ) -> Dataset {
        let mut data = Dataset::default();
        data.info.name = name;
        let audio = ModalityInfo { file: "audio.npy".into(), tensor: None, shape: Some(vec![2, 1]), kind: Some("sound".into()) };
        data.info.modalities.insert("audio".into(), audio);
        for (i, (id, text, label, split, picture, sound, attributes)) in items.into_iter().enumerate() {
            let mut item = Item { id: format!("{id}{i}"), label, split, attributes, ..Item::default() };
            item.image = picture.then(|| "images/a.png".into());
            if sound { item.features.insert("audio".into(), i % 2); }
            item.text = (!picture && !sound || i % 2 == 0).then_some(text);
            data.items.push(item);
        }
        for (i, (descriptions, symmetric, unseen, family, attributes)) in relations.into_iter().enumerate() {
            let descriptions = descriptions.into_iter().collect();
            let split = unseen.then_some(Split::Test);
            data.relations.push(Relation { id: format!("r{i}"), descriptions, symmetric, split, family, attributes });
        }
        let n = data.items.len();
        for (relation, source, step, weight, split) in edges {
            let (relation, source) = (relation.index(data.relations.len()), source.index(n));
            let target = (source + 1 + step % (n - 1)) % n;
            data.edges.push(Edge { weight, split, ..Edge::new(relation as u32, source as u32, target as u32) });
        }
        data
    }
}

/// Equal but for the order of items and edges, which shards of splits change, and for whole numbers that became
/// floating-point ones.
fn assert_same(a: &Dataset, b: &Dataset) -> std::result::Result<(), TestCaseError> {
    let number = |value: &Value| value.as_f64().map_or_else(|| value.clone(), Value::from);
    let items = |data: &Dataset| {
        let mut items = data.items.clone();
        items.sort_by(|a, b| a.id.cmp(&b.id));
        for item in &mut items {
            item.attributes.values_mut().for_each(|value| *value = number(value));
        }
        items
    };
    let edges = |data: &Dataset| {
        let item = |index: u32| data.items[index as usize].id.clone();
        let edge = |e: &Edge| {
            (
                data.relations[e.relation as usize].id.clone(),
                item(e.source),
                item(e.target),
                e.weight.to_bits(),
                e.split.map(|s| s as u8),
            )
        };
        let mut edges: Vec<_> = data.edges.iter().map(edge).collect();
        edges.sort();
        edges
    };
    prop_assert_eq!(items(a), items(b));
    let relations = |data: &Dataset| {
        let mut relations = data.relations.clone();
        for relation in &mut relations {
            relation.attributes.values_mut().for_each(|value| *value = number(value));
        }
        relations
    };
    prop_assert_eq!(relations(a), relations(b));
    prop_assert_eq!(edges(a), edges(b));
    prop_assert_eq!(&a.info, &b.info);
    let pictures = |data: &Dataset| -> std::collections::BTreeMap<String, Option<Vec<u8>>> {
        data.items.iter().zip(0..).map(|(item, i)| (item.id.clone(), data.picture(i).unwrap())).collect()
    };
    prop_assert_eq!(pictures(a), pictures(b));
    Ok(())
}

fn audio(folder: &Folder) {
    let header = format!("{:<117}\n", "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), }");
    folder.put("audio.npy", [b"\x93NUMPY\x01\x00v\x00".as_slice(), header.as_bytes(), &[0; 8]].concat());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    /// Through every format into every other.
    #[test]
    fn conversion_keeps_everything(data in dataset(), order in prop::sample::subsequence(Format::ALL.to_vec(), 5).prop_shuffle()) {
        let folder = Folder::new(&[("images/a.png", png(2))]);
        audio(&folder);
        let data = Dataset { root: folder.0.path().into(), ..data };
        let mut last = data.clone();
        let mut folders = Vec::new();
        for format in order {
            let out = tempfile::tempdir().unwrap();
            last.convert(out.path(), format, &|_| {}).unwrap();
            prop_assert_eq!(check(out.path()).unwrap(), vec![]);
            last = read(out.path()).unwrap();
            assert_same(&data, &last)?;
            prop_assert!(last.convert(out.path(), format, &|_| {}).is_err(), "over itself");
            folders.push(out);
        }
    }
}

#[test]
fn attributes_that_are_called_as_fields_of_other_tables_keep_their_kind() {
    let attributes = r#""source":5,"target":6,"relation":7,"symmetric":3"#;
    let folder = Folder::new(&[
        ("items.jsonl", format!("{{\"id\":\"a\",\"text\":\"x\",{attributes}}}\n")),
        ("relations.jsonl", "{\"id\":\"r\",\"description\":\"x\",\"source\":5,\"label\":8}\n".into()),
    ]);
    let data = folder.read().unwrap();
    let out = tempfile::tempdir().unwrap();
    data.convert(out.path(), Format::Parquet, &|_| {}).unwrap();
    let back = read(out.path()).unwrap();
    assert_eq!(back.items, data.items);
    assert_eq!(back.relations, data.relations);
}

#[test]
fn duplicates_that_are_known_go_along() {
    let pairs = "{\"a\":\"alpha\",\"b\":\"beta\",\"kind\":\"text\"}\n";
    let folder = Folder::new(&[("items.jsonl", ITEMS), ("duplicates.jsonl", pairs)]);
    let data = folder.read().unwrap();
    for format in Format::ALL {
        let out = tempfile::tempdir().unwrap();
        data.convert(out.path(), format, &|_| {}).unwrap();
        assert_eq!(std::fs::read_to_string(out.path().join(Duplicates::FILE)).unwrap(), pairs, "{format:?}");
    }
    let out = Folder::new(&[("duplicates.jsonl", "")]);
    let message = data.convert(out.0.path(), Format::Csv, &|_| {}).unwrap_err().to_string();
    assert!(message.contains("holds duplicates.jsonl already"), "pairs of other items: {message}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn what_is_written_is_read_back(data in dataset()) {
        let folder = Folder::new(&[("images/a.png", png(2))]);
        audio(&folder);
        data.write(folder.0.path()).unwrap();
        let back = folder.read().unwrap();
        prop_assert_eq!(&back.items, &data.items);
        prop_assert_eq!(&back.relations, &data.relations);
        prop_assert_eq!(&back.edges, &data.edges);
        prop_assert_eq!(&back.info, &data.info);
    }

    #[test]
    fn no_input_panics(items in prop::collection::vec(any::<u8>(), 0..200), csv in "[a-z,\"\n\r|;.é]{0,80}", toml in "[a-z=\"\\[\\]\n.0-9]{0,40}") {
        let folder = Folder::new(&[("items.jsonl", items)]);
        folder.put("relations.csv", format!("id,description\n{csv}"));
        folder.put("edges.csv", &csv);
        folder.put("dataset.toml", toml);
        let _ = folder.problems();
    }
}
