//! Whole runs on a tiny dataset: determinism, resuming, refusals and failures.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod index;
mod objectives;
mod things;
mod words;

use std::path::Path;

use rcml_data::{Item, ModalityInfo, Relation, Split};
use rcml_train::{RunConfig, preset_names};

use things::{config, log, npy, run, stopped_after, tensors, things, turn, weights, with_shapes};

#[test]
fn one_seed_gives_the_same_bytes_and_another_does_not() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    things().write(&data).unwrap();
    let [first, second, third] = ["first", "second", "third"].map(|name| folder.path().join(name));
    let outcome = run(&data, &first, config("rcml", &[])).unwrap();
    assert_eq!((outcome.steps, outcome.interrupted), (6, false));
    assert!(outcome.best_value.is_some(), "there are validation pairs");
    run(&data, &second, config("rcml", &["training.prefetch=5"])).unwrap();
    run(&data, &third, config("rcml", &["seed=2"])).unwrap();
    // How far ahead batches are made changes nothing.
    assert!(weights(&first) == weights(&second));
    assert_eq!(log(&first), log(&second));
    assert!(weights(&first) != weights(&third));
}

/// Neither in the weights nor in the choice of the step that is kept: the same run on data whose test split says something else
/// gives the same bytes. On data whose validation split does, it does not.
#[test]
fn nothing_of_the_test_split_reaches_training() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let trained_on = |name: &str, change: Option<Split>| {
        let mut things = things();
        let changed = |item: &Item| item.split == change;
        let others: Vec<bool> = things.items.iter().map(|item| change.is_some() && changed(item)).collect();
        // Their texts say nothing true any more, and half of what related them is gone.
        for (i, item) in things.items.iter_mut().enumerate().filter(|(i, _)| others[*i]) {
            item.text = Some(["a white fork", "a blue bag"][i / 10 % 2].into());
        }
        let mut number = 0;
        things.edges.retain(|edge| {
            let within = others[edge.source as usize] && others[edge.target as usize];
            number += u32::from(within);
            !within || number % 2 == 0
        });
        let [data, out] = ["data", "run"].map(|part| folder.path().join(format!("{name}-{part}")));
        things.write(&data).unwrap();
        let outcome = run(&data, &out, config("rcml", &["training.validate_every=1"])).unwrap();
        (weights(&out), log(&out), outcome.best_step)
    };
    let plain = trained_on("plain", None);
    assert!(plain == trained_on("test", Some(Split::Test)));
    assert!(plain.1 != trained_on("validation", Some(Split::Validation)).1, "the change is one that would be seen");
}

#[test]
fn an_interrupted_run_ends_like_one_that_was_not() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    things().write(&data).unwrap();
    let bert = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rcml-encoders/fixtures/bert");
    let source = format!("model.pretrained.text.source={}", bert.display());
    let adapted = |how: &'static [&'static str]| std::iter::once(source.as_str()).chain(how.iter().copied()).collect();
    let cases: [(&str, Vec<&str>); 4] = [
        ("rcml", vec![]),
        ("rcml-paper", vec![]),
        ("rcml", adapted(&["model.pretrained.text.adapt.mode=lora", "model.pretrained.text.adapt.rate=1"])),
        ("gate", adapted(&["model.pretrained.text.adapt.mode=full", "model.pretrained.text.adapt.layer_decay=0.5"])),
    ];
    for (number, (preset, settings)) in cases.iter().enumerate() {
        let [whole, halves] = ["whole", "halves"].map(|name| folder.path().join(format!("{number}-{name}")));
        let config = |preset| config(preset, settings);
        let expected = run(&data, &whole, config(preset)).unwrap();

        let first = stopped_after(3, &data, &halves, config(preset));
        assert_eq!((first.steps, first.interrupted), (3, true), "{preset}");
        assert!(!halves.join("model.safetensors").exists(), "{preset}: unfinished");
        assert_eq!(log(&halves), log(&whole)[..4], "{preset}: three steps and one validation");
        let second = run(&data, &halves, config(preset)).unwrap();
        assert_eq!(
            (second.steps, second.interrupted, second.best_step, second.best_value),
            (expected.steps, false, expected.best_step, expected.best_value),
            "{preset}"
        );
        assert!(weights(&whole) == weights(&halves), "{preset}");
        assert_eq!(log(&whole), log(&halves), "{preset}");
        // What was trained of an encoder is saved.
        let names = String::from_utf8_lossy(&weights(&whole)).into_owned();
        assert_eq!(names.contains("\"text_tower."), !settings.is_empty(), "{preset}");
    }
}

/// Of every trained weight, and of nothing else: running means are of the trained encoders.
#[test]
fn the_start_keeps_its_share_in_what_a_run_keeps() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    things().write(&data).unwrap();
    let kept = |name: &str, settings: &[&str]| {
        let out = folder.path().join(name);
        run(&data, &out, config("rcml", &[settings, &["training.validate_every=0"]].concat())).unwrap();
        tensors(&out)
    };
    let start = kept("start", &["training.start_share=0", "optimizer.learning_rate=0"]);
    let trained = kept("trained", &["training.start_share=0"]);
    let mixed = kept("mixed", &["training.start_share=0.25"]);
    let mut moved = 0;
    for (name, (now, began)) in trained.iter().map(|(name, now)| (name, (now, &start[name]))) {
        for (at, (now, began)) in now.iter().zip(began).enumerate() {
            let share = if name.starts_with("centers.") { 0.0 } else { 0.25 };
            let (found, expected) = (mixed[name][at], now + share * (began - now));
            assert!((found - expected).abs() < 1e-6, "{name}[{at}]: expected {expected}, found {found}");
            moved += usize::from((found - now).abs() > 1e-5);
        }
    }
    assert!(moved > 1_000, "{moved} weights differ");
}

/// What is computed again is what was computed before.
#[test]
fn gradient_checkpointing_changes_no_bit() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    things().write(&data).unwrap();
    let [kept, again] = ["kept", "again"].map(|name| folder.path().join(name));
    run(&data, &kept, config("rcml", &[])).unwrap();
    run(&data, &again, config("rcml", &["training.gradient_checkpointing=true"])).unwrap();
    assert!(weights(&kept) == weights(&again));
}

/// A request to stop that meets the end of patience must not make the run longer than it would have been.
#[test]
fn a_run_that_is_out_of_patience_finishes_when_asked_to_stop() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    things().write(&data).unwrap();
    // Nothing is learned, so the second validation is no better than the first.
    let settings = ["optimizer.learning_rate=0", "training.validate_every=1", "training.patience=1"];
    let [whole, stopped] = ["whole", "stopped"].map(|name| folder.path().join(name));
    let expected = run(&data, &whole, config("rcml", &settings)).unwrap();
    assert_eq!((expected.steps, expected.best_step), (2, 1));
    let outcome = stopped_after(2, &data, &stopped, config("rcml", &settings));
    assert_eq!((outcome.steps, outcome.best_step, outcome.interrupted), (2, 1, false));
    assert!(weights(&whole) == weights(&stopped));
    // Unless it is asked for, no patience ends: what a high rate hides, its decline brings.
    let patient = config("rcml", &settings[..2]);
    let steps = patient.training.steps;
    let outcome = run(&data, &folder.path().join("patient"), patient).unwrap();
    assert_eq!(rcml_train::Steps::Exactly(outcome.steps), steps);
    assert_eq!(outcome.best_step, outcome.steps, "of equals, the last is kept");
}

#[test]
fn an_unfinished_folder_takes_only_its_own_configuration_and_data() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let (data, out) = (folder.path().join("data"), folder.path().join("run"));
    things().write(&data).unwrap();
    stopped_after(3, &data, &out, config("rcml", &[]));
    for (setting, key) in [("seed=2", "seed"), ("optimizer.learning_rate=0.5", "learning_rate")] {
        let error = run(&data, &out, config("rcml", &[setting])).unwrap_err();
        let message = error.to_string();
        assert!(error.is_input() && message.contains(key) && message.contains("config.toml"), "{setting}: {message}");
    }

    let mut others = things();
    others.items[0].text = Some("a red kite".into());
    let elsewhere = folder.path().join("others");
    others.write(&elsewhere).unwrap();
    let error = run(&elsewhere, &out, config("rcml", &[])).unwrap_err();
    assert!(error.is_input() && error.to_string().contains("other training data"), "{error}");

    // Refusals leave the folder as it was.
    let outcome = run(&data, &out, config("rcml", &[])).unwrap();
    assert_eq!(outcome.steps, 6);
    let error = run(&data, &out, config("rcml", &[])).unwrap_err();
    assert!(error.is_input() && error.to_string().contains("finished"), "{error}");
}

/// A call that failed on its data must not leave a tokenizer behind that the next call takes for its own.
#[test]
fn a_tokenizer_without_a_configuration_is_made_anew() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    things().write(&data).unwrap();
    let [clean, littered] = ["clean", "littered"].map(|name| folder.path().join(name));
    run(&data, &clean, config("rcml", &["training.steps=1"])).unwrap();
    std::fs::create_dir(&littered).unwrap();
    std::fs::write(littered.join("tokenizer.json"), "{}").unwrap();
    run(&data, &littered, config("rcml", &["training.steps=1"])).unwrap();
    assert!(weights(&clean) == weights(&littered));
}

#[test]
fn a_loss_that_is_not_finite_names_its_step_and_term() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let (data, out) = (folder.path().join("data"), folder.path().join("run"));
    things().write(&data).unwrap();
    // The first step throws the weights out of all proportion, the second one notices.
    let error = run(&data, &out, config("rcml", &["optimizer.learning_rate=1e30"])).unwrap_err();
    let message = error.to_string();
    assert!(message.contains("step 2") && message.contains("related/text>text"), "{message}");
    assert!(!error.is_input(), "{message}");
    assert!(!out.join("model.safetensors").exists());
    let finite = |line: &String| !line.contains("null");
    assert!(log(&out).iter().all(finite), "nothing that is not finite is logged");
}

#[test]
fn every_preset_trains() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let (texts, both) = (folder.path().join("texts"), folder.path().join("both"));
    things().write(&texts).unwrap();
    with_shapes(&both);

    for (kind, data) in [("texts", &texts), ("both", &both)] {
        for preset in preset_names() {
            let out = folder.path().join(format!("{preset}-{kind}"));
            let outcome = run(data, &out, config(preset, &["training.steps=2"]));
            if ["clip", "siglip"].contains(preset) && kind == "texts" {
                // It learns from an item's modalities alone, and there is one.
                let error = outcome.unwrap_err();
                let expected = "nothing to train on: expected items with two modalities, since this objective compares nothing \
                                else; found 32 training items with";
                assert!(error.is_input() && error.to_string().starts_with(expected), "{error}");
                assert!(!out.join("metrics.jsonl").exists(), "refused before the first step");
                continue;
            }
            let outcome = outcome.unwrap_or_else(|error| panic!("{preset} on {kind}: {error}"));
            assert_eq!(outcome.steps, 2, "{preset} on {kind}");
            assert!(!weights(&out).is_empty());
            let saved = RunConfig::load(&out).unwrap();
            assert_eq!((saved.preset.as_str(), saved.model.width), (*preset, 16));
            // Two steps and, after the second, a validation.
            assert_eq!(log(&out).len(), 3, "{preset} on {kind}");
        }
    }
}

/// In training as in evaluation: the anchor's text ends in the relation's words, and without words all relations are one.
#[test]
fn the_words_of_relations_reach_training_and_can_be_kept_from_it() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let trained_on = |name: &str, preset: &str, settings: &[&str], words: &str| {
        let mut things = things();
        things.relations[0] = Relation::new("colour", words).symmetric(true);
        let [data, out] = ["data", "run"].map(|part| folder.path().join(format!("{name}-{part}")));
        things.write(&data).unwrap();
        // The vocabulary knows the words in any case: those of the other relation are the same.
        run(&data, &out, config(preset, &[settings, &["training.steps=1", "training.validate_every=0"]].concat()))
            .unwrap();
        log(&out)
    };
    let (same, other) = ("comes just before in the catalogue", "comes before in the catalogue just");
    let differ = |name: &str, preset: &str, settings: &[&str]| {
        let [a, b] = [("a", same), ("b", other)]
            .map(|(part, words)| trained_on(&format!("{name}-{part}"), preset, settings, words));
        a != b
    };
    assert!(differ("spoken", "clip-relations-text", &[]));
    assert!(!differ("unspoken", "clip-relations", &[]));
    assert!(differ("words", "rcml", &[]));
    assert!(!differ("wordless", "rcml", &["model.relation_words=false"]));
}

/// A series whose shape says what colour a thing has, in place of its text; some end early, some things have none.
#[test]
fn sequences_and_series_train_with_what_is_missing() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut dataset = things();
    for (row, item) in dataset.items.iter_mut().enumerate().filter(|(row, _)| row % 7 != 6) {
        item.features.insert("sound".into(), row);
    }
    let sound = ModalityInfo { file: "sound.npy".into(), tensor: None, shape: Some(vec![40, 12, 2]), kind: None };
    dataset.info.modalities.insert("sound".into(), sound);
    dataset.write(&data).unwrap();
    let value = |at: usize| {
        let (item, step) = (at / 24, at / 2 % 12);
        let is_missing = step >= 12 - item % 4;
        if is_missing { f32::NAN } else { ((item % 4 + 1) as f32 * step as f32 * 0.7).sin() + (at % 2) as f32 }
    };
    let write = |values: &[f32]| std::fs::write(data.join("sound.npy"), npy(&[40, 12, 2], values)).unwrap();
    let values: Vec<f32> = (0..40 * 24).map(value).collect();
    write(&values);
    let settings = |kind: &str| {
        let kind = format!("model.features.sound.encoder={kind}");
        let small = ["width=16", "heads=2", "depth=1"].map(|key| format!("model.features.sound.transformer.{key}"));
        [kind, "model.features.sound.patch=5".into()].into_iter().chain(small).collect::<Vec<String>>()
    };
    let trained = |kind: &str, name: &str| {
        let settings = settings(kind);
        let out = folder.path().join(format!("{kind}-{name}"));
        run(&data, &out, config("rcml", &settings.iter().map(String::as_str).collect::<Vec<_>>())).unwrap();
        log(&out)
    };
    let kinds = ["projector", "transformer", "patches"];
    let first = kinds.map(|kind| trained(kind, "first"));
    assert!(first.iter().flatten().all(|line| !line.contains("null")), "finite");
    assert!(first[0] != first[1] && first[1] != first[2]);

    let unknown = run(&data, &folder.path().join("unknown"), config("rcml", &["model.features.smell.patch=4"]));
    let message = unknown.unwrap_err().to_string();
    assert!(message.contains("model.features.smell") && message.contains("sound"), "{message}");
    let mut broken = values;
    broken[3] = f32::NAN;
    write(&broken);
    let error = run(&data, &folder.path().join("broken"), config("rcml", &[])).unwrap_err();
    assert!(error.to_string().contains("expected finite numbers"), "half a vector: {error}");
}
