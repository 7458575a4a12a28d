//! How an encoder's authors turned a picture into pixels.

use super::config_file::ConfigFile;
use super::family::ModelFamily;
use super::folder::PretrainedFolder;
use crate::Result;

/// The filter of a resize.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PictureFilter {
    /// Linear.
    Bilinear,
    /// Catmull-Rom.
    Bicubic,
    /// Lanczos with three lobes.
    Lanczos,
}

/// Preprocessing as data: resize, cut out, normalise.
#[derive(Debug, Clone, PartialEq)]
pub struct PictureRules {
    /// Width and height of the result in pixels.
    pub size: usize,
    /// The shorter side before the centre is cut out; `None`: both sides go to `size` at once, whatever the aspect ratio.
    pub shorter_side: Option<usize>,
    /// The filter, always with antialiasing.
    pub filter: PictureFilter,
    /// Subtracted per channel, after scaling to 0-1.
    pub mean: [f32; 3],
    /// Divided by per channel.
    pub std: [f32; 3],
}

impl PictureRules {
    /// Reads `preprocessor_config.json`; what it leaves out is as in the processor that it names, or the family's own.
    ///
    /// # Errors
    /// No such file, or one that asks for what is not supported, with its key.
    pub(crate) fn read(folder: &PretrainedFolder, family: ModelFamily) -> Result<Self> {
        let path = folder.path().join("preprocessor_config.json");
        let whole = ConfigFile::read_if_there(&path)?;
        // Newer folders keep the processors of all modalities in one file.
        let joint = ConfigFile::read_if_there(&folder.path().join("processor_config.json"))?;
        let joint = joint.and_then(|config| config.object("image_processor"));
        let config = match whole.or(joint) {
            Some(config) => config,
            None => ConfigFile::read(&path)?,
        };
        let flag = |key: &str| config.flag_or(key, true);
        for key in ["do_resize", "do_rescale", "do_normalize"] {
            if !flag(key)? {
                return Err(config.fail(key, "expected true, found false"));
            }
        }
        let factor = config.number_or("rescale_factor", 1.0 / 255.0)?;
        if (factor * 255.0 - 1.0).abs() > 1e-3 {
            return Err(config.fail("rescale_factor", &format!("expected 1/255, found {factor}")));
        }
        let named = config.text("image_processor_type").or(config.text("feature_extractor_type"));
        let usual = family.processor(named);
        let crop = if config.flag_or("do_center_crop", usual.crops)? {
            Some(if config.has("crop_size") { side(&config, "crop_size", true)?.0 } else { 224 })
        } else {
            None
        };
        let (resize, square) =
            if config.has("size") { side(&config, "size", usual.square)? } else { (224, usual.square) };
        let size = crop.unwrap_or(resize);
        let shorter_side = match (square, crop) {
            (false, Some(crop)) if crop <= resize => Some(resize),
            (true, None) => None,
            // Nothing is left to cut off.
            (true, Some(crop)) if crop == resize => None,
            (false, _) => {
                return Err(
                    config.fail("size", "expected a shorter side together with a centre crop that is not larger")
                );
            }
            (true, Some(crop)) => {
                let message = format!(
                    "expected a shorter side where the centre is cut out, found a square of {resize} that is cut to {crop}"
                );
                return Err(config.fail("size", &message));
            }
        };
        let filter = if config.has("resample") { filter(&config)? } else { usual.filter };
        let std = config.triple_or("image_std", usual.std)?;
        if std.iter().any(|value| *value <= 0.0) {
            return Err(config.fail("image_std", "expected numbers above 0"));
        }
        Ok(Self { size, shorter_side, filter, mean: config.triple_or("image_mean", usual.mean)?, std })
    }
}

/// The filter by its number in Pillow.
fn filter(config: &ConfigFile) -> Result<PictureFilter> {
    let found = config.number_or("resample", 3.0)?;
    match found as i64 {
        1 => Ok(PictureFilter::Lanczos),
        2 => Ok(PictureFilter::Bilinear),
        3 => Ok(PictureFilter::Bicubic),
        _ => {
            let message = format!("expected 1 (Lanczos), 2 (bilinear) or 3 (bicubic), found {found}");
            Err(config.fail("resample", &message))
        }
    }
}

/// A size: a number, `{"shortest_edge": n}` or `{"height": n, "width": n}`; and whether both sides get it.
fn side(config: &ConfigFile, key: &str, plain_is_square: bool) -> Result<(usize, bool)> {
    let Some(object) = config.object(key) else { return Ok((config.size(key)?, plain_is_square)) };
    if object.has("shortest_edge") {
        return Ok((object.size("shortest_edge")?, false));
    }
    let (height, width) = (object.size("height")?, object.size("width")?);
    if height == width { Ok((height, true)) } else { Err(config.fail(key, "expected a square")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(family: ModelFamily, text: &str) -> Result<PictureRules> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("config.json"), "{}").unwrap();
        std::fs::write(dir.path().join("preprocessor_config.json"), text).unwrap();
        PictureRules::read(&PretrainedFolder::at("x", dir.path()).unwrap(), family)
    }

    #[test]
    fn the_generations_of_the_file_mean_what_they_meant() {
        use ModelFamily::{Clip, Dinov2, Siglip, Vit};
        use PictureFilter::{Bicubic, Bilinear};
        for (family, text, size, shorter_side, filter) in [
            // CLIP, old and new; DINOv2; SigLIP; ViT, new, and as its first model still has it on the hub.
            (Clip, r#"{"size": 224, "crop_size": 224, "do_center_crop": true}"#, 224, Some(224), Bicubic),
            (
                Clip,
                r#"{"size": {"shortest_edge": 224}, "crop_size": {"height": 224, "width": 224}}"#,
                224,
                Some(224),
                Bicubic,
            ),
            (
                Dinov2,
                r#"{"size": {"shortest_edge": 256}, "crop_size": {"height": 224, "width": 224}}"#,
                224,
                Some(256),
                Bicubic,
            ),
            (Siglip, r#"{"size": {"height": 384, "width": 384}, "resample": 2}"#, 384, None, Bilinear),
            (Siglip, r#"{"size": {"height": 384, "width": 384}}"#, 384, None, Bicubic),
            (
                Vit,
                r#"{"do_normalize": true, "do_resize": true, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5], "size": 224}"#,
                224,
                None,
                Bilinear,
            ),
            (Clip, r#"{"image_processor_type": "ViTImageProcessorFast", "size": 384}"#, 384, None, Bilinear),
            (Vit, r#"{"feature_extractor_type": "CLIPFeatureExtractor", "size": 224}"#, 224, Some(224), Bicubic),
            (
                Clip,
                r#"{"size": {"height": 224, "width": 224}, "crop_size": {"height": 224, "width": 224}}"#,
                224,
                None,
                Bicubic,
            ),
        ] {
            let rules = read(family, text).unwrap();
            assert_eq!((rules.size, rules.shorter_side, rules.filter), (size, shorter_side, filter), "{text}");
        }
        assert_eq!(read(Clip, r#"{"size": 224}"#).unwrap().mean[0], 0.481_454_66);
        assert_eq!(read(Vit, r#"{"size": 224}"#).unwrap().mean[0], 0.5);
        for (family, text, word) in [
            (Siglip, r#"{"size": {"shortest_edge": 224}}"#, "size"),
            (Siglip, r#"{"size": {"height": 224, "width": 200}}"#, "square"),
            (Clip, r#"{"size": {"height": 256, "width": 256}, "crop_size": 224}"#, "square of 256 that is cut to 224"),
            (Clip, r#"{"size": 224, "crop_size": 224, "resample": 0}"#, "resample"),
            (Clip, r#"{"size": 224, "crop_size": 224, "do_normalize": false}"#, "do_normalize"),
        ] {
            let message = read(family, text).unwrap_err().to_string();
            assert!(message.contains(word) && message.contains("preprocessor_config.json"), "{text}: {message}");
        }
    }
}
