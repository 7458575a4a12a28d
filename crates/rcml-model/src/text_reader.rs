//! Texts -> the text encoder's input.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use rcml_encoders::pretrained::StateBatch;
use rcml_encoders::{TextTokenizer, TokenIds};

use crate::{Result, Towers};

/// What the model's text encoder reads.
#[derive(Debug, Clone, PartialEq)]
pub enum TextInput {
    /// Ids, for an encoder that is trained: one from scratch, or a pretrained one that is adapted.
    Ids(TokenIds),
    /// States of a frozen pretrained encoder.
    States(StateBatch),
}

impl TextInput {
    /// Number of texts.
    pub fn texts(&self) -> usize {
        match self {
            Self::Ids(ids) => ids.texts(),
            Self::States(states) => states.shape[0],
        }
    }
}

/// Texts remembered with their states. Relations come again in every step, items do not come this way.
const REMEMBERED: usize = 4096;

/// Turns texts into the text encoder's input. Cheap to clone.
#[derive(Debug, Clone)]
pub struct TextReader {
    tokenizer: TextTokenizer,
    max_tokens: usize,
    towers: Towers,
    memory: Arc<Mutex<HashMap<String, Arc<[f32]>>>>,
}

impl TextReader {
    /// A reader with the run's tokenizer, cut at `max_tokens`, or the pretrained text encoder where `towers` has one.
    pub fn new(tokenizer: TextTokenizer, max_tokens: usize, towers: Towers) -> Self {
        Self { tokenizer, max_tokens, towers, memory: Arc::default() }
    }

    /// Reads texts.
    ///
    /// # Errors
    /// The tokenizer's or the device's.
    pub fn read<S: AsRef<str> + Sync>(&self, texts: &[S]) -> Result<TextInput> {
        let Some(width) = self.towers.frozen_text().map(|source| source.width) else {
            return Ok(TextInput::Ids(self.ids(texts)?));
        };
        let mut rows: Vec<Option<Arc<[f32]>>> = {
            let memory = self.memory.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            texts.iter().map(|text| memory.get(text.as_ref()).cloned()).collect()
        };
        let mut new: Vec<&str> =
            texts.iter().zip(&rows).filter(|(_, row)| row.is_none()).map(|(t, _)| t.as_ref()).collect();
        new.sort_unstable();
        new.dedup();
        if !new.is_empty() {
            // One at a time: what a text is beside must not change its bits.
            let mut encoded = HashMap::new();
            for text in new {
                let states = self.towers.encode_texts(&[text])?.pop().unwrap_or_default();
                encoded.insert(text.to_string(), Arc::<[f32]>::from(states));
            }
            for (text, row) in texts.iter().zip(&mut rows) {
                if row.is_none() {
                    *row = encoded.get(text.as_ref()).cloned();
                }
            }
            let mut memory = self.memory.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let room = REMEMBERED.saturating_sub(memory.len());
            memory.extend(encoded.into_iter().take(room));
        }
        let rows: Vec<Arc<[f32]>> = rows.into_iter().flatten().collect();
        Ok(TextInput::States(StateBatch::padded(&rows, width)))
    }

    /// Ids of texts, by the tokenizer of the encoder that reads them.
    ///
    /// # Errors
    /// The tokenizer's.
    pub(crate) fn ids<S: AsRef<str> + Sync>(&self, texts: &[S]) -> Result<TokenIds> {
        if self.towers.reads_text() {
            return self.towers.token_ids(texts);
        }
        Ok(self.tokenizer.encode(texts, self.max_tokens)?)
    }

    /// Reads many texts that will not come again.
    ///
    /// # Errors
    /// The tokenizer's or the device's.
    pub fn read_once<S: AsRef<str> + Sync>(&self, texts: &[S]) -> Result<TextInput> {
        match self.towers.frozen_text() {
            Some(source) => Ok(TextInput::States(StateBatch::padded(&self.towers.encode_texts(texts)?, source.width))),
            None => self.read(texts),
        }
    }

    /// The run's own tokenizer.
    pub fn tokenizer(&self) -> &TextTokenizer {
        &self.tokenizer
    }

    /// The pretrained encoders.
    pub fn towers(&self) -> &Towers {
        &self.towers
    }
}
