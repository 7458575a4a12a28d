//! What an objective can ask of a run: methods by name, a momentum encoder, generated negatives, wrong relations.

use std::collections::BTreeMap;
use std::path::Path;

use rcml_losses::{METHODS, Place};

use crate::things::{config, log, run, stopped_after, tensors, turn, weights, with_shapes};

/// Values of the last training step by the name of the term.
fn last_step(folder: &Path) -> BTreeMap<String, f64> {
    let line = log(folder).into_iter().rfind(|line| line.contains("\"train\"")).unwrap();
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    let values = line.as_object().unwrap().iter().filter_map(|(name, value)| Some((name.clone(), value.as_f64()?)));
    values.collect()
}

/// The methods that a run can use.
fn methods() -> Vec<&'static str> {
    METHODS.iter().filter(|info| !matches!(info.place, Place::Library(_))).map(|info| info.name).collect()
}

/// Every method that needs nothing but a run, all of them in one, whichever ends of a pair are conditioned.
#[test]
fn all_methods_train_together() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    with_shapes(&data);
    let names = methods();
    let terms: Vec<String> = names.iter().map(|name| format!("{{method=\"{name}\", weight=0.01}}")).collect();
    let terms = format!("objective.terms=[{}]", terms.join(","));
    for side in ["both", "query"] {
        let out = folder.path().join(side);
        let side = format!("model.side={side}");
        let settings = [&terms, "training.steps=2", "objective.wrong_relation_negatives=true", &side];
        run(&data, &out, config("rcml", &settings)).unwrap();
        let values = last_step(&out);
        for name in &names {
            let found: Vec<_> = values.iter().filter(|(key, _)| key.split('/').next() == Some(*name)).collect();
            assert!(!found.is_empty() && found.iter().all(|(_, value)| value.is_finite()), "{name}: {values:?}");
        }
    }
}

/// Where relatives are no negatives of an item they are none in any method that has negatives.
#[test]
fn relatives_are_left_out_of_every_method_over_items() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    with_shapes(&data);
    let items = |name: &&str| *name != "relation-contrast";
    let terms: Vec<String> = methods()
        .into_iter()
        .filter(items)
        .map(|name| format!("{{method=\"{name}\", over=\"items\", weight=0.01}}"))
        .collect();
    let terms = format!("objective.terms=[{}]", terms.join(","));
    let [out, left] = [false, true].map(|negatives| {
        let out = folder.path().join(format!("{negatives}"));
        let negatives = format!("objective.relation_specific_negatives={negatives}");
        run(&data, &out, config("rcml", &[&terms, &negatives, "training.steps=1"])).unwrap();
        last_step(&out)
    });
    // What compares an item with its own other modality alone, or channels with channels.
    let without = ["align", "barlow", "orthogonality", "rafa"];
    for name in methods().into_iter().filter(items) {
        let of = |values: &BTreeMap<String, f64>| -> Vec<f64> {
            let mine = |key: &str| key.split('/').next() == Some(name);
            values.iter().filter(|(key, _)| mine(key)).map(|(_, value)| *value).collect()
        };
        assert!(!of(&out).is_empty(), "{name}: {out:?}");
        assert_eq!(of(&out) == of(&left), without.contains(&name), "{name}: {:?} and {:?}", of(&out), of(&left));
    }
}

/// Things that no text tells apart are not each other's negatives, neither in a batch nor among what is remembered of earlier ones.
#[test]
fn a_queue_has_no_negatives_among_equal_texts() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    with_shapes(&data);
    let items = data.join("items.jsonl");
    let lines = std::fs::read_to_string(&items).unwrap();
    let equal = lines.lines().map(|line| {
        let mut item: serde_json::Value = serde_json::from_str(line).unwrap();
        item["text"] = "a red hat".into();
        format!("{item}\n")
    });
    std::fs::write(&items, equal.collect::<String>()).unwrap();
    let terms = "objective.terms=[{method=\"tcl\", parameters={queue=40, share=0.0}}]";
    let out = folder.path().join("run");
    run(&data, &out, config("rcml", &[terms, "training.steps=3", "training.validate_every=0"])).unwrap();
    let value = last_step(&out)["tcl/items"];
    assert!(value.abs() < 1e-5, "nothing but its partner is left of each row: {value}");
}

/// A rate belongs to a parameter of that very name, too; one that belongs to none is refused before anything is written.
#[test]
fn rates_of_single_parameters_count_or_are_refused() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    with_shapes(&data);
    let trained = |name: &str, settings: &[&str]| {
        let out = folder.path().join(name);
        let all = ["training.steps=2", "training.validate_every=0"].iter().chain(settings).copied();
        run(&data, &out, config("rcml", &all.collect::<Vec<_>>())).map(|_| tensors(&out))
    };
    let start = trained("start", &["optimizer.learning_rate=0"]).unwrap();
    let moved = trained("moved", &[]).unwrap();
    for part in ["roles", "translation", "text.position"] {
        let held = trained(part, &[&format!("optimizer.rates.{part}=0")]).unwrap();
        let of = |all: &BTreeMap<String, Vec<f32>>| all[part].clone();
        assert!(of(&held) == of(&start) && of(&moved) != of(&start), "{part}");
    }
    let error = trained("typo", &["optimizer.rates.text.psition=0"]).unwrap_err();
    let message = error.to_string();
    assert!(error.is_input() && message.contains("text.psition") && message.contains("text.position"), "{message}");
    assert!(!folder.path().join("typo/config.toml").exists());
    // Nobody reads pictures here: that says nothing about the name.
    trained("pictures", &["optimizer.rates.image=2"]).unwrap();
}

/// A teacher is a modality of the data.
#[test]
fn an_unknown_teacher_is_refused() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    with_shapes(&data);
    let run_with = |teacher: &str| {
        let terms = format!("objective.terms=[{{method=\"cwcl\", teacher=\"{teacher}\"}}]");
        run(&data, &folder.path().join(teacher), config("rcml", &[&terms, "training.steps=1"]))
    };
    run_with("shape").unwrap();
    let error = run_with("sound").unwrap_err();
    assert!(error.is_input() && error.to_string().contains("objective.terms[0].teacher"), "{error}");
}

/// A momentum encoder and its queue are part of what a checkpoint keeps.
#[test]
fn a_run_with_a_queue_continues_as_if_it_had_not_stopped() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    with_shapes(&data);
    let [whole, halves, short] = ["whole", "halves", "short"].map(|name| folder.path().join(name));
    // Room for two and a half batches, then for none.
    let term = |queue: usize| {
        format!("objective.terms=[{{method=\"tcl\", parameters={{queue={queue}, momentum=0.9, share=0.3}}}}]")
    };
    let (long, none) = (term(40), term(0));
    run(&data, &whole, config("rcml", &[&long])).unwrap();
    stopped_after(4, &data, &halves, config("rcml", &[&long]));
    run(&data, &halves, config("rcml", &[&long])).unwrap();
    assert!(weights(&whole) == weights(&halves));
    assert_eq!(log(&whole), log(&halves));

    run(&data, &short, config("rcml", &[&none])).unwrap();
    let first = |run: &Path| log(run).swap_remove(0);
    assert_eq!(first(&whole), first(&short), "the queue is empty in the first step");
    let [with, without] = [&whole, &short].map(|run| last_step(run)["tcl/items"]);
    // 40 more columns beside 16.
    assert!(with > without + 0.2, "{with} {without}");
}

/// The same pair under a wrong relation makes a denominator larger, and is part of the fused term, too.
#[test]
fn wrong_relations_are_negatives() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    with_shapes(&data);
    let losses = [false, true].map(|wrong| {
        let out = folder.path().join(format!("{wrong}"));
        let wrong = format!("objective.wrong_relation_negatives={wrong}");
        run(&data, &out, config("rcml", &[&wrong, "training.steps=1"])).unwrap();
        last_step(&out)
    });
    for name in ["related/text>text", "related/text>shape", "related/fused>fused"] {
        assert!(losses[1][name] > losses[0][name], "{name}: {losses:?}");
    }
    assert_eq!(losses[0]["same-item/text>shape"], losses[1]["same-item/text>shape"]);
}

/// Generated negatives of texts reach only the direction whose candidates are texts, and only make it harder.
#[test]
fn generated_negatives_make_texts_harder() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    with_shapes(&data);
    let value = |method: &str| {
        let out = folder.path().join(method);
        let term = format!("objective.terms=[{{method=\"{method}\"}}]");
        run(&data, &out, config("rcml", &[&term, "training.steps=1"])).unwrap();
        last_step(&out)[&format!("{method}/items")]
    };
    // Without generated columns it is CLIP over the same pairs. Twice the columns in one of two directions: at most log(2) / 2 more
    // where all score alike, more where the generated ones score higher.
    let (plain, harder) = (value("pairwise"), value("extra-negatives"));
    assert!(harder > plain + 0.1, "{plain} {harder}");
}
