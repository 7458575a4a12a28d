//! Embeds a store of tokens under one new relation, in constant memory.
//!
//! ```text
//! cargo run --release --example stream -- 1000000      # 8 GB of disk: 16 tokens of width 256, f16
//! cargo run --release --example stream -- 1000000 keep.safetensors   # uses the file if it is there
//! ```

use std::error::Error;
use std::path::PathBuf;
use std::time::Instant;

use burn::tensor::{Distribution, Tensor};
use rcml_attention::{ConditionerConfig, StoreError, TokenStore, TokenStoreWriter, TokenType};

const TOKENS: usize = 16;
const WIDTH: usize = 256;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let items: usize = arguments.next().map_or(Ok(100_000), |count| count.parse())?;
    let kept = arguments.next().map(PathBuf::from);
    let path =
        kept.clone().unwrap_or_else(|| std::env::temp_dir().join(format!("rcml-{}.safetensors", std::process::id())));
    let device = rcml_kernels::device::parse("cpu")?;
    device.seed(1);
    if !path.is_file() {
        write(items, &path, &device)?;
    }
    let store = TokenStore::open(&path)?;
    let [items, ..] = store.dims();
    let mut config = ConditionerConfig::default();
    config.attention.residual_init = 0.5;
    let relation = Tensor::<2>::random([1, WIDTH], Distribution::Normal(0.0, 1.0), &device);
    let prepared = config.init(WIDTH, &device).prepare(relation).ok_or("the device gave no values")?;
    let before = resident();
    let (start, mut sum, mut most) = (Instant::now(), 0.0f64, before);
    store.condition::<StoreError>(&prepared, |_, block| {
        sum += block.iter().map(|z| f64::from(z * z)).sum::<f64>();
        most = most.max(resident());
        Ok(())
    })?;
    let seconds = start.elapsed().as_secs_f64();
    let bytes = (items * TOKENS * WIDTH * 2) as f64;
    println!(
        "{items} items, {:.2} GB of tokens: {seconds:.2} s, {:.2} GB/s, {:.0} items/s; memory {before} MB before, at most {most} MB; {:.0} unit vectors",
        bytes / 1e9,
        bytes / seconds / 1e9,
        items as f64 / seconds,
        sum
    );
    if kept.is_none() {
        std::fs::remove_file(&path)?;
    }
    Ok(())
}

/// Random tokens, 1024 items over and over: what they are does not change the work.
fn write(items: usize, path: &std::path::Path, device: &burn::tensor::Device) -> Result<(), Box<dyn Error>> {
    let some = Tensor::<1>::random([1024 * TOKENS * WIDTH], Distribution::Normal(0.0, 1.0), device);
    let some: Vec<f32> = some.try_into_vec_as()?;
    let mut writer = TokenStoreWriter::create(path, [items, TOKENS, WIDTH], TokenType::F16)?;
    for first in (0..items).step_by(1024) {
        writer.push(&some[..1024.min(items - first) * TOKENS * WIDTH])?;
    }
    Ok(writer.finish()?)
}

/// Memory held now, in MB; 0 where the system does not tell.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).map_or(0, |kib| kib / 1024)
}
