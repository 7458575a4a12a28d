//! Names of pretrained encoders, and where they are looked for.

use std::path::{Path, PathBuf};

use hf_hub::api::sync::{ApiBuilder, ApiError};
use hf_hub::{Cache, Repo, RepoType};

use super::folder::{INDEX, PICKLES, PretrainedFolder, SETTINGS, WEIGHTS, shard_names};
use crate::Result;
use crate::error::ErrorKind;

/// A pretrained encoder that has a short name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownEncoder {
    /// The short name.
    pub name: &'static str,
    /// Its id on the Hugging Face hub, with `@` and a revision where the main one has no safetensors file; empty where it is
    /// not there in a form that can be read.
    pub hub: &'static str,
    /// What it reads: `text`, `image`, or both.
    pub reads: &'static [&'static str],
}

const KNOWN: &[KnownEncoder] = &[
    KnownEncoder { name: "minilm", hub: "sentence-transformers/all-MiniLM-L6-v2", reads: &["text"] },
    KnownEncoder { name: "efficientnet-lite0", hub: "", reads: &["image"] },
    KnownEncoder { name: "clip-vit-b-32", hub: "openai/clip-vit-base-patch32@refs/pr/15", reads: &["text", "image"] },
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
    let (name, revision) = id.split_once('@').unwrap_or((id, "main"));
    if name.split('/').filter(|part| !part.is_empty()).count() == 2 && name.split('/').count() == 2 {
        return match from_hub(name, revision) {
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
        "no pretrained encoder {source:?}: looked for {}. Expected the folder of one, a hub id (owner/name or owner/name@revision), or one of {}; \
         `cargo xtask weights NAME` fetches minilm and efficientnet-lite0",
        tried.join(", "),
        names.join(", ")
    ))
    .into()
}

/// `$RCML_WEIGHTS/NAME`, then `weights/NAME` here and in the three folders above.
fn folders(name: &str) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> =
        std::env::var_os("RCML_WEIGHTS").map(|folder| Path::new(&folder).join(name)).into_iter().collect();
    if let Ok(here) = std::env::current_dir() {
        folders.extend(here.ancestors().map(|folder| folder.join("weights").join(name)).take(4));
    }
    folders
}

/// The snapshot of a hub repository in the hub's cache, completed by a download where that is needed and allowed.
fn from_hub(id: &str, revision: &str) -> Result<PathBuf, String> {
    let at = |revision: &str| Repo::with_revision(id.to_string(), RepoType::Model, revision.to_string());
    let cached = Cache::from_env().repo(at(revision)).get("config.json");
    let cached = cached.and_then(|path| path.parent().map(PathBuf::from));
    let lacks = match &cached {
        Some(folder) => match lacks(folder) {
            None => return Ok(folder.clone()),
            Some(what) => format!("its copy in the cache, {}, has no {what}", folder.display()),
        },
        None => "not in the cache".into(),
    };
    if std::env::var("HF_HUB_OFFLINE").is_ok_and(|value| !["", "0", "false", "no"].contains(&value.as_str())) {
        return Err(format!("{lacks}, and HF_HUB_OFFLINE forbids to download it"));
    }
    // What is in the cache is completed from the revision that it is of, though the hub's may have moved on.
    let pinned = cached.as_ref().and_then(|folder| folder.file_name()).map(|name| name.to_string_lossy().into_owned());
    download(&at(pinned.as_deref().unwrap_or(revision)), &at(revision)).map_err(|error| match cached {
        Some(_) => format!("{lacks}; {error}"),
        None => error,
    })
}

/// What a snapshot has not that the hub's repository may have, and that would change what the encoder computes: other programs
/// download the files that they need themselves.
fn lacks(folder: &Path) -> Option<&'static str> {
    let pretrained = PretrainedFolder::at("", folder).ok()?;
    let any = |names: &[&str]| names.iter().any(|name| folder.join(name).is_file());
    let reads = pretrained.reads().unwrap_or_default();
    if pretrained.weight_files().is_err() {
        return Some("safetensors weights, or not all of them");
    }
    if reads.contains(&"text") && !any(&["tokenizer.json"]) {
        return Some("tokenizer.json");
    }
    if reads.contains(&"image") && !any(&["preprocessor_config.json", "processor_config.json"]) {
        return Some("preprocessor_config.json");
    }
    // How a sentence encoder pools, and how long its texts are.
    (reads == ["text"] && !any(&["modules.json"])).then_some("modules.json, so that how it pools is not known")
}

/// Downloads what is missing of `repo`, whose files the cache knows by the name of `named`.
fn download(repo: &Repo, named: &Repo) -> Result<PathBuf, String> {
    let text = |error: ApiError| error.to_string();
    let api = ApiBuilder::from_env().with_progress(false).build().map_err(text)?;
    let hub = api.repo(repo.clone());
    let info = hub.info().map_err(text)?;
    let has = |name: &str| info.siblings.iter().any(|file| file.rfilename == name);
    let folder = Cache::from_env().repo(named.clone()).pointer_path(&info.sha);
    let get = |name: &str| match folder.join(name) {
        path if path.is_file() => Ok(path),
        _ => hub.download(name).map_err(|error| format!("{name}: {error}")),
    };
    // The list of modules decides nothing that is computed; one that is not known is refused.
    for file in SETTINGS.iter().chain(&["modules.json"]).filter(|name| has(name)) {
        get(file)?;
    }
    if has(WEIGHTS) {
        get(WEIGHTS)?;
    } else if has(INDEX) {
        let index = get(INDEX)?;
        for shard in shard_names(&index).map_err(|error| error.to_string())? {
            get(&shard)?;
        }
    } else {
        let pickle = PICKLES.iter().find(|name| has(name));
        return Err(match pickle {
            Some(pickle) => format!(
                "its revision {} has no {WEIGHTS}, only {pickle}, a pickle, which may run any code when it is opened and is not \
                 read; another revision may be named as {}@REVISION, and a folder be made by: python3 -c \"import sys, \
                 transformers as t; [c.from_pretrained(sys.argv[1]).save_pretrained(sys.argv[2]) \
                 for c in (t.AutoModel, t.AutoProcessor)]\" {} FOLDER",
                repo.revision(),
                repo.url(),
                repo.url(),
            ),
            None => format!("its revision {} has neither {WEIGHTS} nor {INDEX}", repo.revision()),
        });
    }
    // The cache's own note of what the name stands for, so that the next start finds the folder without asking.
    Cache::from_env().repo(named.clone()).create_ref(&info.sha).map_err(|error| error.to_string())?;
    Ok(folder)
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

    /// `AutoModel` leaves a snapshot without the files of sentence-transformers; an interrupted download one without a shard.
    #[test]
    fn a_snapshot_that_lacks_what_may_change_the_encoder_is_not_whole() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
        let lacks = || lacks(dir.path()).unwrap_or("nothing");
        write("config.json", r#"{"model_type": "bert"}"#);
        assert!(lacks().contains("weights"));
        write(INDEX, r#"{"weight_map": {"a": "1.safetensors", "b": "2.safetensors"}}"#);
        write("1.safetensors", "");
        assert!(lacks().contains("not all"));
        write("2.safetensors", "");
        assert!(lacks().contains("tokenizer.json"));
        write("tokenizer.json", "{}");
        assert!(lacks().contains("modules.json"));
        write("modules.json", "[]");
        assert_eq!(lacks(), "nothing");
        write("config.json", r#"{"model_type": "clip"}"#);
        assert!(lacks().contains("preprocessor_config.json"));
        write("preprocessor_config.json", "{}");
        assert_eq!(lacks(), "nothing");
    }
}
