//! The frozen pretrained encoders of a model, opened when they are first needed.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Device, Tensor, TensorData};
use rayon::prelude::*;
use rcml_data::{ImageConfig, ResizeFilter, ResizeMode};
use rcml_encoders::TokenIds;
use rcml_encoders::pretrained::{
    Adaptation, ImageTower, LayerRate, PictureFilter, PictureRules, PretrainedFolder, PretrainedTokenizer, StateBatch,
    TextTower, cache_folder, pool_tokens,
};

use crate::{EncoderSource, Error, PretrainedConfig, Rcml, Result};

/// Pretrained encoders as their files have them. Cheap to clone; they carry no gradient and belong to no optimiser. One that is
/// adapted has a copy in the model, where it is trained ([`Towers::adapt`]).
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

    /// Where the text encoder comes from, with the width of its states, unless it is adapted.
    pub(crate) fn frozen_text(&self) -> Option<&EncoderSource> {
        self.text.as_ref().map(|slot| &slot.source).filter(|source| !source.is_adapted())
    }

    /// Where the image encoder comes from, with the width of its states, unless it is adapted.
    pub(crate) fn frozen_image(&self) -> Option<&EncoderSource> {
        self.image.as_ref().map(|slot| &slot.source).filter(|source| !source.is_adapted())
    }

    /// Puts a copy of each encoder that is adapted into a model, on the model's device, with what is trained of it marked.
    ///
    /// # Errors
    /// The encoder's files; a pattern of the adaptation that fits none of its parameters.
    pub fn adapt(&self, model: Rcml, device: &Device) -> Result<Rcml> {
        let text = match self.text.as_ref().filter(|slot| slot.source.is_adapted()) {
            Some(slot) => Some(adapted(&self.text()?.0, self.text()?.0.depth(), &slot.source.adapt, device)?),
            None => None,
        };
        let image = match self.image.as_ref().filter(|slot| slot.source.is_adapted()) {
            Some(slot) => Some(adapted(&self.image()?.0, self.image()?.0.depth(), &slot.source.adapt, device)?),
            None => None,
        };
        Ok(model.with_towers(text, image, device))
    }

    /// Factors on the learning rates of the encoders that are adapted, by regular expressions over the model's parameter names; of
    /// several that fit, the last counts.
    ///
    /// # Errors
    /// The encoder's files.
    pub fn rates(&self) -> Result<Vec<LayerRate>> {
        let mut rates = Vec::new();
        if let Some(slot) = self.text.as_ref().filter(|slot| slot.source.is_adapted()) {
            rates.extend(within("text_tower", slot.source.adapt.rates(self.text()?.0.depth())));
        }
        if let Some(slot) = self.image.as_ref().filter(|slot| slot.source.is_adapted()) {
            rates.extend(within("image_tower", slot.source.adapt.rates(self.image()?.0.depth())));
        }
        Ok(rates)
    }

    fn text(&self) -> Result<&(TextTower, PretrainedTokenizer)> {
        let slot = self.text.as_ref().ok_or_else(|| Error::input("the model has no pretrained text encoder"))?;
        slot.open(|folder| Ok(TextTower::load(folder, &self.device)?))
    }

    fn image(&self) -> Result<&(ImageTower, PictureRules)> {
        let slot = self.image.as_ref().ok_or_else(|| Error::input("the model has no pretrained image encoder"))?;
        slot.open(|folder| Ok(ImageTower::load(folder, &self.device)?))
    }

    /// What computes the encoders' states: the processor, or a GPU by its driver's name.
    pub(crate) fn computed_on(&self) -> String {
        rcml_kernels::device::adapter(&self.device).unwrap_or_else(|| "cpu".into())
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

    /// Ids of texts for the text encoder.
    ///
    /// # Errors
    /// The tokenizer's.
    pub(crate) fn token_ids<S: AsRef<str> + Sync>(&self, texts: &[S]) -> Result<TokenIds> {
        Ok(self.text()?.1.encode(texts)?)
    }

    /// Lengths of texts in tokens of [`Self::encode_texts`], without encoding them.
    ///
    /// # Errors
    /// The tokenizer's.
    pub(crate) fn text_lengths(&self, texts: &[&str]) -> Result<Vec<usize>> {
        let (tower, tokenizer) = self.text()?;
        let ids = tokenizer.encode(texts)?;
        let most = match self.frozen_text().map_or(0, |source| source.summary_tokens) {
            0 => usize::MAX,
            kept => 1 + kept,
        };
        let length = |row: &[bool]| tower.tokens(row.iter().filter(|real| **real).count()).min(most);
        Ok(ids.real().chunks(ids.length()).map(length).collect())
    }

    /// States of texts, one row of `[t_i, W]` values each.
    ///
    /// # Errors
    /// The tokenizer's or the device's.
    pub(crate) fn encode_texts<S: AsRef<str> + Sync>(&self, texts: &[S]) -> Result<Vec<Vec<f32>>> {
        let (tower, tokenizer) = self.text()?;
        let tokens = tower.forward(&tokenizer.encode(texts)?, &self.device).tokens;
        Ok(pooled(StateBatch::rows(tokens)?, self.frozen_text()))
    }

    /// States of pictures, prepared by [`Self::image_config`]: `[N, 3, S, S]` pixels -> N rows of `[t, W]` values.
    ///
    /// # Errors
    /// The device's.
    pub(crate) fn encode_images(&self, pixels: Vec<f32>, pictures: usize) -> Result<Vec<Vec<f32>>> {
        let (tower, _) = self.image()?;
        let shape = [pictures, 3, tower.size(), tower.size()];
        let tokens = tower.forward(Tensor::from_data(TensorData::new(pixels, shape), &self.device)).tokens;
        Ok(pooled(StateBatch::rows(tokens)?, self.frozen_image()))
    }
}

/// Rows of tokens with as many as the configuration wants.
fn pooled(rows: Vec<Vec<f32>>, source: Option<&EncoderSource>) -> Vec<Vec<f32>> {
    match source.filter(|source| source.summary_tokens > 0) {
        Some(source) => rows.into_par_iter().map(|row| pool_tokens(row, source.width, source.summary_tokens)).collect(),
        None => rows,
    }
}

/// A copy of an encoder on a device with autodiff, with what is trained of it marked.
fn adapted<M: Module>(tower: &M, depth: usize, adaptation: &Adaptation, device: &Device) -> Result<M> {
    let copy = tower.clone().map(&mut Tracked(device.clone().autodiff()));
    Ok(adaptation.apply(copy, depth)?)
}

/// Makes parameters trainable that were read without autodiff. (Moved to another device, a tensor keeps its own context.)
struct Tracked(Device);

impl ModuleMapper for Tracked {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|tensor| {
            let tensor = tensor.autodiff();
            let tensor = match self.0.gradient_checkpointing_strategy() {
                Some(strategy) => tensor.with_gradient_checkpointing_strategy(strategy),
                None => tensor,
            };
            tensor.require_grad()
        })
    }
}

/// Rates of the parameters of an encoder as rates of the model's, whose names have the encoder's before them.
fn within(tower: &str, rates: Vec<LayerRate>) -> impl Iterator<Item = LayerRate> {
    rates.into_iter().map(move |LayerRate { parameters, factor }| {
        let parameters = format!(r"^{tower}\.{}", parameters.trim_start_matches('^'));
        LayerRate { parameters, factor }
    })
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
