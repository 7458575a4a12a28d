//! The families of pretrained encoders, and what each takes for granted.

use super::config_file::ConfigFile;
use super::pictures::PictureFilter;
use crate::Result;

/// An architecture, by `model_type` of `config.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ModelFamily {
    Bert,
    Clip,
    Siglip,
    Vit,
    Dinov2,
    Dinov2Registers,
    EfficientNetLite,
}

/// What a picture processor does where its file does not say: the defaults of its class in transformers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Processor {
    /// A plain number as size means both sides, not the shorter one.
    pub(crate) square: bool,
    /// The centre is cut out.
    pub(crate) crops: bool,
    pub(crate) filter: PictureFilter,
    pub(crate) mean: [f32; 3],
    pub(crate) std: [f32; 3],
}

const CLIP_MEAN: [f32; 3] = [0.481_454_66, 0.457_827_5, 0.408_210_73];
const CLIP_STD: [f32; 3] = [0.268_629_54, 0.261_302_6, 0.275_777_1];

const CUT: Processor =
    Processor { square: false, crops: true, filter: PictureFilter::Bicubic, mean: CLIP_MEAN, std: CLIP_STD };
const SQUASHED: Processor =
    Processor { square: true, crops: false, filter: PictureFilter::Bicubic, mean: [0.5; 3], std: [0.5; 3] };

const NAMES: [(&str, ModelFamily); 7] = [
    ("bert", ModelFamily::Bert),
    ("clip", ModelFamily::Clip),
    ("siglip", ModelFamily::Siglip),
    ("vit", ModelFamily::Vit),
    ("dinov2", ModelFamily::Dinov2),
    ("dinov2_with_registers", ModelFamily::Dinov2Registers),
    ("efficientnet-lite", ModelFamily::EfficientNetLite),
];

impl ModelFamily {
    /// The family of a folder.
    ///
    /// # Errors
    /// One that is not known.
    pub(crate) fn of(config: &ConfigFile) -> Result<Self> {
        let found = config.text("model_type");
        let known = NAMES.iter().find(|(name, _)| Some(*name) == found);
        known.map(|(_, family)| *family).ok_or_else(|| Self::wrong(config, &|_| true, ""))
    }

    /// An error that names the families that would do.
    pub(crate) fn wrong(config: &ConfigFile, would_do: &dyn Fn(Self) -> bool, what: &str) -> crate::Error {
        let names: Vec<&str> = NAMES.iter().filter(|(_, family)| would_do(*family)).map(|(name, _)| *name).collect();
        let found = config.text("model_type").unwrap_or("none");
        config.fail("model_type", &format!("expected one of {}{what}, found {found}", names.join(", ")))
    }

    /// What its encoders read: `text`, `image`, or both.
    pub(crate) fn reads(self) -> &'static [&'static str] {
        match self {
            Self::Bert => &["text"],
            Self::Clip | Self::Siglip => &["text", "image"],
            _ => &["image"],
        }
    }

    /// Width of the summary.
    pub(crate) fn width(self, config: &ConfigFile) -> Result<usize> {
        match self {
            Self::Clip => config.size_or("projection_dim", 512),
            Self::Siglip => config.object("vision_config").map_or(Ok(768), |vision| vision.size_or("hidden_size", 768)),
            Self::EfficientNetLite => Ok(1280),
            _ => config.size("hidden_size"),
        }
    }

    /// Side of a patch in pixels where `config.json` leaves `patch_size` out: saving leaves out what is the default.
    pub(crate) fn patch(self) -> usize {
        if self == Self::Clip { 32 } else { 16 }
    }

    /// Whether its text encoder was trained on lower-cased texts, which `tokenizer.json` may leave to the caller (SigLIP 2's
    /// does; on what is lower-cased already it changes nothing).
    pub(crate) fn lower_cases(self) -> bool {
        self == Self::Siglip
    }

    /// What its picture processor does where its file does not say. `named` is the class that the file names: a model may be
    /// saved with another family's.
    pub(crate) fn processor(self, named: Option<&str>) -> Processor {
        let vit = Processor { filter: PictureFilter::Bilinear, ..SQUASHED };
        match named {
            Some(name) if name.starts_with("CLIP") || name.starts_with("Bit") => CUT,
            Some(name) if name.starts_with("Siglip") => SQUASHED,
            Some(name) if name.starts_with("ViT") => vit,
            _ => match self {
                Self::Siglip => SQUASHED,
                Self::Vit => vit,
                _ => CUT,
            },
        }
    }
}
