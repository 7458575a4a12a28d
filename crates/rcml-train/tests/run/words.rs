//! Exact words beside the embeddings of a run, and items that have none.

use std::path::Path;

use burn::tensor::Tensor;
use rcml_data::{Dataset, Item, Role};
use rcml_model::{Embedder, ExactWords, RelationQuery};
use rcml_train::RunConfig;

use crate::things::{config, run, things, turn, weights};

/// Words that were decided on belong to a run as its weights do; what was made before the configuration told of them is read as it was.
#[test]
fn a_run_that_lost_its_words_is_refused() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let (data, out) = (folder.path().join("data"), folder.path().join("run"));
    things().write(&data).unwrap();
    run(&data, &out, config("rcml", &["model.exact_words.share=0.25", "model.exact_words.width=64"])).unwrap();
    std::fs::remove_file(out.join("words.json")).unwrap();
    let device = rcml_kernels::device::parse("cpu").unwrap();
    let error = Embedder::load(&out, &device).unwrap_err();
    assert!(error.is_input() && error.to_string().contains("words.json"), "{error}");
    let text = std::fs::read_to_string(out.join("config.toml")).unwrap();
    std::fs::write(out.join("config.toml"), text.replace("decided = 0.25\n", "")).unwrap();
    assert_eq!(Embedder::load(&out, &device).unwrap().width(), 16);
}

/// An item of which the model reads nothing is nowhere, not in a place of its own.
#[test]
fn what_nothing_is_read_of_has_no_embedding() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let (data, out) = (folder.path().join("data"), folder.path().join("run"));
    things().write(&data).unwrap();
    run(&data, &out, config("rcml", &["model.exact_words.share=0.25", "model.exact_words.width=64"])).unwrap();
    let embedder = Embedder::load(&out, &rcml_kernels::device::parse("cpu").unwrap()).unwrap();
    let mut dataset = Dataset::open(&data).unwrap();
    let first = dataset.items.len() as u32;
    dataset.items.extend([Item::new("nothing"), Item::new("wordless").text("??")]);
    let items = [0, first, first + 1];
    let reader = embedder.reader(&dataset, &items, &|_| {}).unwrap();
    let encoded = embedder.encode(&reader, &items, &|_| {}).unwrap();
    let relation = RelationQuery::Relation("has the same colour".into(), Role::Target);
    for found in [embedder.candidates(&encoded, &relation).unwrap(), embedder.unconditioned(&encoded).unwrap()] {
        assert_eq!(found.present, [true, false, true]);
        let rows = found.fused.into_data().try_to_vec::<f32>().unwrap();
        let length = |row: &[f32]| row.iter().map(|value| value * value).sum::<f32>();
        let lengths: Vec<f32> = rows.chunks(embedder.width()).map(length).collect();
        assert!((lengths[0] - 1.0).abs() < 1e-4 && lengths[1] == 0.0 && (lengths[2] - 1.0).abs() < 1e-4, "{lengths:?}");
    }
}

/// A score is then as much of theirs as was asked for, whether items are encoded in chunks, selected or new.
#[test]
fn words_stand_beside_the_embeddings_of_a_run() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    things().write(&data).unwrap();
    let device = rcml_kernels::device::parse("cpu").unwrap();
    let trained = |name: &str, share: &str| {
        let out = folder.path().join(name);
        run(&data, &out, config("rcml", &[share, "model.exact_words.width=64"])).unwrap();
        (Embedder::load(&out, &device).unwrap(), out)
    };
    let (plain, without) = trained("plain", "model.exact_words.share=0");
    let (wide, with) = trained("wide", "model.exact_words.share=0.25");
    assert!(weights(&without) == weights(&with), "nothing is learned of them");
    assert!(!without.join("words.json").exists());
    let known = |run: &Path| RunConfig::load(run).unwrap().model.exact_words;
    assert_eq!((known(&without).decided, known(&with).decided), (None, Some(0.25)));
    let words = ExactWords::load(&with, &known(&with)).unwrap().unwrap();
    assert_eq!((words.share(), plain.width(), wide.width()), (0.25, 16, 16 + 64));

    let mut dataset = Dataset::open(&data).unwrap();
    let wordless = dataset.items.len() as u32;
    dataset.items.push(Item::new("?").text("??"));
    let items = [3, wordless, 5, 11];
    let relation = RelationQuery::Relation("has the same colour".into(), Role::Source);
    let products = |embedder: &Embedder| {
        let reader = embedder.reader(&dataset, &items, &|_| {}).unwrap();
        let encoded = embedder.encode(&reader, &items, &|_| {}).unwrap();
        let rows = embedder.queries(&encoded, &relation).unwrap();
        let again = embedder.queries(&encoded.select(&[2, 0]), &relation).unwrap().fused;
        let values = |rows: Tensor<2>| rows.into_data().try_to_vec::<f32>().unwrap();
        let (fused, text) = (rows.fused, rows.modalities[0].1.clone());
        let [_, width] = fused.dims();
        let swapped = Tensor::cat(vec![fused.clone().narrow(0, 2, 1), fused.clone().narrow(0, 0, 1)], 0);
        assert!(width == embedder.width() && values(again) == values(swapped));
        [fused, text].map(|rows| values(rows.clone().matmul(rows.transpose())))
    };
    let vector = |item: u32| words.vector(dataset.items[item as usize].text.as_deref().unwrap());
    for (plain, wide) in products(&plain).iter().zip(&products(&wide)) {
        for (at, (plain, wide)) in plain.iter().zip(wide).enumerate() {
            let common = match (vector(items[at / 4]), vector(items[at % 4])) {
                (Some(a), Some(b)) => a.iter().zip(&b).map(|(a, b)| a * b).sum(),
                _ if at / 4 == at % 4 => 1.0,
                // Whatever chance has it.
                _ => (wide - 0.75 * plain) / 0.25,
            };
            assert!((wide - (0.75 * plain + 0.25 * common)).abs() < 1e-5 && common.abs() < 1.0 + 1e-5, "{at}");
        }
    }
}
