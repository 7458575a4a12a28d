//! Text -> ids, with a tokenizer trained on the training texts.

use std::collections::BTreeMap;
use std::path::Path;

use ahash::AHashMap;
use serde::{Deserialize, Serialize};
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::{AddedToken, Normalizer, OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer, Tokenizer};

use crate::error::ErrorKind;
use crate::{Result, vocabulary};

const PADDING: &str = "[PAD]";
const UNKNOWN: &str = "[UNK]";

/// How a tokenizer is trained.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TokenizerConfig {
    /// Largest vocabulary, special tokens included.
    pub vocabulary: usize,
    /// A word or piece must occur this often to become a token of its own.
    pub min_frequency: u64,
}

impl Default for TokenizerConfig {
    fn default() -> Self {
        Self { vocabulary: 8192, min_frequency: 2 }
    }
}

/// A lower-casing word-piece tokenizer, kept in the `tokenizers` library's own file format.
#[derive(Debug, Clone)]
pub struct TextTokenizer {
    inner: Tokenizer,
    padding: u32,
}

impl TextTokenizer {
    /// Trains on texts. The order of texts does not matter, and the result is the same every time.
    ///
    /// # Errors
    /// The library's, with its own words.
    pub fn train<S: AsRef<str>>(config: &TokenizerConfig, texts: impl IntoIterator<Item = S>) -> Result<Self> {
        let fail = |error: tokenizers::Error| ErrorKind::Tokenizer(error.to_string());
        let mut inner = Tokenizer::new(WordPiece::default());
        inner.with_normalizer(Some(BertNormalizer::default()));
        inner.with_pre_tokenizer(Some(BertPreTokenizer));
        let mut words: BTreeMap<String, u64> = BTreeMap::new();
        for text in texts {
            let mut text = PreTokenizedString::from(text.as_ref());
            text.normalize(|part| BertNormalizer::default().normalize(part)).map_err(fail)?;
            BertPreTokenizer.pre_tokenize(&mut text).map_err(fail)?;
            for (word, _, _) in text.get_splits(OffsetReferential::Normalized, OffsetType::Byte) {
                *words.entry(word.to_string()).or_default() += 1;
            }
        }
        let special = [PADDING, UNKNOWN];
        let learned = vocabulary::learn(&words, config.vocabulary.saturating_sub(special.len()), config.min_frequency);
        let pieces = special.into_iter().map(String::from).chain(learned);
        let model = WordPiece::builder()
            .vocab(pieces.zip(0u32..).collect::<AHashMap<_, _>>())
            .unk_token(UNKNOWN.into())
            .continuing_subword_prefix(vocabulary::CONTINUATION.into())
            .build()
            .map_err(fail)?;
        inner.with_model(model);
        inner.add_special_tokens(&special.map(|token| AddedToken::from(token, true)));
        Self::new(inner)
    }

    /// Reads a `tokenizer.json`.
    ///
    /// # Errors
    /// A file that is missing or not a tokenizer.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let fail = |message: String| ErrorKind::TokenizerFile { path: path.to_path_buf(), message };
        let inner = Tokenizer::from_file(path).map_err(|error| fail(error.to_string()))?;
        Self::new(inner)
    }

    /// Writes a `tokenizer.json`, to a temporary name first.
    ///
    /// # Errors
    /// The file system's.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let fail = |message: String| ErrorKind::TokenizerFile { path: path.to_path_buf(), message };
        let temporary = path.with_extension("json.tmp");
        self.inner.save(&temporary, true).map_err(|error| fail(error.to_string()))?;
        std::fs::rename(&temporary, path).map_err(|error| fail(error.to_string()).into())
    }

    fn new(inner: Tokenizer) -> Result<Self> {
        let padding = inner
            .token_to_id(PADDING)
            .ok_or_else(|| ErrorKind::Tokenizer(format!("expected a {PADDING} token in the vocabulary, found none")))?;
        Ok(Self { inner, padding })
    }

    /// Number of ids.
    pub fn vocabulary(&self) -> usize {
        self.inner.get_vocab_size(true)
    }

    /// Ids of texts, cut at `max_tokens` and padded to the longest. A text without any token becomes one padding token, so
    /// that every text has a state to pool.
    ///
    /// # Errors
    /// The library's, with its own words.
    pub fn encode<S: AsRef<str> + Sync>(&self, texts: &[S], max_tokens: usize) -> Result<TokenIds> {
        let mut rows = self.rows(texts)?;
        rows.iter_mut().for_each(|row| row.truncate(max_tokens));
        Ok(TokenIds::padded(rows, self.padding))
    }

    /// Ids of texts, whole.
    pub(crate) fn rows<S: AsRef<str> + Sync>(&self, texts: &[S]) -> Result<Vec<Vec<u32>>> {
        let texts: Vec<&str> = texts.iter().map(AsRef::as_ref).collect();
        let encodings =
            self.inner.encode_batch_fast(texts, false).map_err(|error| ErrorKind::Tokenizer(error.to_string()))?;
        Ok(encodings.iter().map(|encoding| encoding.get_ids().to_vec()).collect())
    }
}

/// Ids of N texts, padded to one length T.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenIds {
    ids: Vec<i32>,
    real: Vec<bool>,
    texts: usize,
    length: usize,
}

impl TokenIds {
    /// Pads rows to the longest with `padding`; a row without ids becomes one (real) padding id.
    pub fn padded(rows: Vec<Vec<u32>>, padding: u32) -> Self {
        let length = rows.iter().map(Vec::len).max().unwrap_or(0).max(1);
        let mut out = Self { ids: vec![], real: vec![], texts: rows.len(), length };
        for row in rows {
            let count = row.len().max(1);
            let padded = row.iter().copied().chain(std::iter::repeat(padding)).take(length);
            out.ids.extend(padded.map(|id| id as i32));
            out.real.extend((0..length).map(|t| t < count));
        }
        out
    }

    /// The same texts padded further with `padding`, to `length` ids at least.
    pub fn lengthened(&self, length: usize, padding: i32) -> Self {
        if length <= self.length {
            return self.clone();
        }
        let more = length - self.length;
        let ids =
            self.ids.chunks(self.length).flat_map(|row| row.iter().copied().chain(std::iter::repeat_n(padding, more)));
        let real =
            self.real.chunks(self.length).flat_map(|row| row.iter().copied().chain(std::iter::repeat_n(false, more)));
        Self { ids: ids.collect(), real: real.collect(), texts: self.texts, length }
    }

    /// N.
    pub fn texts(&self) -> usize {
        self.texts
    }

    /// T.
    pub fn length(&self) -> usize {
        self.length
    }

    /// `[N, T]`, row-major.
    pub fn ids(&self) -> &[i32] {
        &self.ids
    }

    /// `[N, T]`: whether the id is a token, not padding.
    pub fn real(&self) -> &[bool] {
        &self.real
    }

    /// Turns tokens into padding, never all of a text: `hidden` is asked once for each token.
    pub fn hide(&mut self, mut hidden: impl FnMut() -> bool) {
        for row in self.real.chunks_mut(self.length) {
            let before = row.to_vec();
            row.iter_mut().filter(|real| **real).for_each(|real| *real = !hidden());
            if !row.contains(&true) {
                row.copy_from_slice(&before);
            }
        }
    }

    /// Where the padding of each text begins.
    pub(crate) fn lengths(&self) -> Vec<usize> {
        (0..self.texts as u32).map(|text| self.tokens(text)).collect()
    }

    /// Where the padding of a text begins: behind its last token that is not [hidden](Self::hide).
    pub fn tokens(&self, text: u32) -> usize {
        let row = &self.real[text as usize * self.length..][..self.length];
        row.iter().rposition(|real| *real).map_or(0, |last| last + 1)
    }

    /// The texts at `rows`, in that order, padded to the longest among them.
    pub fn select(&self, rows: &[u32]) -> Self {
        let length = rows.iter().map(|row| self.tokens(*row)).max().unwrap_or(1);
        let cut = |r: &u32| *r as usize * self.length..*r as usize * self.length + length;
        Self {
            ids: rows.iter().flat_map(|r| self.ids[cut(r)].iter().copied()).collect(),
            real: rows.iter().flat_map(|r| self.real[cut(r)].iter().copied()).collect(),
            texts: rows.len(),
            length,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts() -> Vec<String> {
        (0..200).map(|i| format!("Red lamp number {} for the café, {}", i % 17, ["oak", "pine"][i % 2])).collect()
    }

    #[test]
    fn hiding_leaves_every_text_something() {
        let mut ids = TokenIds::padded(vec![vec![3, 4, 5], vec![6]], 0);
        ids.hide(|| true);
        assert_eq!(ids.real(), [true, true, true, true, false, false]);
        let mut asked = 0;
        ids.hide(|| {
            asked += 1;
            asked == 2
        });
        assert_eq!((ids.real(), asked), ([true, false, true, true, false, false].as_slice(), 4));
        assert_eq!((ids.lengths(), ids.select(&[0]).real()), (vec![3, 1], [true, false, true].as_slice()));
    }

    #[test]
    fn training_is_deterministic_and_survives_a_file() {
        let config = TokenizerConfig { vocabulary: 120, min_frequency: 1 };
        let first = TextTokenizer::train(&config, texts()).unwrap();
        let second = TextTokenizer::train(&config, texts().into_iter().rev()).unwrap();
        let file = |t: &TextTokenizer| t.inner.to_string(false).unwrap();
        assert_eq!(file(&first), file(&second));
        let dir = tempfile::tempdir().unwrap();
        first.save(dir.path().join("tokenizer.json")).unwrap();
        let loaded = TextTokenizer::load(dir.path().join("tokenizer.json")).unwrap();
        let text = ["RED lamp for the cafe", "", "\u{1F600} unseen"];
        assert_eq!(loaded.encode(&text, 8).unwrap(), first.encode(&text, 8).unwrap());
        let message = TextTokenizer::load(dir.path().join("none.json")).unwrap_err().to_string();
        assert!(message.contains("none.json"), "{message}");
    }

    #[test]
    fn rows_are_cut_padded_and_selected() {
        let ids = TokenIds::padded(vec![vec![5, 6, 7], vec![], vec![8]], 0);
        assert_eq!((ids.texts(), ids.length()), (3, 3));
        assert_eq!(ids.ids(), [5, 6, 7, 0, 0, 0, 8, 0, 0]);
        assert_eq!(ids.real(), [true, true, true, true, false, false, true, false, false]);
        let longer = ids.lengthened(4, 9);
        assert_eq!(longer.ids(), [5, 6, 7, 9, 0, 0, 0, 9, 8, 0, 0, 9]);
        assert_eq!((longer.select(&[1, 0]).length(), ids.lengthened(2, 9)), (3, ids.clone()));
        assert_eq!(ids.select(&[2, 1]), TokenIds::padded(vec![vec![8], vec![]], 0));
    }
}
