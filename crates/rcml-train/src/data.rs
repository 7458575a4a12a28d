//! Everything a step needs, made on the host ahead of time.

use std::collections::HashMap;
use std::path::Path;

use burn::tensor::Device;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rcml_data::{
    Dataset, Fingerprints, ImageProblem, RelationBatch, RelationGraph, RelationSampler, Role, Split, Splits,
    TrainingRecord,
};
use rcml_encoders::pretrained::cache_folder;
use rcml_encoders::{TextTokenizer, WordStart};
use rcml_kernels::SparseRows;
use rcml_losses::{AnchorRow, Objective, PairTargets};
use rcml_model::{
    ExactWords, ImageInput, ItemBatch, ItemReader, ModalityShape, ModelConfig, RelationInText, Roles, Share, TextInput,
    TextReader, Towers,
};

use crate::alike::Alike;
use crate::generated::{right_texts, wrong_texts};
use crate::pictures;
use crate::start::start_share;
use crate::teacher::settle_teachers;
use crate::{Error, Event, Interval, Observer, Result, RunConfig, Steps};

/// The data of a run: what may be trained on, and how it is read.
pub(crate) struct RunData {
    pub(crate) dataset: Dataset,
    pub(crate) splits: Splits,
    pub(crate) texts: TextReader,
    /// What the words of the model's own text encoder weigh and mean at the start.
    pub(crate) words: WordStart,
    /// Counts of the words of training texts.
    pub(crate) exact: ExactWords,
    pub(crate) reader: ItemReader,
    pub(crate) sampler: RelationSampler,
    pub(crate) record: TrainingRecord,
    /// Items that are not each other's negatives.
    alike: Alike,
    same_item: TextInput,
    seed: u64,
    word_dropout: f64,
    /// In pixels.
    image_shift: i32,
    roles: Roles,
    generates: bool,
    remembers: bool,
    model: ModelConfig,
}

/// The input of one training step.
pub(crate) struct StepInput {
    pub(crate) items: ItemBatch,
    /// Texts and roles that condition, C of them; empty where the batch has no relation.
    pub(crate) conditions: Option<(TextInput, Vec<Role>)>,
    /// Per relation, the condition of its anchors and of its candidates.
    pub(crate) slots: Vec<(usize, usize)>,
    pub(crate) related: PairTargets,
    /// The texts of the anchors with their relation's words behind them, in the order of the rows of `related`.
    pub(crate) spoken: Option<TextInput>,
    /// The generic relation.
    pub(crate) generic: TextInput,
    pub(crate) same_item: PairTargets,
    /// Wrong texts, where the objective asks for such, and which of them are right of each item after all.
    pub(crate) generated: Option<(TextInput, SparseRows)>,
    /// The items, as dataset indices.
    pub(crate) ids: Vec<u32>,
    /// For each item those of the dataset that are no negatives of it, where the objective remembers earlier batches.
    pub(crate) alike: Vec<Vec<u32>>,
}

/// Pairs of a graph, over all relations.
fn pairs(graph: &RelationGraph) -> usize {
    (0..graph.relations() as u32).map(|relation| graph.pairs(relation)).sum()
}

/// Refuses data that no batch could make a term of the objective from, before anything is made of them.
fn check_learnable(config: &RunConfig, dataset: &Dataset, train: &[u32], pairs: usize) -> Result<()> {
    let objective = Objective::new(config.objective.clone());
    let names: Vec<&str> = config.model.modalities.iter().map(|modality| modality.name.as_str()).collect();
    let several = |item: &&u32| names.iter().filter(|name| dataset.items[**item as usize].has(name)).count() > 1;
    let two = train.iter().filter(several).count();
    if objective.uses_related() && pairs > 0 || objective.uses_items() && two > 0 {
        return Ok(());
    }
    let expected = match (objective.uses_related(), objective.uses_items()) {
        (true, true) => "related pairs, or items with two modalities",
        (true, false) => "related pairs",
        (false, _) => "items with two modalities, since this objective compares nothing else",
    };
    if train.is_empty() {
        let all = dataset.items.len();
        return Err(Error::input(format!(
            "nothing to train on: the split leaves none of {all} items for training; name other splits in the files, or hold out fewer"
        )));
    }
    let (items, names) = (train.len(), names.join(" or "));
    Err(Error::input(format!(
        "nothing to train on: expected {expected}; found {items} training items with {names}, {two} of them with two modalities, and {pairs} related pairs"
    )))
}

impl RunData {
    /// Reads and splits a dataset, checks that nothing held out is trained on, trains (or reads, when resuming) the tokenizer,
    /// decodes the pictures, and fills in what the model takes from the data.
    pub(crate) fn open(
        path: &Path,
        run: &Path,
        config: &mut RunConfig,
        device: &Device,
        observer: &mut dyn Observer,
    ) -> Result<Self> {
        let dataset = Dataset::open(path)?;
        let splits = Splits::assign(&dataset, &config.split)?;
        let prints = Fingerprints::of(&dataset);
        let record = prints.record(&splits);
        for held_out in [Split::Validation, Split::Test] {
            prints.check(&splits, held_out, &record)?;
        }

        let train = splits.items_of(Split::Train);
        config.model.modalities = modalities(&dataset, &train)?;
        let graph =
            RelationGraph::new(dataset.items.len(), &dataset.relations, splits.edges_of(&dataset, Split::Train));
        let pairs = pairs(&graph);
        check_learnable(config, &dataset, &train, pairs)?;
        let steps = config.training.steps.count(train.len(), pairs, config.sampler.items);
        config.training.steps = Steps::Exactly(steps);
        config.training.validate_every = Interval::Exactly(config.training.validate_every.of(steps));
        let own = || train.iter().filter_map(|item| dataset.items[*item as usize].text.as_deref());
        let exact = ExactWords::count(own(), config.model.exact_words.width);
        let mut texts: Vec<&str> = own().collect();
        let seen = dataset.relations.iter().zip(&splits.relations).filter(|(_, split)| **split == Split::Train);
        texts.extend(seen.flat_map(|(relation, _)| relation.descriptions.iter().map(String::as_str)));
        texts.push(&config.model.same_item);
        let file = run.join("tokenizer.json");
        // A tokenizer without a configuration beside it is what a call left that failed on its data: it fits that data.
        let tokenizer = if file.is_file() && run.join("config.toml").is_file() {
            TextTokenizer::load(&file)?
        } else {
            let tokenizer = TextTokenizer::train(&config.tokenizer, &texts)?;
            tokenizer.save(&file)?;
            tokenizer
        };
        let words = config.model.words_at_start(&tokenizer, &texts)?;
        config.model.vocabulary = tokenizer.vocabulary();
        let towers = Towers::find(&mut config.model.pretrained, device)?;
        settle_teachers(config)?;
        config.training.start_share = Share::Exactly(start_share(config.training.start_share, &config.model));
        config.validate()?;
        for (what, encoder) in [("texts", &config.model.pretrained.text), ("pictures", &config.model.pretrained.image)]
        {
            if encoder.is_set() {
                let (source, width) = (&encoder.source, encoder.width);
                let how = match encoder.is_adapted() {
                    true => "adapted: every step encodes its items".to_string(),
                    false => format!("frozen: every item is encoded once and kept in {}", cache_folder().display()),
                };
                observer.event(&Event::Message(format!("{what} are read by {source}, width {width}, {how}")));
            }
        }
        pictures::settle(&mut config.image, config.model.image.size, &towers)?;
        let side = config.image.size;
        let reads = TextReader::new(tokenizer, config.model.text.max_tokens, towers);

        let mut watched = train.clone();
        watched.extend(splits.items_of(Split::Validation));
        watched.sort_unstable();
        watched.dedup();
        let pictures = watched.iter().filter(|item| dataset.items[**item as usize].image.is_some()).count();
        observer.event(&Event::Images { done: 0, total: pictures });
        let reader = ItemReader::open(&dataset, &watched, &config.model, &reads, &config.image, &|_| {})?;
        observer.event(&Event::Images { done: pictures, total: pictures });
        ImageProblem::lines(reader.image_problems()).for_each(|line| observer.event(&Event::Message(line)));

        let sampler = RelationSampler::for_dataset(config.sampler.clone(), config.seed, train, &dataset, graph)?;
        let alike = Alike::new(&dataset, !config.objective.relation_specific_negatives);
        let objective = Objective::new(config.objective.clone());
        let same_item = reads.read(&[&config.model.same_item])?;
        Ok(Self {
            dataset,
            splits,
            texts: reads,
            words,
            exact,
            reader,
            sampler,
            record,
            alike,
            same_item,
            seed: config.seed,
            word_dropout: config.training.word_dropout,
            image_shift: (config.training.image_shift * side as f64).round() as i32,
            roles: config.model.roles,
            generates: objective.uses_generated(),
            remembers: objective.momentum().is_some(),
            model: config.model.clone(),
        })
    }

    /// (source, target) pairs that may be trained on.
    pub(crate) fn pairs(&self) -> usize {
        pairs(self.sampler.graph())
    }

    /// Relations with at least one such pair.
    pub(crate) fn relations(&self) -> usize {
        let graph = self.sampler.graph();
        (0..graph.relations() as u32).filter(|relation| graph.pairs(*relation) > 0).count()
    }

    /// The input of a step (from 0).
    pub(crate) fn step(&self, step: u64) -> Result<StepInput> {
        let batch = self.sampler.batch(step);
        let (mut texts, mut roles, mut slots) = (Vec::new(), Vec::new(), Vec::new());
        for drawn in &batch.relations {
            let relation = &self.dataset.relations[drawn.relation as usize];
            let text = relation.descriptions.get(drawn.phrasing).map_or("", String::as_str);
            let (anchor, candidate) = self.roles.of(relation);
            let first = texts.len();
            let text = self.model.words_of(text);
            texts.push(text);
            roles.push(anchor);
            if candidate != anchor {
                texts.push(text);
                roles.push(candidate);
            }
            slots.push((first, texts.len() - 1));
        }
        let conditions = if texts.is_empty() { None } else { Some((self.texts.read(&texts)?, roles)) };
        let mut items = self.reader.batch(&batch.items)?;
        // States of a frozen encoder have seen all words already.
        if let Some((TextInput::Ids(words), _)) = items.text.as_mut().filter(|_| self.word_dropout > 0.0) {
            let mut rng = self.stream(step, b"hidden words    ");
            words.hide(|| rng.random::<f64>() < self.word_dropout);
        }
        if let Some(ImageInput::Pixels(pictures)) = items.image.as_mut().filter(|_| self.image_shift > 0) {
            let mut rng = self.stream(step, b"shifted pictures");
            pictures.shift(|| [(); 2].map(|()| rng.random_range(-self.image_shift..=self.image_shift) as isize));
        }
        let drawn = || batch.items.iter().map(|item| &self.dataset.items[*item as usize]);
        let wrong =
            if self.generates { wrong_texts(drawn(), &mut self.stream(step, b"generated texts ")) } else { vec![] };
        let mut generated = match wrong.is_empty() {
            true => None,
            false => Some((self.texts.read(&wrong)?, right_texts(&wrong, drawn()))),
        };
        // As those of the items: a text with all its words would be known by that alone.
        if let Some((TextInput::Ids(words), _)) = generated.as_mut().filter(|_| self.word_dropout > 0.0) {
            let mut rng = self.stream(step, b"hidden generated");
            words.hide(|| rng.random::<f64>() < self.word_dropout);
        }
        let remembered = batch.items.iter().filter(|_| self.remembers);
        let alike = remembered.map(|item| self.alike.of(*item, self.sampler.graph())).collect();
        let related = self.related(&batch).with_seed(self.seed ^ step.rotate_left(32));
        let spoken = match self.model.relation_in_text {
            RelationInText::Trained => Some(self.spoken(&batch, &related)?),
            RelationInText::None | RelationInText::Query => None,
        };
        Ok(StepInput {
            items,
            generated,
            alike,
            conditions,
            slots,
            related,
            spoken,
            generic: self.same_item.clone(),
            same_item: self.same_item(&batch).with_seed(self.seed ^ step.rotate_left(32)),
            ids: batch.items,
        })
    }

    fn spoken(&self, batch: &RelationBatch, related: &PairTargets) -> Result<TextInput> {
        let [_, anchors, _] = related.shape();
        let text = |(position, row): (usize, &u32)| {
            let drawn = &batch.relations[position / anchors.max(1)];
            let words = &self.dataset.relations[drawn.relation as usize].descriptions[drawn.phrasing];
            format!("{} {words}", self.reader.text(batch.items[*row as usize]).unwrap_or(""))
        };
        let texts: Vec<String> = related.rows().iter().enumerate().map(text).collect();
        // Hardly any of them comes again.
        Ok(self.texts.read_once(&texts)?)
    }

    /// Random numbers of a step, for one purpose.
    fn stream(&self, step: u64, purpose: &[u8; 16]) -> ChaCha8Rng {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&self.seed.to_le_bytes());
        seed[8..16].copy_from_slice(&step.to_le_bytes());
        seed[16..].copy_from_slice(purpose);
        ChaCha8Rng::from_seed(seed)
    }

    /// Positives from the whole graph; negatives are the rest, without known relatives unless they are wanted.
    fn related(&self, batch: &RelationBatch) -> PairTargets {
        let mut relations: Vec<Vec<AnchorRow<'_>>> = Vec::with_capacity(batch.relations.len());
        for relation in &batch.relations {
            let rows = relation.anchors.iter().zip(&relation.positives);
            let anchors = rows.map(|(&row, positives)| {
                let excluded: &[u32] = if self.alike.relatives() { &batch.related[row as usize] } else { &[] };
                AnchorRow { row, positives, excluded }
            });
            relations.push(anchors.collect());
        }
        PairTargets::new(batch.items.len(), &relations).with_correction(batch.logit_correction.clone())
    }

    /// Each row's positive is its own counterpart; items with the same text take no part, nor known relatives unless wanted.
    fn same_item(&self, batch: &RelationBatch) -> PairTargets {
        let rows: Vec<u32> = (0..batch.items.len() as u32).collect();
        let mut by_text: HashMap<u32, Vec<u32>> = HashMap::new();
        for (row, item) in rows.iter().zip(&batch.items) {
            by_text.entry(self.alike.text(*item)).or_default().push(*row);
        }
        let excluded: Vec<Vec<u32>> = rows
            .iter()
            .zip(&batch.items)
            .map(|(row, item)| {
                let mut excluded = by_text[&self.alike.text(*item)].clone();
                excluded.retain(|other| other != row);
                if self.alike.relatives() {
                    excluded.extend(&batch.related[*row as usize]);
                }
                excluded
            })
            .collect();
        let anchors = rows.iter().zip(&excluded).map(|(row, excluded)| AnchorRow {
            row: *row,
            positives: std::slice::from_ref(row),
            excluded,
        });
        PairTargets::new(rows.len(), &[anchors.collect()]).with_correction(batch.logit_correction.clone())
    }
}

/// Modalities that training items have, with the shape of feature arrays.
fn modalities(dataset: &Dataset, train: &[u32]) -> Result<Vec<ModalityShape>> {
    let mut shapes = Vec::new();
    for name in dataset.modalities() {
        if !train.iter().any(|item| dataset.items[*item as usize].has(&name)) {
            continue;
        }
        shapes.push(match name.as_str() {
            "text" | "image" => ModalityShape::raw(&name),
            _ => {
                let shape = dataset.features(&name)?.shape;
                let tokens = if shape.len() == 3 { shape[1] } else { 1 };
                ModalityShape { name, input: shape.last().copied().unwrap_or(0), tokens }
            }
        });
    }
    Ok(shapes)
}
