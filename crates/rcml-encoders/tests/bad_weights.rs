//! Weights that cannot be right, each refused with one error that says what is wrong with which tensor.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::HashMap;
use std::path::Path;

use rcml_encoders::pretrained::{PretrainedFolder, TextTower};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

type Tensors = HashMap<String, (Vec<usize>, Vec<u8>)>;

/// What is done to the tensors of a good file, or to its bytes.
enum Damage {
    Tensors(fn(&mut Tensors)),
    Bytes(fn(&mut Vec<u8>)),
    Config(&'static str, &'static str),
}

const QUERY: &str = "encoder.layer.1.attention.self.query.weight";

fn cases() -> Vec<(&'static str, Damage, Vec<&'static str>)> {
    vec![
        (
            "missing",
            Damage::Tensors(|tensors| drop(tensors.remove(QUERY).unwrap())),
            vec![QUERY, "[32, 32]", "is missing"],
        ),
        (
            "wrong shape",
            Damage::Tensors(|tensors| tensors.get_mut(QUERY).unwrap().0 = vec![16, 64]),
            vec![QUERY, "expected shape [32, 32]", "found [16, 64]"],
        ),
        (
            "extra",
            Damage::Tensors(|tensors| drop(tensors.insert("encoder.adapter.weight".into(), (vec![2], vec![0; 8])))),
            vec!["\"encoder.adapter.weight\" [2]", "does not have"],
        ),
        (
            "not a number",
            Damage::Tensors(|tensors| tensors.get_mut(QUERY).unwrap().1[4..8].copy_from_slice(&f32::NAN.to_le_bytes())),
            vec![QUERY, "[32, 32]", "value 1 is NaN"],
        ),
        ("cut short", Damage::Bytes(|bytes| bytes.truncate(bytes.len() / 2)), vec!["cut short"]),
        (
            "a header of 2^60 bytes",
            Damage::Bytes(|bytes| bytes[..8].copy_from_slice(&(1u64 << 60).to_le_bytes())),
            vec!["claim a header of 1152921504606846976 bytes"],
        ),
        (
            "another size of the same architecture",
            Damage::Config("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3"),
            vec!["encoder.layer.2.", "is missing"],
        ),
        (
            "another architecture",
            Damage::Config("\"model_type\": \"bert\"", "\"model_type\": \"vit\""),
            vec!["model_type", "expected one of bert, clip, siglip (encoders of texts)", "vit"],
        ),
    ]
}

#[test]
fn each_is_one_clear_error() {
    let original = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/bert");
    let device = rcml_kernels::device::parse("cpu").unwrap();
    let good = std::fs::read(original.join("model.safetensors")).unwrap();
    for (name, damage, words) in cases() {
        let folder = tempfile::tempdir().unwrap();
        for file in ["config.json", "tokenizer.json", "tokenizer_config.json", "sentence_bert_config.json"] {
            std::fs::copy(original.join(file), folder.path().join(file)).unwrap();
        }
        let mut bytes = good.clone();
        match damage {
            Damage::Tensors(change) => {
                let mut tensors: Tensors = SafeTensors::deserialize(&good)
                    .unwrap()
                    .tensors()
                    .into_iter()
                    .map(|(name, view)| (name, (view.shape().to_vec(), view.data().to_vec())))
                    .collect();
                change(&mut tensors);
                let views = tensors.iter().map(|(name, (shape, bytes))| {
                    (name.as_str(), TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap())
                });
                bytes = safetensors::serialize(views.collect::<HashMap<_, _>>(), None).unwrap();
            }
            Damage::Bytes(change) => change(&mut bytes),
            Damage::Config(from, to) => {
                let path = folder.path().join("config.json");
                let text = std::fs::read_to_string(&path).unwrap();
                assert!(text.contains(from), "{name}: the fixture has no {from}");
                std::fs::write(&path, text.replace(from, to)).unwrap();
            }
        }
        std::fs::write(folder.path().join("model.safetensors"), bytes).unwrap();
        let found = PretrainedFolder::at("bert", folder.path()).unwrap();
        let message = TextTower::load(&found, &device).unwrap_err().to_string();
        for word in words {
            assert!(message.contains(word), "{name}: expected {word:?}: {message}");
        }
        assert_eq!(message.lines().count(), 1, "{name}: {message}");
    }
}
