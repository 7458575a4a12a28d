//! Four modalities, each missing from some items, from the files to the search: a text, a picture, a vector, a sequence.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod program;

use std::collections::BTreeMap;

use program::{Folder, npy, png, rcml};
use serde_json::Value;

const MODALITIES: [&str; 4] = ["text", "image", "size", "sound"];
const ITEMS: usize = 48;

/// Of a colour (of four) and a kind (of two).
fn factors(i: usize) -> (usize, usize) {
    (i % 4, i / 4 % 2)
}

/// Every way to lack modalities but all of them, in turn.
fn has(i: usize, modality: usize) -> bool {
    // Kinds and colours repeat every 8 items, so that each meets every pattern.
    let pattern = (i / 8 * 3 + i) % 15 + 1;
    pattern >> modality & 1 == 1
}

fn catalogue() -> Folder {
    let folder = Folder::new();
    let colours = [("red", [220, 40, 40]), ("green", [40, 180, 60]), ("blue", [50, 70, 220]), ("grey", [120; 3])];
    let (mut items, mut edges) = (String::new(), String::new());
    let (mut sizes, mut sounds) = (vec![], vec![]);
    for i in 0..ITEMS {
        let (colour, kind) = factors(i);
        let mut fields = vec![format!("\"id\":\"i{i}\"")];
        if has(i, 0) {
            fields.push(format!("\"text\":\"a {} {}\"", colours[colour].0, ["square", "disc"][kind]));
        }
        if has(i, 1) {
            folder.write(&format!("{i}.png"), png([16, 28][kind], colours[colour].1));
            fields.push(format!("\"image\":\"{i}.png\""));
        }
        let rows = [2, 3].into_iter().filter(|modality| has(i, *modality));
        let rows: Vec<String> = rows.map(|modality| format!("\"{}\":{i}", MODALITIES[modality])).collect();
        fields.push(format!("\"features\":{{{}}}", rows.join(",")));
        items += &format!("{{{}}}\n", fields.join(","));
        sizes.extend([colour as f32, kind as f32, 1.0]);
        // Five tokens; the kind is where the peak is.
        sounds.extend((0..5).flat_map(|t| [f32::from(u8::from(t == 1 + 2 * kind)), colour as f32 / 3.0]));
        for j in 0..i {
            let (a, b) = (factors(i), factors(j));
            for (relation, same) in [("colour", a.0 == b.0), ("kind", a.1 == b.1)] {
                if same {
                    edges += &format!("{{\"relation\":\"{relation}\",\"source\":\"i{i}\",\"target\":\"i{j}\"}}\n");
                }
            }
        }
    }
    let relation =
        |name: &str| format!("{{\"id\":\"{name}\",\"description\":\"has the same {name}\",\"symmetric\":true}}\n");
    folder.write("items.jsonl", items).write("edges.jsonl", edges);
    folder.write("relations.jsonl", relation("colour") + &relation("kind"));
    folder.write("size.npy", npy(&[ITEMS, 3], &sizes)).write("sound.npy", npy(&[ITEMS, 5, 2], &sounds));
    folder.write("dataset.toml", "[modalities.size]\nfile = \"size.npy\"\n[modalities.sound]\nfile = \"sound.npy\"\n");
    folder
}

const SMALL: [&str; 10] = [
    "training.steps=8",
    "training.validate_every=4",
    "sampler.items=16",
    "sampler.relations=2",
    "tokenizer.min_frequency=1",
    "model.width=32",
    "model.image.size=16",
    "model.image.transformer.depth=1",
    "model.text.transformer.depth=1",
    // A method over pairs of modalities, two over all of them at once.
    "objective.terms=[{method=\"pairwise\",weight=0.1},{method=\"symile\",weight=0.1},{method=\"gram\",weight=0.1}]",
];

#[test]
fn modalities_may_be_missing_from_files_to_search() {
    let folder = catalogue();
    let (data, run) = (folder.path(), folder.join("run"));
    assert!(rcml(["data", "check", data]).done().contains("no problems in 48 items"));
    let stats: Value = serde_json::from_str(&rcml(["data", "stats", data, "--json"]).done()).unwrap();
    for (number, modality) in MODALITIES.iter().enumerate() {
        let expected = (0..ITEMS).filter(|i| has(*i, number)).count();
        assert!(expected < ITEMS && stats["modalities"][modality] == expected, "{modality}: {stats}");
    }

    let words = ["train", "--data", data, "--out", &run, "--device", "cpu", "--seed", "1"];
    rcml(words.into_iter().chain(SMALL.iter().flat_map(|setting| ["--set", setting]))).done();
    let log = folder.read("run/metrics.jsonl");
    for name in MODALITIES.iter().flat_map(|x| MODALITIES.map(|y| format!("\"related/{x}>{y}\""))) {
        assert!(log.contains(&name), "{name}: {log}");
    }
    // A modality that a single item of a batch has is compared with nothing, and must not blow up either.
    for line in log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()) {
        assert!(line["gradient_norm"].as_f64().is_none_or(|norm| norm < 1e4), "{line}");
    }
    for name in ["pairwise/items", "related/fused>fused"] {
        assert!(log.contains(&format!("\"{name}\"")), "{name}: {log}");
    }

    let file = folder.join("eval.json");
    rcml(["eval", &run, "--data", data, "--json", &file]).done();
    let found: Value = serde_json::from_str(&folder.read("eval.json")).unwrap();
    let rows = found["results"].as_array().unwrap();
    let views: Vec<&str> = rows.iter().filter_map(|row| row["view"].as_str()).collect();
    assert!(views.contains(&"AVG") && views.iter().any(|view| view.contains("sound")), "{views:?}");
    assert!(rows.iter().all(|row| row["value"].as_f64().is_some_and(f64::is_finite)), "{rows:?}");

    let index = folder.join("index");
    let told = rcml(["index", &run, "--data", data, "--out", &index, "--precision", "f32"]).done();
    assert!(told.contains("48 items, 48 of them new"), "{told}");

    // Items of every pattern of modalities are found and ask, those with a single one, too.
    for (number, modality) in MODALITIES.iter().enumerate() {
        let only = (0..ITEMS).find(|i| (0..4).all(|m| has(*i, m) == (m == number))).unwrap();
        let item = format!("i{only}");
        let search = ["search", &run, "--data", data, "--item", &item, "--relation", "has the same kind", "-k", "100"];
        let shown = rcml(search.into_iter().chain(["--json"])).done();
        let found: Value = serde_json::from_str(&shown).unwrap();
        let results = found["results"].as_array().unwrap();
        assert_eq!(results.len(), ITEMS - 1, "{modality}");
        assert!(
            results.iter().all(|row| row["score"].as_f64().is_some_and(|s| s.abs() <= 1.001)),
            "{modality}: {shown}"
        );
        // An index, which holds neither pictures nor vectors, says the same.
        let search =
            ["search", &run, "--index", &index, "--item", &item, "--relation", "has the same kind", "-k", "100"];
        let indexed: Value = serde_json::from_str(&rcml(search.into_iter().chain(["--json"])).done()).unwrap();
        let score_of = |found: &Value| -> BTreeMap<String, f64> {
            let rows = found["results"].as_array().unwrap().iter();
            rows.map(|row| (row["id"].to_string(), row["score"].as_f64().unwrap())).collect()
        };
        let (plain, indexed) = (score_of(&found), score_of(&indexed));
        assert!(plain.len() == indexed.len() && plain.iter().all(|(id, score)| (score - indexed[id]).abs() < 1e-5));
    }
    let file = folder.join("vectors.npy");
    rcml(["embed", &run, "--index", &index, "--relation", "has the same kind", "--out", &file]).done();
    let indexed = folder.read_bytes("vectors.npy");
    rcml(["embed", &run, "--data", data, "--relation", "has the same kind", "--out", &file]).done();
    let floats = |bytes: &[u8]| -> Vec<f32> {
        // The header is 128 bytes long.
        bytes[128..].as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
    };
    let (plain, indexed) = (floats(&folder.read_bytes("vectors.npy")), floats(&indexed));
    assert!(plain.len() == indexed.len() && plain.iter().zip(&indexed).all(|(a, b)| (a - b).abs() < 1e-5));

    // Of a catalogue that has changed, what is new is encoded.
    let items = folder.read("items.jsonl");
    folder.write("items.jsonl", items.replacen("\"i7\"", "\"seven\"", 1));
    folder.write("edges.jsonl", "");
    let told = rcml(["index", &run, "--data", data, "--out", &index, "--precision", "f32"]).done();
    assert!(told.contains("48 items, 1 of them new"), "{told}");
    let search = ["search", &run, "--index", &index, "--relation", "has the same kind", "--every-item", "-k", "3"];
    let every = rcml(search.into_iter().chain(["--json"])).done();
    assert!(every.lines().count() == ITEMS && every.contains("\"seven\"") && !every.contains("\"i7\""), "{every}");
    let other = folder.join("other");
    let words = ["train", "--data", data, "--out", &other, "--device", "cpu", "--seed", "2"];
    rcml(words.into_iter().chain(SMALL.iter().flat_map(|setting| ["--set", setting]))).done();
    let search = ["search", &other, "--index", &index, "--item", "i3", "--relation", "has the same kind"];
    let told = rcml(search).refused("an index of another run");
    assert!(told.contains("made by another model") && told.contains("rcml index"), "{told}");
}
