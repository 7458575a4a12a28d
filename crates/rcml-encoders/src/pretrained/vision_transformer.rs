//! The vision transformers of CLIP, SigLIP, ViT and DINOv2: one trunk, four sets of names and heads.

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::Tensor;

use super::block::{Block, BlockNames, Depth, Sight};
use super::config_file::ConfigFile;
use super::family::ModelFamily;
use super::layer::{Activation, Norm};
use super::patches::{PatchEmbedding, positions};
use super::probe::Probe;
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
        let Sizes { width, patch, grid, shape, .. } =
            Sizes::read(config, ModelFamily::Clip, Activation::QuickGelu, 1e-5)?;
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
        let Sizes { width, patch, grid, shape, .. } =
            Sizes::read(config, ModelFamily::Siglip, Activation::GeluTanh, 1e-6)?;
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
    pub(crate) fn alone(config: &ConfigFile, family: ModelFamily, size: usize, weights: &mut Weights) -> Result<Self> {
        let is_dino = family != ModelFamily::Vit;
        let epsilon = if is_dino { 1e-6 } else { 1e-12 };
        let Sizes { width, patch, grid, shape, .. } = Sizes::read(config, family, Activation::Gelu, epsilon)?;
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
        let registers = family == ModelFamily::Dinov2Registers && count > 0;
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

    /// Number of blocks.
    pub(crate) fn depth(&self) -> usize {
        self.blocks.len()
    }

    /// Width of the tokens.
    pub(crate) fn width(&self) -> usize {
        self.out
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

impl Sizes {
    fn read(config: &ConfigFile, family: ModelFamily, activation: Activation, epsilon: f64) -> Result<Self> {
        let shape = Depth::read(config, 768, 4 * 768, 12, 12, activation, epsilon)?;
        let (size, patch) = (config.size_or("image_size", 224)?, config.size_or("patch_size", family.patch())?);
        if config.size_or("num_channels", 3)? != 3 {
            return Err(config.fail("num_channels", "expected 3"));
        }
        if patch > size {
            return Err(config.fail("patch_size", &format!("expected at most image_size {size}, found {patch}")));
        }
        Ok(Self { width: shape.block.width, patch, grid: size / patch, shape })
    }
}
