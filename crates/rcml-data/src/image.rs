//! Pictures as an encoder wants them.

mod decode;
mod pictures;
mod resize;
mod shift;
mod store;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

pub(crate) use decode::decode_bytes;
pub(crate) use pictures::PictureFile;
pub use pictures::Pictures;
pub use store::ImageStore;

/// How a picture becomes a square of the encoder's size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResizeMode {
    /// Shorter side to the size, then the centre is cut out (CLIP).
    Crop,
    /// Longer side to the size, the rest filled with the background: nothing is cut off.
    #[default]
    Pad,
    /// Both sides to the size, whatever the aspect ratio (SigLIP).
    Squash,
}

/// What happens to transparency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transparency {
    /// Pixels are laid on the background, as a viewer shows them.
    #[default]
    Blend,
    /// The colour that a pixel has is taken, however transparent it is: what Pillow's `convert("RGB")` does, and with it
    /// the image processors of Hugging Face.
    Ignore,
}

/// The filter of a resize; all of them with antialiasing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResizeFilter {
    /// Linear (ViT, SigLIP 2).
    Bilinear,
    /// Catmull-Rom (CLIP, SigLIP).
    #[default]
    Bicubic,
    /// Lanczos with three lobes.
    Lanczos,
}

/// What happens to an image that cannot be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnCorrupt {
    /// The run stops and lists them all.
    #[default]
    Refuse,
    /// The item lacks the image modality, and the problem is reported.
    Skip,
}

/// The preprocessing of an image encoder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ImageConfig {
    /// Width and height in pixels.
    pub size: usize,
    /// How the aspect ratio is dealt with.
    pub resize: ResizeMode,
    /// With `crop`, the shorter side in pixels before the centre is cut out; 0 = the size.
    pub shorter_side: usize,
    /// The filter of the resize.
    pub filter: ResizeFilter,
    /// Colour behind transparent pixels and around padded pictures, 0-255.
    pub background: [u8; 3],
    /// Whether the background shows through transparent pixels.
    pub transparency: Transparency,
    /// Subtracted per channel, after scaling to 0-1.
    pub mean: [f32; 3],
    /// Divided by per channel.
    pub std: [f32; 3],
    /// What happens to corrupt images.
    pub on_corrupt: OnCorrupt,
    /// Decoded pictures kept in memory, in MiB; beyond it they are decoded again when needed.
    pub cache_mib: usize,
}

impl Default for ImageConfig {
    fn default() -> Self {
        Self {
            size: 64,
            resize: ResizeMode::Pad,
            shorter_side: 0,
            filter: ResizeFilter::Bicubic,
            background: [255; 3],
            transparency: Transparency::Blend,
            mean: [0.5; 3],
            std: [0.5; 3],
            on_corrupt: OnCorrupt::Refuse,
            cache_mib: 2048,
        }
    }
}

impl ImageConfig {
    /// The preprocessing of OpenAI's CLIP: 224 pixels, the centre cut out. Pixels are those of the CLIP image processor of
    /// Hugging Face's `transformers` to within the rounding of the decoders (`tests/clip_preprocessing.rs`).
    pub fn clip() -> Self {
        Self {
            size: 224,
            resize: ResizeMode::Crop,
            transparency: Transparency::Ignore,
            mean: [0.481_454_66, 0.457_827_5, 0.408_210_73],
            std: [0.268_629_54, 0.261_302_6, 0.275_777_1],
            ..Self::default()
        }
    }

    /// The colour that transparent pixels are laid on, if they are.
    fn behind(&self) -> Option<[u8; 3]> {
        (self.transparency == Transparency::Blend).then_some(self.background)
    }

    /// Rejects settings that no picture could satisfy.
    pub(crate) fn validate(&self) -> Result<()> {
        if !(1..=4096).contains(&self.size) {
            return Err(Error::input(format!("image.size: expected 1 to 4096 pixels, found {}", self.size)));
        }
        if self.shorter_side > 4096 || (1..self.size).contains(&self.shorter_side) {
            let (size, found) = (self.size, self.shorter_side);
            return Err(Error::input(format!(
                "image.shorter_side: expected 0 or {size} to 4096 pixels, found {found}"
            )));
        }
        if let Some(mean) = self.mean.iter().find(|v| !v.is_finite()) {
            return Err(Error::input(format!("image.mean: expected finite numbers, found {mean}")));
        }
        if let Some(std) = self.std.iter().find(|v| !v.is_finite() || **v <= 0.0) {
            return Err(Error::input(format!("image.std: expected numbers above 0, found {std}")));
        }
        Ok(())
    }
}

/// Skipped pictures that are named one by one.
const MOST_NAMED: usize = 20;

/// An image that could not be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageProblem {
    /// Index of the item.
    pub item: u32,
    /// Path of the file.
    pub path: PathBuf,
    /// What the decoder said.
    pub message: String,
}

impl ImageProblem {
    /// What to tell of pictures that were skipped, a line each, and of many the first.
    pub fn lines(problems: &[Self]) -> impl Iterator<Item = String> {
        let line = |problem: &Self| format!("skipped {}: {}", problem.path.display(), problem.message);
        let beyond = problems.len().saturating_sub(MOST_NAMED);
        let rest = (beyond > 0).then(|| format!("skipped {beyond} more; `rcml data check` names them all"));
        problems.iter().take(MOST_NAMED).map(line).chain(rest)
    }
}

/// Preprocessed pictures of a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageBatch {
    /// `[B, 3, S, S]`, row-major, normalised; zeros where the item has no picture.
    pub pixels: Vec<f32>,
    /// Whether each of the B items has a picture.
    pub present: Vec<bool>,
}
