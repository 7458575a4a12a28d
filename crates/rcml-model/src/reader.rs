//! Items of a dataset -> encoder inputs.

use std::collections::BTreeMap;
use std::sync::Arc;

use rcml_data::{Dataset, FeatureArray, ImageBatch, ImageConfig, ImageStore};
use rcml_encoders::TokenIds;
use rcml_encoders::pretrained::{StateBatch, TokenRows};

use crate::{Error, ModelConfig, Result, TextInput, TextReader, encode_once};

/// Encoder inputs of some items, on the host: made ahead of time on another thread.
#[derive(Debug, Clone)]
pub struct ItemBatch {
    /// Number of items.
    pub items: usize,
    /// Token ids or states, and which items have a text.
    pub text: Option<(TextInput, Vec<bool>)>,
    /// Pixels or states, and which items have a picture.
    pub image: Option<ImageInput>,
    /// Feature modalities by name: `[N, T, input]` values, and which items have them.
    pub features: BTreeMap<String, FeatureBatch>,
}

/// What the model's image encoder reads.
#[derive(Debug, Clone)]
pub enum ImageInput {
    /// Pixels, for an encoder that is trained: one from scratch, or a pretrained one that is adapted.
    Pixels(ImageBatch),
    /// States of a frozen pretrained encoder, and which items have a picture.
    States(StateBatch, Vec<bool>),
}

impl ImageInput {
    /// Which items have a picture.
    pub fn present(&self) -> &[bool] {
        match self {
            Self::Pixels(batch) => &batch.present,
            Self::States(_, present) => present,
        }
    }
}

/// Feature vectors of some items.
#[derive(Debug, Clone)]
pub struct FeatureBatch {
    /// `[N, T, input]`, row-major; zeros where the item lacks the modality, or one of its tokens.
    pub values: Vec<f32>,
    /// N, T, input.
    pub shape: [usize; 3],
    /// `[N, T]`: whether a token is there; `None` = all are, of items that have the modality.
    pub real: Option<Vec<bool>>,
    /// Which items have the modality.
    pub present: Vec<bool>,
}

/// Everything needed to make encoder inputs for the items of one dataset. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ItemReader {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    ids: Option<TokenIds>,
    /// Of the items.
    names: Vec<String>,
    text_states: Option<TokenRows>,
    texts: Vec<Option<String>>,
    images: Option<ImageStore>,
    image_states: Option<TokenRows>,
    image_problems: Vec<rcml_data::ImageProblem>,
    features: BTreeMap<String, (FeatureArray, Vec<Option<usize>>)>,
}

impl ItemReader {
    /// Prepares the modalities that the model has: tokenizes all texts, decodes the pictures of `items`, reads the arrays;
    /// what a frozen pretrained encoder reads of them is encoded, unless a token cache has it.
    /// `progress` is called with the number of pictures done, from several threads.
    ///
    /// # Errors
    /// Corrupt pictures (unless they are to be skipped), a bad array, an array of another width than the model's.
    pub fn open(
        dataset: &Dataset,
        items: &[u32],
        model: &ModelConfig,
        texts: &TextReader,
        image: &ImageConfig,
        progress: &(dyn Fn(usize) + Sync),
    ) -> Result<Self> {
        let mut inner = Inner { names: dataset.items.iter().map(|item| item.id.clone()).collect(), ..Inner::default() };
        for modality in &model.modalities {
            match modality.name.as_str() {
                "text" => {
                    if texts.towers().frozen_text().is_some() {
                        inner.text_states = Some(encode_once::texts(dataset, items, texts.towers())?);
                    } else {
                        let all: Vec<&str> = dataset.items.iter().map(|i| i.text.as_deref().unwrap_or("")).collect();
                        inner.ids = Some(texts.ids(&all)?);
                    }
                    inner.texts = dataset.items.iter().map(|item| item.text.clone()).collect();
                }
                "image" if texts.towers().frozen_image().is_some() => {
                    let config = texts.towers().image_config(image)?;
                    let (states, problems) = encode_once::images(dataset, items, texts.towers(), &config, progress)?;
                    (inner.image_states, inner.image_problems) = (Some(states), problems);
                }
                "image" => {
                    let config = match texts.towers().reads_images() {
                        true => texts.towers().image_config(image)?,
                        false => ImageConfig { size: model.image.size, ..image.clone() },
                    };
                    inner.images = Some(ImageStore::open(dataset, items, config, progress)?);
                }
                name if dataset.info.modalities.contains_key(name) => {
                    let array = dataset.features(name)?;
                    let (tokens, input) = sizes(&array);
                    if (tokens, input) != (modality.tokens, modality.input) {
                        return Err(Error::input(format!(
                            "modality {name:?}: the model expects {} vectors of width {}, the data set has {tokens} of width {input}",
                            modality.tokens, modality.input
                        )));
                    }
                    let rows = dataset.items.iter().map(|item| item.features.get(name).copied()).collect();
                    inner.features.insert(name.into(), (array, rows));
                }
                // The dataset lacks a modality that the model knows: it is missing from every item.
                _ => {}
            }
        }
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Pictures that were skipped.
    pub fn image_problems(&self) -> &[rcml_data::ImageProblem] {
        self.inner.images.as_ref().map_or(&self.inner.image_problems, ImageStore::problems)
    }

    /// The id of an item; empty for one that is not there.
    pub fn name(&self, item: u32) -> &str {
        self.inner.names.get(item as usize).map_or("", String::as_str)
    }

    /// The text of an item, where the model reads texts.
    pub fn text(&self, item: u32) -> Option<&str> {
        self.inner.texts.get(item as usize)?.as_deref()
    }

    /// Tokens of an item's text, as the encoder reads it; 0 where the model reads no texts, or a frozen encoder has read them.
    pub fn text_tokens(&self, item: u32) -> usize {
        self.inner.ids.as_ref().map_or(0, |ids| ids.tokens(item))
    }

    /// Encoder inputs of items (dataset indices).
    ///
    /// # Errors
    /// A picture that has become unreadable.
    pub fn batch(&self, items: &[u32]) -> Result<ItemBatch> {
        let has_text = |item: &u32| self.text(*item).is_some();
        let inner = &self.inner;
        let text = match (&inner.text_states, &inner.ids) {
            (Some(states), _) => Some(TextInput::States(states.batch(items))),
            (None, Some(ids)) => Some(TextInput::Ids(ids.select(items))),
            (None, None) => None,
        };
        let text = text.map(|text| (text, items.iter().map(has_text).collect()));
        let image = match (&inner.image_states, &inner.images) {
            (Some(states), _) => {
                let present = items.iter().map(|item| states.has(*item)).collect();
                Some(ImageInput::States(states.batch(items), present))
            }
            (None, Some(images)) => Some(ImageInput::Pixels(images.batch(items)?)),
            (None, None) => None,
        };
        let features = self.inner.features.iter().map(|(name, (array, rows))| {
            let rows: Vec<Option<usize>> = items.iter().map(|item| rows[*item as usize]).collect();
            (name.clone(), feature_batch(array, &rows))
        });
        Ok(ItemBatch { items: items.len(), text, image, features: features.collect() })
    }
}

/// Tokens of an item, and their width.
fn sizes(array: &FeatureArray) -> (usize, usize) {
    let input = array.shape.last().copied().unwrap_or(1);
    (if array.shape.len() == 3 { array.shape[1] } else { 1 }, input)
}

fn feature_batch(array: &FeatureArray, rows: &[Option<usize>]) -> FeatureBatch {
    let (tokens, input) = sizes(array);
    let stride = tokens * input;
    let mut values = vec![0.0; rows.len() * stride];
    let mut real = vec![true; rows.len() * tokens];
    for ((row, out), real) in rows.iter().zip(values.chunks_mut(stride.max(1))).zip(real.chunks_mut(tokens.max(1))) {
        let Some(row) = row else { continue };
        let given = array.values[row * stride..][..stride].chunks(input.max(1));
        for ((given, out), real) in given.zip(out.chunks_mut(input.max(1))).zip(real) {
            *real = !given.iter().any(|value| value.is_nan());
            if *real {
                out.copy_from_slice(given);
            }
        }
    }
    let present = rows.iter().map(Option::is_some).collect();
    let real = real.contains(&false).then_some(real);
    FeatureBatch { values, shape: [rows.len(), tokens, input], real, present }
}
