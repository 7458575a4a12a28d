//! The module that training updates.

use burn::module::{Initializer, Module, Param};
use burn::tensor::{Device, Tensor, TensorData};
use rcml_attention::Conditioner;
use rcml_data::Role;
use rcml_encoders::{FeatureConfig, FeatureProjector, TextTransformer, TokenIds, Tokens, VisionTransformer};
use rcml_losses::{Temperature, TemperatureConfig};

use crate::{ItemBatch, ModelConfig};

/// Encoders, conditioner and temperature.
///
/// z_i^m(r) = unit(modulate_r(pool_r(H_i^m))) for item i, modality m and relation r, where H are token states and r is read by
/// the text encoder. See [`rcml_attention`] for pool and modulate.
#[derive(Module, Debug)]
pub struct Rcml {
    text: TextTransformer,
    image: Option<VisionTransformer>,
    features: Vec<FeatureProjector>,
    conditioner: Conditioner,
    roles: Option<Param<Tensor<2>>>,
    /// The temperature of the objective.
    pub temperature: Temperature,
    normalize_relations: bool,
}

/// One modality of a batch, encoded.
#[derive(Debug, Clone)]
pub struct EncodedModality {
    /// `image`, `text`, or the name of a feature modality.
    pub name: String,
    /// Token states of all items of the batch; those of items without the modality are meaningless.
    pub tokens: Tokens,
    /// Which items have the modality.
    pub present: Vec<bool>,
}

impl ModelConfig {
    /// Builds the model; `vocabulary` and `modalities` must be set. `salience`: see [`rcml_encoders::TextConfig::init`].
    pub fn init(&self, temperature: &TemperatureConfig, salience: &[f32], device: &Device) -> Rcml {
        let has = |name: &str| self.modalities.iter().any(|m| m.name == name);
        let features = self.modalities.iter().filter(|m| m.input > 0);
        Rcml {
            text: self.text.init(self.vocabulary, self.width, salience, device),
            image: has("image").then(|| self.image.init(self.width, device)),
            features: features.map(|m| FeatureConfig { input: m.input }.init(self.width, device)).collect(),
            conditioner: self.conditioner.init(self.width, device),
            roles: self.roles.then(|| Initializer::Normal { mean: 0.0, std: 0.5 }.init([2, self.width], device)),
            temperature: temperature.init(device),
            normalize_relations: self.normalize_relations,
        }
    }
}

impl Rcml {
    /// Encodes a batch, one entry per modality of the model that the batch carries, in the model's order.
    pub fn encode(&self, config: &ModelConfig, batch: &ItemBatch, device: &Device) -> Vec<EncodedModality> {
        let mut features = self.features.iter();
        let encode = |modality: &crate::ModalityShape| {
            let name = modality.name.clone();
            // Advances with the configuration, so that projectors and names stay in step.
            let projector = (modality.input > 0).then(|| features.next()).flatten();
            let (tokens, present) = match (name.as_str(), projector) {
                ("text", _) => {
                    let (ids, present) = batch.text.as_ref()?;
                    (self.text.forward(ids, device), present.clone())
                }
                ("image", _) => {
                    let image = batch.image.as_ref()?;
                    let size = config.image.size;
                    let pixels = TensorData::new(image.pixels.clone(), [batch.items, 3, size, size]);
                    let tokens = self.image.as_ref()?.forward(Tensor::from_data(pixels, device));
                    (tokens, image.present.clone())
                }
                (_, Some(projector)) => {
                    let features = batch.features.get(&name)?;
                    let values = TensorData::new(features.values.clone(), features.shape);
                    (projector.forward(Tensor::from_data(values, device)), features.present.clone())
                }
                _ => return None,
            };
            Some(EncodedModality { name, tokens, present })
        };
        config.modalities.iter().filter_map(encode).collect()
    }

    /// Embeds relation texts in roles: the text encoder's summary, plus the learned role of a directed relation's end.
    ///
    /// # Shapes
    /// - texts, roles: R
    /// - output: `[R, D]`
    pub fn relations(&self, texts: &TokenIds, roles: &[Role], device: &Device) -> Tensor<2> {
        let mut h = self.text.forward(texts, device).summary;
        if self.normalize_relations {
            let mean_square = h.clone().square().mean_dim(1);
            h = h / mean_square.clamp_min(1e-6).sqrt();
        }
        match &self.roles {
            Some(embedding) => {
                let one_hot = |role: &Role| match role {
                    Role::Either => [0.0f32, 0.0],
                    Role::Source => [1.0, 0.0],
                    Role::Target => [0.0, 1.0],
                };
                let marks: Vec<f32> = roles.iter().flat_map(one_hot).collect();
                let marks = Tensor::<2>::from_data(TensorData::new(marks, [roles.len(), 2]), device);
                h + marks.matmul(embedding.val())
            }
            None => h,
        }
    }

    /// Encodes texts alone.
    pub fn encode_text(&self, texts: &TokenIds, device: &Device) -> Tokens {
        self.text.forward(texts, device)
    }

    /// The conditioner.
    pub fn conditioner(&self) -> &Conditioner {
        &self.conditioner
    }
}
