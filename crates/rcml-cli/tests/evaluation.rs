//! What an evaluation must refuse, and what it must not mix up, through the real program.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod program;

use std::path::Path;

use program::{Folder, rcml};
use serde_json::Value;

/// Seconds, not minutes.
const SMALL: [&str; 8] = [
    "training.steps=4",
    "training.validate_every=0",
    "sampler.items=16",
    "sampler.relations=2",
    "model.width=32",
    "model.image.size=16",
    "model.image.transformer.depth=1",
    "model.text.transformer.depth=1",
];

fn train(folder: &Folder, run: &str, more: &[&str]) -> String {
    let out = folder.join(run);
    let words = ["train", "--data", folder.path(), "--out", &out, "--device", "cpu", "--seed", "1"];
    let settings = SMALL.iter().chain(more).flat_map(|setting| ["--set", setting]);
    rcml(words.into_iter().chain(settings)).done();
    out
}

/// The shapes, no two of which are described alike.
fn numbered() -> Folder {
    let folder = Folder::with_shapes();
    let item =
        |(number, line): (usize, &str)| line.replace("\",\"image\"", &format!(", number {number}\",\"image\"")) + "\n";
    folder.write("items.jsonl", folder.read("items.jsonl").lines().enumerate().map(item).collect::<String>());
    folder
}

/// The same items and edges in another folder, every id another one, every second item for testing; pictures are not taken along.
fn renamed(folder: &Folder) -> Folder {
    let other = Folder::new();
    let rename = |text: &str| {
        text.replace("\"i", "\"renamed-").replace("\"renamed-d\"", "\"id\"").replace("\"renamed-mage\"", "\"image\"")
    };
    let split = |(number, line): (usize, &str)| {
        let split = ["train", "test"][number % 2];
        rename(line).replace("{\"id\"", &format!("{{\"split\":\"{split}\",\"id\"")) + "\n"
    };
    other.write("items.jsonl", folder.read("items.jsonl").lines().enumerate().map(split).collect::<String>());
    other
        .write("edges.jsonl", rename(&folder.read("edges.jsonl")))
        .write("relations.jsonl", folder.read("relations.jsonl"));
    for number in 0..40 {
        other.write(&format!("{number}.png"), folder.read_bytes(&format!("{number}.png")));
    }
    other
}

#[test]
fn other_ids_hide_no_leak() {
    let folder = numbered();
    let run = train(&folder, "run", &[]);
    let other = renamed(&folder);
    let eval = ["eval", &run, "--data", other.path(), "--task", "retrieval"];
    let told = rcml(eval).refused("renamed");
    assert!(told.contains("items under other ids (\"renamed-") && told.contains("--allow-leakage"), "{told}");
    let shown = rcml(eval.into_iter().chain(["--allow-leakage"])).done();
    assert!(shown.contains("note: ") && shown.contains("under other ids"), "{shown}");
}

#[test]
fn other_settings_are_another_method() {
    let folder = Folder::with_shapes();
    let (a, b) = (train(&folder, "a", &[]), train(&folder, "b", &["model.width=16"]));
    let (data, file) = (folder.path(), folder.join("eval.json"));
    let eval = |more: &[&str]| rcml(["eval", &a, &b, "--data", data, "--task", "retrieval"].iter().chain(more));
    let shown = eval(&["--compare", "--json", &file]).done();
    assert!(shown.contains("\nrcml (b) ") && shown.contains("\nrcml ") && !shown.contains('±'), "{shown}");
    let found: Value = serde_json::from_str(&folder.read("eval.json")).unwrap();
    let compared = found["comparisons"].as_array().unwrap();
    assert!(!compared.is_empty() && compared.iter().all(|row| row["method"] == "rcml (b)"), "{compared:?}");
    assert_eq!((&found["runs"][0]["method"], &found["runs"][1]["method"]), (&"rcml".into(), &"rcml (b)".into()));

    let told = rcml(["eval", &a, &a, "--data", data]).refused("twice");
    assert!(told.contains("given twice"), "{told}");
    std::fs::create_dir(folder.join("copy")).unwrap();
    for entry in std::fs::read_dir(&a).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_file()) {
        std::fs::copy(entry.path(), Path::new(&folder.join("copy")).join(entry.file_name())).unwrap();
    }
    let told = rcml(["eval", &a, &folder.join("copy"), "--data", data]).refused("one seed");
    assert!(told.contains("the same seed, 1"), "{told}");

    // What would fail at the end is refused before the data are opened.
    let nowhere = folder.join("nowhere");
    for option in ["--json", "--markdown", "--queries"] {
        let told = rcml(["eval", &a, "--data", &nowhere, option, data]).refused(option);
        assert!(told.contains(option) && told.contains("expected a file"), "{told}");
    }
    let told = rcml(["eval", &a, "--data", &nowhere, "--report", &file]).refused("--report");
    assert!(told.contains("--report") && told.contains("eval.json"), "{told}");
    let told = rcml(["eval", &a, "--data", &nowhere, "--compare"]).refused("--compare");
    assert!(told.contains("--compare: expected at least two methods"), "{told}");
    let told = rcml(["embed", &a, "--data", &nowhere, "--out", &format!("{file}/x.npy")]).refused("--out");
    assert!(told.contains("--out") && told.contains("found the file"), "{told}");
    let told = rcml(["embed", &a, "--data", data, "--out", &folder.join("x.npy"), "--relation", " "]).refused("words");
    assert!(told.contains("--relation: expected words"), "{told}");
}

#[test]
fn a_split_without_items_is_refused() {
    let folder = Folder::with_shapes();
    let run = train(&folder, "run", &["split.validation=0"]);
    let told = rcml(["eval", &run, "--data", folder.path(), "--split", "validation"]).refused("no items");
    assert!(told.contains("no item is in the validation split"), "{told}");
}

#[test]
fn a_file_of_splits_belongs_to_its_data() {
    let folder = numbered();
    let file = folder.join("splits.jsonl");
    rcml(["data", "split", folder.path(), "--out", &file, "--seed", "3"]).done();
    let run = train(&folder, "run", &[&format!("split.file={file}")]);
    rcml(["eval", &run, "--data", folder.path(), "--task", "type"]).done();

    let other = renamed(&folder);
    other.write("items.jsonl", other.read("items.jsonl").replace("\"a ", "\"one "));
    let shown = rcml(["eval", &run, "--data", other.path(), "--task", "type"]).done();
    assert!(shown.contains("split.file") && shown.contains("is of the data that it was trained on"), "{shown}");

    std::fs::remove_file(&file).unwrap();
    let told = rcml(["eval", &run, "--data", folder.path(), "--task", "type"]).refused("no file of splits");
    assert!(told.contains("split.file is ") && told.contains("splits.jsonl") && told.contains(&run), "{told}");
}

#[test]
fn items_of_which_nothing_is_read_are_no_answers() {
    let folder = Folder::with_shapes();
    let items = folder.read("items.jsonl");
    let without: String =
        items.lines().map(|line| line.split(",\"image\"").next().unwrap().to_string() + "}\n").collect();
    folder.write("items.jsonl", &without);
    let run = train(&folder, "run", &["model.exact_words.share=0.2"]);
    folder.write("items.jsonl", without + "{\"id\":\"mute\",\"image\":\"3.png\"}\n");
    let (data, vectors) = (folder.path(), folder.join("vectors.npy"));
    rcml(["embed", &run, "--data", data, "--out", &vectors]).done();
    let bytes = folder.read_bytes("vectors.npy");
    let row = |from_end: usize| -> Vec<f32> {
        let width = 4 * (32 + 512);
        let bytes = &bytes[bytes.len() - from_end * width..][..width];
        bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
    };
    assert!(row(1).iter().all(|value| *value == 0.0), "the last row is of nothing");
    assert!(row(2).iter().any(|value| *value != 0.0));

    let search = ["search", &run, "--data", data, "--relation", "has the same colour", "-k", "100"];
    let told = rcml(search.into_iter().chain(["--item", "mute"])).refused("mute");
    assert!(told.contains("--item mute") && told.contains("what the model reads: text"), "{told}");
    let shown = rcml(search.into_iter().chain(["--item", "i3", "--words", "0.5"])).done();
    assert!(shown.lines().count() == 39 && !shown.contains("mute"), "{shown}");
    let shown = rcml(search.into_iter().chain(["--every-item", "--json"])).done();
    assert!(shown.lines().count() == 40 && !shown.contains("mute"), "{shown}");
}
