//! Pictures a second: decode, resize to 224, normalise. `tests/images/speed.py` runs it beside torchvision.
//!
//!     cargo run --release -p rcml-data --example image_speed -- FOLDER [THREADS]
#![allow(clippy::unwrap_used, reason = "a program to measure with")]

use std::time::Instant;

use rcml_data::{Dataset, ImageConfig, ImageStore};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().unwrap_or_else(|| "images".into());
    let threads = arguments.next().map_or(2, |text| text.parse().unwrap());
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global().unwrap();
    let dataset = Dataset::open(&folder).unwrap();
    let items: Vec<u32> = (0..dataset.items.len() as u32).collect();
    // Nothing is kept: every batch decodes.
    let config = ImageConfig { cache_mib: 0, ..ImageConfig::clip() };
    let store = ImageStore::open(&dataset, &items, config, &|_| {}).unwrap();
    let start = Instant::now();
    let mut sum = 0.0;
    for batch in items.chunks(64) {
        sum += f64::from(store.batch(batch).unwrap().pixels[0]);
    }
    let seconds = start.elapsed().as_secs_f64();
    println!("{:.1} pictures/s ({} in {seconds:.2} s, checksum {sum:.3})", items.len() as f64 / seconds, items.len());
}
