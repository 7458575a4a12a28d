//! What an objective can ask of a run: methods by name, a momentum encoder, generated negatives, wrong relations.

use std::collections::BTreeMap;
use std::path::Path;

use rcml_losses::{METHODS, Place};

use crate::things::{config, log, run, stopped_after, turn, weights, with_shapes};

/// Values of the last training step by the name of the term.
fn last_step(folder: &Path) -> BTreeMap<String, f64> {
    let line = log(folder).into_iter().rfind(|line| line.contains("\"train\"")).unwrap();
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    let values = line.as_object().unwrap().iter().filter_map(|(name, value)| Some((name.clone(), value.as_f64()?)));
    values.collect()
}

/// Every method that needs nothing but a run, all of them in one.
#[test]
fn all_methods_train_together() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let (data, out) = (folder.path().join("data"), folder.path().join("run"));
    with_shapes(&data);
    let names: Vec<&str> =
        METHODS.iter().filter(|info| !matches!(info.place, Place::Library(_))).map(|info| info.name).collect();
    let terms: Vec<String> = names.iter().map(|name| format!("{{method=\"{name}\", weight=0.01}}")).collect();
    let terms = format!("objective.terms=[{}]", terms.join(","));
    run(&data, &out, config("rcml", &[&terms, "training.steps=2", "objective.wrong_relation_negatives=true"])).unwrap();
    let values = last_step(&out);
    for name in names {
        let found: Vec<_> = values.iter().filter(|(key, _)| key.split('/').next() == Some(name)).collect();
        assert!(!found.is_empty() && found.iter().all(|(_, value)| value.is_finite()), "{name}: {values:?}");
    }
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
