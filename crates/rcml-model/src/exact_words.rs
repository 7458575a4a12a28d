//! The words of a text as they are written, beside what a model makes of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};
use rayon::prelude::*;
use rcml_data::{words, write_whole};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::{Error, Result, Share};

/// Name of the file of a run that holds them.
const FILE: &str = "words.json";

/// Channels: at half of a score, half as many show in the ranking of unlike items.
const WIDTH: usize = 512;

/// Exact words as a setting.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExactWordsConfig {
    /// Channels that are added to an embedding.
    pub width: usize,
    /// Share of a score that they make under relations of training; `"auto"`: a fifth, or what a run's validation split says.
    pub share: Share,
    /// Share under other relations, and in other words; `"auto"`: half, or less where that costs much under those of training. The
    /// same as `share` where that is a number.
    pub new_share: Share,
}

impl Default for ExactWordsConfig {
    fn default() -> Self {
        Self { width: WIDTH, share: Share::Auto, new_share: Share::Auto }
    }
}

impl ExactWordsConfig {
    /// An embedding is what the model makes of an item and nothing else.
    pub const NONE: Self = Self { width: WIDTH, share: Share::Exactly(0.0), new_share: Share::Auto };
}

/// A text as the sum of a fixed vector of random signs for each of its words, weighed by inverse document frequency: a random
/// projection of its TF-IDF vector (random indexing: Kanerva, Kristoferson and Holst 2000), so that the product of two is nearly
/// the cosine of those, with an error of 1 / sqrt(width). A learned embedding of some hundred numbers knows what a text is about and
/// forgets how it was written; these tell that a rare word, such as a model's number, stands in both.
///
/// A word's signs come from its hash, so that words that no training text has are told apart as well.
///
/// Under a relation that a model was trained on, what it has learned of it says more than words; under one that it was not, what they
/// have in common is the better half of what there is to say. So the share is another for [known relations](Self::with_new_share) and for
/// new ones.
///
/// ```
/// let words = rcml_model::ExactWords::count(["a red lamp", "a red chair"], 256).with_share(0.5);
/// let dot = |a: &str, b: &str| -> f32 {
///     let (a, b) = (words.vector(a).unwrap(), words.vector(b).unwrap());
///     a.iter().zip(&b).map(|(a, b)| a * b).sum()
/// };
/// assert!((dot("A lamp!", "a lamp") - 1.0).abs() < 1e-5 && dot("lamp X-17", "chair X-17") > dot("a lamp", "a chair"));
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExactWords {
    /// Share of a score.
    share: f64,
    /// The same under relations that are not known.
    new_share: f64,
    /// Channels.
    width: usize,
    /// Texts counted.
    texts: usize,
    /// Texts that a word stands in, where there is more than one.
    texts_with: BTreeMap<String, usize>,
    /// What relations of training are said as.
    known: BTreeSet<String>,
}

impl ExactWords {
    /// Counts in how many texts each word stands.
    pub fn count<'a>(texts: impl IntoIterator<Item = &'a str>, width: usize) -> Self {
        let (mut count, mut texts_with) = (0, BTreeMap::new());
        for text in texts {
            count += 1;
            let distinct: BTreeSet<String> = words(text).into_iter().collect();
            distinct.into_iter().for_each(|word| *texts_with.entry(word).or_insert(0) += 1);
        }
        texts_with.retain(|_, texts| *texts > 1);
        Self { share: 0.0, new_share: 0.0, width, texts: count, texts_with, known: BTreeSet::new() }
    }

    /// With a share of a score, from 0 to 1, under whatever relation.
    pub fn with_share(self, share: f64) -> Self {
        Self { share, new_share: share, ..self }
    }

    /// With another share under relations that are said in none of these ways. Capitals and signs do not count.
    pub fn with_new_share<'a>(self, share: f64, known: impl IntoIterator<Item = &'a str>) -> Self {
        Self { new_share: share, known: known.into_iter().map(plain).collect(), ..self }
    }

    /// Share of a score under a relation, or under none.
    pub fn share(&self, relation: Option<&str>) -> f64 {
        let is_new = self.share != self.new_share && relation.is_some_and(|text| !self.known.contains(&plain(text)));
        if is_new { self.new_share } else { self.share }
    }

    /// Whether they have a share of any score.
    pub fn count_for_something(&self) -> bool {
        self.share.max(self.new_share) > 0.0
    }

    /// Channels.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The unit vector of a text, `[width]`; `None` for one without words.
    pub fn vector(&self, text: &str) -> Option<Vec<f32>> {
        let mut counts: BTreeMap<String, f32> = BTreeMap::new();
        words(text).into_iter().for_each(|word| *counts.entry(word).or_insert(0.0) += 1.0);
        let mut sum = vec![0.0; self.width];
        for (word, count) in &counts {
            let texts = self.texts_with.get(word).copied().unwrap_or(1);
            let rarity = 1.0 + ((self.texts as f32 + 1.0) / (texts as f32 + 1.0)).ln();
            signs(word.as_bytes(), (1.0 + count.ln()) * rarity, &mut sum);
        }
        unit(sum)
    }

    /// A unit vector for an item without words: as far from all others as chance has it, so that such an item is neither
    /// preferred nor put back.
    fn nobody(&self, id: &str) -> Vec<f32> {
        let mut sum = vec![0.0; self.width];
        signs(id.as_bytes(), 1.0, &mut sum);
        unit(sum).unwrap_or_default()
    }

    /// The vectors of items, by their ids and texts, `[N, width]`.
    pub(crate) fn rows(&self, items: &[(&str, Option<&str>)], device: &Device) -> Tensor<2> {
        let row = |(id, text): &(&str, Option<&str>)| {
            text.and_then(|text| self.vector(text)).unwrap_or_else(|| self.nobody(id))
        };
        let rows: Vec<f32> = items.par_iter().flat_map_iter(row).collect();
        Tensor::from_data(TensorData::new(rows, [items.len(), self.width]), device)
    }

    /// Unit embeddings with the words' beside them: the product of two rows is (1 - share) times that of the embeddings plus share
    /// times that of the words.
    ///
    /// # Shapes
    /// - z: `[N, D]`
    /// - rows: `[N, width]`
    /// - output: `[N, D + width]`
    pub(crate) fn beside(z: Tensor<2>, rows: Tensor<2>, share: f64) -> Tensor<2> {
        Tensor::cat(vec![z * (1.0 - share).sqrt(), rows * share.sqrt()], 1)
    }

    /// Writes them into the folder of a run.
    ///
    /// # Errors
    /// The file system's.
    pub fn save(&self, run: impl AsRef<Path>) -> Result<()> {
        let path = run.as_ref().join(FILE);
        let text = serde_json::to_string(self).map_err(|error| Error::file(&path, error))?;
        write_whole(&path, |part| std::fs::write(part, text)).map_err(|error| Error::file(&path, error))
    }

    /// Reads them from the folder of a run, if it has any.
    ///
    /// # Errors
    /// A file that is not what [`Self::save`] writes.
    pub fn load(run: impl AsRef<Path>) -> Result<Option<Self>> {
        let path = run.as_ref().join(FILE);
        if !path.is_file() {
            return Ok(None);
        }
        let text = std::fs::read_to_string(&path).map_err(|error| Error::file(&path, error))?;
        let found: Self = serde_json::from_str(&text).map_err(|error| Error::file(&path, error))?;
        let is_share = |share| (0.0..=1.0).contains(&share);
        if found.width == 0 || !is_share(found.share) || !is_share(found.new_share) {
            let Self { width, share, new_share, .. } = found;
            let message = format!(
                "expected a width of at least 1 and shares from 0 to 1, found {width}, {share} and {new_share}"
            );
            return Err(Error::file(&path, message));
        }
        Ok(Some(found))
    }
}

/// A relation's text without what does not make it another.
fn plain(text: &str) -> String {
    words(text).join(" ")
}

/// Adds a weight with the signs that a name has.
fn signs(name: &[u8], weight: f32, sum: &mut [f32]) {
    for (block, values) in sum.chunks_mut(64).enumerate() {
        let bits = xxh3_64_with_seed(name, block as u64);
        for (at, value) in values.iter_mut().enumerate() {
            *value += if bits >> at & 1 == 1 { weight } else { -weight };
        }
    }
}

/// At unit length; `None` for zeros.
fn unit(mut vector: Vec<f32>) -> Option<Vec<f32>> {
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    vector.iter_mut().for_each(|value| *value /= length);
    (length > 0.0).then_some(vector)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dot(a: &[f32], b: &[f32]) -> f32 {
        a.iter().zip(b).map(|(a, b)| a * b).sum()
    }

    #[test]
    fn products_are_those_of_tf_idf() {
        let texts = ["red lamp", "red chair", "red oak sofa", "oak table"];
        let idf = |n: f32| 1.0 + (5.0 / (n + 1.0)).ln();
        let (red, oak, lamp, table) = (idf(3.0), idf(2.0), idf(1.0), idf(1.0));
        let cosine = |a: &[f32], b: &[f32]| dot(a, b) / (dot(a, a) * dot(b, b)).sqrt();
        // Over (red, oak, lamp, table); an error of 1 / sqrt(width) is one standard deviation.
        let expected = cosine(&[red, 0.0, lamp, 0.0], &[red, 0.0, 0.0, table]);
        let words = ExactWords::count(texts, 1 << 14);
        let found = dot(&words.vector("red lamp").unwrap(), &words.vector("RED, table").unwrap());
        assert!((found - expected).abs() < 0.03, "{found} {expected}");
        let expected = cosine(&[0.0, oak], &[2f32.ln().mul_add(red, red), oak]);
        let found = dot(&words.vector("oak").unwrap(), &words.vector("red oak red").unwrap());
        assert!((found - expected).abs() < 0.03, "{found} {expected}");
    }

    #[test]
    fn items_without_words_are_near_nobody() {
        let words = ExactWords::count(["red lamp", "red chair"], 256);
        assert_eq!((words.vector("?!"), words.vector("")), (None, None));
        for (_, device) in rcml_kernels::device::test_devices() {
            let rows = words.rows(&[("a", None), ("b", Some("--")), ("c", Some("red lamp"))], &device);
            let products = rows.clone().matmul(rows.clone().transpose()).into_data().try_to_vec::<f32>().unwrap();
            for (at, product) in products.iter().enumerate() {
                let expected = if at % 4 == 0 { 1.0 } else { 0.0 };
                assert!((product - expected).abs() < 0.25, "{products:?}");
            }
            let z = Tensor::<2>::from_floats([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]], &device);
            let beside = ExactWords::beside(z, rows, 0.25);
            let found = beside.clone().matmul(beside.transpose()).into_data().try_to_vec::<f32>().unwrap();
            assert!((found[1] - (0.75 * 0.6 + 0.25 * products[1])).abs() < 1e-5 && (found[8] - 1.0).abs() < 1e-5);
        }
    }

    #[test]
    fn new_relations_have_a_share_of_their_own() {
        let words = ExactWords::count(["red lamp"], 64).with_share(0.2);
        assert_eq!((words.share(Some("is cheaper")), words.share(None)), (0.2, 0.2));
        let words = words.with_new_share(0.5, ["Goes with it.", "is cheaper"]);
        for (relation, share) in [(None, 0.2), (Some("goes with  it"), 0.2), (Some("is dearer"), 0.5)] {
            assert_eq!(words.share(relation), share, "{relation:?}");
        }
        assert!(words.with_share(0.0).with_new_share(0.5, []).count_for_something());
    }

    #[test]
    fn a_run_keeps_them() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(ExactWords::load(dir.path()).unwrap(), None);
        let words = ExactWords::count(["red lamp", "red chair"], 64).with_share(0.2);
        let words = words.with_new_share(0.5, ["goes with", "is cheaper"]);
        words.save(dir.path()).unwrap();
        assert_eq!(ExactWords::load(dir.path()).unwrap(), Some(words));
        std::fs::write(
            dir.path().join(FILE),
            r#"{"share": 0.2, "new_share": 2, "width": 64, "texts": 1, "texts_with": {}, "known": []}"#,
        )
        .unwrap();
        let error = ExactWords::load(dir.path()).unwrap_err().to_string();
        assert!(error.contains("words.json") && error.contains("from 0 to 1"), "{error}");
    }
}
