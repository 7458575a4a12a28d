//! The frozen pretrained encoders of a model, opened when they are first needed.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use burn::tensor::{Device, Tensor, TensorData};
use rcml_data::{ImageConfig, ResizeFilter, ResizeMode};
use rcml_encoders::pretrained::{
    ImageTower, PictureFilter, PictureRules, PretrainedFolder, PretrainedTokenizer, StateBatch, TextTower, cache_folder,
};

use crate::{EncoderSource, Error, PretrainedConfig, Result};

/// Frozen encoders. Cheap to clone; they carry no gradient and belong to no optimiser.
#[derive(Debug, Clone)]
pub struct Towers {
    text: Option<Arc<Slot<(TextTower, PretrainedTokenizer)>>>,
    image: Option<Arc<Slot<(ImageTower, PictureRules)>>>,
    cache: PathBuf,
    device: Device,
}

#[derive(Debug)]
struct Slot<T> {
    source: EncoderSource,
    folder: PretrainedFolder,
    opened: OnceLock<T>,
}

impl Towers {
    /// Finds the encoders of a new run and notes in the configuration where they are, what they are, and their width.
    ///
    /// # Errors
    /// An encoder that is not found, or of another kind than is asked for.
    pub fn find(config: &mut PretrainedConfig, device: &Device) -> Result<Self> {
        let mut towers = Self::none(device);
        let fill = |source: &mut EncoderSource| -> Result<Option<PretrainedFolder>> {
            if !source.is_set() {
                return Ok(None);
            }
            let folder = PretrainedFolder::find(&source.source)?;
            source.folder = folder.path().display().to_string();
            source.fingerprint = folder.fingerprint()?;
            Ok(Some(folder))
        };
        if let Some(folder) = fill(&mut config.text)? {
            let tower = TextTower::load(&folder, &towers.device)?;
            config.text.width = tower.0.width();
            towers.text = Some(Slot::opened(config.text.clone(), folder, tower));
        }
        if let Some(folder) = fill(&mut config.image)? {
            let tower = ImageTower::load(&folder, &towers.device)?;
            config.image.width = tower.0.width();
            towers.image = Some(Slot::opened(config.image.clone(), folder, tower));
        }
        Ok(towers)
    }

    /// The encoders of a finished run: at the place that it noted, else where its source is found today.
    ///
    /// # Errors
    /// An encoder that is nowhere, or is not the one that the run was trained with.
    pub fn of_run(config: &PretrainedConfig, device: &Device) -> Result<Self> {
        let text = config.text.is_set().then(|| Slot::closed(&config.text)).transpose()?;
        let image = config.image.is_set().then(|| Slot::closed(&config.image)).transpose()?;
        Ok(Self { text, image, ..Self::none(device) })
    }

    /// No encoders.
    pub fn none(device: &Device) -> Self {
        Self { text: None, image: None, cache: cache_folder(), device: device.clone().inner() }
    }

    /// Keeps token caches in `folder` instead of [`cache_folder`].
    pub fn with_cache(self, folder: impl Into<PathBuf>) -> Self {
        Self { cache: folder.into(), ..self }
    }

    /// Where token caches are kept.
    pub fn cache(&self) -> &Path {
        &self.cache
    }

    /// Whether there is a text encoder.
    pub fn reads_text(&self) -> bool {
        self.text.is_some()
    }

    /// Whether there is an image encoder.
    pub fn reads_images(&self) -> bool {
        self.image.is_some()
    }

    /// Where the text encoder comes from, with the width of its states.
    pub(crate) fn text_source(&self) -> Option<&EncoderSource> {
        self.text.as_ref().map(|slot| &slot.source)
    }

    /// Where the image encoder comes from, with the width of its states.
    pub(crate) fn image_source(&self) -> Option<&EncoderSource> {
        self.image.as_ref().map(|slot| &slot.source)
    }

    fn text(&self) -> Result<&(TextTower, PretrainedTokenizer)> {
        let slot = self.text.as_ref().ok_or_else(|| Error::input("the model has no pretrained text encoder"))?;
        slot.open(|folder| Ok(TextTower::load(folder, &self.device)?))
    }

    fn image(&self) -> Result<&(ImageTower, PictureRules)> {
        let slot = self.image.as_ref().ok_or_else(|| Error::input("the model has no pretrained image encoder"))?;
        slot.open(|folder| Ok(ImageTower::load(folder, &self.device)?))
    }

    /// The preprocessing that the image encoder was trained with; background and what happens to corrupt files stay the
    /// user's.
    ///
    /// # Errors
    /// The encoder's files.
    pub fn image_config(&self, own: &ImageConfig) -> Result<ImageConfig> {
        let rules = &self.image()?.1;
        let filter = match rules.filter {
            PictureFilter::Bilinear => ResizeFilter::Bilinear,
            PictureFilter::Bicubic => ResizeFilter::Bicubic,
            PictureFilter::Lanczos => ResizeFilter::Lanczos,
        };
        let resize = if rules.shorter_side.is_some() { ResizeMode::Crop } else { ResizeMode::Squash };
        let shorter_side = rules.shorter_side.unwrap_or(0);
        let (size, mean, std) = (rules.size, rules.mean, rules.std);
        Ok(ImageConfig { size, resize, shorter_side, filter, mean, std, ..own.clone() })
    }

    /// Lengths of texts in tokens of [`Self::encode_texts`], without encoding them.
    ///
    /// # Errors
    /// The tokenizer's.
    pub(crate) fn text_lengths(&self, texts: &[&str]) -> Result<Vec<usize>> {
        let (tower, tokenizer) = self.text()?;
        let ids = tokenizer.encode(texts)?;
        let length = |row: &[bool]| tower.tokens(row.iter().filter(|real| **real).count());
        Ok(ids.real().chunks(ids.length()).map(length).collect())
    }

    /// States of texts, one row of `[t_i, W]` values each.
    ///
    /// # Errors
    /// The tokenizer's or the device's.
    pub(crate) fn encode_texts<S: AsRef<str> + Sync>(&self, texts: &[S]) -> Result<Vec<Vec<f32>>> {
        let (tower, tokenizer) = self.text()?;
        let tokens = tower.forward(&tokenizer.encode(texts)?, &self.device).tokens;
        Ok(StateBatch::rows(tokens)?)
    }

    /// States of pictures, prepared by [`Self::image_config`]: `[N, 3, S, S]` pixels -> N rows of `[t, W]` values.
    ///
    /// # Errors
    /// The device's.
    pub(crate) fn encode_images(&self, pixels: Vec<f32>, pictures: usize) -> Result<Vec<Vec<f32>>> {
        let (tower, _) = self.image()?;
        let shape = [pictures, 3, tower.size(), tower.size()];
        let tokens = tower.forward(Tensor::from_data(TensorData::new(pixels, shape), &self.device)).tokens;
        Ok(StateBatch::rows(tokens)?)
    }
}

impl<T> Slot<T> {
    fn opened(source: EncoderSource, folder: PretrainedFolder, tower: T) -> Arc<Self> {
        Arc::new(Self { source, folder, opened: OnceLock::from(tower) })
    }

    fn closed(source: &EncoderSource) -> Result<Arc<Self>> {
        let EncoderSource { source: name, folder: noted, fingerprint, .. } = source;
        let folder = match PretrainedFolder::at(name, Path::new(noted)) {
            Ok(folder) => folder,
            Err(_) => PretrainedFolder::find(name).map_err(|error| {
                Error::input(format!(
                    "the run was trained with the encoder {name:?}, which lay in {noted} and is not there any more: {error}"
                ))
            })?,
        };
        let found = folder.fingerprint()?;
        if found != *fingerprint {
            return Err(Error::file(
                folder.path(),
                format!(
                    "not the encoder that the run was trained with: expected fingerprint {fingerprint}, found {found}; \
                     weights, tokenizer or preprocessing have changed"
                ),
            ));
        }
        Ok(Arc::new(Self { source: source.clone(), folder, opened: OnceLock::new() }))
    }

    fn open(&self, load: impl FnOnce(&PretrainedFolder) -> Result<T>) -> Result<&T> {
        if let Some(opened) = self.opened.get() {
            return Ok(opened);
        }
        let loaded = load(&self.folder)?;
        Ok(self.opened.get_or_init(|| loaded))
    }
}
