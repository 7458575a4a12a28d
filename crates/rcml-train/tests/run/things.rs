//! Forty things, and runs on them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rcml_data::{Dataset, Edge, Item, ModalityInfo, Relation, Split};
use rcml_train::{Error, Event, Observer, Outcome, RunConfig, Silent, TrainOptions, train};

/// The backend's random numbers are one stream per process, so trainings in one process take turns.
pub(crate) fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// 40 things of 4 colours and 10 kinds; a symmetric and a directed relation.
pub(crate) fn things() -> Dataset {
    let colours = ["red", "green", "blue", "white"];
    let kinds = ["hat", "lamp", "chair", "mug", "bag", "shoe", "book", "bed", "fork", "coat"];
    let mut dataset = Dataset::default();
    for (i, (colour, kind)) in kinds.iter().flat_map(|kind| colours.map(|colour| (colour, *kind))).enumerate() {
        // Two colours have validation items in pairs, so there is something to watch.
        let split = match i % 10 {
            8 => Split::Validation,
            9 => Split::Test,
            _ => Split::Train,
        };
        dataset.items.push(Item::new(format!("t{i}")).text(format!("a {colour} {kind}")).split(split));
    }
    dataset.relations = vec![
        Relation::new("colour", "has the same colour").symmetric(true),
        Relation::new("next", "comes just before in the catalogue"),
    ];
    for a in 0..40u32 {
        for b in a + 1..40 {
            if a % 4 == b % 4 {
                dataset.edges.push(Edge::new(0, a, b));
            }
        }
        dataset.edges.push(Edge::new(1, a, (a + 5) % 40));
    }
    dataset
}

pub(crate) fn config(preset: &str, settings: &[&str]) -> RunConfig {
    let small = [
        "model.width=16",
        "model.conditioner.rank=4",
        "model.text.transformer.width=16",
        "model.text.transformer.heads=2",
        "model.text.transformer.depth=1",
        "sampler.items=16",
        "tokenizer.min_frequency=1",
        "training.steps=6",
        "training.validate_every=2",
    ];
    let all: Vec<String> = small.iter().chain(settings).map(ToString::to_string).collect();
    RunConfig::resolve(Some(preset), None, &all, None).unwrap()
}

/// Trains under an observer that may set the flag that it was given.
fn observed(
    data: &Path,
    out: &Path,
    config: RunConfig,
    interrupt: Arc<AtomicBool>,
    observer: &mut dyn Observer,
) -> Result<Outcome, Error> {
    let device = rcml_kernels::device::parse("cpu").unwrap();
    train(TrainOptions { data, out, config, device, interrupt, observer })
}

pub(crate) fn run(data: &Path, out: &Path, config: RunConfig) -> Result<Outcome, Error> {
    observed(data, out, config, Arc::default(), &mut Silent)
}

/// Asks to stop when a step is done.
struct StopAfter {
    step: u64,
    flag: Arc<AtomicBool>,
}

impl Observer for StopAfter {
    fn event(&mut self, event: &Event) {
        if matches!(event, Event::Step { step, .. } if *step == self.step) {
            self.flag.store(true, Ordering::Relaxed);
        }
    }
}

pub(crate) fn stopped_after(step: u64, data: &Path, out: &Path, config: RunConfig) -> Outcome {
    let flag: Arc<AtomicBool> = Arc::default();
    let mut observer = StopAfter { step, flag: flag.clone() };
    observed(data, out, config, flag, &mut observer).unwrap()
}

pub(crate) fn weights(run: &Path) -> Vec<u8> {
    std::fs::read(run.join("model.safetensors")).unwrap()
}

/// The same, read.
pub(crate) fn tensors(run: &Path) -> BTreeMap<String, Vec<f32>> {
    let bytes = weights(run);
    let read = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let floats = |data: &[u8]| data.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect();
    read.tensors().into_iter().map(|(name, tensor)| (name, floats(tensor.data()))).collect()
}

pub(crate) fn log(run: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    text.lines().map(String::from).collect()
}

/// The same with a vector for each, as a second modality.
pub(crate) fn with_shapes(folder: &Path) {
    let mut dataset = things();
    for (row, item) in dataset.items.iter_mut().enumerate() {
        item.features.insert("shape".into(), row);
    }
    let shape = ModalityInfo { file: "shape.npy".into(), tensor: None, shape: Some(vec![40, 3]), kind: None };
    dataset.info.modalities.insert("shape".into(), shape);
    dataset.write(folder).unwrap();
    let values: Vec<f32> = (0..120).map(|i| ((i * 37 + 11) % 29) as f32 / 29.0).collect();
    std::fs::write(folder.join("shape.npy"), npy(&[40, 3], &values)).unwrap();
}

/// A `.npy` file, version 1.0.
pub(crate) fn npy(shape: &[usize], values: &[f32]) -> Vec<u8> {
    let sides: String = shape.iter().map(|side| format!("{side}, ")).collect();
    let mut header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({sides}), }}");
    // The header ends in a newline, where the values start at a multiple of 64.
    while !(10 + header.len() + 1).is_multiple_of(64) {
        header.push(' ');
    }
    header.push('\n');
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((header.len() as u16).to_le_bytes());
    file.extend(header.as_bytes());
    file.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    file
}
