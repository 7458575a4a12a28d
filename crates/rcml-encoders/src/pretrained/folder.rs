//! Where a pretrained encoder lies.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;
use xxhash_rust::xxh3::Xxh3;

use super::config_file::ConfigFile;
use super::family::ModelFamily;
use super::registry;
use crate::Result;
use crate::error::ErrorKind;

pub(crate) const WEIGHTS: &str = "model.safetensors";
pub(crate) const INDEX: &str = "model.safetensors.index.json";

/// Weights that are not read.
pub(crate) const PICKLES: [&str; 2] = ["pytorch_model.bin", "pytorch_model.bin.index.json"];

/// Files beside the weights that decide what an encoder computes.
pub(crate) const SETTINGS: [&str; 7] = [
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "preprocessor_config.json",
    "processor_config.json",
    "sentence_bert_config.json",
    "1_Pooling/config.json",
];

/// A folder as Hugging Face lays them out: `config.json`, `model.safetensors` (or shards and their index), `tokenizer.json`,
/// `preprocessor_config.json`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PretrainedFolder {
    source: String,
    path: PathBuf,
}

impl PretrainedFolder {
    /// Finds an encoder by what the user calls it: a folder, a known name ([`known_encoders`](super::known_encoders)), or a
    /// hub id such as `openai/clip-vit-base-patch32`.
    ///
    /// A known name is looked for in the folder that the environment variable `RCML_WEIGHTS` names, then in `weights/NAME`
    /// here and in the folders above, then on the hub. The hub's own cache is used, and nothing is downloaded while
    /// `HF_HUB_OFFLINE` is set.
    ///
    /// # Errors
    /// Nothing of the name, with all places where it was looked for.
    pub fn find(source: &str) -> Result<Self> {
        let path = Path::new(source);
        let path = if path.join("config.json").is_file() { path.to_path_buf() } else { registry::find(source)? };
        Self::at(source, &path)
    }

    /// The encoder in a folder; `source` is what messages call it.
    ///
    /// # Errors
    /// A folder without `config.json`.
    pub fn at(source: &str, path: &Path) -> Result<Self> {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
        if !path.join("config.json").is_file() {
            let message = "expected the folder of a pretrained encoder: it has no config.json".to_string();
            return Err(ErrorKind::File { path, message }.into());
        }
        Ok(Self { source: source.into(), path })
    }

    /// What the user called it.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The folder, absolute.
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn config(&self) -> Result<ConfigFile> {
        ConfigFile::read(&self.path.join("config.json"))
    }

    /// What the encoder reads, by its `config.json`: `text`, `image`, or both.
    ///
    /// # Errors
    /// An architecture that is not supported.
    pub fn reads(&self) -> Result<&'static [&'static str]> {
        Ok(ModelFamily::of(&self.config()?)?.reads())
    }

    /// Width of the encoder's summary, by its `config.json`.
    ///
    /// # Errors
    /// A key that is missing or malformed.
    pub fn width(&self) -> Result<usize> {
        let config = self.config()?;
        ModelFamily::of(&config)?.width(&config)
    }

    /// Its safetensors files.
    ///
    /// # Errors
    /// None, or an index that names files outside the folder; where there is a pickle instead, the command that converts it.
    pub fn weight_files(&self) -> Result<Vec<PathBuf>> {
        let single = self.path.join(WEIGHTS);
        if single.is_file() {
            return Ok(vec![single]);
        }
        let index = self.path.join(INDEX);
        if index.is_file() {
            return shards(&self.path, &index);
        }
        let message = match PICKLES.iter().find(|name| self.path.join(name).is_file()) {
            Some(pickle) => format!(
                "there is no {WEIGHTS}, only {pickle}, a pickle, which may run any code when it is opened and is not read. \
                 If you trust it: python3 -c \"import sys, transformers as t; \
                 t.AutoModel.from_pretrained(sys.argv[1], use_safetensors=False).save_pretrained(sys.argv[1])\" {}",
                self.path.display()
            ),
            None => format!("there is neither {WEIGHTS} nor {INDEX}"),
        };
        Err(ErrorKind::File { path: self.path.clone(), message }.into())
    }

    /// A hash of all bytes that decide what the encoder computes: weights, configuration, tokenizer, preprocessing. 32 hex
    /// digits (XXH3; it tells files apart, it does not withstand an attacker).
    ///
    /// # Errors
    /// The file system's.
    pub fn fingerprint(&self) -> Result<String> {
        let mut hash = Xxh3::new();
        let settings = SETTINGS.iter().map(|name| self.path.join(name)).filter(|path| path.is_file());
        for path in settings.chain(self.weight_files()?) {
            let name = path.strip_prefix(&self.path).unwrap_or(&path).to_string_lossy().replace('\\', "/");
            let fail = |error: std::io::Error| ErrorKind::File { path: path.clone(), message: error.to_string() };
            let mut file = std::fs::File::open(&path).map_err(fail)?;
            let size = file.metadata().map_err(fail)?.len();
            hash.update(format!("{name}\n{size}\n").as_bytes());
            feed(&mut hash, &mut file).map_err(fail)?;
        }
        Ok(format!("{:032x}", hash.digest128()))
    }
}

fn feed(hash: &mut Xxh3, file: &mut impl std::io::Read) -> std::io::Result<()> {
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(()),
            count => hash.update(&buffer[..count]),
        }
    }
}

fn shards(folder: &Path, index: &Path) -> Result<Vec<PathBuf>> {
    let paths: Vec<PathBuf> = shard_names(index)?.iter().map(|name| folder.join(name)).collect();
    match paths.iter().find(|path| !path.is_file()) {
        Some(missing) => {
            let message = format!("it names {}, which is not there", missing.display());
            Err(ErrorKind::File { path: index.to_path_buf(), message }.into())
        }
        None => Ok(paths),
    }
}

/// The files that an index of shards names.
///
/// # Errors
/// An index that is damaged, names none, or names files outside the folder.
pub(crate) fn shard_names(index: &Path) -> Result<BTreeSet<String>> {
    let fail = |message: String| ErrorKind::File { path: index.to_path_buf(), message };
    let text = std::fs::read_to_string(index).map_err(|error| fail(error.to_string()))?;
    let value: Value = serde_json::from_str(&text).map_err(|error| fail(error.to_string()))?;
    let map = value.get("weight_map").and_then(Value::as_object);
    let map = map.ok_or_else(|| fail("weight_map: expected an object of tensor names to files".into()))?;
    let mut names = BTreeSet::new();
    for (tensor, file) in map {
        let file = file.as_str().filter(|name| !name.is_empty() && !name.contains(['/', '\\']) && *name != "..");
        let file =
            file.ok_or_else(|| fail(format!("weight_map.{tensor}: expected the name of a file in this folder")))?;
        names.insert(file.to_string());
    }
    if names.is_empty() { Err(fail("weight_map: expected at least one tensor".into()).into()) } else { Ok(names) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fingerprint_follows_every_byte_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
        write("config.json", "{}");
        write(WEIGHTS, "abc");
        let folder = PretrainedFolder::find(dir.path().to_str().unwrap()).unwrap();
        let first = folder.fingerprint().unwrap();
        write("README.md", "irrelevant");
        assert_eq!(first, folder.fingerprint().unwrap());
        write(WEIGHTS, "abd");
        let second = folder.fingerprint().unwrap();
        write("tokenizer.json", "{}");
        let third = folder.fingerprint().unwrap();
        assert!(first != second && second != third && first.len() == 32);
    }

    #[test]
    fn pickles_and_broken_indices_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
        write("config.json", "{}");
        let folder = PretrainedFolder::at("mine", dir.path()).unwrap();
        let message = || folder.weight_files().unwrap_err().to_string();
        assert!(message().contains("neither"), "{}", message());
        write("pytorch_model.bin", "");
        assert!(message().contains("save_pretrained"), "{}", message());
        for (index, word) in [
            (r#"{"weight_map": {"a": "../x.safetensors"}}"#, "weight_map.a"),
            (r#"{"weight_map": {"a": "x.safetensors"}}"#, "x.safetensors, which is not there"),
            (r#"{"weight_map": {}}"#, "at least one"),
            ("{}", "expected an object"),
        ] {
            write(INDEX, index);
            assert!(message().contains(word), "{}", message());
        }
    }
}
