//! Names of pretrained encoders, and where they are looked for.

use std::path::{Path, PathBuf};

use hf_hub::api::sync::{ApiBuilder, ApiError, ApiRepo};
use hf_hub::{Cache, Repo};

use crate::Result;
use crate::error::ErrorKind;

/// A pretrained encoder that has a short name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownEncoder {
    /// The short name.
    pub name: &'static str,
    /// Its id on the Hugging Face hub; empty where it is not there in a form that can be read.
    pub hub: &'static str,
    /// What it reads: `text`, `image`, or both.
    pub reads: &'static [&'static str],
}

const KNOWN: &[KnownEncoder] = &[
    KnownEncoder { name: "minilm", hub: "sentence-transformers/all-MiniLM-L6-v2", reads: &["text"] },
    KnownEncoder { name: "efficientnet-lite0", hub: "", reads: &["image"] },
    KnownEncoder { name: "clip-vit-b-32", hub: "openai/clip-vit-base-patch32", reads: &["text", "image"] },
    KnownEncoder { name: "clip-vit-b-16", hub: "openai/clip-vit-base-patch16", reads: &["text", "image"] },
    KnownEncoder { name: "clip-vit-l-14", hub: "openai/clip-vit-large-patch14", reads: &["text", "image"] },
    KnownEncoder {
        name: "openclip-vit-b-32-laion2b",
        hub: "laion/CLIP-ViT-B-32-laion2B-s34B-b79K",
        reads: &["text", "image"],
    },
    KnownEncoder { name: "siglip-b-16", hub: "google/siglip-base-patch16-224", reads: &["text", "image"] },
    KnownEncoder { name: "siglip2-b-16", hub: "google/siglip2-base-patch16-224", reads: &["text", "image"] },
    KnownEncoder { name: "vit-b-16", hub: "google/vit-base-patch16-224", reads: &["image"] },
    KnownEncoder { name: "dinov2-s-14", hub: "facebook/dinov2-small", reads: &["image"] },
    KnownEncoder { name: "dinov2-s-14-registers", hub: "facebook/dinov2-with-registers-small", reads: &["image"] },
];

/// Files of a hub repository that an encoder may need; the first must be there.
const FILES: [&str; 7] = [
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "preprocessor_config.json",
    "processor_config.json",
    "sentence_bert_config.json",
    "1_Pooling/config.json",
];

/// Pretrained encoders that have a short name.
pub fn known_encoders() -> &'static [KnownEncoder] {
    KNOWN
}

/// The folder of a known name or a hub id.
pub(crate) fn find(source: &str) -> Result<PathBuf> {
    let known = KNOWN.iter().find(|known| known.name == source);
    let mut tried = vec![source.to_string()];
    if known.is_some() {
        for folder in folders(source) {
            if folder.join("config.json").is_file() {
                return Ok(folder);
            }
            tried.push(folder.display().to_string());
        }
    }
    let id = known.map_or(source, |known| known.hub);
    if id.split('/').filter(|part| !part.is_empty()).count() == 2 && id.split('/').count() == 2 {
        return match from_hub(id) {
            Ok(folder) => Ok(folder),
            Err(message) => {
                tried.push(format!("the hub's {id} ({message})"));
                Err(not_found(source, &tried))
            }
        };
    }
    Err(not_found(source, &tried))
}

fn not_found(source: &str, tried: &[String]) -> crate::Error {
    let names: Vec<&str> = KNOWN.iter().map(|known| known.name).collect();
    ErrorKind::Unsupported(format!(
        "no pretrained encoder {source:?}: looked for {}. Expected the folder of one, a hub id (owner/name), or one of {}; \
         `cargo xtask weights NAME` fetches minilm and efficientnet-lite0",
        tried.join(", "),
        names.join(", ")
    ))
    .into()
}

/// `$RCML_WEIGHTS/NAME`, then `weights/NAME` here and in every folder above.
fn folders(name: &str) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> =
        std::env::var_os("RCML_WEIGHTS").map(|folder| Path::new(&folder).join(name)).into_iter().collect();
    if let Ok(here) = std::env::current_dir() {
        folders.extend(here.ancestors().map(|folder| folder.join("weights").join(name)).take(4));
    }
    folders
}

/// The snapshot of a hub repository in the hub's cache, downloaded where that is allowed.
fn from_hub(id: &str) -> Result<PathBuf, String> {
    let repo = Repo::model(id.to_string());
    let cached = |file: &str| Cache::from_env().repo(repo.clone()).get(file);
    if let Some(folder) = cached("config.json").and_then(|path| path.parent().map(PathBuf::from))
        && ["model.safetensors", "model.safetensors.index.json"].iter().any(|file| folder.join(file).is_file())
    {
        return Ok(folder);
    }
    if std::env::var("HF_HUB_OFFLINE").is_ok_and(|value| !["", "0", "false", "no"].contains(&value.as_str())) {
        return Err("not in the cache, and HF_HUB_OFFLINE forbids to download it".into());
    }
    let api = ApiBuilder::from_env().with_progress(false).build().map_err(|error| error.to_string())?;
    download(&api.repo(repo)).map_err(|error| error.to_string())
}

fn download(repo: &ApiRepo) -> Result<PathBuf, ApiError> {
    let config = repo.get(FILES[0])?;
    // Which of the others a repository has depends on its kind; one that is needed and missing is named when it is read.
    for file in &FILES[1..] {
        let _ = repo.get(file);
    }
    if repo.get("model.safetensors").is_err() {
        let index = repo.get("model.safetensors.index.json")?;
        let text = std::fs::read_to_string(index).unwrap_or_default();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        let files = value.get("weight_map").and_then(|map| map.as_object());
        let mut files: Vec<&str> = files.into_iter().flat_map(|map| map.values()).filter_map(|v| v.as_str()).collect();
        files.sort_unstable();
        files.dedup();
        for file in files {
            repo.get(file)?;
        }
    }
    Ok(config.parent().map(PathBuf::from).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_found_says_where_it_was_looked_for() {
        for (source, word) in [("no-such-folder", "minilm"), ("efficientnet-lite0", "cargo xtask weights")] {
            if let Err(error) = find(source) {
                let message = error.to_string();
                assert!(message.contains(&format!("{source:?}")) && message.contains(word), "{message}");
            }
        }
        let names: std::collections::BTreeSet<_> = KNOWN.iter().map(|known| known.name).collect();
        assert_eq!(names.len(), KNOWN.len());
    }
}
