//! What a model costs: parameters and time.

use std::path::Path;
use std::time::Instant;

use rcml_data::Dataset;
use rcml_eval::{EvalSet, ResultTable};
use rcml_kernels::device;
use rcml_model::{Embedder, RelationQuery};

use crate::failure::Result;

/// Items that are embedded for a measurement, and how often; the median counts.
const ITEMS: usize = 256;
const ROUNDS: usize = 7;

/// Trained parameters; milliseconds an item for reading it (from the token cache, where encoders are frozen), and for embedding
/// it under one relation more.
pub(crate) fn table(
    dataset: &Dataset,
    set: &EvalSet<'_>,
    runs: &[(String, std::path::PathBuf)],
) -> Result<ResultTable> {
    let mut rows = Vec::new();
    for (name, run) in runs {
        let embedder = Embedder::load(run, &device::parse("cpu")?)?;
        let items: Vec<u32> = set.items().iter().copied().take(ITEMS).collect();
        let reader = embedder.reader(dataset, &items, &|_| {})?;
        let words = dataset.relations.first().map_or("", |relation| relation.description());
        let relation = RelationQuery::Relation(words.into(), embedder.config().roles.of_words().0);
        let each = 1e3 / items.len().max(1) as f64;
        let mut encode = Vec::new();
        let mut condition = Vec::new();
        for _ in 0..=ROUNDS {
            let start = Instant::now();
            let encoded = embedder.encode(&reader, &items, &|_| {})?;
            encode.push(each * start.elapsed().as_secs_f64());
            let start = Instant::now();
            embedder.candidates(&encoded, &relation)?;
            condition.push(each * start.elapsed().as_secs_f64());
        }
        // The first round finds cold caches.
        let median = |times: &mut Vec<f64>| {
            times.remove(0);
            times.sort_by(f64::total_cmp);
            times[times.len() / 2]
        };
        let millions = parameters(&run.join("model.safetensors"))? as f64 / 1e6;
        rows.push(vec![
            name.clone(),
            format!("{millions:.2} M"),
            format!("{:.3}", median(&mut encode)),
            format!("{:.3}", median(&mut condition)),
        ]);
    }
    let header = ["method", "trained parameters", "ms an item, read and encoded", "ms an item under one more relation"];
    Ok(ResultTable {
        title: format!("Parameters and latency, {}, {ITEMS} items at a time at most", dataset.name()),
        header: header.map(String::from).into(),
        rows,
        larger_is_better: vec![],
    })
}

/// Values in a file of weights, from its header: eight bytes of length, then JSON.
fn parameters(path: &Path) -> Result<u64> {
    let fail = |error: &dyn std::fmt::Display| crate::failure::Failure::file(path, error);
    let bytes = std::fs::read(path).map_err(|error| fail(&error))?;
    let length = bytes.first_chunk::<8>().map_or(0, |length| u64::from_le_bytes(*length)) as usize;
    let header = bytes.get(8..8 + length).ok_or_else(|| fail(&"expected a safetensors file"))?;
    let header: serde_json::Value = serde_json::from_slice(header).map_err(|error| fail(&error))?;
    let tensors = header.as_object().into_iter().flatten().filter_map(|(_, tensor)| tensor["shape"].as_array());
    Ok(tensors.map(|shape| shape.iter().filter_map(serde_json::Value::as_u64).product::<u64>()).sum())
}
