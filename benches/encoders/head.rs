//! Training of a head on tokens that an encoder gave before: read, pool under every relation, contrast, step.

use std::path::Path;

use burn::module::Module;
use burn::optim::{AdamWConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::{Device, Distribution, Int, Tensor, TensorData};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rcml_attention::{AttentionConfig, AttentionInit, Conditioner, ConditionerConfig, Modulate};
use rcml_encoders::pretrained::{Precision, Projection, StateProjector, TokenCache, TokenRows};
use rcml_kernels::row_logsumexp;
use serde_json::{Value, json};

/// The sizes of a head and its batches.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    pub name: &'static str,
    /// Items in the cache.
    pub items: usize,
    /// Items a batch.
    pub batch: usize,
    /// Tokens an item.
    pub tokens: usize,
    /// Width of the tokens.
    pub input: usize,
    /// Width of the embeddings: the tokens', or where a projector leads.
    pub width: usize,
    /// Relations a batch.
    pub relations: usize,
}

/// CLIP's own space, and EfficientNet-Lite0's map beside MiniLM.
pub const HEADS: [Sizes; 2] = [
    Sizes { name: "CLIP ViT-B/32", items: 4096, batch: 256, tokens: 50, input: 512, width: 512, relations: 8 },
    Sizes { name: "EfficientNet-Lite0", items: 2048, batch: 256, tokens: 50, input: 1280, width: 384, relations: 8 },
];

impl Sizes {
    fn key(&self) -> String {
        format!("head-{}-{}", self.input, self.width)
    }

    /// What the peer is told; `folder` holds the cache.
    pub fn request(&self, folder: &Path) -> Value {
        json!({
            "file": folder.join(format!("{}.safetensors", self.key())), "items": self.items, "batch": self.batch,
            "tokens": self.tokens, "input": self.input, "width": self.width, "relations": self.relations,
        })
    }

    /// Items of a step, the same on both sides.
    fn batch(&self, step: usize) -> Vec<u32> {
        (0..self.batch).map(|row| ((step * 101 + row * 37) % self.items) as u32).collect()
    }
}

#[derive(Module, Debug)]
struct Head {
    projector: StateProjector,
    conditioner: Conditioner,
}

pub struct Training {
    sizes: Sizes,
    states: TokenRows,
    head: Head,
    relations: Tensor<2>,
    optimizer: ModuleOptimizer,
    device: Device,
    step: usize,
}

impl Training {
    /// Fills a cache with random tokens in f16.
    pub fn new(sizes: Sizes, folder: &Path, device: &Device) -> Result<Self, String> {
        let mut random = ChaCha8Rng::seed_from_u64(3);
        let contents: Vec<(u128, usize)> = (0..sizes.items as u128).map(|item| (item, sizes.tokens)).collect();
        let mut cache = TokenCache::open(&folder.join(sizes.key()), sizes.input, Precision::F16);
        let filled = cache.add(&contents, |writer| {
            let values = sizes.tokens * sizes.input;
            (0..sizes.items).try_for_each(|item| {
                let row: Vec<f32> = (0..values).map(|_| random.random::<f32>() * 2.0 - 1.0).collect();
                writer.put(item, &row)
            })
        });
        filled.map_err(|error: rcml_encoders::Error| error.to_string())?;
        let states = cache.rows(&contents.iter().map(|(item, _)| Some(*item)).collect::<Vec<_>>());
        let device = device.clone().autodiff();
        device.seed(4);
        // The paper's form: attention alone.
        let attention = AttentionConfig { init: AttentionInit::Random, residual: false, ..AttentionConfig::default() };
        let conditioner = ConditionerConfig { modulate: Modulate::None, attention, ..ConditionerConfig::default() };
        let projection = if sizes.input == sizes.width { Projection::None } else { Projection::Linear };
        let head = Head {
            projector: StateProjector::new(projection, sizes.input, sizes.width, &device),
            conditioner: conditioner.init(sizes.width, &device),
        };
        let relations = Tensor::random([sizes.relations, sizes.width], Distribution::Normal(0.0, 1.0), &device);
        let optimizer = AdamWConfig::new().with_weight_decay(0.05).init();
        Ok(Self { sizes, states, head, relations, optimizer, device, step: 0 })
    }

    /// One step; gives the loss.
    pub fn step(&mut self) -> f32 {
        let Sizes { batch, width, relations, .. } = self.sizes;
        let anchors = batch / relations;
        let (states, bias) = self.states.batch(&self.sizes.batch(self.step)).to_device(&self.device);
        let tokens = self.head.projector.forward(states, bias);
        let z = self.head.conditioner.forward(&tokens, self.relations.clone()).swap_dims(0, 1);
        // Relation r has the anchors r A .. (r + 1) A; the positive of row i is row i + 1.
        let rows = |shift: usize| -> Vec<i64> { (0..batch).map(|row| ((row + shift) % batch) as i64).collect() };
        let own: Vec<i64> = rows(0).iter().map(|row| (*row as usize / anchors * batch) as i64 + row).collect();
        let index = |values: Vec<i64>| Tensor::<1, Int>::from_data(TensorData::new(values, [batch]), &self.device);
        let x =
            z.clone().reshape([relations * batch, width]).select(0, index(own)).reshape([relations, anchors, width]);
        let logits = x.matmul(z.swap_dims(1, 2)).mul_scalar(1.0 / 0.07);
        let rest: Vec<f32> = (0..batch * batch).map(|at| f32::from(at / batch != at % batch)).collect();
        let rest = TensorData::new(rest, [relations, anchors, batch]);
        let all = row_logsumexp(logits.clone(), Tensor::from_data(rest, &self.device));
        let positive = logits.gather(2, index(rows(1)).reshape([relations, anchors, 1]));
        let loss = (all - positive).mean();
        let value = loss.clone().into_scalar::<f32>();
        let gradients = GradientsParams::from_grads(loss.backward(), &self.head);
        self.head = self.optimizer.step(1e-4, self.head.clone(), gradients);
        self.step += 1;
        value
    }
}
