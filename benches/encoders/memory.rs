//! The most memory that embedding pictures takes: encode them once into a cache, embed them piece by piece.

use std::process::Command;

use rcml_benches::Process;
use rcml_data::{Dataset, Item};
use rcml_encoders::pretrained::Projection;
use rcml_encoders::{TextTokenizer, TokenizerConfig};
use rcml_kernels::device;
use rcml_losses::TemperatureConfig;
use rcml_model::{Embedder, EncoderSource, ModalityShape, ModelConfig, TextReader, Towers};
use serde_json::{Value, json};

/// Items embedded at a time, as `rcml embed` does.
const CHUNK: usize = 4096;

/// Peaks in bytes of processes that embed so many pictures each: of all memory, and of what is not a mapped file's.
pub fn peaks(counts: &[usize]) -> Result<Value, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let peak = |items: &usize| -> Result<[u64; 2], String> {
        let output = Command::new(&program).args(["--memory", &items.to_string()]).output();
        let said = output.map_err(|error| error.to_string())?.stdout;
        let said = String::from_utf8_lossy(&said);
        let line = said.lines().find_map(|line| line.strip_prefix("PEAK ")).and_then(|found| found.split_once(' '));
        let parsed = line.and_then(|(all, own)| Some([all.parse().ok()?, own.parse().ok()?]));
        parsed.ok_or_else(|| format!("no peaks from {items} pictures: {said}"))
    };
    let found: Vec<[u64; 2]> = counts.iter().map(peak).collect::<Result<_, _>>()?;
    Ok(json!({"what": "embedding pictures", "unit": "bytes", "items": counts, "peaks": found}))
}

/// Embeds `items` pictures with a small vision transformer whose cache starts empty, and prints what this process took.
pub fn embed(items: usize) {
    let fixtures = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/rcml-encoders/fixtures");
    let picture = |i: usize| ["wide.png", "tall.png"][i % 2];
    let items: Vec<Item> = (0..items).map(|i| Item::new(format!("item-{i}")).image(picture(i))).collect();
    let dataset = Dataset { root: fixtures.clone(), items, ..Dataset::default() };
    let device = device::parse("cpu").unwrap();
    let cache = tempfile::tempdir().unwrap();
    let mut config = ModelConfig { modalities: vec![ModalityShape::raw("image")], ..ModelConfig::default() };
    let source = fixtures.join("vit").display().to_string();
    config.pretrained.image = EncoderSource { source, projection: Projection::Linear, ..EncoderSource::default() };
    let towers = Towers::find(&mut config.pretrained, &device).unwrap().with_cache(cache.path());
    let tokenizer = TextTokenizer::train(&TokenizerConfig::default(), [&config.same_item]).unwrap();
    let model = config.init(&TemperatureConfig::default(), &Default::default(), &device);
    let reads = TextReader::new(tokenizer, 64, towers);
    let embedder = Embedder::new(model, config, reads, rcml_data::ImageConfig::default(), device);
    let all: Vec<u32> = (0..dataset.items.len() as u32).collect();
    let reader = embedder.reader(&dataset, &all, &|_| {}).unwrap();
    let mut own = 0;
    for chunk in all.chunks(CHUNK) {
        let encoded = embedder.encode(&reader, chunk, &|_| {}).unwrap();
        std::hint::black_box(embedder.unconditioned(&encoded).unwrap().fused.into_data());
        own = own.max(Process::now().anonymous.unwrap_or(0));
    }
    println!("PEAK {} {own}", Process::now().peak.unwrap_or(0));
}
