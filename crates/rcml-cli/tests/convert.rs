//! One dataset through every format, and used in each, through the real program.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod program;

use program::{Folder, png, rcml};
use serde_json::Value;

#[test]
fn every_format_is_a_dataset_for_every_command() {
    let folder = Folder::with_shapes();
    let stats = |data: &str| -> Value {
        let mut stats: Value = serde_json::from_str(&rcml(["data", "stats", data, "--json"]).done()).unwrap();
        stats.as_object_mut().unwrap().retain(|key, _| key != "name" && key != "dataset");
        stats
    };
    let original = stats(folder.path());
    let mut from = folder.path().to_string();
    let out = Folder::new();
    for format in ["parquet", "csv", "webdataset", "jsonl.zst", "jsonl"] {
        let to = out.join(format);
        let told = rcml(["data", "convert", &from, &to, "--to", format]).done();
        assert!(told.contains("40 items (40 with a picture), 2 relations"), "{told}");
        assert!(rcml(["data", "check", &to]).done().contains("no problems in 40 items"), "{format}");
        assert_eq!(stats(&to), original, "{format}");
        from = to;
    }
    for i in 0..40 {
        assert_eq!(out.read_bytes(&format!("jsonl/{i}.png")), folder.read_bytes(&format!("{i}.png")));
    }
    let told = rcml(["data", "convert", folder.path(), &out.join("csv")]).refused("there already");
    assert!(told.contains("holds items.csv already") || told.contains("already: expected an empty folder"), "{told}");
    let told = rcml(["data", "convert", folder.path(), &out.join("x"), "--to", "xml"]).refused("format");
    assert!(told.contains("jsonl.zst, csv, parquet, webdataset"), "{told}");
    // Trained on without being unpacked.
    let run = out.join("run");
    let mut words = vec!["train", "--data", &from, "--out", &run, "--device", "cpu"];
    let parquet = out.join("parquet");
    words[2] = &parquet;
    for setting in ["training.steps=4", "sampler.items=16", "model.image.size=16", "model.image.transformer.depth=1"] {
        words.extend(["--set", setting]);
    }
    rcml(words).done();
    let table = out.join("embeddings.parquet");
    let told = rcml(["embed", &run, "--data", &out.join("webdataset"), "--out", &table]).done();
    assert!(
        told.contains("ids in its column `id`") && out.read_bytes("embeddings.parquet").starts_with(b"PAR1"),
        "{told}"
    );
}

#[test]
fn a_folder_of_pictures_and_a_csv_is_enough() {
    let folder = Folder::new();
    folder.write("a.png", png(16, [200, 0, 0])).write("b.png", png(20, [0, 0, 200]));
    folder.write("products.csv", "file_name,title,price\na.png,a red square,2\nb.png,a blue square,3\n");
    assert!(rcml(["data", "check", folder.path()]).done().contains("no problems in 2 items"));
    let out = Folder::new();
    rcml(["data", "convert", folder.path(), &out.join("to"), "--to", "jsonl"]).done();
    let items = out.read("to/items.jsonl");
    assert!(items.contains(r#"{"id":"a.png","text":"a red square","image":"a.png","price":"2"}"#), "{items}");
}
