mod as_people_have_them;
mod problems;
mod round_trip;

use std::path::{Path, PathBuf};

use serde_json::json;

use super::*;
use crate::{Edge, Item, Relation, Split};

const ITEMS: &str = "{\"id\":\"alpha\",\"text\":\"one\"}\n{\"id\":\"beta\",\"text\":\"two\"}\n";
const RELATIONS: &str = "{\"id\":\"goes\",\"description\":\"goes with\"}\n";
const EDGES: &str = "{\"relation\":\"goes\",\"source\":\"alpha\",\"target\":\"beta\"}\n";

/// A folder of the test's own.
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
        inspect(self.0.path()).unwrap().problems.iter().map(|p| p.to_string().replace(&prefix, "")).collect()
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
    assert!(std::fs::read_dir(dir.path()).unwrap().all(|entry| entry.unwrap().path().extension().unwrap() != "part"));
}
