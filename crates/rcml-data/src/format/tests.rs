use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{Edge, Item, ModalityInfo, Relation, Split};

const ITEMS: &str = "{\"id\":\"alpha\",\"text\":\"one\"}\n{\"id\":\"beta\",\"text\":\"two\"}\n";
const RELATIONS: &str = "{\"id\":\"goes\",\"description\":\"goes with\"}\n";
const EDGES: &str = "{\"relation\":\"goes\",\"source\":\"alpha\",\"target\":\"beta\"}\n";

struct Folder(tempfile::TempDir);

impl Folder {
    fn new(files: &[(&str, impl AsRef<[u8]>)]) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        files.iter().for_each(|(name, bytes)| folder.put(name, bytes));
        folder
    }

    fn put(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn read(&self) -> Result<Dataset> {
        read(self.0.path())
    }

    /// The problems as "FILE:LINE: message".
    fn problems(&self) -> Vec<String> {
        let prefix = format!("{}{}", self.0.path().display(), std::path::MAIN_SEPARATOR);
        check(self.0.path()).unwrap().iter().map(|p| p.to_string().replace(&prefix, "")).collect()
    }
}

fn png(width: u32) -> Vec<u8> {
    encoded(width, image::ImageFormat::Png)
}

fn encoded(width: u32, format: image::ImageFormat) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let noise = |x: u32, y: u32| image::Rgb([(x * 37 + y * 91) as u8, (x * y) as u8, (x * 11) as u8]);
    image::RgbImage::from_fn(width, width, noise).write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

#[test]
fn reads_a_folder() {
    let folder = Folder::new(&[
        ("items.jsonl", format!("\u{feff}{ITEMS}\r\n  \n{}", r#"{"id":"c","text":"","image":"images/c.png","label":3,"split":"val","price":[1,{"x":null}]}"#)),
        ("relations.jsonl", r#"{"id":"goes","description":"a","descriptions":["b","a"],"symmetric":true,"family":"f","split":"test","k":1}"#.into()),
        ("edges.jsonl", EDGES.replace('}', ",\"weight\":0.5,\"split\":\"dev\",\"note\":1}")),
        ("dataset.toml", "name = \"small\"\n".into()),
    ]);
    folder.put("images/c.png", png(4));
    let data = folder.read().unwrap();
    assert_eq!((data.name(), data.items.len(), &data.root), ("small".into(), 3, &folder.0.path().to_path_buf()));
    assert_eq!(data.items[0], Item::new("alpha").text("one"));
    let c = &data.items[2];
    assert_eq!((c.text.clone(), c.label.as_deref(), c.split), (None, Some("3"), Some(Split::Validation)));
    assert_eq!(c.attributes["price"], json!([1, {"x": null}]));
    let mut relation = Relation::new("goes", "a").phrasing("b").symmetric(true).family("f").split(Split::Test);
    relation.attributes.insert("k".into(), json!(1));
    assert_eq!(data.relations, [relation]);
    assert_eq!(data.edges, [Edge { weight: 0.5, split: Some(Split::Validation), ..Edge::new(0, 0, 1) }]);
    assert_eq!(folder.problems(), [""; 0]);
}

#[test]
fn items_alone_are_a_dataset() {
    let data = Folder::new(&[("items.jsonl", ITEMS)]).read().unwrap();
    assert_eq!((data.items.len(), data.relations.len(), data.edges.len()), (2, 0, 0));
}

#[test]
fn reads_csv_and_zstandard_alike() {
    let folder = Folder::new(&[
        (
            "items.csv",
            "\u{feff}id,text,split,features.audio,shelf\r\nalpha,\"one, and\ntwo\",train,1,A\r\n\r\nbeta,two,,0,\r\n",
        ),
        ("relations.csv", "id,descriptions,symmetric\ngoes,goes with|fits,yes\n"),
        ("dataset.toml", "[modalities.audio]\nfile = \"audio.npy\"\n"),
    ]);
    let header = format!("{:<117}\n", "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), }");
    folder.put("audio.npy", [b"\x93NUMPY\x01\x00v\x00".as_slice(), header.as_bytes(), &[0; 8]].concat());
    folder.put("edges.jsonl.zst", zstd::encode_all(EDGES.as_bytes(), 3).unwrap());
    assert_eq!(folder.problems(), [""; 0]);
    let data = folder.read().unwrap();
    let mut alpha = Item::new("alpha").text("one, and\ntwo").split(Split::Train);
    alpha.features.insert("audio".into(), 1);
    alpha.attributes.insert("shelf".into(), json!("A"));
    assert_eq!(data.items[0], alpha);
    assert_eq!(data.relations, [Relation::new("goes", "goes with").phrasing("fits").symmetric(true)]);
    assert_eq!(data.edges.len(), 1);

    folder.put("items.csv", "id,text\nalpha,one\n\n\nbeta\ngamma,\n");
    folder.put("relations.csv", "id,text\n");
    let zst = std::fs::read(folder.path("edges.jsonl.zst")).unwrap();
    folder.put("edges.jsonl.zst", &zst[..zst.len() - 4]);
    let problems = folder.problems().join("\n");
    for words in [
        "items.csv:5: found 1 cells, expected 2",
        "items.csv:6: no modality",
        "relations.csv:1: the header lacks the column `description`",
        "edges.jsonl.zst:1: ",
    ] {
        assert!(problems.contains(words), "{words} in\n{problems}");
    }
    folder.put("relations.csv", "id,description,symmetric\ngoes,x,perhaps\n");
    folder.put("items.csv", "id,text,text\n");
    let problems = folder.problems().join("\n");
    assert!(problems.contains("items.csv:1: column `text` stands twice"), "{problems}");
    assert!(
        problems.contains("relations.csv:2: field `symmetric`: expected true or false, found the string \"perhaps\""),
        "{problems}"
    );
}

/// Every problem: what is added to which table (or put into a file), and the start and a part of the message.
#[test]
fn every_problem_is_named_with_its_place() {
    let bad: &[(&str, &str, &str, &str)] = &[
        ("items", r#"{"id":"c","text":"#, "items.jsonl:3: broken JSON at column 17", "EOF"),
        ("items", r#"{"id":"c" "text":"x"}"#, "items.jsonl:3: broken JSON at column 11", "found ..."),
        ("items", r#"["c"]"#, "items.jsonl:3: expected an object", "an array of 1"),
        ("items", r#"{"text":"x"}"#, "items.jsonl:3: field `id` is missing", ""),
        ("items", r#"{"id":"","text":"x"}"#, "items.jsonl:3: field `id` is empty", ""),
        ("items", r#"{"id":"c","text":5}"#, "items.jsonl:3: field `text`: expected a string", "the number 5"),
        ("items", r#"{"id":"c","text":"x","label":[1]}"#, "items.jsonl:3: field `label`", "an array of 1"),
        ("items", r#"{"id":"alpha","text":"x"}"#, "items.jsonl:3: id \"alpha\" is taken", "line 1"),
        ("items", r#"{"id":"c"}"#, "items.jsonl:3: no modality", "`text`"),
        ("items", r#"{"id":"c","text":" "}"#, "items.jsonl:3: field `text` is empty", ""),
        ("items", r#"{"id":"c","image":"/x.png"}"#, "items.jsonl:3: field `image`", "absolute"),
        ("items", r#"{"id":"c","image":"C:\\x.png"}"#, "items.jsonl:3: field `image`", "absolute"),
        ("items", r#"{"id":"c","image":"a/../../x.png"}"#, "items.jsonl:3: field `image`", "leaves the folder"),
        (
            "items",
            r#"{"id":"c","image":"images/none.png"}"#,
            "items.jsonl:3: field `image`: there is no file",
            "none.png",
        ),
        ("items", r#"{"id":"c","image":"https://x/y.png"}"#, "items.jsonl:3: field `image`", "address"),
        ("items", r#"{"id":"c","image":""}"#, "items.jsonl:3: field `image`", "empty"),
        ("items", r#"{"id":"c","image":"."}"#, "items.jsonl:3: field `image`", "is a folder"),
        ("items", r#"{"id":"c","text":"x","split":"Test"}"#, "items.jsonl:3: field `split`", "train, validation"),
        (
            "items",
            r#"{"id":"c","features":{"audio":0}}"#,
            "items.jsonl:3: field `features.audio`",
            "[modalities.audio]",
        ),
        ("items", r#"{"id":"c","features":{"audio":"0"}}"#, "items.jsonl:3: field `features.audio`", "row number"),
        ("items", r#"{"id":"c","features":3}"#, "items.jsonl:3: field `features`", "an object"),
        ("relations", r#"{"id":"r"}"#, "relations.jsonl:2: field `description` is missing", ""),
        ("relations", r#"{"id":"r","description":""}"#, "relations.jsonl:2: a description is empty", ""),
        (
            "relations",
            r#"{"id":"r","descriptions":["x",3]}"#,
            "relations.jsonl:2: field `descriptions`",
            "the number 3",
        ),
        ("relations", r#"{"id":"goes","description":"x"}"#, "relations.jsonl:2: id \"goes\" is taken", "line 1"),
        (
            "relations",
            r#"{"id":"r","description":"x","symmetric":"no"}"#,
            "relations.jsonl:2: field `symmetric`",
            "true or false",
        ),
        (
            "relations",
            r#"{"id":"r","description":"x","split":"val"}"#,
            "relations.jsonl:2: field `split`",
            "train (seen)",
        ),
        (
            "edges",
            r#"{"relation":"gos","source":"alpha","target":"beta"}"#,
            "edges.jsonl:2: field `relation`: no relation",
            "did you mean \"goes\"",
        ),
        (
            "edges",
            r#"{"relation":"goes","source":"alpa","target":"beta"}"#,
            "edges.jsonl:2: field `source`: no item",
            "did you mean \"alpha\"",
        ),
        (
            "edges",
            r#"{"relation":"goes","source":"alpha","target":"nobody"}"#,
            "edges.jsonl:2: field `target`: no item",
            "\"nobody\"",
        ),
        ("edges", r#"{"relation":"goes","source":"alpha"}"#, "edges.jsonl:2: field `target` is missing", ""),
        (
            "edges",
            r#"{"relation":"goes","source":"alpha","target":"alpha"}"#,
            "edges.jsonl:2: field `target`",
            "another item",
        ),
        (
            "edges",
            r#"{"relation":"goes","source":"alpha","target":"beta","weight":"heavy"}"#,
            "edges.jsonl:2: field `weight`",
            "a number",
        ),
        (
            "edges",
            r#"{"relation":"goes","source":"alpha","target":"beta","weight":-1}"#,
            "edges.jsonl:2: field `weight`",
            "at least 0",
        ),
        (
            "edges",
            r#"{"relation":"goes","source":"alpha","target":"beta","weight":1e99}"#,
            "edges.jsonl:2: field `weight`",
            "finite",
        ),
        (
            "edges",
            r#"{"relation":"goes","source":"alpha","target":"beta","weight":NaN}"#,
            "edges.jsonl:2: broken JSON",
            "",
        ),
        (
            "edges",
            r#"{"relation":"goes","source":"alpha","target":"beta","split":"tset"}"#,
            "edges.jsonl:2: field `split`",
            "train, validation",
        ),
        ("dataset.toml", "name = \"x\"\nnmae = 3\n", "dataset.toml:2: unknown field", "nmae"),
        ("dataset.toml", "name = \n", "dataset.toml:1: ", ""),
        (
            "dataset.toml",
            "[modalities.audio]\nfile = \"a.npy\"\n",
            "dataset.toml: [modalities.audio]: file: there is no file",
            "a.npy",
        ),
        (
            "dataset.toml",
            "[modalities.text]\nfile = \"a.npy\"\n",
            "dataset.toml: [modalities.text]",
            "cannot be the name",
        ),
        ("items.csv", "id,text\n", "items.jsonl: there is items.csv as well", ""),
        ("edges.parquet", "", "edges.jsonl: there is edges.parquet as well", ""),
    ];
    for (place, text, start, part) in bad {
        let folder = Folder::new(&[("items.jsonl", ITEMS), ("relations.jsonl", RELATIONS), ("edges.jsonl", EDGES)]);
        match *place {
            "items" => folder.put("items.jsonl", format!("{ITEMS}{text}\n")),
            "relations" => folder.put("relations.jsonl", format!("{RELATIONS}{text}\n")),
            "edges" => folder.put("edges.jsonl", format!("{EDGES}{text}\n")),
            file => folder.put(file, text),
        }
        let problems = folder.problems();
        assert_eq!(problems.len(), 1, "{text}: {problems:#?}");
        assert!(problems[0].starts_with(start) && problems[0].contains(part), "{text}\n  {}", problems[0]);
        let error = folder.read().unwrap_err();
        assert!(error.is_input() && error.list().len() == 1, "{text}");
    }
}

#[test]
fn problems_of_whole_files() {
    let nowhere = check(Path::new("/nowhere/at/all")).unwrap_err();
    assert!(nowhere.is_input() && nowhere.to_string().contains("/nowhere/at/all"));
    let folder = Folder::new(&[("relations.jsonl", RELATIONS)]);
    assert!(folder.problems()[0].contains("has no table of items"));
    let folder = Folder::new(&[("items.parquet", "")]);
    assert!(folder.problems()[0].starts_with("items.parquet: is empty"));
    let folder = Folder::new(&[("items.jsonl", "\n")]);
    assert_eq!(folder.problems(), ["items.jsonl: has no items"]);
    let folder = Folder::new(&[("items.jsonl", ITEMS), ("edges.jsonl", EDGES)]);
    assert!(folder.problems()[0].contains("no relations table"));
    let folder = Folder::new(&[("items.jsonl", [ITEMS.as_bytes(), b"{\"id\":\"\xff\"}\n"].concat())]);
    assert_eq!(folder.problems(), ["items.jsonl:3: column 8: found the byte 0xFF, expected UTF-8"]);
}

#[test]
fn all_problems_are_listed_and_one_cause_is_one_problem() {
    let folder = Folder::new(&[
        ("items.jsonl", format!("{ITEMS}{{\"id\":\"alpha\",\"text\":\"x\"}}\nnonsense\n{{\"id\":\"c\"}}\n")),
        ("relations.jsonl", RELATIONS.into()),
        // The second edge names the item whose own line is a problem: it is there all the same.
        ("edges.jsonl", format!("{}{}", EDGES.replace("goes", "q"), EDGES.replace("beta", "c"))),
    ]);
    let problems = folder.problems();
    let places = ["items.jsonl:3:", "items.jsonl:4:", "items.jsonl:5:", "edges.jsonl:1:"];
    assert_eq!(problems.len(), 4, "{problems:#?}");
    places.iter().zip(&problems).for_each(|(place, problem)| assert!(problem.starts_with(place), "{problem}"));
}

#[test]
fn a_feature_row_must_exist() {
    let folder = Folder::new(&[
        ("items.jsonl", "{\"id\":\"a\",\"features\":{\"audio\":2}}\n{\"id\":\"b\",\"features\":{\"audoi\":0}}\n"),
        ("dataset.toml", "[modalities.audio]\nfile = \"audio.npy\"\nshape = [2, 1]\n"),
    ]);
    let header = format!("{:<117}\n", "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), }");
    folder.put("audio.npy", [b"\x93NUMPY\x01\x00v\x00".as_slice(), header.as_bytes(), &[0; 8]].concat());
    let problems = folder.problems();
    assert_eq!(
        problems[0],
        "items.jsonl:1: field `features.audio`: found row 2, but the array has 2 rows (counted from 0)"
    );
    assert!(problems[1].ends_with("did you mean \"audio\"?") && problems.len() == 2, "{problems:#?}");
}

#[test]
fn pictures_that_cannot_be_decoded_are_named_once() {
    let line = |id: &str, image: &str| format!("{{\"id\":\"{id}\",\"image\":\"{image}\"}}\n");
    let names = ["good.png", "cut.png", "good.jpg", "cut.jpg", "text.png", "cut.png"];
    let items: String = names.iter().enumerate().map(|(i, name)| line(&format!("i{i}"), name)).collect();
    let folder = Folder::new(&[("items.jsonl", items)]);
    let (png, jpeg) = (png(32), encoded(32, image::ImageFormat::Jpeg));
    folder.put("good.png", &png);
    folder.put("cut.png", &png[..png.len() / 2]);
    folder.put("good.jpg", &jpeg);
    folder.put("cut.jpg", &jpeg[..jpeg.len() * 3 / 4]);
    folder.put("text.png", "not a picture");
    let problems = folder.problems();
    assert!(folder.read().is_ok(), "reading does not decode");
    let expected = [("items.jsonl:2:", "cut.png"), ("items.jsonl:4:", "cut.jpg"), ("items.jsonl:5:", "text.png")];
    assert_eq!(problems.len(), 3, "{problems:#?}");
    assert!(expected.iter().zip(&problems).all(|((place, name), p)| p.starts_with(place) && p.contains(name)));
}

#[test]
fn lines_are_numbered_across_chunks() {
    // Three chunks, one line of them longer than a chunk.
    let mut items = String::new();
    for i in 0..60_000 {
        let text = if i == 30_000 { "x".repeat(9 << 20) } else { "x".repeat(150) };
        items += &format!("{{\"id\":\"i{i}\",\"text\":\"{text}\"}}\n");
    }
    let folder = Folder::new(&[("items.jsonl", items + "{\"text\":\"x\"}")]);
    let problems = folder.problems();
    assert_eq!(problems.len(), 1);
    assert!(problems[0].starts_with("items.jsonl:60001: field `id` is missing"), "{}", problems[0]);
}

#[test]
fn writing_refuses_what_could_not_be_read_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut data = Dataset { items: vec![Item::new("a").text("x")], ..Dataset::default() };
    data.edges = vec![Edge::new(0, 0, 1)];
    assert!(write(&data, dir.path()).unwrap_err().to_string().contains("does not exist"));
    data.edges.clear();
    data.items[0].attributes.insert("label".into(), json!("y"));
    assert!(write(&data, dir.path()).unwrap_err().to_string().contains("attribute `label`"));
    data.items[0].attributes.clear();
    std::fs::write(dir.path().join("items.csv"), "").unwrap();
    assert!(write(&data, dir.path()).unwrap_err().to_string().contains("items.csv"));
    std::fs::remove_file(dir.path().join("items.csv")).unwrap();
    write(&data, dir.path()).unwrap();
    assert!(std::fs::read_dir(dir.path()).unwrap().all(|entry| entry.unwrap().path().extension().unwrap() != "tmp"));
}

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
