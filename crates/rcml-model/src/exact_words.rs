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
    /// Share of a score that they make; `"auto"`: a fifth, or what a run's validation split says.
    pub share: Share,
    /// The share that training decided on, above 0 where `words.json` belongs to the run; set by the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided: Option<f64>,
}

impl Default for ExactWordsConfig {
    fn default() -> Self {
        Self { width: WIDTH, share: Share::Auto, decided: None }
    }
}

impl ExactWordsConfig {
    /// An embedding is what the model makes of an item and nothing else.
    pub const NONE: Self = Self { width: WIDTH, share: Share::Exactly(0.0), decided: None };
}

/// A text as the sum of a fixed vector of random signs for each of its words, weighed by inverse document frequency: a random
/// projection of its TF-IDF vector (random indexing: Kanerva, Kristoferson and Holst 2000), so that the product of two is nearly
/// the cosine of those, with an error of 1 / sqrt(width). A learned embedding of some hundred numbers knows what a text is about and
/// forgets how it was written; these tell that a rare word, such as a model's number, stands in both.
///
/// A word's signs come from its hash, so that words that no training text has are told apart as well.
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
    /// Channels.
    width: usize,
    /// Texts counted.
    texts: usize,
    /// Texts that a word stands in, where there is more than one.
    texts_with: BTreeMap<String, usize>,
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
        Self { share: 0.0, width, texts: count, texts_with }
    }

    /// With another share of a score, from 0 to 1.
    pub fn with_share(self, share: f64) -> Self {
        Self { share, ..self }
    }

    /// Share of a score.
    pub fn share(&self) -> f64 {
        self.share
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

    /// Unit embeddings with the words' beside them: the product of two rows is (1 - share) of that of the embeddings plus share times
    /// that of the words.
    ///
    /// # Shapes
    /// - z: `[N, D]`
    /// - rows: `[N, width]`
    /// - output: `[N, D + width]`
    pub(crate) fn beside(&self, z: Tensor<2>, rows: Tensor<2>) -> Tensor<2> {
        Tensor::cat(vec![z * (1.0 - self.share).sqrt(), rows * self.share.sqrt()], 1)
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

    /// Reads them from the folder of a run, if it has any. `config` is the run's, which knows whether it has; that of a run of an
    /// earlier version does not.
    ///
    /// # Errors
    /// A file that is not what [`Self::save`] writes; none where the run's training decided on a share.
    pub fn load(run: impl AsRef<Path>, config: &ExactWordsConfig) -> Result<Option<Self>> {
        let path = run.as_ref().join(FILE);
        if !path.is_file() {
            return match config.decided {
                Some(share) if share > 0.0 => {
                    let message =
                        format!("no such file; model.exact_words.decided is {share}: expected the words of the run");
                    Err(Error::file(&path, message))
                }
                _ => Ok(None),
            };
        }
        let text = std::fs::read_to_string(&path).map_err(|error| Error::file(&path, error))?;
        let found: Self = serde_json::from_str(&text).map_err(|error| Error::file(&path, error))?;
        if found.width == 0 || !(0.0..=1.0).contains(&found.share) {
            let (width, share) = (found.width, found.share);
            let message = format!("expected a width of at least 1 and a share from 0 to 1, found {width} and {share}");
            return Err(Error::file(&path, message));
        }
        Ok(Some(found))
    }
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
        let words = ExactWords::count(["red lamp", "red chair"], 256).with_share(0.25);
        assert_eq!((words.vector("?!"), words.vector("")), (None, None));
        for (_, device) in rcml_kernels::device::test_devices() {
            let rows = words.rows(&[("a", None), ("b", Some("--")), ("c", Some("red lamp"))], &device);
            let products = rows.clone().matmul(rows.clone().transpose()).into_data().try_to_vec::<f32>().unwrap();
            for (at, product) in products.iter().enumerate() {
                let expected = if at % 4 == 0 { 1.0 } else { 0.0 };
                assert!((product - expected).abs() < 0.25, "{products:?}");
            }
            let z = Tensor::<2>::from_floats([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]], &device);
            let beside = words.beside(z, rows);
            let found = beside.clone().matmul(beside.transpose()).into_data().try_to_vec::<f32>().unwrap();
            assert!((found[1] - (0.75 * 0.6 + 0.25 * products[1])).abs() < 1e-5 && (found[8] - 1.0).abs() < 1e-5);
        }
    }

    #[test]
    fn a_run_keeps_them() {
        let dir = tempfile::tempdir().unwrap();
        let (unknown, decided) =
            (ExactWordsConfig::default(), ExactWordsConfig { decided: Some(0.2), ..Default::default() });
        assert_eq!(ExactWords::load(dir.path(), &unknown).unwrap(), None);
        assert_eq!(ExactWords::load(dir.path(), &ExactWordsConfig { decided: Some(0.0), ..unknown }).unwrap(), None);
        let error = ExactWords::load(dir.path(), &decided).unwrap_err().to_string();
        assert!(error.contains("words.json") && error.contains("model.exact_words.decided is 0.2"), "{error}");
        let words = ExactWords::count(["red lamp", "red chair"], 64).with_share(0.5);
        words.save(dir.path()).unwrap();
        assert_eq!(ExactWords::load(dir.path(), &decided).unwrap(), Some(words));
        std::fs::write(dir.path().join(FILE), r#"{"share": 2, "width": 64, "texts": 1, "texts_with": {}}"#).unwrap();
        let error = ExactWords::load(dir.path(), &unknown).unwrap_err().to_string();
        assert!(error.contains("words.json") && error.contains("from 0 to 1"), "{error}");
    }
}
