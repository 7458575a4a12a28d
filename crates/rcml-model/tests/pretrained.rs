//! Pretrained encoders in a model: from files to numbers.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use rcml_data::{Dataset, ImageConfig, ImageStore, Item, Role};
use rcml_encoders::TextTokenizer;
use rcml_encoders::pretrained::{ImageTower, Precision, PretrainedFolder, Projection, TextTower};
use rcml_losses::TemperatureConfig;
use rcml_model::{Embedder, EncoderSource, ModalityShape, ModelConfig, RelationQuery, TextReader, Towers};
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join("rcml-encoders").join("fixtures")
}

fn device() -> Device {
    rcml_kernels::device::parse("cpu").unwrap()
}

fn expected(folder: &Path, name: &str) -> Vec<f32> {
    let bytes = std::fs::read(folder.join("expected.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let tensor = tensors.tensor(name).unwrap();
    assert_eq!(tensor.dtype(), Dtype::F32);
    tensor.data().chunks(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// The weights that `cargo xtask weights NAME` fetches, where somebody did.
fn weights(name: &str) -> Option<PretrainedFolder> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../weights").join(name);
    let named = std::env::var_os("RCML_WEIGHTS").map(|folder| PathBuf::from(folder).join(name));
    let found = named.into_iter().chain([here]).find(|folder| folder.join("config.json").is_file());
    if found.is_none() {
        println!("skipped: `cargo xtask weights {name}` fetches the weights");
    }
    Some(PretrainedFolder::at(name, &found?).unwrap())
}

/// The drawn pictures beside the fixtures, as a data set with the fixtures' texts.
fn dataset(texts: &[&str], pictures: &[&str]) -> Dataset {
    let texts = texts.iter().enumerate().map(|(i, text)| Item::new(format!("text-{i}")).text(*text));
    let pictures = pictures.iter().map(|name| Item::new(*name).image(*name));
    Dataset { root: fixtures(), items: texts.chain(pictures).collect(), ..Dataset::default() }
}

fn source(folder: &Path, projection: Projection) -> EncoderSource {
    let source = folder.display().to_string();
    EncoderSource { source, projection, precision: Precision::F32, ..EncoderSource::default() }
}

/// Image processors: our pixels beside those of transformers.
#[test]
fn pictures_are_prepared_as_the_originals_prepare_them() {
    let dataset = dataset(&[], &["wide.png", "tall.png"]);
    for name in ["clip", "siglip", "vit", "dinov2", "efficientnet-lite"] {
        let folder = fixtures().join(name);
        let mut config = ModelConfig::default().pretrained;
        config.image = source(&folder, Projection::Linear);
        let towers = Towers::find(&mut config, &device()).unwrap();
        let rules = towers.image_config(&ImageConfig::default()).unwrap();
        let pixels =
            ImageStore::open(&dataset, &[0, 1], rules.clone(), &|_| {}).unwrap().batch(&[0, 1]).unwrap().pixels;
        let original = expected(&folder, "pixels");
        let worst = largest_difference(&pixels, &original);
        let step = 1.0 / 255.0 / rules.std[0];
        let unequal = pixels.iter().zip(&original).filter(|(a, b)| (*a - *b).abs() > 0.1 * step).count();
        println!(
            "{name:<20} largest difference {worst:.4} ({:.2} grey levels), {unequal} of {}",
            worst / step,
            pixels.len()
        );
        assert!(worst < 1.1 * step, "{name}: {worst}");
        assert!(unequal * 50 < pixels.len(), "{name}: {unequal} of {}", pixels.len());
    }
}

/// An untrained model around CLIP is that CLIP: its logits, through the token cache and the conditioner.
#[test]
fn an_untrained_model_around_clip_is_clip() {
    let cache = tempfile::tempdir().unwrap();
    for name in ["clip", "clip-2021", "openclip", "siglip"] {
        let folder = fixtures().join(name);
        let inputs = json(&folder.join("inputs.json"));
        // A data set has no empty texts.
        let all: Vec<&str> = inputs["texts"].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
        let kept: Vec<usize> = (0..all.len()).filter(|i| !all[*i].is_empty()).collect();
        let texts: Vec<&str> = kept.iter().map(|i| all[*i]).collect();
        let dataset = dataset(&texts, &["wide.png", "tall.png"]);
        let modality = ModalityShape::raw;
        let mut config =
            ModelConfig { modalities: vec![modality("image"), modality("text")], ..ModelConfig::default() };
        config.pretrained.text = source(&folder, Projection::None);
        config.pretrained.image = source(&folder, Projection::None);
        let towers = Towers::find(&mut config.pretrained, &device()).unwrap().with_cache(cache.path());
        config.width = config.pretrained.text.width;
        config.conditioner.rank = 4;
        config.validate().unwrap();
        let tokenizer = TextTokenizer::train(&rcml_encoders::TokenizerConfig::default(), &texts).unwrap();
        // A query would move towards its relation's words from the start.
        config.translate = false;
        let model = config.init(&TemperatureConfig::default(), &Default::default(), &device());
        let reads = TextReader::new(tokenizer, 64, towers);
        let embedder = Embedder::new(model, config, reads, ImageConfig::default(), device());
        let items: Vec<u32> = (0..dataset.items.len() as u32).collect();
        let reader = embedder.reader(&dataset, &items, &|_| {}).unwrap();
        let encoded = embedder.encode(&reader, &items, &|_| {}).unwrap();
        let unit = |name: &str| {
            let values = expected(&folder, name);
            let width = embedder.config().width;
            let rows = values.chunks(width).map(|row| {
                let norm = row.iter().map(|v| v * v).sum::<f32>().sqrt();
                row.iter().map(|v| v / norm).collect::<Vec<f32>>()
            });
            rows.collect::<Vec<_>>()
        };
        let (theirs_text, theirs_image) = (unit("text.pooled"), unit("image.pooled"));
        for relation in
            [RelationQuery::SameItem, RelationQuery::Relation("is used in the same room as".into(), Role::Source)]
        {
            let embeddings = embedder.queries(&encoded, &relation).unwrap();
            let column = |name: &str| {
                let (_, vectors, present) = embeddings.modalities.iter().find(|(n, _, _)| n == name).unwrap();
                (vectors.clone().try_into_vec_as::<f32>().unwrap(), present.clone(), vectors.dims()[1])
            };
            let ((text, has_text, width), (image, has_image, _)) = (column("text"), column("image"));
            assert_eq!(has_text.iter().filter(|has| **has).count(), texts.len());
            assert_eq!(has_image.iter().filter(|has| **has).count(), 2);
            let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
            for (picture, their_picture) in theirs_image.iter().enumerate() {
                let ours = &image[(texts.len() + picture) * width..][..width];
                for (row, kept) in kept.iter().enumerate() {
                    let similarity = dot(ours, &text[row * width..][..width]);
                    let original = dot(their_picture, &theirs_text[*kept]);
                    assert!((similarity - original).abs() < 1e-5, "{name}: {similarity} {original}");
                }
            }
            for (row, kept) in kept.iter().enumerate() {
                let apart = largest_difference(&text[row * width..][..width], &theirs_text[*kept]);
                assert!(apart < 1e-5, "{name} {relation:?}: {apart}");
            }
        }
    }
}

/// States are found by content: a data set that grows has only what is new encoded, and what an item's states are does not depend on what
/// was encoded beside it.
#[test]
fn what_is_cached_depends_on_nothing_else() {
    let root = tempfile::tempdir().unwrap();
    let dataset = |numbers: std::ops::Range<u32>| {
        let items = numbers.map(|i| {
            let picture = format!("{i}.png");
            let colour = |x: u32, y: u32| image::Rgb([(x * i) as u8, (y * 7 + i) as u8, (x + y) as u8]);
            image::RgbImage::from_fn(20 + i % 9, 24, colour).save(root.path().join(&picture)).unwrap();
            // Of all lengths, and every fifth one the same.
            let words = ["a lamp"; 12][..1 + (i % 5) as usize * 2].join(" and ");
            Item::new(format!("i{i}")).text(format!("{words} {}", if i % 5 == 0 { 0 } else { i })).image(picture)
        });
        Dataset { root: root.path().into(), items: items.collect(), ..Dataset::default() }
    };
    for name in ["clip", "siglip"] {
        let caches = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let read = |cache: &Path, dataset: &Dataset| {
            let modalities = vec![ModalityShape::raw("image"), ModalityShape::raw("text")];
            let mut config = ModelConfig { modalities, ..ModelConfig::default() };
            config.pretrained.text = source(&fixtures().join(name), Projection::None);
            config.pretrained.image = source(&fixtures().join(name), Projection::None);
            let towers = Towers::find(&mut config.pretrained, &device()).unwrap().with_cache(cache);
            let tokenizer = TextTokenizer::train(&rcml_encoders::TokenizerConfig::default(), ["a"]).unwrap();
            let reads = TextReader::new(tokenizer, 64, towers);
            let items: Vec<u32> = (0..dataset.items.len() as u32).collect();
            let image = ImageConfig::default();
            let reader = rcml_model::ItemReader::open(dataset, &items, &config, &reads, &image, &|_| {}).unwrap();
            let files = std::fs::read_dir(cache).into_iter().flatten().flatten();
            let files = files.flat_map(|folder| std::fs::read_dir(folder.path()).unwrap()).count();
            (reader, files)
        };
        let (few, none) = read(caches[0].path(), &dataset(60..67));
        let (many, two) = read(caches[1].path(), &dataset(0..80));
        assert_eq!((none, two), (0, 2), "{name}: a few stay in memory, many become a file a modality");
        for (there, here) in (60..67).zip(0..7) {
            let [one, other] = [many.batch(&[there]).unwrap(), few.batch(&[here]).unwrap()];
            assert!(format!("{one:?}") == format!("{other:?}"), "{name} {there}");
        }
        let (more, four) = read(caches[1].path(), &dataset(0..120));
        assert_eq!(four, 4, "{name}: what is new stands beside what was there");
        assert!(format!("{:?}", more.batch(&[3, 79])) == format!("{:?}", many.batch(&[3, 79])), "{name}");
        assert_eq!(read(caches[1].path(), &dataset(0..120)).1, 4, "{name}: nothing is encoded twice");
    }
}

#[test]
fn minilm_agrees_with_sentence_transformers() {
    let Some(folder) = weights("minilm") else { return };
    let original = json(&fixtures().join("minilm.json"));
    let sentences: Vec<&str> = original["sentences"].as_array().unwrap().iter().map(|s| s.as_str().unwrap()).collect();
    let (tower, tokenizer) = TextTower::load(&folder, &device()).unwrap();
    let pooled = tower.forward(&tokenizer.encode(&sentences).unwrap(), &device()).pooled;
    let unit = rcml_kernels::l2_normalize(pooled);
    let ours: Vec<f32> = unit.clone().matmul(unit.transpose()).try_into_vec_as().unwrap();
    let rows = original["similarities"].as_array().unwrap().iter().flat_map(|row| row.as_array().unwrap());
    let theirs: Vec<f32> = rows.map(|value| value.as_f64().unwrap() as f32).collect();
    let worst = largest_difference(&ours, &theirs);
    println!("{} sentences: largest difference of a similarity {worst:.1e}", sentences.len());
    assert!(worst < 1e-4, "{worst}");
}

#[test]
fn efficientnet_sees_what_the_original_sees() {
    let Some(folder) = weights("efficientnet-lite0") else { return };
    let photographs = fixtures().join("photographs");
    let original = json(&photographs.join("efficientnet-lite0.json"));
    let original = original.as_object().unwrap();
    let items = original.keys().map(|name| Item::new(name.as_str()).image(name.as_str())).collect();
    let dataset = Dataset { root: photographs, items, ..Dataset::default() };
    let (tower, _) = ImageTower::load(&folder, &device()).unwrap();
    let mut config = ModelConfig::default().pretrained;
    config.image = source(folder.path(), Projection::Linear);
    let rules = Towers::find(&mut config, &device()).unwrap().image_config(&ImageConfig::default()).unwrap();
    let all: Vec<u32> = (0..original.len() as u32).collect();
    let pixels = ImageStore::open(&dataset, &all, rules, &|_| {}).unwrap().batch(&all).unwrap().pixels;
    let pixels = burn::tensor::TensorData::new(pixels, [all.len(), 3, tower.size(), tower.size()]);
    let logits = tower.forward(burn::tensor::Tensor::from_data(pixels, &device())).logits.unwrap();
    let classes = logits.dims()[1];
    let logits: Vec<f32> = logits.try_into_vec_as().unwrap();
    for (row, (name, theirs)) in logits.chunks(classes).zip(original) {
        let mut order: Vec<usize> = (0..classes).collect();
        order.sort_by(|a, b| row[*b].total_cmp(&row[*a]));
        let top: Vec<u64> = order[..5].iter().map(|class| *class as u64).collect();
        let expected: Vec<u64> = theirs["classes"].as_array().unwrap().iter().map(|v| v.as_u64().unwrap()).collect();
        println!("{name}: {top:?}, first logit {:.3}, original {}", row[order[0]], theirs["logits"][0]);
        assert_eq!(top, expected, "{name}");
    }
}
