//! CLIP's ViT-B/32 at its true size with random weights, as a folder of files.

use std::collections::HashMap;
use std::path::Path;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use safetensors::Dtype;
use safetensors::tensor::TensorView;

pub const SIDE: usize = 224;
pub const WIDTH: usize = 768;
pub const JOINT: usize = 512;
pub const DEPTH: usize = 12;
const PATCH: usize = 32;
const HIDDEN: usize = 4 * WIDTH;

/// Patches and the class token.
pub const TOKENS: usize = 1 + (SIDE / PATCH) * (SIDE / PATCH);

const CONFIG: &str = r#"{"model_type": "clip", "projection_dim": 512, "vision_config": {"hidden_size": 768,
"intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12, "image_size": 224, "patch_size": 32,
"hidden_act": "quick_gelu"}}"#;
const PREPROCESSOR: &str = r#"{"size": 224, "crop_size": 224, "do_center_crop": true}"#;

/// Multiply-adds of one picture's matrix products.
pub fn multiply_adds() -> f64 {
    let patches = (TOKENS - 1) * 3 * PATCH * PATCH * WIDTH;
    let block = TOKENS * (4 * WIDTH * WIDTH + 2 * WIDTH * HIDDEN) + 2 * TOKENS * TOKENS * WIDTH;
    (patches + DEPTH * block + TOKENS * WIDTH * JOINT) as f64
}

/// Writes the folder, and `pixels.safetensors`: `pictures` random pictures that both sides read.
pub fn write(folder: &Path, pictures: usize) -> Result<(), String> {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut tensors: HashMap<String, (Vec<usize>, Vec<u8>)> = HashMap::new();
    let mut add = |name: String, shape: &[usize], around: f32, spread: f32| {
        let count: usize = shape.iter().product();
        let values = (0..count).flat_map(|_| (around + spread * (random.random::<f32>() * 2.0 - 1.0)).to_le_bytes());
        tensors.insert(name, (shape.to_vec(), values.collect()));
    };
    let fit = |inputs: usize| (3.0 / inputs as f32).sqrt();
    let embeddings = "vision_model.embeddings";
    add(format!("{embeddings}.class_embedding"), &[WIDTH], 0.0, 0.5);
    let inputs = 3 * PATCH * PATCH;
    add(format!("{embeddings}.patch_embedding.weight"), &[WIDTH, 3, PATCH, PATCH], 0.0, fit(inputs));
    add(format!("{embeddings}.position_embedding.weight"), &[TOKENS, WIDTH], 0.0, 0.5);
    let mut norms = vec!["vision_model.pre_layrnorm".to_string(), "vision_model.post_layernorm".into()];
    for block in 0..DEPTH {
        let name = format!("vision_model.encoder.layers.{block}");
        for part in ["q_proj", "k_proj", "v_proj", "out_proj"] {
            add(format!("{name}.self_attn.{part}.weight"), &[WIDTH, WIDTH], 0.0, fit(WIDTH));
            add(format!("{name}.self_attn.{part}.bias"), &[WIDTH], 0.0, 0.1);
        }
        for (part, input, output) in [("fc1", WIDTH, HIDDEN), ("fc2", HIDDEN, WIDTH)] {
            add(format!("{name}.mlp.{part}.weight"), &[output, input], 0.0, fit(input));
            add(format!("{name}.mlp.{part}.bias"), &[output], 0.0, 0.1);
        }
        norms.extend([format!("{name}.layer_norm1"), format!("{name}.layer_norm2")]);
    }
    for norm in norms {
        add(format!("{norm}.weight"), &[WIDTH], 1.0, 0.1);
        add(format!("{norm}.bias"), &[WIDTH], 0.0, 0.1);
    }
    add("visual_projection.weight".into(), &[JOINT, WIDTH], 0.0, fit(WIDTH));
    save(&tensors, &folder.join("model.safetensors"))?;

    let mut random = ChaCha8Rng::seed_from_u64(2);
    let values = (0..pictures * 3 * SIDE * SIDE).flat_map(|_| (random.random::<f32>() * 4.0 - 2.0).to_le_bytes());
    let pixels = HashMap::from([("pixels".into(), (vec![pictures, 3, SIDE, SIDE], values.collect()))]);
    save(&pixels, &folder.join("pixels.safetensors"))?;
    for (name, text) in [("config.json", CONFIG), ("preprocessor_config.json", PREPROCESSOR)] {
        std::fs::write(folder.join(name), text).map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn save(tensors: &HashMap<String, (Vec<usize>, Vec<u8>)>, path: &Path) -> Result<(), String> {
    let views = tensors.iter().map(|(name, (shape, bytes))| {
        TensorView::new(Dtype::F32, shape.clone(), bytes).map(|view| (name.as_str(), view))
    });
    let views: HashMap<_, _> = views.collect::<Result<_, _>>().map_err(|error| error.to_string())?;
    safetensors::serialize_to_file(views, None, path).map_err(|error| error.to_string())
}
