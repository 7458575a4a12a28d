//! Pretrained encoders against the values of their originals.
//!
//! `fixtures/make.py` writes folders with inputs and expected values; the small ones are committed, `RCML_PARITY` names a
//! folder of more (`cargo xtask parity` makes it).
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor, TensorData};
use rcml_encoders::TokenIds;
use rcml_encoders::pretrained::{ImageTower, PretrainedFolder, TextTower};
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;

/// Largest difference of a value, from file to number.
const TOLERANCE: f32 = 1e-4;

fn folders() -> Vec<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let more = std::env::var_os("RCML_PARITY").map(PathBuf::from);
    let entries = [Some(own), more].into_iter().flatten().flat_map(|folder| std::fs::read_dir(folder).unwrap());
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    folders.retain(|folder| folder.join("expected.safetensors").is_file());
    folders.sort();
    assert!(!folders.is_empty());
    folders
}

/// What the original computed.
struct Expected {
    bytes: Vec<u8>,
    folder: String,
}

impl Expected {
    fn read(folder: &Path) -> Self {
        let bytes = std::fs::read(folder.join("expected.safetensors")).unwrap();
        Self { bytes, folder: folder.file_name().unwrap().to_string_lossy().into_owned() }
    }

    fn get(&self, name: &str) -> Option<(Vec<usize>, Vec<f32>)> {
        let tensors = SafeTensors::deserialize(&self.bytes).unwrap();
        let tensor = tensors.tensor(name).ok()?;
        let values = match tensor.dtype() {
            Dtype::F32 => tensor.data().chunks(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect(),
            Dtype::I64 => tensor.data().chunks(8).map(|b| i64::from_le_bytes(b.try_into().unwrap()) as f32).collect(),
            other => panic!("{name}: {other:?}"),
        };
        Some((tensor.shape().to_vec(), values))
    }

    fn compare<const D: usize>(&self, name: &str, found: Tensor<D>) {
        let Some((shape, expected)) = self.get(name) else { return };
        assert_eq!(found.dims().to_vec(), shape, "{} {name}", self.folder);
        let found = found.try_into_vec_as::<f32>().unwrap();
        let worst = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        let largest = expected.iter().map(|v| v.abs()).fold(0.0, f32::max);
        println!("{:<24} {name:<16} {shape:?}: max abs difference {worst:.1e}, values up to {largest:.2}", self.folder);
        assert!(worst <= TOLERANCE, "{} {name}: {worst}", self.folder);
    }
}

fn texts(folder: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(folder.join("inputs.json")).unwrap();
    let inputs: Value = serde_json::from_str(&text).unwrap();
    let texts = inputs["texts"].as_array().into_iter().flatten();
    texts.map(|text| text.as_str().unwrap().to_string()).collect()
}

/// Ids and mask are the original's, to the last one.
fn compare_ids(expected: &Expected, ids: &TokenIds) {
    let (shape, original) = expected.get("ids").unwrap();
    assert_eq!(shape, [ids.texts(), ids.length()], "{}", expected.folder);
    let found: Vec<f32> = ids.ids().iter().map(|id| *id as f32).collect();
    assert_eq!(found, original, "{}", expected.folder);
    if let Some((_, real)) = expected.get("real") {
        let found: Vec<f32> = ids.real().iter().map(|real| f32::from(*real)).collect();
        assert_eq!(found, real, "{}", expected.folder);
    }
}

fn text(folder: &Path, expected: &Expected, device: &Device) {
    let (tower, tokenizer) = TextTower::load(&PretrainedFolder::at("fixture", folder).unwrap(), device).unwrap();
    let ids = tokenizer.encode(&texts(folder)).unwrap();
    compare_ids(expected, &ids);
    let states = tower.forward(&ids, device);
    // States of padding mean nothing, in the original as well.
    let (n, t) = (ids.texts(), states.hidden.dims()[1]);
    let ids = ids.lengthened(t, 0);
    let real: Vec<f32> = ids.real().iter().map(|real| f32::from(*real)).collect();
    let real = Tensor::<3>::from_data(TensorData::new(real, [n, t, 1]), device);
    expected.compare("text.hidden", states.hidden * real);
    expected.compare("text.pooled", states.pooled.clone());
    let summary = states.tokens.states.narrow(1, 0, 1).squeeze_dim::<2>(1);
    let apart = (summary - states.pooled).abs().max().into_scalar::<f32>();
    assert_eq!(apart, 0.0, "{}: the summary comes first", expected.folder);
}

fn image(folder: &Path, expected: &Expected, device: &Device) {
    let Some((shape, pixels)) = expected.get("pixels") else { return };
    let (tower, _) = ImageTower::load(&PretrainedFolder::at("fixture", folder).unwrap(), device).unwrap();
    let pixels = TensorData::new(pixels, [shape[0], shape[1], shape[2], shape[3]]);
    let states = tower.forward(Tensor::from_data(pixels, device));
    expected.compare("image.hidden", states.hidden);
    expected.compare("image.pooled", states.pooled);
    if let Some(logits) = states.logits {
        expected.compare("image.logits", logits);
    }
}

#[test]
fn towers_equal_their_originals() {
    for (_, device) in rcml_kernels::device::test_devices() {
        for folder in folders() {
            let expected = Expected::read(&folder);
            if expected.get("ids").is_some() {
                text(&folder, &expected, &device);
            }
            image(&folder, &expected, &device);
        }
    }
}
