//! The module that training updates.

use std::sync::Arc;

use burn::module::{Initializer, Module, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor, TensorData};
use rcml_attention::{Conditioner, Relations};
use rcml_data::Role;
use rcml_encoders::pretrained::{ImageTower, StateProjector, TextTower, frozen_parameters};
use rcml_encoders::{FeatureEncoder, TextTransformer, Tokens, VisionTransformer, WordStart};
use rcml_kernels::l2_normalize;
use rcml_losses::{Temperature, TemperatureConfig};

use crate::center::{Center, subtract};
use crate::fusion::Fusion;
use crate::{EncoderSource, ImageInput, ItemBatch, ModelConfig, Roles, TextInput};

/// Encoders, conditioner and temperature.
///
/// z_i^m(r) = unit(modulate_r(pool_r(H_i^m))) for item i, modality m and relation r, where H are token states and r is read by
/// the text encoder. See [`rcml_attention`] for pool and modulate.
#[derive(Module, Debug)]
pub struct Rcml {
    text: Option<TextTransformer>,
    /// A pretrained text encoder that is adapted; `text_states` reads its states.
    text_tower: Option<TextTower>,
    text_states: Option<StateProjector>,
    image: Option<VisionTransformer>,
    /// A pretrained image encoder that is adapted; `image_states` reads its states.
    image_tower: Option<ImageTower>,
    image_states: Option<StateProjector>,
    features: Vec<FeatureEncoder>,
    /// One per modality, in the model's order; empty where the model does not centre.
    centers: Vec<Center>,
    fusion: Fusion,
    conditioner: Conditioner,
    /// `[2, D]`, of source and target.
    roles: Option<Param<Tensor<2>>>,
    /// `[2, D]`: how much of a relation's embedding is added to items in each role.
    translation: Option<Param<Tensor<2>>>,
    /// The temperature of the objective.
    pub temperature: Temperature,
    normalize_relations: bool,
    /// Names of the parameters that are as the pretrained encoders' files have them.
    #[module(skip)]
    base: Arc<[String]>,
}

/// See [`Rcml::draw`].
struct Draw;

impl ModuleVisitor for Draw {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        drop(param.val());
    }
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
    /// Mean summary of the batch, `[D]`, where it was taken away: see [`Rcml::follow`].
    pub mean: Option<Tensor<1>>,
}

impl ModelConfig {
    /// Builds the model; `vocabulary` and `modalities` must be set. `words`: see [`rcml_encoders::TextConfig::init`].
    pub fn init(&self, temperature: &TemperatureConfig, words: &WordStart, device: &Device) -> Rcml {
        let has = |name: &str| self.modalities.iter().any(|m| m.name == name);
        let features = self.modalities.iter().filter(|m| m.input > 0);
        let features = features
            .map(|m| self.features.get(&m.name).cloned().unwrap_or_default().init(m.features(), self.width, device));
        let pretrained = &self.pretrained;
        let projector = |encoder: &EncoderSource| {
            let new = || StateProjector::new(encoder.projection, encoder.width, self.width, device);
            encoder.is_set().then(new)
        };
        Rcml {
            text: (!pretrained.text.is_set()).then(|| self.text.init(self.vocabulary, self.width, words, device)),
            text_tower: None,
            text_states: projector(&pretrained.text),
            image_tower: None,
            image: (has("image") && !pretrained.image.is_set()).then(|| self.image.init(self.width, device)),
            image_states: projector(&pretrained.image).filter(|_| has("image")),
            centers: if self.center {
                self.modalities.iter().map(|_| Center::new(self.width, device)).collect()
            } else {
                Vec::new()
            },
            fusion: Fusion::new(self.fusion, self.modalities.len(), self.width, device),
            features: features.collect(),
            conditioner: self.conditioner.init(self.width, device),
            roles: (self.roles != Roles::None)
                .then(|| Initializer::Normal { mean: 0.0, std: 0.5 }.init([2, self.width], device)),
            translation: (self.translate && self.roles != Roles::None).then(|| {
                // Of sources all, of targets nothing: what is added to both ends says nothing about their order.
                let [source, target] = [1.0, 0.0].map(|weight| vec![weight; self.width]);
                let weights = TensorData::new([source, target].concat(), [2, self.width]);
                Param::from_tensor(Tensor::from_data(weights, device))
            }),
            temperature: temperature.init(device),
            normalize_relations: self.normalize_relations,
            base: Arc::new([]),
        }
    }
}

impl Rcml {
    /// Takes adapted encoders in; they come on a device with autodiff, which says what is trained of them.
    pub(crate) fn with_towers(self, text: Option<TextTower>, image: Option<ImageTower>, device: &Device) -> Self {
        let named =
            |tower: &'static str, names: Vec<String>| names.into_iter().map(move |name| format!("{tower}.{name}"));
        let mut base: Vec<String> = Vec::new();
        base.extend(named("text_tower", text.iter().flat_map(frozen_parameters).collect()));
        base.extend(named("image_tower", image.iter().flat_map(frozen_parameters).collect()));
        let is_plain = !device.is_autodiff();
        Self {
            text_tower: text.map(|tower| if is_plain { tower.valid() } else { tower }),
            image_tower: image.map(|tower| if is_plain { tower.valid() } else { tower }),
            base: base.into(),
            ..self
        }
    }

    /// Draws all random weights, in the order in which the model has them. Burn draws each when it is first asked for, from a stream
    /// that the whole process shares: a model that is left to that depends on what is computed in between.
    pub fn draw(&self) {
        self.visit(&mut Draw);
    }

    /// Names of the parameters that are as the pretrained encoders' files have them: they are in no file of the run.
    pub fn base(&self) -> &[String] {
        &self.base
    }

    /// Whether a pretrained encoder is part of the model.
    pub(crate) fn has_tower(&self) -> bool {
        self.text_tower.is_some() || self.image_tower.is_some()
    }

    /// Encodes a batch, one entry per modality of the model that the batch carries, in the model's order.
    pub fn encode(&self, config: &ModelConfig, batch: &ItemBatch, device: &Device) -> Vec<EncodedModality> {
        let centre = |encoded: EncodedModality| match self.center(config, &encoded.name) {
            Some(center) => EncodedModality { tokens: subtract(encoded.tokens, center.running()), ..encoded },
            None => encoded,
        };
        self.towers(config, batch, device).into_iter().map(centre).collect()
    }

    /// Encodes a batch of training: centred on the batch itself, or on the running mean where a modality has a single item.
    pub fn encode_training(&self, config: &ModelConfig, batch: &ItemBatch, device: &Device) -> Vec<EncodedModality> {
        let centre = |encoded: EncodedModality| {
            let Some(center) = self.center(config, &encoded.name) else { return encoded };
            match Center::of_batch(&encoded.tokens, &encoded.present) {
                Some(mean) => EncodedModality {
                    tokens: subtract(encoded.tokens, mean.clone()),
                    mean: Some(mean.detach()),
                    ..encoded
                },
                None => EncodedModality { tokens: subtract(encoded.tokens, center.running()), ..encoded },
            }
        };
        self.towers(config, batch, device).into_iter().map(centre).collect()
    }

    /// Moves the running means towards those of a batch of training: modality and mean.
    pub fn follow(mut self, config: &ModelConfig, means: Vec<(String, Tensor<1>)>) -> Self {
        for (name, mean) in means {
            let slot = config.modalities.iter().position(|modality| modality.name == name);
            if let Some(center) = slot.and_then(|slot| self.centers.get_mut(slot)) {
                *center = center.clone().follow(mean);
            }
        }
        self
    }

    /// How much conditioned embeddings of a modality say in the fused embedding, `[.., D]` -> `[.., 1]`; `None` = 1 each.
    pub fn confidence<const N: usize>(&self, config: &ModelConfig, modality: &str, z: &Tensor<N>) -> Option<Tensor<N>> {
        let slot = config.modalities.iter().position(|known| known.name == modality)?;
        self.fusion.confidence(slot, z)
    }

    fn center(&self, config: &ModelConfig, name: &str) -> Option<&Center> {
        let slot = config.modalities.iter().position(|modality| modality.name == name)?;
        self.centers.get(slot)
    }

    fn towers(&self, config: &ModelConfig, batch: &ItemBatch, device: &Device) -> Vec<EncodedModality> {
        let mut features = self.features.iter();
        let encode = |modality: &crate::ModalityShape| {
            let name = modality.name.clone();
            // Advances with the configuration, so that encoders and names stay in step.
            let encoder = (modality.input > 0).then(|| features.next()).flatten();
            let (tokens, present) = match (name.as_str(), encoder) {
                ("text", _) => {
                    let (texts, present) = batch.text.as_ref()?;
                    (self.read_text(texts, device)?, present.clone())
                }
                ("image", _) => {
                    let image = batch.image.as_ref()?;
                    let tokens = match image {
                        ImageInput::Pixels(image) => {
                            let size = self.image_tower.as_ref().map_or(config.image.size, ImageTower::size);
                            let pixels = TensorData::new(image.pixels.clone(), [batch.items, 3, size, size]);
                            let pixels = Tensor::from_data(pixels, device);
                            match &self.image_tower {
                                Some(tower) => self.image_states.as_ref()?.project(tower.forward(pixels).tokens),
                                None => self.image.as_ref()?.forward(pixels),
                            }
                        }
                        ImageInput::States(states, _) => {
                            let (states, log_bias) = states.to_device(device);
                            self.image_states.as_ref()?.forward(states, log_bias)
                        }
                    };
                    (tokens, image.present().to_vec())
                }
                (_, Some(encoder)) => {
                    let features = batch.features.get(&name)?;
                    let [n, t, _] = features.shape;
                    let values = TensorData::new(features.values.clone(), features.shape);
                    let real = features.real.clone().map(|real| {
                        let real = TensorData::new(real.into_iter().map(f32::from).collect::<Vec<_>>(), [n, t]);
                        Tensor::from_data(real, &device.clone().inner())
                    });
                    (encoder.forward(Tensor::from_data(values, device), real), features.present.clone())
                }
                _ => return None,
            };
            Some(EncodedModality { name, tokens, present, mean: None })
        };
        config.modalities.iter().filter_map(encode).collect()
    }

    /// Embeds relation texts in roles: the text encoder's summary, plus the learned role of a relation's end.
    ///
    /// # Shapes
    /// - texts, roles: R
    /// - output: R, width D; `None` where the texts are not the input of this model's text encoder
    pub fn relations(&self, texts: &TextInput, roles: &[Role], device: &Device) -> Option<Relations> {
        let mut h = self.read_text(texts, device)?.summary;
        let one_hot = |role: &Role| match role {
            Role::Either => [0.0f32, 0.0],
            Role::Source => [1.0, 0.0],
            Role::Target => [0.0, 1.0],
        };
        let marks: Vec<f32> = roles.iter().flat_map(one_hot).collect();
        let marks = Tensor::<2>::from_data(TensorData::new(marks, [roles.len(), 2]), device);
        let translations =
            self.translation.as_ref().map(|weights| l2_normalize(h.clone()) * marks.clone().matmul(weights.val()));
        if self.normalize_relations {
            let mean_square = h.clone().square().mean_dim(1);
            h = h / mean_square.clamp_min(1e-6).sqrt();
        }
        let embeddings = match &self.roles {
            Some(roles) => h + marks.matmul(roles.val()),
            None => h,
        };
        Some(Relations { embeddings, translations })
    }

    /// Encodes texts of items alone; `None` where they are not the input of this model's text encoder.
    pub fn encode_text(&self, config: &ModelConfig, texts: &TextInput, device: &Device) -> Option<Tokens> {
        let tokens = self.read_text(texts, device)?;
        Some(match self.center(config, "text") {
            Some(center) => subtract(tokens, center.running()),
            None => tokens,
        })
    }

    /// Encodes more texts beside a batch of training, centred on that batch's mean ([`EncodedModality::mean`]).
    pub fn encode_beside(&self, texts: &TextInput, mean: Option<&Tensor<1>>, device: &Device) -> Option<Tokens> {
        let tokens = self.read_text(texts, device)?;
        Some(match mean {
            Some(mean) => subtract(tokens, mean.clone()),
            None => tokens,
        })
    }

    fn read_text(&self, texts: &TextInput, device: &Device) -> Option<Tokens> {
        match texts {
            TextInput::Ids(ids) => Some(match &self.text_tower {
                Some(tower) => self.text_states.as_ref()?.project(tower.encode(ids, device)),
                None => self.text.as_ref()?.forward(ids, device),
            }),
            TextInput::States(states) => {
                let (states, log_bias) = states.to_device(device);
                Some(self.text_states.as_ref()?.forward(states, log_bias))
            }
        }
    }

    /// The conditioner.
    pub fn conditioner(&self) -> &Conditioner {
        &self.conditioner
    }
}
