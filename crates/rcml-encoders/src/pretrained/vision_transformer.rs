//! The vision transformers of CLIP, SigLIP, ViT and DINOv2: one trunk, four sets of names and heads.

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::Tensor;
use rcml_kernels::attention;

use super::block::{Block, BlockNames, BlockShape, Sight};
use super::config_file::ConfigFile;
use super::layer::{Activation, Norm};
use super::patches::{PatchEmbedding, positions};
use super::weights::Weights;
use crate::Result;
use crate::transformer::linear;

/// Names of a block in CLIP and SigLIP, text and vision.
pub(crate) const CLIP_NAMES: BlockNames = BlockNames {
    query: "self_attn.q_proj",
    key: "self_attn.k_proj",
    value: "self_attn.v_proj",
    output: "self_attn.out_proj",
    attention_norm: "layer_norm1",
    up: "mlp.fc1",
    down: "mlp.fc2",
    mlp_norm: "layer_norm2",
    scales: None,
};

const VIT_NAMES: BlockNames = BlockNames {
    query: "attention.attention.query",
    key: "attention.attention.key",
    value: "attention.attention.value",
    output: "attention.output.dense",
    attention_norm: "layernorm_before",
    up: "intermediate.dense",
    down: "output.dense",
    mlp_norm: "layernorm_after",
    scales: None,
};

const DINO_NAMES: BlockNames = BlockNames {
    attention_norm: "norm1",
    up: "mlp.fc1",
    down: "mlp.fc2",
    mlp_norm: "norm2",
    scales: Some(["layer_scale1.lambda1", "layer_scale2.lambda1"]),
    ..VIT_NAMES
};

/// Patches, blocks and a head.
#[derive(Module, Debug)]
pub(crate) struct VisionTrunk {
    patches: PatchEmbedding,
    class: Option<Param<Tensor<3>>>,
    registers: Option<Param<Tensor<3>>>,
    positions: Param<Tensor<3>>,
    pre_norm: Option<Norm>,
    blocks: Vec<Block>,
    post_norm: Norm,
    project: Option<Linear>,
    probe: Option<Probe>,
    classify: Option<Linear>,
    /// The last norm belongs to the states that the original gives out, not to the summary alone (CLIP).
    norm_in_states: bool,
    out: usize,
}

/// What a vision transformer makes of pictures.
pub(crate) struct VisionStates {
    /// `[N, lead + P, W]`, as the original gives them.
    pub(crate) hidden: Tensor<3>,
    /// `[N, D]`.
    pub(crate) pooled: Tensor<2>,
    /// Summary and patches in the summary's space, `[N, 1 + P, D]`.
    pub(crate) tokens: Tensor<3>,
    /// Logits of a classifier, where there is one.
    pub(crate) logits: Option<Tensor<2>>,
}

impl VisionTrunk {
    /// The image half of CLIP; `joint` is the width of the space shared with texts.
    pub(crate) fn clip(config: &ConfigFile, joint: usize, weights: &mut Weights) -> Result<Self> {
        let Sizes { width, patch, grid, shape, .. } = Sizes::read(config, 768, Activation::QuickGelu, 1e-5)?;
        let p = "vision_model.embeddings";
        let class = weights.tensor(&format!("{p}.class_embedding"), [width])?.reshape([1, 1, width]);
        Ok(Self {
            patches: PatchEmbedding::read(weights, &format!("{p}.patch_embedding"), width, patch)?,
            class: Some(Param::from_tensor(class)),
            registers: None,
            positions: positions(
                weights,
                &format!("{p}.position_embedding.weight"),
                &[1 + grid * grid, width],
                1,
                [grid; 2],
                false,
            )?,
            pre_norm: Some(weights.norm("vision_model.pre_layrnorm", width, shape.epsilon)?),
            blocks: shape.blocks(weights, "vision_model.encoder.layers", &CLIP_NAMES)?,
            post_norm: weights.norm("vision_model.post_layernorm", width, shape.epsilon)?,
            project: Some(weights.linear_without_bias("visual_projection", width, joint)?),
            probe: None,
            classify: None,
            norm_in_states: false,
            out: joint,
        })
    }

    /// The image half of SigLIP.
    pub(crate) fn siglip(config: &ConfigFile, weights: &mut Weights) -> Result<Self> {
        let Sizes { width, patch, grid, shape, .. } = Sizes::read(config, 768, Activation::GeluTanh, 1e-6)?;
        let p = "vision_model.embeddings";
        Ok(Self {
            patches: PatchEmbedding::read(weights, &format!("{p}.patch_embedding"), width, patch)?,
            class: None,
            registers: None,
            positions: positions(
                weights,
                &format!("{p}.position_embedding.weight"),
                &[grid * grid, width],
                0,
                [grid; 2],
                false,
            )?,
            pre_norm: None,
            blocks: shape.blocks(weights, "vision_model.encoder.layers", &CLIP_NAMES)?,
            post_norm: weights.norm("vision_model.post_layernorm", width, shape.epsilon)?,
            project: None,
            probe: Some(Probe::read(weights, "vision_model.head", &shape.block)?),
            classify: None,
            norm_in_states: true,
            out: width,
        })
    }

    /// ViT, DINOv2 and DINOv2 with registers, for pictures of `size` pixels.
    pub(crate) fn alone(config: &ConfigFile, size: usize, weights: &mut Weights) -> Result<Self> {
        let is_dino = config.text("model_type") != Some("vit");
        let epsilon = if is_dino { 1e-6 } else { 1e-12 };
        let Sizes { width, patch, grid, shape, .. } = Sizes::read(config, 768, Activation::Gelu, epsilon)?;
        if !size.is_multiple_of(patch) {
            return Err(
                config.fail("patch_size", &format!("expected a divisor of the pictures' size {size}, found {patch}"))
            );
        }
        if config.flag_or("use_swiglu_ffn", false)? {
            return Err(config.fail("use_swiglu_ffn", "expected false, found true"));
        }
        let classes = weights.shape("classifier.weight").map(<[usize]>::to_vec);
        weights.ignore(|name| {
            name.ends_with("embeddings.mask_token") || ["pooler.", "vit.pooler."].iter().any(|p| name.starts_with(p))
        });
        for prefix in ["vit.", "dinov2.", "dinov2_with_registers."] {
            weights.enter(prefix);
        }
        let count = config.number_or("num_register_tokens", 4.0)? as usize;
        let registers = config.text("model_type") == Some("dinov2_with_registers") && count > 0;
        let names = if is_dino { &DINO_NAMES } else { &VIT_NAMES };
        let mut trunk = Self {
            patches: PatchEmbedding::read(weights, "embeddings.patch_embeddings.projection", width, patch)?,
            class: Some(Param::from_tensor(weights.tensor("embeddings.cls_token", [1, 1, width])?)),
            registers: registers
                .then(|| weights.tensor("embeddings.register_tokens", [1, count, width]).map(Param::from_tensor))
                .transpose()?,
            positions: positions(
                weights,
                "embeddings.position_embeddings",
                &[1, 1 + grid * grid, width],
                1,
                [grid, size / patch],
                registers,
            )?,
            pre_norm: None,
            blocks: shape.blocks(weights, "encoder.layer", names)?,
            post_norm: weights.norm("layernorm", width, shape.epsilon)?,
            project: None,
            probe: None,
            classify: None,
            norm_in_states: true,
            out: width,
        };
        weights.leave();
        if let Some([classes, inputs]) = classes.as_deref() {
            // DINOv2's classifier reads the mean of the patches beside the class token; it has no place here.
            if *inputs == width {
                trunk.classify = Some(weights.linear("classifier", width, *classes)?);
            } else {
                weights.ignore(|name| name.starts_with("classifier."));
            }
        }
        Ok(trunk)
    }

    /// # Shapes
    /// - pixels: `[N, 3, S, S]`
    pub(crate) fn forward(&self, pixels: Tensor<4>) -> VisionStates {
        let n = pixels.dims()[0];
        let mut x = self.patches.forward(pixels);
        if let Some(class) = &self.class {
            x = Tensor::cat(vec![class.val().repeat_dim(0, n), x], 1);
        }
        x = x + self.positions.val();
        let mut lead = usize::from(self.class.is_some());
        if let Some(registers) = &self.registers {
            // Behind the class token, after the positions: they have none.
            let registers = registers.val().repeat_dim(0, n);
            let patches = x.dims()[1] - 1;
            let parts = vec![x.clone().narrow(1, 0, 1), registers.clone(), x.narrow(1, 1, patches)];
            lead += registers.dims()[1];
            x = Tensor::cat(parts, 1);
        }
        if let Some(norm) = &self.pre_norm {
            x = norm.forward(x);
        }
        let raw = self.blocks.iter().fold(x, |x, block| block.forward(x, &Sight::Full));
        let normed = self.post_norm.forward(raw.clone());
        let hidden = if self.norm_in_states { normed.clone() } else { raw };
        let states = match &self.project {
            Some(project) => linear(project, normed),
            None => normed,
        };
        let [_, t, d] = states.dims();
        let pooled = match &self.probe {
            Some(probe) => probe.forward(states.clone()),
            None => states.clone().narrow(1, 0, 1),
        };
        let tokens = Tensor::cat(vec![pooled.clone(), states.narrow(1, lead, t - lead)], 1);
        let pooled = pooled.reshape([n, d]);
        let logits = self.classify.as_ref().map(|map| map.forward(pooled.clone()));
        VisionStates { hidden, pooled, tokens, logits }
    }

    /// Width of the tokens.
    pub(crate) fn width(&self) -> usize {
        self.out
    }
}

/// Multi-head attention pooling with one learned query (SigLIP).
#[derive(Module, Debug)]
struct Probe {
    query: Param<Tensor<3>>,
    map_query: Linear,
    map_key: Linear,
    map_value: Linear,
    output: Linear,
    norm: Norm,
    up: Linear,
    down: Linear,
    heads: usize,
    #[module(skip)]
    activation: Activation,
}

impl Probe {
    fn read(weights: &mut Weights, name: &str, shape: &BlockShape) -> Result<Self> {
        let width = shape.width;
        let path = |part: &str| format!("{name}.{part}");
        let query = Param::from_tensor(weights.tensor(&path("probe"), [1, 1, width])?);
        let joined = weights.values(&path("attention.in_proj_weight"), &[3 * width, width])?;
        let biases = weights.values(&path("attention.in_proj_bias"), &[3 * width])?;
        let device = weights.device().clone();
        let part = |which: usize| {
            let rows = &joined[which * width * width..][..width * width];
            let bias = &biases[which * width..][..width];
            Linear {
                weight: Param::from_tensor(super::layer::transposed(rows, width, width, &device)),
                bias: Some(Param::from_tensor(Tensor::from_floats(bias, &device))),
            }
        };
        Ok(Self {
            query,
            map_query: part(0),
            map_key: part(1),
            map_value: part(2),
            output: weights.linear(&path("attention.out_proj"), width, width)?,
            norm: weights.norm(&path("layernorm"), width, shape.epsilon)?,
            up: weights.linear(&path("mlp.fc1"), width, shape.hidden)?,
            down: weights.linear(&path("mlp.fc2"), shape.hidden, width)?,
            heads: shape.heads,
            activation: shape.activation,
        })
    }

    /// `[N, T, W]` -> `[N, 1, W]`.
    fn forward(&self, states: Tensor<3>) -> Tensor<3> {
        let [n, _, width] = states.dims();
        let split = |x: Tensor<3>| {
            let [n, t, _] = x.dims();
            x.reshape([n, t, self.heads, width / self.heads]).swap_dims(1, 2)
        };
        let query = self.query.val().repeat_dim(0, n);
        let (q, k) = (split(linear(&self.map_query, query)), split(linear(&self.map_key, states.clone())));
        let y = attention(q, k, split(linear(&self.map_value, states)), None);
        let x = linear(&self.output, y.swap_dims(1, 2).reshape([n, 1, width]));
        let y = self.activation.apply(linear(&self.up, self.norm.forward(x.clone())));
        x + linear(&self.down, y)
    }
}

/// The sizes of a transformer by the keys of its configuration.
pub(crate) struct Sizes {
    pub(crate) width: usize,
    pub(crate) patch: usize,
    /// Patches along a side of the size that the positions were learned at.
    pub(crate) grid: usize,
    pub(crate) shape: Depth,
}

/// Blocks and how many.
pub(crate) struct Depth {
    pub(crate) block: BlockShape,
    pub(crate) epsilon: f64,
    pub(crate) depth: usize,
}

impl Sizes {
    fn read(config: &ConfigFile, width: usize, activation: Activation, epsilon: f64) -> Result<Self> {
        let shape = Depth::read(config, width, 4 * width, 12, 12, activation, epsilon)?;
        let (size, patch) = (config.size_or("image_size", 224)?, config.size_or("patch_size", 16)?);
        if config.size_or("num_channels", 3)? != 3 {
            return Err(config.fail("num_channels", "expected 3"));
        }
        if patch > size {
            return Err(config.fail("patch_size", &format!("expected at most image_size {size}, found {patch}")));
        }
        Ok(Self { width: shape.block.width, patch, grid: size / patch, shape })
    }
}

impl Depth {
    /// Values of the configuration, with what the family does without the key.
    pub(crate) fn read(
        config: &ConfigFile,
        width: usize,
        hidden: usize,
        depth: usize,
        heads: usize,
        activation: Activation,
        epsilon: f64,
    ) -> Result<Self> {
        let width = config.size_or("hidden_size", width)?;
        let hidden = match config.has("mlp_ratio") {
            true => (width as f64 * config.number_or("mlp_ratio", 4.0)?) as usize,
            false => config.size_or("intermediate_size", hidden)?,
        };
        let heads = config.size_or("num_attention_heads", heads)?;
        if !width.is_multiple_of(heads) {
            return Err(config.fail("num_attention_heads", &format!("expected a divisor of hidden_size {width}")));
        }
        let activation = config.text("hidden_act").map(Activation::parse).transpose()?.unwrap_or(activation);
        let epsilon = config.number_or("layer_norm_eps", epsilon)?;
        let depth = config.size_or("num_hidden_layers", depth)?;
        Ok(Self { block: BlockShape { width, heads, hidden, activation, epsilon }, epsilon, depth })
    }

    /// Reads the blocks `name.0`, `name.1` ...
    pub(crate) fn blocks(&self, weights: &mut Weights, name: &str, names: &BlockNames) -> Result<Vec<Block>> {
        (0..self.depth).map(|k| Block::read(weights, &format!("{name}.{k}"), names, &self.block, true)).collect()
    }
}
