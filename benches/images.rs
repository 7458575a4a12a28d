//! Pictures on their way into an encoder: JPEG files become the normalised pixels that CLIP reads, ours and torchvision's in
//! turn.
//!
//! `cargo xtask bench images` runs it. `--peer PYTHON` adds torchvision on Pillow, in threads and in processes;
//! `--folder DIR` takes the JPEG files of a folder in place of generated ones; `--rounds N`; `--json FILE`;
//! `--markdown FILE`.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a bench says by panicking why it cannot run"
)]

use std::path::{Path, PathBuf};
use std::time::Instant;

use image::codecs::jpeg::JpegEncoder;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rcml_benches::{Arguments, Peer, Report, Table};
use rcml_data::{Dataset, ImageConfig, ImageStore, Item};
use serde_json::{Value, json};

/// Pictures of a batch.
const BATCH: usize = 32;

/// What the generated pictures are like: name, width, height, how many.
const GENERATED: [(&str, u32, u32, usize); 3] =
    [("thumbnails", 348, 348, 512), ("web pictures", 800, 600, 256), ("photographs", 3000, 2000, 32)];

fn main() -> Result<(), String> {
    let arguments = Arguments::of_this_process();
    let rounds: usize = arguments.number("--rounds", 5)?;
    let threads = rayon::current_num_threads();
    let python = arguments.path("--peer");
    let start = |python: PathBuf| Peer::start(&python, "images/peer.py", [threads.to_string()]);
    let mut peer = python.map(start).transpose()?;
    let made = tempfile::tempdir().map_err(|error| error.to_string())?;
    let sets: Vec<(String, PathBuf)> = match arguments.path("--folder") {
        Some(folder) => vec![(folder.display().to_string(), folder)],
        None => GENERATED.iter().map(|set| (label(set), generate(set, made.path()))).collect(),
    };
    let results: Vec<Value> = sets.iter().map(|(name, folder)| measure(name, folder, rounds, peer.as_mut())).collect();
    let version = match &mut peer {
        Some(peer) => peer.ask(&json!({"do": "version"}))?["version"].as_str().unwrap_or("?").to_string(),
        None => "no peer".into(),
    };
    let table = table(&results);
    Report { bench: "images", setting: format!("{threads} threads; {version}"), results, table }.publish(&arguments)
}

fn label((name, width, height, _): &(&str, u32, u32, usize)) -> String {
    format!("{name}, {width} x {height}")
}

/// Soft shapes under grain, as JPEG of quality 90: about the bytes a pixel of photographs.
fn generate(&(name, width, height, count): &(&str, u32, u32, usize), parent: &Path) -> PathBuf {
    let folder = parent.join(name);
    std::fs::create_dir(&folder).unwrap();
    for number in 0..count {
        let mut rng = ChaCha8Rng::seed_from_u64(number as u64);
        let waves: [[f32; 3]; 6] = std::array::from_fn(|_| std::array::from_fn(|_| rng.random_range(0.002..0.05)));
        let picture = image::RgbImage::from_fn(width, height, |x, y| {
            let grain: i32 = rng.random_range(-6..=6);
            image::Rgb(std::array::from_fn(|c| {
                let wave = |w: &[f32; 3]| (x as f32 * w[c] + y as f32 * w[(c + 1) % 3]).sin();
                (128.0 + 20.0 * waves.iter().map(wave).sum::<f32>() + grain as f32).clamp(0.0, 255.0) as u8
            }))
        });
        let file = std::fs::File::create(folder.join(format!("{number}.jpg"))).unwrap();
        picture.write_with_encoder(JpegEncoder::new_with_quality(std::io::BufWriter::new(file), 90)).unwrap();
    }
    folder
}

/// Images a second of every way, one run of each in turn, medians.
fn measure(name: &str, folder: &Path, rounds: usize, mut peer: Option<&mut Peer>) -> Value {
    let folder = std::path::absolute(folder).unwrap();
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension().is_some_and(|e| e.eq_ignore_ascii_case("jpg") || e.eq_ignore_ascii_case("jpeg"))
        })
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{}: no .jpg file", folder.display());
    let bytes: u64 = files.iter().map(|path| std::fs::metadata(path).unwrap().len()).sum();
    let items = files.iter().map(|path| {
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        Item::new(file.clone()).image(file)
    });
    let dataset = Dataset { root: folder.clone(), items: items.collect(), ..Dataset::default() };
    let all: Vec<u32> = (0..files.len() as u32).collect();
    // Nothing is kept: every batch decodes.
    let config = ImageConfig { cache_mib: 0, ..ImageConfig::clip() };
    let store = ImageStore::open(&dataset, &all, config, &|_| {}).unwrap();
    let ours = || all.chunks(BATCH).for_each(|batch| _ = std::hint::black_box(store.batch(batch).unwrap()));

    let ways: &[&str] = if peer.is_some() { &["threads", "processes"] } else { &[] };
    let mut seconds = vec![vec![]; 1 + ways.len()];
    for round in 0..=rounds {
        let start = Instant::now();
        ours();
        let mut taken = vec![start.elapsed().as_secs_f64()];
        if let Some(peer) = peer.as_deref_mut() {
            for way in ways {
                let request = json!({"do": "time", "way": way, "files": files, "batch": BATCH});
                taken.extend(peer.seconds(&request).unwrap_or_else(|error| panic!("{way}: {error}")));
            }
        }
        // The first round fills the caches of the file system and starts the workers.
        if round > 0 {
            seconds.iter_mut().zip(taken).for_each(|(all, one)| all.push(one));
        }
    }
    let rate = |mut seconds: Vec<f64>| {
        seconds.sort_by(f64::total_cmp);
        files.len() as f64 / seconds[seconds.len() / 2]
    };
    let mut rates = seconds.into_iter().map(rate);
    let mut numbers = json!({
        "pictures": name, "files": files.len(), "bytes_per_file": bytes / files.len() as u64,
        "images_per_second": rates.next(),
    });
    for (way, rate) in ways.iter().zip(rates) {
        numbers[format!("torchvision_{way}")] = rate.into();
    }
    eprintln!("{numbers}");
    numbers
}

fn table(results: &[Value]) -> Table {
    let mut table = Table::new(&[
        "pictures",
        "files",
        "kB a file",
        "rcml, images/s",
        "torchvision, threads",
        "torchvision, processes",
        "rcml / the better",
    ]);
    for r in results {
        let number = |key: &str| r[key].as_f64();
        let shown = |key: &str| number(key).map_or("-".into(), |rate| format!("{rate:.0}"));
        let best = number("torchvision_threads").into_iter().chain(number("torchvision_processes")).reduce(f64::max);
        let ratio = number("images_per_second").zip(best).map(|(ours, theirs)| ours / theirs);
        table.row([
            r["pictures"].as_str().unwrap_or_default().to_string(),
            r["files"].to_string(),
            format!("{:.0}", number("bytes_per_file").unwrap_or(f64::NAN) / 1e3),
            shown("images_per_second"),
            shown("torchvision_threads"),
            shown("torchvision_processes"),
            ratio.map_or("-".into(), |ratio| format!("{ratio:.2}")),
        ]);
    }
    table
}
