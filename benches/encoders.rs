//! CLIP's ViT-B/32 at its true size, pictures to embeddings, and training from cached tokens, both beside PyTorch.
//!
//! `cargo xtask bench encoders` runs it. `--peer PYTHON` adds PyTorch; `--compiled` adds torch.compile; `--batch N`; `--rounds N`;
//! `--json FILE`; `--markdown FILE`. Sides take turns, and the product of matrices that the processor can do is measured in between.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a bench says by panicking why it cannot run"
)]

#[path = "encoders/folder.rs"]
mod folder;
#[path = "encoders/head.rs"]
mod head;
#[path = "encoders/memory.rs"]
mod memory;

use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};
use head::{HEADS, Sizes, Training};
use rcml_benches::{Arguments, Clock, Peer, Probe, Report, Table, median};
use rcml_encoders::pretrained::{ImageTower, PretrainedFolder};
use rcml_kernels::device;
use safetensors::SafeTensors;
use serde_json::{Value, json};

/// Steps of one measurement of a head.
const STEPS: usize = 5;

/// Pictures embedded in processes of their own, whose peaks are compared.
const EMBEDDED: [usize; 3] = [2_000, 20_000, 100_000];

fn main() -> Result<(), String> {
    rcml_kernels::memory::keep_freed();
    let arguments = Arguments::of_this_process();
    if arguments.has("--memory") {
        memory::embed(arguments.number("--memory", 0)?);
        return Ok(());
    }
    let (batch, rounds) = (arguments.number("--batch", 32)?, arguments.number("--rounds", 7)?);
    let threads = rayon::current_num_threads();
    let mut peer = match arguments.path("--peer") {
        Some(python) => Some(Peer::start(&python, "encoders/peer.py", ["--threads", &threads.to_string()])?),
        None => None,
    };
    let version = match &mut peer {
        Some(peer) => peer.ask(&json!({"what": "version"}))?["version"].as_str().map(String::from),
        None => None,
    };
    let mut ways = vec!["eager"];
    ways.extend(arguments.has("--compiled").then_some("compiled"));
    let device = device::parse("cpu").map_err(|error| error.to_string())?;
    let place = tempfile::tempdir().map_err(|error| error.to_string())?;
    let mut probe = Probe::new();
    let mut results = vec![images(batch, rounds, place.path(), &device, peer.as_mut(), &ways, &mut probe)?];
    for sizes in HEADS {
        results.push(training(sizes, rounds, place.path(), &device, peer.as_mut(), &mut probe)?);
    }
    let mut table = table(&results);
    let memory = memory::peaks(&EMBEDDED)?;
    for (items, peaks) in EMBEDDED.iter().zip(memory["peaks"].as_array().into_iter().flatten()) {
        for (peak, what) in ["peak memory", "the same without mapped files"].into_iter().enumerate() {
            let peak = peaks[peak].as_f64().map_or("-".into(), |bytes| format!("{:.1}", bytes / 1e6));
            table.row([format!("{what}, embedding {items} pictures"), "MB".into(), peak]);
        }
    }
    results.push(memory);
    let peer = version.map_or(String::new(), |version| format!("; PyTorch {version}"));
    let setting = format!("{threads} threads{peer}");
    Report { bench: "encoders", setting, results, table }.publish(&arguments)
}

/// Pictures to embeddings.
#[allow(clippy::too_many_arguments, reason = "one call")]
fn images(
    batch: usize,
    rounds: usize,
    folder: &Path,
    device: &Device,
    mut peer: Option<&mut Peer>,
    ways: &[&str],
    probe: &mut Probe,
) -> Result<Value, String> {
    folder::write(folder, batch)?;
    let found = PretrainedFolder::at("ViT-B/32", folder).map_err(|error| error.to_string())?;
    let (tower, _) = ImageTower::load(&found, device).map_err(|error| error.to_string())?;
    let pixels = pixels(&folder.join("pixels.safetensors"), batch, device);
    let embed = || tower.forward(pixels.clone()).pooled.try_into_vec_as::<f32>().unwrap();
    let own = embed();
    let mut difference = None;
    if let Some(peer) = &mut peer {
        for way in ways {
            let answer = peer.ask(&json!({"what": "open", "folder": folder, "way": way}))?;
            let theirs: Vec<f64> = answer["pooled"].as_array().unwrap().iter().filter_map(Value::as_f64).collect();
            assert_eq!(theirs.len(), own.len());
            let apart = own.iter().zip(&theirs).map(|(a, b)| (f64::from(*a) - b).abs()).fold(0.0, f64::max);
            let size = theirs.iter().map(|v| v.abs()).fold(0.0, f64::max);
            assert!(apart < 1e-3 * size, "the two sides compute different things: {apart} of {size}");
            difference = Some(apart / size);
        }
    }
    let (mut ours, mut theirs) = (vec![], vec![vec![]; ways.len()]);
    for _ in 0..rounds {
        probe.measure(Clock::Wall);
        ours.push(Clock::Wall.time(|| drop(std::hint::black_box(embed()))));
        if let Some(peer) = &mut peer {
            for (way, seconds) in ways.iter().zip(&mut theirs) {
                seconds.extend(peer.seconds(&json!({"what": "embed", "way": way}))?);
            }
        }
    }
    let rate = |seconds: Vec<f64>| batch as f64 / median(seconds);
    let floor = probe.limits().gemm / (2.0 * folder::multiply_adds());
    let mut result = json!({
        "what": format!("ViT-B/32, {batch} pictures"), "unit": "images/s", "ours": rate(ours), "floor": floor,
        "gemm": probe.limits().gemm, "relative_difference": difference,
    });
    if peer.is_some() {
        ways.iter().zip(theirs).for_each(|(way, seconds)| result[*way] = rate(seconds).into());
    }
    eprintln!("{result}");
    Ok(result)
}

fn pixels(path: &Path, batch: usize, device: &Device) -> Tensor<4> {
    let bytes = std::fs::read(path).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let values = tensors.tensor("pixels").unwrap();
    let values: Vec<f32> = values.data().as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    Tensor::from_data(TensorData::new(values, [batch, 3, folder::SIDE, folder::SIDE]), device)
}

/// Cached tokens to a trained head; PyTorch's in the form of the paper, which projects every token, and folded as ours is.
fn training(
    sizes: Sizes,
    rounds: usize,
    folder: &Path,
    device: &Device,
    mut peer: Option<&mut Peer>,
    probe: &mut Probe,
) -> Result<Value, String> {
    let mut own = Training::new(sizes, folder, device)?;
    let request = |what: &str, way: &str| {
        let mut request = sizes.request(folder);
        (request["what"], request["way"], request["steps"]) = (what.into(), way.into(), STEPS.into());
        request
    };
    let ways = ["eager", "folded"];
    own.step();
    if let Some(peer) = &mut peer {
        for way in ways {
            peer.ask(&request("head", way))?;
        }
    }
    let (mut ours, mut theirs) = (vec![], [vec![], vec![]]);
    for _ in 0..rounds {
        probe.measure(Clock::Wall);
        let steps = || {
            for _ in 0..STEPS {
                std::hint::black_box(own.step());
            }
        };
        ours.push(Clock::Wall.time(steps));
        if let Some(peer) = &mut peer {
            for (way, seconds) in ways.iter().zip(&mut theirs) {
                seconds.extend(peer.seconds(&request("train", way))?);
            }
        }
    }
    let rate = |seconds: Vec<f64>| (STEPS * sizes.batch) as f64 / median(seconds);
    // Every token is read once from the cache.
    let bytes = (sizes.tokens * sizes.input * 2) as f64;
    let mut result = json!({
        "what": format!("head on tokens of {}", sizes.name), "unit": "items/s", "ours": rate(ours),
        "floor": probe.limits().read / bytes, "gemm": probe.limits().gemm,
    });
    if peer.is_some() {
        ways.iter().zip(theirs).for_each(|(way, seconds)| result[*way] = rate(seconds).into());
    }
    eprintln!("{result}");
    Ok(result)
}

fn table(results: &[Value]) -> Table {
    let columns = [
        "what",
        "unit",
        "rcml",
        "PyTorch",
        "PyTorch, compiled or folded",
        "rcml / the better",
        "floor",
        "GEMM, GFLOP/s",
    ];
    let mut table = Table::new(&columns);
    for r in results {
        let number = |key: &str| r[key].as_f64();
        let shown = |value: Option<f64>| value.map_or("-".into(), |value| format!("{value:.1}"));
        let other = number("compiled").or(number("folded"));
        let better = number("eager").into_iter().chain(other).reduce(f64::max);
        let ratio = number("ours").zip(better).map_or("-".into(), |(ours, better)| format!("{:.2}", ours / better));
        table.row([
            r["what"].as_str().unwrap_or_default().into(),
            r["unit"].as_str().unwrap_or_default().into(),
            shown(number("ours")),
            shown(number("eager")),
            shown(other),
            ratio,
            shown(number("floor")),
            shown(number("gemm").map(|gemm| gemm / 1e9)),
        ]);
    }
    table
}
