//! Text -> ids, exactly as the pretrained encoder's authors did it.

use tokenizers::{Tokenizer, TruncationParams};

use super::config_file::ConfigFile;
use super::folder::PretrainedFolder;
use crate::error::ErrorKind;
use crate::{Result, TokenIds};

/// The tokenizer that came with an encoder, with its special tokens, and cut so that they are kept.
#[derive(Debug, Clone)]
pub struct PretrainedTokenizer {
    inner: Tokenizer,
    padding: u32,
    max_tokens: usize,
    lower_case: bool,
}

/// What a family asks of a tokenizer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TokenRules {
    pub(crate) max_tokens: usize,
    /// Used where the tokenizer's own files name no padding token.
    pub(crate) padding: u32,
    /// The family lower-cases, and its `tokenizer.json` may leave that out.
    pub(crate) lower_case: bool,
}

impl PretrainedTokenizer {
    /// Reads `tokenizer.json`.
    ///
    /// # Errors
    /// A file that is missing or not a tokenizer.
    pub(crate) fn read(folder: &PretrainedFolder, rules: TokenRules) -> Result<Self> {
        let path = folder.path().join("tokenizer.json");
        let fail = |message: String| ErrorKind::TokenizerFile { path: path.clone(), message };
        if !path.is_file() {
            return Err(fail(format!(
                "there is no such file. It is made from vocabulary files by: python3 -c \"import sys, transformers as t; \
                 t.AutoTokenizer.from_pretrained(sys.argv[1]).save_pretrained(sys.argv[1])\" {}",
                folder.path().display()
            ))
            .into());
        }
        let mut inner = Tokenizer::from_file(&path).map_err(|error| fail(error.to_string()))?;
        let named = match ConfigFile::read_if_there(&folder.path().join("tokenizer_config.json"))? {
            Some(config) => config.text("pad_token").and_then(|token| inner.token_to_id(token)),
            None => None,
        };
        let padding = inner.get_padding().map(|padding| padding.pad_id).or(named).unwrap_or(rules.padding);
        // Truncation counts the special tokens that are added afterwards, so that the closing one is never cut off.
        let truncation = TruncationParams { max_length: rules.max_tokens, ..TruncationParams::default() };
        inner.with_truncation(Some(truncation)).map_err(|error| fail(error.to_string()))?;
        inner.with_padding(None);
        let TokenRules { max_tokens, lower_case, .. } = rules;
        Ok(Self { inner, padding, max_tokens, lower_case })
    }

    /// Ids of texts with the encoder's special tokens, padded to the longest.
    ///
    /// # Errors
    /// The library's, with its own words.
    pub fn encode<S: AsRef<str> + Sync>(&self, texts: &[S]) -> Result<TokenIds> {
        let lower = |text: &str| if self.lower_case { text.to_lowercase() } else { text.to_string() };
        let texts: Vec<String> = texts.iter().map(|text| lower(text.as_ref())).collect();
        let encodings =
            self.inner.encode_batch_fast(texts, true).map_err(|error| ErrorKind::Tokenizer(error.to_string()))?;
        let rows = encodings.iter().map(|encoding| encoding.get_ids().to_vec());
        Ok(TokenIds::padded(rows.collect(), self.padding))
    }

    /// Longest text in tokens, special ones included.
    pub fn max_tokens(&self) -> usize {
        self.max_tokens
    }

    /// The padding id.
    pub(crate) fn padding(&self) -> i32 {
        self.padding as i32
    }

    /// Largest id plus one.
    pub(crate) fn vocabulary(&self) -> usize {
        self.inner.get_vocab(true).values().max().map_or(0, |id| *id as usize + 1)
    }
}
