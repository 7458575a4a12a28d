//! What words weigh and mean before any training.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::latent::latent_vectors;
use crate::{Result, TextTokenizer};

/// Where the vectors of words come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WordVectors {
    /// Every word has a random vector of its own: no two words have anything in common until training says so.
    Random,
    /// A random vector and, up to as much, the word's place in the latent semantic analysis of the training texts: words that stand in
    /// like texts are near each other, also those that hardly any pair of items speaks of. They are kept: training learns how to read
    /// them and leaves them where they are.
    #[default]
    Latent,
}

/// What the words of a vocabulary weigh and mean before any training, counted on texts; of nothing by default.
#[derive(Debug, Clone, Default)]
pub struct WordStart {
    /// The log of each id's weight in a text's summary; empty = all the same.
    pub(crate) salience: Vec<f32>,
    /// `[vocabulary, width]`, or empty.
    pub(crate) latent: Vec<f32>,
}

impl WordStart {
    /// Counts words in texts. An id weighs its inverse document frequency, `1 + ln((N + 1) / (n + 1))`: 1 for one in every
    /// text, most for one in none (the summary is then a mean after Arora et al. 2017). `width` is that of the word vectors.
    ///
    /// # Errors
    /// The tokenizer's.
    pub fn count<S: AsRef<str> + Sync>(
        tokenizer: &TextTokenizer,
        vectors: WordVectors,
        width: usize,
        texts: &[S],
    ) -> Result<Self> {
        let documents = tokenizer.rows(texts)?;
        let mut texts_with = vec![0u32; tokenizer.vocabulary()];
        for document in &documents {
            let ids = document.iter().copied().collect::<BTreeSet<u32>>();
            ids.into_iter().for_each(|id| texts_with[id as usize] += 1);
        }
        let total = texts.len() as f32 + 1.0;
        let idf: Vec<f32> = texts_with.iter().map(|n| 1.0 + (total / (*n as f32 + 1.0)).ln()).collect();
        let latent = match vectors {
            WordVectors::Random => vec![],
            WordVectors::Latent => latent_vectors(&documents, &idf, width),
        };
        Ok(Self { salience: idf.into_iter().map(f32::ln).collect(), latent })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TokenizerConfig;

    #[test]
    fn rare_words_weigh_more() {
        let texts = ["red lamp", "red chair", "red sofa oak"];
        let config = TokenizerConfig { vocabulary: 200, min_frequency: 1 };
        let tokenizer = TextTokenizer::train(&config, texts).unwrap();
        let start = WordStart::count(&tokenizer, WordVectors::Latent, 4, &texts).unwrap();
        let weight = |word: &str| start.salience[tokenizer.rows(&[word]).unwrap()[0][0] as usize];
        assert!(weight("red").abs() < 1e-6 && (weight("lamp") - (1.0 + 2f32.ln()).ln()).abs() < 1e-6);
        assert_eq!(start.latent.len(), 4 * tokenizer.vocabulary());
        assert!(WordStart::count(&tokenizer, WordVectors::Random, 4, &texts).unwrap().latent.is_empty());
    }
}
