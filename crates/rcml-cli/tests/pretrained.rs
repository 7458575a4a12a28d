//! A run with pretrained encoders, through the real program: train, evaluate, embed, search; and what is refused.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod program;

use std::path::Path;
use std::process::Output;

use program::{Folder, command};
use serde_json::Value;

/// The program with a token cache of its own.
fn call(folder: &Folder, arguments: &[&str]) -> Output {
    command(arguments).env("RCML_CACHE", folder.join("cache")).env_remove("RCML_WEIGHTS").output().unwrap()
}

fn done(folder: &Folder, arguments: &[&str]) -> String {
    let output = call(folder, arguments);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

fn refused(folder: &Folder, arguments: &[&str], words: &[&str]) {
    let output = call(folder, arguments);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
    assert!(!said.contains("panicked"), "{said}");
    for word in words {
        assert!(said.contains(word), "expected {word:?}: {said}");
    }
}

/// A copy of a small encoder beside the data.
fn encoder(folder: &Folder, name: &str) -> String {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rcml-encoders/fixtures").join(name);
    let to = folder.join(name);
    std::fs::create_dir_all(&to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), Path::new(&to).join(entry.file_name())).unwrap();
    }
    to
}

fn train<'a>(folder: &'a Folder, out: &'a str, encoders: &'a str) -> Vec<&'a str> {
    train_with(folder, out, encoders, &[])
}

fn train_with<'a>(folder: &'a Folder, out: &'a str, encoders: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut words = vec!["train", "--data", folder.path(), "--out", out, "--encoders", encoders, "--seed", "1"];
    for setting in [
        "training.steps=8",
        "training.validate_every=4",
        "sampler.items=16",
        "sampler.relations=2",
        "model.conditioner.rank=4",
    ]
    .into_iter()
    .chain(more.iter().copied())
    {
        words.extend(["--set", setting]);
    }
    words.extend(["--device", "cpu"]);
    words
}

fn files(folder: &str) -> usize {
    std::fs::read_dir(folder).map_or(0, Iterator::count)
}

#[test]
fn a_run_with_frozen_encoders_from_the_first_step_to_the_last_use() {
    let folder = Folder::with_shapes();
    let (data, cache) = (folder.path(), folder.join("cache"));
    let clip = encoder(&folder, "clip");
    let (run, again) = (folder.join("run"), folder.join("again"));
    done(&folder, &train(&folder, &run, &clip));
    done(&folder, &train(&folder, &again, &clip));
    assert_eq!(files(&cache), 0, "so few texts and pictures stay in memory");
    let weights = |run: &str| folder.read_bytes(&format!("{run}/model.safetensors"));
    assert!(weights("run") == weights("again"), "same seed, same bits");
    assert!(weights("run").len() < 200_000, "the encoder is not copied");
    let config = folder.read("run/config.toml");
    assert!(config.contains("fingerprint = \"") && config.contains("width = 24"), "{config}");

    let search = ["search", &run, "--data", data, "--item", "i3", "--relation", "words that nobody has used", "--json"];
    let found: Value = serde_json::from_str(&done(&folder, &search)).unwrap();
    assert_eq!(found["results"].as_array().unwrap().len(), 10);
    let out = folder.join("e.npy");
    let embed = |extra: &[&'static str]| {
        let words = ["embed", &run, "--data", data, "--out", &out];
        done(&folder, &words.into_iter().chain(extra.iter().copied()).collect::<Vec<_>>());
        folder.read_bytes("e.npy")
    };
    assert!(embed(&["--relation", "has the same colour"]) != embed(&["--relation", "has the same shape"]));
    assert!(embed(&["--view", "image"]) != embed(&["--view", "text"]));
    let results = folder.join("eval.json");
    done(&folder, &["eval", &run, "--data", data, "--json", &results]);
    let eval: Value = serde_json::from_str(&folder.read("eval.json")).unwrap();
    assert!(!eval["results"].as_array().unwrap().is_empty());

    // A changed picture is another item: what was encoded before does not count.
    let before = done(&folder, &search);
    folder.write("7.png", program::png(28, [250, 10, 240]));
    assert!(before != done(&folder, &search));

    // The encoder is not what it was, then gone.
    let weights = format!("{clip}/model.safetensors");
    let mut bytes = std::fs::read(&weights).unwrap();
    let last = bytes.len() - 2;
    bytes[last] ^= 1;
    std::fs::write(&weights, &bytes).unwrap();
    refused(&folder, &search, &["fingerprint", "clip"]);
    std::fs::remove_dir_all(&clip).unwrap();
    refused(&folder, &search, &["not there any more", "clip"]);
}

/// The tensors of a run's weights, by name, and the metadata.
fn tensors(folder: &Folder, run: &str) -> (Vec<(String, Vec<u8>)>, String) {
    let bytes = folder.read_bytes(&format!("{run}/model.safetensors"));
    let (_, metadata) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let values = |(name, view): (String, safetensors::tensor::TensorView<'_>)| (name, view.data().to_vec());
    (tensors.tensors().into_iter().map(values).collect(), format!("{:?}", metadata.metadata()))
}

#[test]
fn adapted_encoders_are_trained_and_saved_without_their_base() {
    let folder = Folder::with_shapes();
    let (data, cache) = (folder.path(), folder.join("cache"));
    let clip = encoder(&folder, "clip");
    let run = folder.join("run");
    let adapt = [
        "model.pretrained.text.adapt.mode=lora",
        "model.pretrained.text.adapt.matrices=(query|value|up)\\.weight$",
        "model.pretrained.text.adapt.rate=1",
        "model.pretrained.image.adapt.mode=last",
        "model.pretrained.image.adapt.layers=1",
        "model.pretrained.image.adapt.layer_decay=0.5",
        "training.image_shift=0.1",
    ];
    let output = call(&folder, &train_with(&folder, &run, &clip, &adapt));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    assert_eq!(files(&cache), 0, "states of an encoder that is trained cannot be kept");
    for line in ["text_tower.blocks: 0 of ", "text_tower.blocks.lora: ", "image_tower.patches: 0 of ", "adapted"] {
        assert!(said.contains(line), "{line}: {said}");
    }
    let (saved, metadata) = tensors(&folder, "run");
    let names: Vec<&str> = saved.iter().map(|(name, _)| name.as_str()).collect();
    let text: Vec<&&str> = names.iter().filter(|name| name.starts_with("text_tower.")).collect();
    assert!(!text.is_empty() && text.iter().all(|name| name.contains(".lora.")), "{text:?}");
    let image: Vec<&&str> = names.iter().filter(|name| name.starts_with("image_tower.")).collect();
    let trained = [".blocks.1.", ".post_norm.", ".project."];
    assert!(image.iter().all(|name| trained.iter().any(|part| name.contains(part))), "{image:?}");
    assert!(metadata.contains("encoders"), "{metadata}");
    let moved = |part: &str| saved.iter().any(|(name, values)| name.ends_with(part) && values.iter().any(|b| *b != 0));
    assert!(moved("query.weight.lora.b"), "what starts at zero is trained");

    let search = ["search", &run, "--data", data, "--item", "i3", "--relation", "words that nobody has used", "--json"];
    let first = done(&folder, &search);
    let found: Value = serde_json::from_str(&first).unwrap();
    assert_eq!(found["results"].as_array().unwrap().len(), 10);
    let results = folder.join("eval.json");
    done(&folder, &["eval", &run, "--data", data, "--json", &results, "--baselines"]);
    assert_eq!(first, done(&folder, &search));

    // The weights of a run around another encoder of the same shapes.
    let other = encoder(&folder, "clip-2021");
    let elsewhere = folder.join("elsewhere");
    let again: Vec<&str> = adapt.iter().copied().chain(["training.gradient_checkpointing=true"]).collect();
    done(&folder, &train_with(&folder, &elsewhere, &other, &again));
    std::fs::copy(format!("{elsewhere}/model.safetensors"), format!("{run}/model.safetensors")).unwrap();
    refused(&folder, &search, &["other pretrained encoders", "fingerprints"]);

    for (setting, words) in [
        ("model.pretrained.text.adapt.matrices=qeury", ["no parameter's name matches", "qeury"]),
        ("model.pretrained.text.adapt.rank=0", ["model.pretrained.text.adapt.rank", "at least 1"]),
        ("model.pretrained.text.adapt.mode=most", ["mode", "most"]),
        ("model.pretrained.text.adapt.layer_decay=2", ["model.pretrained.text.adapt.layer_decay", "at most 1"]),
    ] {
        let more: Vec<&str> = adapt.iter().copied().chain([setting]).collect();
        refused(&folder, &train_with(&folder, &folder.join("bad"), &clip, &more), &words);
    }
    let alone = ["train", "--data", data, "--out", &run, "--set", "model.pretrained.text.adapt.mode=full"];
    refused(&folder, &alone, &["pretrained.text.adapt", "source"]);
}

#[test]
fn encoders_that_cannot_be_read_are_named() {
    let folder = Folder::with_shapes();
    let clip = encoder(&folder, "clip");
    let out = folder.join("run");
    let weights = format!("{clip}/model.safetensors");
    let whole = std::fs::read(&weights).unwrap();

    std::fs::write(&weights, &whole[..whole.len() / 2]).unwrap();
    refused(&folder, &train(&folder, &out, &clip), &["model.safetensors", "cut short"]);
    let mut huge = whole.clone();
    huge[..8].copy_from_slice(&(1u64 << 60).to_le_bytes());
    std::fs::write(&weights, &huge).unwrap();
    refused(&folder, &train(&folder, &out, &clip), &["header of 1152921504606846976 bytes"]);
    std::fs::write(&weights, &whole).unwrap();

    let config = folder.read("clip/config.json");
    std::fs::write(format!("{clip}/config.json"), config.replace("\"projection_dim\": 24", "\"projection_dim\": 23"))
        .unwrap();
    let words = ["text_projection.weight", "expected shape [23, 32]", "found [24, 32]"];
    refused(&folder, &train(&folder, &out, &clip), &words);
    std::fs::write(
        format!("{clip}/config.json"),
        config.replace("\"model_type\": \"clip\"", "\"model_type\": \"llama\""),
    )
    .unwrap();
    refused(&folder, &train(&folder, &out, &clip), &["model_type", "llama"]);
    refused(&folder, &train(&folder, &out, "no-such-encoder"), &["no-such-encoder", "minilm"]);
}
