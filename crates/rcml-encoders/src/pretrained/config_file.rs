//! `config.json`, read key by key.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::Result;
use crate::error::ErrorKind;

/// A JSON object of a file; messages name the file and the key.
#[derive(Debug, Clone)]
pub(crate) struct ConfigFile {
    path: PathBuf,
    /// Key of this object in the file, with a dot behind it; empty for the file's own.
    prefix: String,
    value: Value,
}

impl ConfigFile {
    /// Reads a file.
    ///
    /// # Errors
    /// A file that is missing or not a JSON object.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let fail = |message: String| ErrorKind::File { path: path.to_path_buf(), message };
        let text = std::fs::read_to_string(path).map_err(|error| fail(error.to_string()))?;
        let value: Value = serde_json::from_str(&text).map_err(|error| fail(error.to_string()))?;
        if !value.is_object() {
            return Err(fail("expected a JSON object".into()).into());
        }
        Ok(Self { path: path.to_path_buf(), prefix: String::new(), value })
    }

    /// Reads a file, where there is one.
    ///
    /// # Errors
    /// A file that is there and is not a JSON object.
    pub(crate) fn read_if_there(path: &Path) -> Result<Option<Self>> {
        if path.is_file() { Self::read(path).map(Some) } else { Ok(None) }
    }

    /// The object under a key, where there is one.
    pub(crate) fn object(&self, key: &str) -> Option<Self> {
        let value = self.value.get(key).filter(|value| value.is_object())?.clone();
        Some(Self { path: self.path.clone(), prefix: format!("{}{key}.", self.prefix), value })
    }

    /// An error about a key.
    pub(crate) fn fail(&self, key: &str, message: &str) -> crate::Error {
        let message = format!("{}{key}: {message}", self.prefix);
        ErrorKind::File { path: self.path.clone(), message }.into()
    }

    fn wrong(&self, key: &str, expected: &str) -> crate::Error {
        match self.value.get(key) {
            None => self.fail(key, &format!("expected {expected}, found no such key")),
            Some(found) => self.fail(key, &format!("expected {expected}, found {found}")),
        }
    }

    /// Whether a key is there, and not null.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.value.get(key).is_some_and(|value| !value.is_null())
    }

    /// A whole number of at least 1.
    pub(crate) fn size(&self, key: &str) -> Result<usize> {
        let found = self.value.get(key).and_then(Value::as_u64).filter(|value| (1..=1 << 40).contains(value));
        found.map(|value| value as usize).ok_or_else(|| self.wrong(key, "a whole number of at least 1"))
    }

    /// A whole number of at least 1, or what the family does without the key.
    pub(crate) fn size_or(&self, key: &str, default: usize) -> Result<usize> {
        if self.has(key) { self.size(key) } else { Ok(default) }
    }

    /// A number, or what the family does without the key.
    pub(crate) fn number_or(&self, key: &str, default: f64) -> Result<f64> {
        if !self.has(key) {
            return Ok(default);
        }
        self.value.get(key).and_then(Value::as_f64).ok_or_else(|| self.wrong(key, "a number"))
    }

    /// A truth value, or what the family does without the key.
    pub(crate) fn flag_or(&self, key: &str, default: bool) -> Result<bool> {
        if !self.has(key) {
            return Ok(default);
        }
        self.value.get(key).and_then(Value::as_bool).ok_or_else(|| self.wrong(key, "true or false"))
    }

    /// A text, where there is one.
    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        self.value.get(key)?.as_str()
    }

    /// Three numbers, or what the family does without the key.
    pub(crate) fn triple_or(&self, key: &str, default: [f32; 3]) -> Result<[f32; 3]> {
        if !self.has(key) {
            return Ok(default);
        }
        let list = self.value.get(key).and_then(Value::as_array);
        let numbers: Option<Vec<f32>> = list.and_then(|l| l.iter().map(|v| v.as_f64().map(|v| v as f32)).collect());
        numbers.and_then(|n| n.try_into().ok()).ok_or_else(|| self.wrong(key, "three numbers"))
    }
}
