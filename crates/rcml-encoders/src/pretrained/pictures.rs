//! How an encoder's authors turned a picture into pixels.

use super::config_file::ConfigFile;
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
    /// Reads `preprocessor_config.json`.
    ///
    /// # Errors
    /// No such file, or one that asks for what is not supported, with its key.
    pub(crate) fn read(folder: &PretrainedFolder) -> Result<Self> {
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
        let cropped = config.flag_or("do_center_crop", config.has("crop_size"))?;
        let crop = if cropped { Some(side(&config, "crop_size")?.0) } else { None };
        let (resize, keeps_aspect) = side(&config, "size")?;
        let size = crop.unwrap_or(resize);
        if keeps_aspect && (!cropped || resize < size) {
            return Err(config.fail("size", "expected a shorter side together with a centre crop that is not larger"));
        }
        // Some image processors write no aspect rule for a plain number: with a crop it is the shorter side.
        let shorter_side = (keeps_aspect || (cropped && resize != size)).then_some(resize);
        let filter = match config.number_or("resample", 3.0)? as i64 {
            1 => PictureFilter::Lanczos,
            2 => PictureFilter::Bilinear,
            3 => PictureFilter::Bicubic,
            other => {
                return Err(config
                    .fail("resample", &format!("expected 1 (Lanczos), 2 (bilinear) or 3 (bicubic), found {other}")));
            }
        };
        let std = config.triple_or("image_std", [0.5; 3])?;
        if std.iter().any(|value| *value <= 0.0) {
            return Err(config.fail("image_std", "expected numbers above 0"));
        }
        Ok(Self { size, shorter_side, filter, mean: config.triple_or("image_mean", [0.5; 3])?, std })
    }
}

/// A size: a number (of the shorter side), `{"shortest_edge": n}` or `{"height": n, "width": n}`; and whether it keeps the
/// aspect ratio.
fn side(config: &ConfigFile, key: &str) -> Result<(usize, bool)> {
    let Some(object) = config.object(key) else { return Ok((config.size(key)?, key == "size")) };
    if object.has("shortest_edge") {
        return Ok((object.size("shortest_edge")?, true));
    }
    let (height, width) = (object.size("height")?, object.size("width")?);
    if height == width { Ok((height, false)) } else { Err(config.fail(key, "expected a square")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<PictureRules> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("config.json"), "{}").unwrap();
        std::fs::write(dir.path().join("preprocessor_config.json"), text).unwrap();
        PictureRules::read(&PretrainedFolder::at("x", dir.path()).unwrap())
    }

    #[test]
    fn the_generations_of_the_file_mean_what_they_meant() {
        for (text, size, shorter_side) in [
            // CLIP, old and new; DINOv2; SigLIP; ViT.
            (r#"{"size": 224, "crop_size": 224, "do_center_crop": true}"#, 224, Some(224)),
            (r#"{"size": {"shortest_edge": 224}, "crop_size": {"height": 224, "width": 224}}"#, 224, Some(224)),
            (r#"{"size": {"shortest_edge": 256}, "crop_size": {"height": 224, "width": 224}}"#, 224, Some(256)),
            (r#"{"size": {"height": 384, "width": 384}, "resample": 2}"#, 384, None),
        ] {
            let rules = read(text).unwrap();
            assert_eq!((rules.size, rules.shorter_side), (size, shorter_side), "{text}");
        }
        for (text, word) in [
            (r#"{"size": {"shortest_edge": 224}}"#, "size"),
            (r#"{"size": {"height": 224, "width": 200}}"#, "square"),
            (r#"{"size": 224, "crop_size": 224, "resample": 0}"#, "resample"),
            (r#"{"size": 224, "crop_size": 224, "do_normalize": false}"#, "do_normalize"),
        ] {
            let message = read(text).unwrap_err().to_string();
            assert!(message.contains(word) && message.contains("preprocessor_config.json"), "{text}: {message}");
        }
    }
}
