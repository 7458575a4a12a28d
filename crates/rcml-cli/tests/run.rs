//! One small run from its first step to its last use, through the real program.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod program;

use program::{Folder, command, rcml};
use serde_json::Value;

/// Seconds, not minutes.
const SMALL: [&str; 8] = [
    "training.steps=12",
    "training.validate_every=6",
    "training.checkpoint_every=4",
    "sampler.items=16",
    "sampler.relations=2",
    "model.image.size=16",
    "model.image.transformer.depth=1",
    "model.text.transformer.depth=1",
];

fn train(folder: &Folder, run: &str, preset: &str, seed: &str) -> Vec<String> {
    let words = ["train", "--data", folder.path(), "--out", &folder.join(run), "--preset", preset, "--seed", seed];
    let settings = SMALL.iter().flat_map(|setting| ["--set", setting]);
    words.into_iter().chain(settings).chain(["--device", "cpu"]).map(String::from).collect()
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn train_evaluate_embed_search() {
    let folder = Folder::with_shapes();
    let data = folder.path();
    assert!(rcml(["data", "check", data]).done().contains("no problems in 40 items, 2 relations"));
    let stats = json(&rcml(["data", "stats", data, "--json"]).done());
    assert_eq!((&stats["items"], &stats["modalities"]["image"]), (&40.into(), &40.into()));

    // Two methods and two seeds of one of them.
    for (run, preset, seed) in [("a", "rcml", "1"), ("b", "rcml", "2"), ("c", "clip-relations", "1")] {
        rcml(train(&folder, run, preset, seed)).done();
        for file in ["config.toml", "model.safetensors", "tokenizer.json", "metrics.jsonl", "training.json"] {
            assert!(!folder.read_bytes(&format!("{run}/{file}")).is_empty(), "{run}/{file}");
        }
    }
    rcml(train(&folder, "again", "rcml", "1")).done();
    assert!(
        folder.read_bytes("a/model.safetensors") == folder.read_bytes("again/model.safetensors"),
        "same seed, same bits"
    );
    let told = rcml(train(&folder, "a", "rcml", "1")).refused("finished");
    assert!(told.contains("finished"), "{told}");

    evaluate(&folder);
    embed(&folder);
    search(&folder);
    out_of_domain(&folder);
    leakage(&folder);
}

fn evaluate(folder: &Folder) {
    let data = folder.path();
    let (a, b, c) = (folder.join("a"), folder.join("b"), folder.join("c"));
    let (file, report, table) = (folder.join("eval.json"), folder.join("report"), folder.join("table.md"));
    let queries = folder.join("queries.jsonl");
    let several = [
        "eval",
        &a,
        &b,
        &c,
        "--data",
        data,
        "--baselines",
        "--json",
        &file,
        "--report",
        &report,
        "--markdown",
        &table,
        "--compare",
        "--queries",
        &queries,
    ];
    let shown = rcml(several).done();
    let methods = [
        "rcml",
        "clip-relations",
        "frozen",
        "frozen+text",
        "frozen-product",
        "linear-map",
        "rcml+tf-idf",
        "tf-idf-item",
        "tf-idf",
        "relation-text",
        "distmult",
        "complex",
        "popularity",
        "chance",
        " ± ",
    ];
    for method in methods {
        assert!(shown.contains(method), "{method}: {shown}");
    }
    let found = json(&folder.read("eval.json"));
    assert_eq!((found["split"].as_str(), found["seed"].as_u64()), (Some("test"), Some(1)));
    assert_eq!(
        (found["runs"].as_array().map(Vec::len), found["baselines"].as_array().map(Vec::len)),
        (Some(3), Some(12))
    );
    let rows = found["results"].as_array().unwrap();
    for task in ["retrieval", "composed", "type", "crossmodal", "validity", "geometry"] {
        assert!(rows.iter().any(|row| row["task"] == task), "{task}");
    }
    for view in ["TT", "II", "TI", "IT", "AVG", "plain"] {
        let is = |row: &&Value| row["view"] == view && row["protocol"] == "21-way" && row["metric"] == "hit@5";
        let row = rows.iter().find(is).unwrap_or_else(|| panic!("{view}"));
        assert!((0.0..=1.0).contains(&row["value"].as_f64().unwrap()), "{row}");
    }
    let differences = found["comparisons"].as_array().unwrap();
    assert!(differences.iter().all(|row| row["reference"] == "rcml" && row["p_holm"].as_f64() >= row["p"].as_f64()));
    assert!(
        differences.iter().any(|row| row["method"] == "clip-relations") && shown.contains("95% interval"),
        "{shown}"
    );
    let line = folder.read("queries.jsonl").lines().next().map(json).unwrap();
    assert_eq!((line["method"].as_str(), line["seed"].as_u64()), (Some("rcml"), Some(1)));
    assert_eq!(folder.read("a/readings.jsonl").lines().count(), 1);
    let page = folder.read("report/report.html");
    assert!(
        page.contains("has the same colour") && page.contains("data:image/png") && page.contains("<svg"),
        "the page"
    );
    assert!(folder.read("table.md").starts_with("| method |"));

    // One task, one run, the report beside the run.
    let told = rcml(["eval", &a, "--data", data, "--task", "crossmodal", "--max-queries", "3", "--report"]).done();
    assert!(told.contains("recall@1") && !told.contains("21-way"), "{told}");
    assert!(folder.read("a/report/report.html").contains("<table>"));
}

fn embed(folder: &Folder) {
    let (data, run) = (folder.path(), folder.join("a"));
    let embed = |file: &str, more: &[&str]| {
        let out = folder.join(file);
        let words = ["embed", &run, "--data", data, "--out", &out];
        rcml(words.iter().chain(more)).done();
        folder.read_bytes(file)
    };
    let bytes = embed("all.safetensors", &["--relation", "has the same colour"]);
    let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    let ids = json(&header.metadata().as_ref().unwrap()["ids"]);
    assert_eq!((ids[0].as_str(), ids.as_array().unwrap().len()), (Some("i0"), 40));
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let tensor = tensors.tensor("embeddings").unwrap();
    assert_eq!(tensor.shape()[0], 40);
    let values: Vec<f32> = tensor.data().as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    for row in values.chunks(tensor.shape()[1]) {
        let norm: f32 = row.iter().map(|x| x * x).sum();
        assert!((norm - 1.0).abs() < 1e-4, "{norm}");
    }
    assert_eq!(folder.read("all.safetensors.ids.txt").lines().last(), Some("i39"));

    let colour = embed("colour.npy", &["--relation", "has the same colour", "--view", "image"]);
    let shape = embed("shape.npy", &["--relation", "has the same shape", "--view", "image"]);
    let none = embed("none.npy", &["--view", "image"]);
    assert!(colour.len() == shape.len() && colour != shape && colour != none, "the relation decides");
    let target = embed("target.npy", &["--relation", "has the same colour", "--view", "image", "--role", "target"]);
    assert!(target.len() == colour.len() && target != colour, "the two ends of a relation have roles");
    let told = rcml(["embed", &run, "--data", data, "--out", &folder.join("x.npy"), "--view", "audio"]).refused("view");
    assert!(told.contains("audio") && told.contains("image, text"), "{told}");
}

fn search(folder: &Folder) {
    let (data, run) = (folder.path(), folder.join("a"));
    let search = |item: &str, more: &[&str]| {
        let words = ["search", &run, "--data", data, "--item", item, "--relation", "has the same colour"];
        rcml(words.iter().chain(more))
    };
    let found = json(&search("i3", &["-k", "5", "--json"]).done());
    assert_eq!((found["item"].as_str(), found["relation"].as_str()), (Some("i3"), Some("has the same colour")));
    let results = found["results"].as_array().unwrap();
    assert!(results.len() == 5 && results.iter().all(|row| row["id"] != "i3"), "{found}");
    assert!(results.windows(2).all(|pair| pair[0]["score"].as_f64() >= pair[1]["score"].as_f64()), "{found}");
    let shown = search("i3", &["-k", "100"]).done();
    assert_eq!(shown.lines().count(), 39, "{shown}");
    assert!(shown.contains("a red disc"), "{shown}");
    let items = folder.read("items.jsonl");
    let item_text =
        items.lines().map(json).find(|item| item["id"] == "i3").unwrap()["text"].as_str().unwrap().to_string();
    let words = json(&search("i3", &["-k", "100", "--words", "1", "--json"]).done());
    let words: Vec<(f64, &str)> = words["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["score"].as_f64().unwrap(), row["text"].as_str().unwrap()))
        .collect();
    let (first, last) = (words.first().unwrap(), words.last().unwrap());
    let shared = |text: &str| text.split(' ').filter(|word| item_text.split(' ').any(|own| own == *word)).count();
    assert!(words.windows(2).all(|pair| pair[0].0 >= pair[1].0) && shared(first.1) > shared(last.1), "{words:?}");
    let told = search("i3", &["--words", "2"]).refused("expected a number from 0 to 1");
    assert!(told.contains("--words"), "{told}");
    let told = search("i333", &[]).refused("unknown item");
    assert!(told.contains("\"i333\"") && told.contains("did you mean \"i33\"?"), "{told}");
    search_from_many(folder, &found);
    search_from_outside(folder);
}

/// Several items and relations at once find what each finds alone.
fn search_from_many(folder: &Folder, alone: &Value) {
    let (data, run) = (folder.path(), folder.join("a"));
    let colour = ["search", &run, "--data", data, "--relation", "has the same colour", "-k", "5"];
    let lines = |more: &[&str]| -> Vec<Value> { rcml(colour.iter().chain(more)).done().lines().map(json).collect() };
    let every = lines(&["--every-item", "--json"]);
    let ids: Vec<String> = (0..40).map(|i| format!("i{i}")).collect();
    assert!(every.iter().map(|one| one["item"].as_str().unwrap()).eq(ids.iter().map(String::as_str)), "{every:?}");
    assert!(same_answers(&every[3], alone), "{} {alone}", every[3]);
    let some = lines(&["--item", "i7", "--item", "i3", "--relation", "has the same shape", "--json"]);
    let asked: Vec<(&str, &str)> =
        some.iter().map(|one| (one["item"].as_str().unwrap(), one["relation"].as_str().unwrap())).collect();
    let (colour_words, shape_words) = ("has the same colour", "has the same shape");
    assert_eq!(asked, [("i7", colour_words), ("i3", colour_words), ("i7", shape_words), ("i3", shape_words)]);
    assert!(same_answers(&some[1], alone) && !same_answers(&some[3], alone), "{some:?}");
    let shown = rcml(colour.iter().chain(&["--item", "i7", "--item", "i3"])).done();
    assert!(shown.starts_with("i7: has the same colour\n") && shown.contains("\ni3: has the same colour\n"), "{shown}");
    assert_eq!(shown.lines().count(), 12, "{shown}");
}

/// Equal ids in equal order, and scores that differ by rounding alone.
fn same_answers(a: &Value, b: &Value) -> bool {
    let rows = |found: &Value| -> Vec<(String, f64)> {
        let rows = found["results"].as_array().unwrap().iter();
        rows.map(|row| (row["id"].as_str().unwrap().to_string(), row["score"].as_f64().unwrap())).collect()
    };
    let (a, b) = (rows(a), rows(b));
    a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| a.0 == b.0 && (a.1 - b.1).abs() < 1e-5)
}

/// An item that the dataset lacks asks as one with its text and picture does that is part of it.
fn search_from_outside(folder: &Folder) {
    let (data, run) = (folder.path(), folder.join("a"));
    let item = folder.read("items.jsonl").lines().map(json).find(|item| item["id"] == "i3").unwrap();
    let (text, picture) = (item["text"].as_str().unwrap(), folder.join(item["image"].as_str().unwrap()));
    let search = |words: &[&str]| {
        let fixed = ["search", &run, "--data", data, "--relation", "has the same colour", "-k", "100"];
        rcml(fixed.iter().chain(words))
    };
    for share in ["0", "0.5"] {
        let inside = json(&search(&["--item", "i3", "--words", share, "--json"]).done());
        let new = ["--text", text, "--image", &picture, "--words", share, "--json"];
        let mut outside = json(&search(&new).done());
        assert_eq!((&outside["item"], outside["text"].as_str()), (&Value::Null, Some(text)));
        let results = outside["results"].as_array_mut().unwrap();
        assert_eq!(results.len(), 40);
        let own = results.iter().position(|row| row["id"] == "i3").unwrap();
        results.remove(own);
        assert!(same_answers(&inside, &outside), "{inside} {outside}");
    }
    assert_eq!(search(&["--text", "a red disc"]).done().lines().count(), 40);
    assert!(search(&["--image", &folder.join("none.png")]).refused("no picture").contains("none.png"));
    assert!(search(&["--image", &folder.join("items.jsonl")]).refused("no picture").contains("items.jsonl"));
    assert!(search(&["--text", " "]).refused("no words").contains("--text"));
    assert!(search(&["--item", "i3", "--text", "x"]).refused("two starts").contains("--text"));
    assert!(search(&[]).refused("no start").contains("--item"));
}

/// A model of one dataset on another: nothing leaks, nothing was seen, and it says so.
fn out_of_domain(folder: &Folder) {
    let other = Folder::with_shapes();
    other.write("items.jsonl", other.read("items.jsonl").replace("\"a ", "\"one "));
    other.write("relations.jsonl", other.read("relations.jsonl").replace("the same colour", "one colour"));
    let file = other.join("eval.json");
    let run = folder.join("a");
    let shown = rcml(["eval", &run, "--data", other.path(), "--task", "retrieval", "--json", &file]).done();
    assert!(shown.contains("was trained on") && shown.contains("rcml (of "), "{shown}");
    let found = json(&other.read("eval.json"));
    let rows = found["results"].as_array().unwrap();
    let of =
        |relations: &str| rows.iter().any(|row| row["relations"] == relations && row["queries"].as_u64() > Some(0));
    // Both datasets know "has the same shape" by these words.
    assert!(of("all") && of("unseen") && of("seen"), "{found}");
    let counted = |relations: &str| {
        let is = |row: &&Value| {
            row["relations"] == relations && row["view"] == "AVG" && row["metric"] == "mrr" && row["protocol"] == "full"
        };
        rows.iter().find(is).unwrap()["queries"].clone()
    };
    assert_eq!((counted("seen"), counted("unseen")), (counted("shape"), counted("colour")));
}

/// Another split of the same data holds out what the run was trained on.
fn leakage(folder: &Folder) {
    let run = folder.join("a");
    let config = folder.read("a/config.toml");
    let position = config.find("[split]").unwrap();
    let (before, after) = config.split_at(position);
    folder.write("a/config.toml", format!("{before}{}", after.replacen("seed = 0", "seed = 5", 1)));
    let eval = ["eval", &run, "--data", folder.path(), "--task", "retrieval"];
    let told = rcml(eval).refused("leakage");
    assert!(told.contains("trained on") && told.contains("--allow-leakage"), "{told}");
    let shown = rcml(eval.iter().chain(&["--allow-leakage"])).done();
    assert!(shown.contains("note: ") && shown.contains("trained on"), "{shown}");
    folder.write("a/config.toml", config);
}

#[test]
fn corrupt_pictures_are_named_and_skipped_where_asked() {
    let folder = Folder::with_shapes();
    rcml(train(&folder, "whole", "rcml", "1")).done();
    let (data, vectors) = (folder.path(), folder.join("vectors.npy"));
    for item in 0..40 {
        folder.write(&format!("{item}.png"), b"<html>not found</html>");
    }
    let commands = [
        vec!["eval", "RUN", "--task", "retrieval"],
        vec!["embed", "RUN", "--out", &vectors],
        vec!["search", "RUN", "--item", "i0", "--relation", "has the same colour"],
    ];
    let typed = |run: &str, command: &[&str]| -> Vec<String> {
        let run = folder.join(run);
        command
            .iter()
            .map(|word| if *word == "RUN" { run.clone() } else { (*word).into() })
            .chain(["--data".into(), data.into()])
            .collect()
    };
    for command in &commands {
        let refused = rcml(typed("whole", command)).refused(command[0]);
        assert!(refused.contains(".png: not a PNG") && refused.contains("--skip-corrupt"), "{refused}");
        let skip = [command.as_slice(), &["--skip-corrupt"]].concat();
        rcml(typed("whole", &skip)).done();
    }
    let refused = rcml(typed("whole", &commands[1])).refused("embed");
    assert!(refused.contains("40 pictures cannot be decoded") && refused.contains("more"), "{refused}");

    assert!(rcml(train(&folder, "new", "rcml", "1")).refused("train").contains("--skip-corrupt"));
    rcml(train(&folder, "new", "rcml", "1").into_iter().chain(["--skip-corrupt".into()])).done();
    assert!(folder.read("new/config.toml").contains("on_corrupt = \"skip\""));
    for command in &commands {
        rcml(typed("new", command)).done();
    }
}

#[test]
fn an_interrupted_run_continues_and_ends_the_same() {
    let folder = Folder::with_shapes();
    rcml(train(&folder, "whole", "gate", "3")).done();
    let mut child = command(train(&folder, "cut", "gate", "3")).stderr(std::process::Stdio::null()).spawn().unwrap();
    let checkpoints = std::path::PathBuf::from(folder.join("cut/checkpoints"));
    let saved = || std::fs::read_dir(&checkpoints).is_ok_and(|mut entries| entries.next().is_some());
    while !saved() && child.try_wait().unwrap().is_none() {
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    let _ = child.kill();
    child.wait().unwrap();
    // What was begun is continued without saying all of it again.
    if !std::path::Path::new(&folder.join("cut/model.safetensors")).exists() {
        rcml(["train", "--data", folder.path(), "--out", &folder.join("cut"), "--device", "cpu"]).done();
    }
    assert!(folder.read_bytes("cut/model.safetensors") == folder.read_bytes("whole/model.safetensors"));
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let folder = Folder::with_shapes();
    let mut child = command(["data", "stats", folder.path(), "--json"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap().as_str()), (Some(0), ""));
}

#[test]
fn datasets_are_built_once_and_not_over_other_things() {
    let folder = Folder::new();
    let out = folder.join("s");
    let build = ["data", "build", "synthetic", "--items", "60", "--seed", "4", "--no-images", "--out", &out];
    assert!(rcml(build).done().contains("60 items"));
    assert!(rcml(["data", "check", &out]).done().contains("no problems in 60 items"));
    let first = folder.read("s/items.jsonl");
    rcml(build).done();
    assert_eq!(folder.read("s/items.jsonl"), first);
    let told = rcml(["data", "build", "emoji", "--out", &out]).refused("another dataset");
    assert!(told.contains("--force"), "{told}");
    assert_eq!(folder.read("s/items.jsonl"), first);
}
