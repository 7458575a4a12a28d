//! A trained model at work.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn::tensor::{Device, Tensor, TensorData};
use rcml_attention::{Modulate, Pool, Relations};
use rcml_data::{Dataset, ImageConfig, OnCorrupt, Relation, Role};
use rcml_encoders::{TextTokenizer, Tokens, WordStart};
use rcml_kernels::l2_normalize;
use rcml_losses::TemperatureConfig;
use serde::Deserialize;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use crate::encoded_items::{Chunk, EncodedColumn, EncodedItems, ends};
use crate::{
    ConditionedSide, Error, ExactWords, FusionConfig, ItemReader, ModelConfig, Rcml, ReadRelation, RelationInText,
    RelationQuery, Result, Roles, TextReader, Towers, load_weights,
};

/// Items encoded at a time: bounds the memory of the encoders' activations.
const CHUNK: usize = 256;

/// The same where a pretrained encoder is part of the model.
const TOWER_CHUNK: usize = 32;

/// A model with its tokenizer and preprocessing, on a device.
#[derive(Debug, Clone)]
pub struct Embedder {
    model: Rcml,
    config: ModelConfig,
    texts: TextReader,
    image: ImageConfig,
    device: Device,
    /// Words beside the model's vectors.
    exact: Option<Arc<ExactWords>>,
    /// The folder that it was loaded from.
    run: Option<PathBuf>,
}

/// Unit vectors of N items under one relation. D is the model's width, and that of the [words](ExactWords) beside it where there are
/// any.
#[derive(Debug, Clone)]
pub struct Embeddings {
    /// Per modality: its name, `[N, D]` vectors (zero where missing), and which items have it.
    pub modalities: Vec<(String, Tensor<2>, Vec<bool>)>,
    /// The unit mean of an item's modalities, `[N, D]`; zero for an item of which the model reads nothing.
    pub fused: Tensor<2>,
    /// Which items have any of the modalities.
    pub present: Vec<bool>,
}

/// The part of a run's `config.toml` that embedding needs.
#[derive(Deserialize)]
struct SavedConfig {
    model: ModelConfig,
    image: ImageConfig,
}

impl Embedder {
    /// A model fresh from training.
    pub fn new(model: Rcml, config: ModelConfig, texts: TextReader, image: ImageConfig, device: Device) -> Self {
        Self { model, config, texts, image, device, exact: None, run: None }
    }

    /// With the words of texts beside the model's vectors; a share of 0 is none.
    pub fn with_exact_words(self, words: Option<ExactWords>) -> Self {
        let exact = words.filter(|words| words.share() > 0.0).map(Arc::new);
        Self { exact, ..self }
    }

    /// With another answer to pictures that cannot be decoded.
    pub fn with_on_corrupt(mut self, answer: OnCorrupt) -> Self {
        self.image.on_corrupt = answer;
        self
    }

    /// Loads a run folder: `config.toml`, `tokenizer.json`, `model.safetensors`, `words.json` where it is, and the pretrained
    /// encoders that it names.
    ///
    /// # Errors
    /// Names the file that is missing or does not fit.
    pub fn load(run: impl AsRef<Path>, device: &Device) -> Result<Self> {
        let run = run.as_ref();
        let path: PathBuf = run.join("config.toml");
        let text = std::fs::read_to_string(&path)
            .map_err(|error| Error::file(&path, format!("{error}; expected the folder of a finished run")))?;
        let saved: SavedConfig = toml::from_str(&text).map_err(|error| Error::file(&path, error))?;
        let tokenizer = TextTokenizer::load(run.join("tokenizer.json"))?;
        let towers = Towers::of_run(&saved.model.pretrained, device)?;
        let texts = TextReader::new(tokenizer, saved.model.text.max_tokens, towers);
        // The temperature is part of the weights, so its configuration does not matter here.
        let model = saved.model.init(&TemperatureConfig::default(), &WordStart::default(), device);
        let model = texts.towers().adapt(model, device)?;
        let model = load_weights(model, &saved.model.pretrained, run.join("model.safetensors"))?;
        let words = ExactWords::load(run, &saved.model.exact_words)?;
        let embedder = Self::new(model, saved.model, texts, saved.image, device.clone()).with_exact_words(words);
        Ok(Self { run: Some(run.into()), ..embedder })
    }

    /// The encoders as training finds them under `seed`, without any conditioning: pretrained ones as they are, others random.
    /// `texts` are those that the vocabulary was counted on.
    ///
    /// # Errors
    /// The tokenizer's.
    pub fn frozen(&self, seed: u64, texts: &[&str], relation_in_text: RelationInText) -> Result<Self> {
        let mut config = self.config.clone();
        (config.conditioner.pool, config.conditioner.modulate) = (Pool::Summary, Modulate::None);
        (config.roles, config.side) = (Roles::None, ConditionedSide::Both);
        // Means that nothing has moved yet, and confidences that nothing has taught.
        (config.center, config.fusion) = (false, FusionConfig::Mean);
        config.relation_in_text = relation_in_text;
        let words = config.words_at_start(self.texts.tokenizer(), texts)?;
        self.device.seed(seed);
        let model = config.init(&TemperatureConfig::default(), &words, &self.device);
        let model = self.texts.towers().adapt(model, &self.device)?;
        model.draw();
        Ok(Self { model, config, exact: None, run: None, ..self.clone() })
    }

    /// The model's configuration.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// Channels of an embedding: the model's, and those of words beside them.
    pub fn width(&self) -> usize {
        self.config.width + self.exact.as_ref().map_or(0, |words| words.width())
    }

    /// Prepares the items of a dataset for this model.
    ///
    /// # Errors
    /// See [`ItemReader::open`].
    pub fn reader(&self, dataset: &Dataset, items: &[u32], progress: &(dyn Fn(usize) + Sync)) -> Result<ItemReader> {
        ItemReader::open(dataset, items, &self.config, &self.texts, &self.image, progress)
    }

    /// Encodes items (dataset indices) once, for any number of relations. `progress` is called with the number done.
    ///
    /// Memory: N x tokens x width values per modality; one vector per item where the model pools the summary.
    ///
    /// # Errors
    /// A picture that has become unreadable.
    pub fn encode(&self, reader: &ItemReader, items: &[u32], progress: &dyn Fn(usize)) -> Result<EncodedItems> {
        let size = self.chunk();
        let mut encoded = EncodedItems {
            items: items.to_vec(),
            ends: ends(items.len(), size),
            modalities: vec![],
            words: vec![],
            texts: vec![],
        };
        if self.config.relation_in_text.behind_queries() {
            encoded.texts = items.iter().map(|item| reader.text(*item).map(String::from)).collect();
        }
        for (chunk, end) in items.chunks(size).zip(ends(items.len(), size)) {
            let batch = reader.batch(chunk)?;
            for (slot, modality) in self.model.encode(&self.config, &batch, &self.device).into_iter().enumerate() {
                if encoded.modalities.len() == slot {
                    let column = EncodedColumn { name: modality.name, chunks: vec![], present: vec![] };
                    encoded.modalities.push(column);
                }
                let column = &mut encoded.modalities[slot];
                column.chunks.push(Chunk::fresh(self.keep(modality.tokens)));
                column.present.extend(modality.present);
            }
            if let Some(exact) = &self.exact {
                let texts = chunk.iter().map(|item| (reader.name(*item), reader.text(*item)));
                encoded.words.push(exact.rows(&texts.collect::<Vec<_>>(), &self.device));
            }
            progress(end);
        }
        Ok(encoded)
    }

    /// Items encoded at a time.
    fn chunk(&self) -> usize {
        if self.model.has_tower() { TOWER_CHUNK } else { CHUNK }
    }

    /// What conditioning needs of the tokens.
    fn keep(&self, tokens: Tokens) -> Tokens {
        match self.config.conditioner.pool {
            Pool::Summary => Tokens::with_summary_first(tokens.summary.unsqueeze_dim(1), None),
            Pool::Attention => tokens.applied(),
        }
    }

    /// Embeds encoded items as queries (anchors) under a relation.
    ///
    /// # Errors
    /// The tokenizer's or the device's.
    pub fn queries(&self, items: &EncodedItems, relation: &RelationQuery) -> Result<Embeddings> {
        let read = self.read_relation(relation)?;
        match relation {
            RelationQuery::Relation(text, _) if self.config.relation_in_text.behind_queries() => {
                self.embed(&self.with_relation_text(items, text)?, Some(&read))
            }
            _ => self.embed(items, Some(&read)),
        }
    }

    /// Embeds encoded items as candidates under the QUERY's relation (with `side = query`: under none).
    ///
    /// # Errors
    /// The tokenizer's or the device's.
    pub fn candidates(&self, items: &EncodedItems, relation: &RelationQuery) -> Result<Embeddings> {
        match self.config.side {
            ConditionedSide::Both => self.embed(items, Some(&self.read_relation(relation)?)),
            ConditionedSide::Query => self.embed(items, None),
        }
    }

    /// The same under a relation that was read before: for candidates that come in pieces.
    ///
    /// # Errors
    /// The device's.
    pub fn candidates_under(&self, items: &EncodedItems, relation: &ReadRelation) -> Result<Embeddings> {
        self.embed(items, (self.config.side == ConditionedSide::Both).then_some(relation))
    }

    /// Passes a relation through the text encoder.
    ///
    /// # Errors
    /// The tokenizer's or the device's.
    pub fn read_relation(&self, relation: &RelationQuery) -> Result<ReadRelation> {
        let embedding = self.relation_embedding(relation)?;
        Ok(ReadRelation::new(embedding, *relation == RelationQuery::SameItem))
    }

    /// Embeds encoded items under no relation.
    ///
    /// # Errors
    /// The device's.
    pub fn unconditioned(&self, items: &EncodedItems) -> Result<Embeddings> {
        self.embed(items, None)
    }

    /// Encodes texts that belong to no item, such as the names of classes: row i stands for text i.
    ///
    /// # Errors
    /// The tokenizer's or the device's.
    pub fn encode_texts<S: AsRef<str> + Sync>(&self, texts: &[S]) -> Result<EncodedItems> {
        let mut column = EncodedColumn { name: "text".into(), chunks: vec![], present: vec![true; texts.len()] };
        let (size, mut words) = (self.chunk(), vec![]);
        for texts in texts.chunks(size) {
            if let Some(exact) = &self.exact {
                let texts = texts.iter().map(|text| (text.as_ref(), Some(text.as_ref())));
                words.push(exact.rows(&texts.collect::<Vec<_>>(), &self.device));
            }
            let texts = self.texts.read_once(texts)?;
            let tokens = self.model.encode_text(&self.config, &texts, &self.device).ok_or_else(other_encoder)?;
            column.chunks.push(Chunk::fresh(self.keep(tokens)));
        }
        let items: Vec<u32> = (0..texts.len() as u32).collect();
        let texts = match self.config.relation_in_text.behind_queries() {
            true => texts.iter().map(|text| Some(text.as_ref().to_string())).collect(),
            false => vec![],
        };
        Ok(EncodedItems { ends: ends(items.len(), size), items, modalities: vec![column], words, texts })
    }

    /// A relation in any words as what queries are embedded under, and what their candidates are: words that are a phrasing of one of
    /// `relations` follow it from source to target.
    pub fn ends(&self, relations: &[Relation], words: &str) -> (RelationQuery, RelationQuery) {
        let roles = self.config.roles;
        let (source, target) = roles.of_phrasing(relations, words).unwrap_or(roles.of_words());
        let of = |role| RelationQuery::Relation(words.trim().to_string(), role);
        (of(source), of(target))
    }

    /// The embedding that a relation conditions with.
    ///
    /// # Errors
    /// The tokenizer's or the device's.
    pub fn relation_embedding(&self, relation: &RelationQuery) -> Result<Relations> {
        match relation {
            RelationQuery::Relation(text, role) => self.relation(text, *role),
            RelationQuery::SameItem => self.relation(&self.config.same_item, Role::Either),
        }
    }

    fn embed(&self, items: &EncodedItems, relation: Option<&ReadRelation>) -> Result<Embeddings> {
        let conditioner = self.model.conditioner();
        let mut modalities = Vec::with_capacity(items.modalities.len());
        for column in &items.modalities {
            let rows = column.chunks.iter().map(|chunk| {
                let Some(relation) = relation else { return Ok(conditioner.unconditioned(&chunk.tokens())) };
                if let (Chunk::Stored(stored), false) = (chunk, relation.generic) {
                    return stored.condition(relation.prepared(conditioner)?);
                }
                let tokens = chunk.tokens();
                let ([n, _, d], h) = (tokens.dims(), relation.embedding.clone());
                let z = if relation.generic {
                    conditioner.forward_generic(&tokens, h)
                } else {
                    conditioner.forward(&tokens, h)
                };
                Ok(z.reshape([n, d]))
            });
            let z = Tensor::cat(rows.collect::<Result<_>>()?, 0);
            let mask: Vec<f32> = column.present.iter().map(|has| f32::from(*has)).collect();
            let mask = Tensor::<2>::from_data(TensorData::new(mask, [items.items.len(), 1]), &self.device);
            modalities.push((column.name.clone(), z * mask, column.present.clone()));
        }
        let fused = modalities.iter().map(|(name, z, _)| match self.model.confidence(&self.config, name, z) {
            Some(confidence) => z.clone() * confidence,
            None => z.clone(),
        });
        let fused = fused.reduce(|a, b| a + b);
        let fused = fused.ok_or_else(|| Error::input("the data set has none of the model's modalities"))?;
        let any = |row: usize| items.modalities.iter().any(|column| column.present[row]);
        let present = (0..items.items.len()).map(any).collect();
        let embeddings = Embeddings { modalities, fused: l2_normalize(fused), present };
        Ok(match &self.exact {
            Some(exact) => with_words(exact, embeddings, Tensor::cat(items.words.clone(), 0)),
            None => embeddings,
        })
    }

    fn relation(&self, text: &str, role: Role) -> Result<Relations> {
        let text = self.texts.read(&[self.config.words_of(text)])?;
        self.model.relations(&text, &[role], &self.device).ok_or_else(other_encoder)
    }

    /// The same items with the relation's text appended to theirs: to embed, not to select from, since texts are in chunks of their own.
    fn with_relation_text(&self, items: &EncodedItems, relation: &str) -> Result<EncodedItems> {
        let mut extended = items.clone();
        for column in extended.modalities.iter_mut().filter(|column| column.name == "text") {
            let texts = items.texts.iter().map(|text| format!("{} {relation}", text.as_deref().unwrap_or("")));
            let texts: Vec<String> = texts.collect();
            column.chunks.clear();
            for chunk in texts.chunks(self.chunk()) {
                let texts = self.texts.read_once(chunk)?;
                let tokens = self.model.encode_text(&self.config, &texts, &self.device).ok_or_else(other_encoder)?;
                column.chunks.push(Chunk::fresh(self.keep(tokens)));
            }
        }
        Ok(extended)
    }

    /// A print of the files that the model was loaded from, by which an [index](crate::ItemIndex) knows it.
    ///
    /// # Errors
    /// A model fresh from training, which has none; a file that cannot be read any more.
    pub(crate) fn print(&self) -> Result<u128> {
        let run = self.run.as_deref();
        let run =
            run.ok_or_else(|| Error::input("an index is of a saved model: expected one that was loaded from a run"))?;
        let words = self.exact.as_ref().map_or((0, 0), |words| (words.share().to_bits(), words.width()));
        print(run, words)
    }

    /// The device.
    pub fn device(&self) -> &Device {
        &self.device
    }
}

/// A print of all that embeddings depend on in a run's folder, and of the share and the width of words beside them.
fn print(run: &Path, (share, width): (u64, usize)) -> Result<u128> {
    let mut print = Xxh3::new();
    print.update(&[share.to_le_bytes(), (width as u64).to_le_bytes()].concat());
    for name in ["config.toml", "tokenizer.json", "words.json", "model.safetensors"] {
        let path = run.join(name);
        match std::fs::read(&path) {
            Ok(bytes) => print.update(&[xxh3_64(&bytes).to_le_bytes(), (bytes.len() as u64).to_le_bytes()].concat()),
            // Words are not beside every model.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => print.update(&[0]),
            Err(error) => return Err(Error::file(&path, error)),
        }
    }
    Ok(print.digest128())
}

/// Puts the vectors of words beside the fused embeddings and those of texts; other modalities have zeros there, and so has an item of
/// which nothing is read: to be far from all others is the place of one that merely has no words.
fn with_words(exact: &ExactWords, embeddings: Embeddings, words: Tensor<2>) -> Embeddings {
    let Embeddings { modalities, fused, present } = embeddings;
    let of = |present: &[bool]| {
        let mask: Vec<f32> = present.iter().map(|has| f32::from(*has)).collect();
        words.clone() * Tensor::<2>::from_data(TensorData::new(mask, [present.len(), 1]), &words.device())
    };
    let beside = |(name, z, present): (String, Tensor<2>, Vec<bool>)| {
        let wide =
            if name == "text" { exact.beside(z, of(&present)) } else { Tensor::cat(vec![z, words.zeros_like()], 1) };
        (name, wide, present)
    };
    let modalities = modalities.into_iter().map(beside).collect();
    Embeddings { modalities, fused: exact.beside(fused, of(&present)), present }
}

fn other_encoder() -> Error {
    Error::input("the texts were read for another text encoder than the model's")
}
