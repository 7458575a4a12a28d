//! A pretrained image encoder of any family.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use rcml_kernels::Tokens;

use super::config_file::ConfigFile;
use super::efficientnet::EfficientNet;
use super::family::ModelFamily;
use super::folder::PretrainedFolder;
use super::pictures::PictureRules;
use super::vision_transformer::{VisionStates, VisionTrunk};
use super::weights::Weights;
use crate::Result;

/// A pretrained image encoder: pixels in, token states and a summary out, with the numbers of its original.
#[derive(Module, Debug)]
pub struct ImageTower {
    family: Family,
    width: usize,
    size: usize,
}

#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant, reason = "one per encoder")]
enum Family {
    EfficientNet(EfficientNet),
    Transformer(VisionTrunk),
}

/// What an image tower makes of pictures.
#[derive(Debug, Clone)]
pub struct ImageStates {
    /// The last layer's states as the original gives them, `[N, T, W]`.
    pub hidden: Tensor<3>,
    /// The summary as the original pools it, `[N, D]`.
    pub pooled: Tensor<2>,
    /// Logits over the classes that the original was trained on, `[N, C]`, where it has a classifier.
    pub logits: Option<Tensor<2>>,
    /// What relation attention reads: the summary first, then the patches' states in the summary's space.
    pub tokens: Tokens,
}

impl ImageTower {
    /// Reads a folder: its image encoder and how pictures are prepared for it.
    ///
    /// # Errors
    /// A family that reads no pictures; a file that is missing or damaged; a tensor that is missing, has another shape,
    /// holds a value that is not finite, or is not part of the architecture.
    pub fn load(folder: &PretrainedFolder, device: &Device) -> Result<(Self, PictureRules)> {
        let config = folder.config()?;
        let mut weights = Weights::open(&folder.weight_files()?, device)?;
        let model = ModelFamily::of(&config)?;
        if !model.reads().contains(&"image") {
            let reads = |family: ModelFamily| family.reads().contains(&"image");
            return Err(ModelFamily::wrong(&config, &reads, " (encoders of pictures)"));
        }
        let rules = PictureRules::read(folder, model)?;
        let half = |config: &ConfigFile| {
            config.object("vision_config").ok_or_else(|| config.fail("vision_config", "expected an object"))
        };
        let (family, width, size) = match model {
            ModelFamily::EfficientNetLite => {
                let network = EfficientNet::read(&config, &mut weights)?;
                let width = network.width();
                (Family::EfficientNet(network), width, config.size("image_size")?)
            }
            ModelFamily::Clip | ModelFamily::Siglip => {
                weights.ignore(|name| ["text_", "logit_"].iter().any(|prefix| name.starts_with(prefix)));
                weights.ignore(|name| name.ends_with("position_ids"));
                let vision = half(&config)?;
                let trunk = match model {
                    ModelFamily::Clip => VisionTrunk::clip(&vision, model.width(&config)?, &mut weights)?,
                    _ => VisionTrunk::siglip(&vision, &mut weights)?,
                };
                let width = trunk.width();
                (Family::Transformer(trunk), width, vision.size_or("image_size", 224)?)
            }
            _ => {
                // DINOv2's positions are resized to the pictures that its preprocessing makes.
                let size = if model == ModelFamily::Vit { config.size_or("image_size", 224)? } else { rules.size };
                let trunk = VisionTrunk::alone(&config, model, size, &mut weights)?;
                let width = trunk.width();
                (Family::Transformer(trunk), width, size)
            }
        };
        weights.finish()?;
        if rules.size != size {
            let found = rules.size;
            return Err(config.fail(
                "image_size",
                &format!("expected the {found} pixels of preprocessor_config.json, found {size}"),
            ));
        }
        Ok((Self { family, width, size }, rules))
    }

    /// Encodes.
    ///
    /// # Shapes
    /// - pixels: `[N, 3, S, S]`, prepared by the rules that came with the encoder
    /// - output: see [`ImageStates`]
    pub fn forward(&self, pixels: Tensor<4>) -> ImageStates {
        match &self.family {
            Family::EfficientNet(network) => {
                let map = network.forward(pixels);
                let [n, width, rows, columns] = map.dims();
                let hidden = map.reshape([n, width, rows * columns]).swap_dims(1, 2);
                let pooled = hidden.clone().mean_dim(1);
                let states = Tensor::cat(vec![pooled.clone(), hidden.clone()], 1);
                let pooled = pooled.reshape([n, width]);
                let logits = network.classify(pooled.clone());
                ImageStates { hidden, pooled, logits, tokens: Tokens::with_summary_first(states, None) }
            }
            Family::Transformer(trunk) => {
                let VisionStates { hidden, pooled, tokens, logits } = trunk.forward(pixels);
                ImageStates { hidden, pooled, logits, tokens: Tokens::with_summary_first(tokens, None) }
            }
        }
    }

    /// Number of blocks.
    pub fn depth(&self) -> usize {
        match &self.family {
            Family::EfficientNet(network) => network.depth(),
            Family::Transformer(trunk) => trunk.depth(),
        }
    }

    /// Width of the tokens.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Width and height of the pictures in pixels.
    pub fn size(&self) -> usize {
        self.size
    }
}
