//! A folder of items, relations and edges.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{Edge, Error, Format, Inspection, Item, Pictures, Problem, Relation, Result, TakenColumns};

/// A dataset of the neutral format, in memory. Images stay on disk.
#[derive(Debug, Clone, Default)]
pub struct Dataset {
    /// The folder that image paths are relative to.
    pub root: PathBuf,
    /// What `dataset.toml` says.
    pub info: DatasetInfo,
    /// Pictures that are no files of the folder, but lie in a table or an archive.
    pub pictures: Pictures,
    /// Items; an edge names them by index.
    pub items: Vec<Item>,
    /// Relations; an edge names them by index.
    pub relations: Vec<Relation>,
    /// Edges, as written: a symmetric edge usually stands once.
    pub edges: Vec<Edge>,
    /// Which columns the items were read from, where these have other names than the fields.
    pub columns: TakenColumns,
}

/// `dataset.toml`: what the tables do not say. Everything is optional.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DatasetInfo {
    /// Name for reports; the folder's name where it is missing.
    pub name: Option<String>,
    /// Licence of the data.
    pub licence: Option<String>,
    /// Where the data come from.
    pub source: Option<String>,
    /// Who must be named, in the words that the licence asks for.
    pub attribution: Option<String>,
    /// Further modalities by name: `[modalities.audio] file = "audio.npy"`.
    pub modalities: BTreeMap<String, ModalityInfo>,
}

/// A feature modality: rows of one array file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModalityInfo {
    /// `.npy` or `.safetensors` file, relative to the folder.
    pub file: String,
    /// Name of the tensor in a `.safetensors` file with more than one.
    #[serde(default)]
    pub tensor: Option<String>,
    /// Expected shape `[N, D]` or `[N, T, D]`; checked against the file where it is given.
    #[serde(default)]
    pub shape: Option<Vec<usize>>,
    /// What kind of thing it is, for people ("audio embedding").
    #[serde(default)]
    pub kind: Option<String>,
}

/// A feature modality's values, row-major f32.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureArray {
    /// `[N, D]` or `[N, T, D]`.
    pub shape: Vec<usize>,
    /// `shape.iter().product()` values. A token that is missing from a sequence is NaN throughout; all else is finite.
    pub values: Vec<f32>,
}

impl Dataset {
    /// Reads a folder, a WebDataset shard or a single table; which formats there are says `docs/dataset-format.md`.
    ///
    /// # Errors
    /// ALL problems found in the tables, each with file and line; or an I/O error. Images are not opened here
    /// (their presence is checked): see [`Dataset::check`] and [`crate::ImageStore`].
    pub fn open(dir: impl AsRef<Path>) -> Result<Self> {
        crate::format::read(dir.as_ref())
    }

    /// Reads a folder and decodes every image as well; returns all problems. Empty: the folder is clean.
    ///
    /// # Errors
    /// Only where the file system itself fails; everything wrong with the input is in the list.
    pub fn check(dir: impl AsRef<Path>) -> Result<Vec<Problem>> {
        Self::inspect(dir).map(|inspection| inspection.problems)
    }

    /// As [`Dataset::check`], with what could be read and what may not be meant.
    ///
    /// # Errors
    /// As of [`Dataset::check`].
    pub fn inspect(dir: impl AsRef<Path>) -> Result<Inspection> {
        crate::format::inspect(dir.as_ref())
    }

    /// Writes the tables (`items.jsonl`, `relations.jsonl`, `edges.jsonl`, `dataset.toml`) into `dir`, each to a
    /// temporary name first. Images and arrays are the caller's.
    ///
    /// # Errors
    /// The file system's.
    pub fn write(&self, dir: impl AsRef<Path>) -> Result<()> {
        crate::format::write(self, dir.as_ref())
    }

    /// Writes everything into a new folder: tables, pictures, arrays and `dataset.toml`. Every item, relation, edge,
    /// attribute, split and byte of a picture is kept; a picture without a usable path of its own gets one.
    /// `progress` is called with the number of items done.
    ///
    /// # Errors
    /// A folder that holds a dataset, a picture that cannot be read, the file system's.
    pub fn convert(&self, dir: impl AsRef<Path>, format: Format, progress: &dyn Fn(usize)) -> Result<()> {
        crate::format::convert(self, dir.as_ref(), format, progress)
    }

    /// The bytes of an item's picture as they are stored, not decoded. `None`: the item has no picture.
    ///
    /// # Errors
    /// A picture that cannot be read; an item that the dataset lacks.
    pub fn picture(&self, item: u32) -> Result<Option<Vec<u8>>> {
        let found = self.items.get(item as usize);
        let found =
            found.ok_or_else(|| Error::input(format!("item {item} of a dataset with {} items", self.items.len())))?;
        let Some(path) = found.image.as_deref() else { return Ok(None) };
        let bytes = self.pictures.read(&self.root, path);
        let wrong = |message| Error::problems(vec![Problem::of(self.root.join(path), message)]);
        bytes.map(|bytes| Some(bytes.into_owned())).map_err(wrong)
    }

    /// The name for reports.
    pub fn name(&self) -> String {
        self.info.name.clone().unwrap_or_else(|| {
            self.root.file_name().map_or_else(|| "dataset".into(), |n| n.to_string_lossy().into_owned())
        })
    }

    /// Modalities that at least one item has: `image`, `text`, then feature modalities by name.
    pub fn modalities(&self) -> Vec<String> {
        let raw = ["image", "text"].into_iter().map(String::from);
        raw.chain(self.info.modalities.keys().cloned()).filter(|m| self.items.iter().any(|item| item.has(m))).collect()
    }

    /// Item id -> index.
    pub fn item_index(&self) -> HashMap<&str, u32> {
        self.items.iter().enumerate().map(|(i, item)| (item.id.as_str(), i as u32)).collect()
    }

    /// The index of the item with this id.
    ///
    /// # Errors
    /// An id that no item has; names the nearest one that exists.
    pub fn find_item(&self, id: &str) -> Result<u32> {
        let found = self.items.iter().position(|item| item.id == id);
        found.map(|index| index as u32).ok_or_else(|| {
            let hint = crate::format::hint(id, self.items.par_iter().map(|item| item.id.as_str()));
            Error::input(format!("{} has no item {id:?}{hint}", self.name()))
        })
    }

    /// Relation id -> index.
    pub fn relation_index(&self) -> HashMap<&str, u32> {
        self.relations.iter().enumerate().map(|(i, r)| (r.id.as_str(), i as u32)).collect()
    }

    /// Reads the array of a feature modality.
    ///
    /// # Errors
    /// A modality that `dataset.toml` does not declare, a missing or malformed file, a shape other than declared.
    pub fn features(&self, modality: &str) -> Result<FeatureArray> {
        crate::format::read_features(self, modality)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_item_is_named_with_the_nearest_one() {
        let items = ["red-heart", "blue-heart"].map(Item::new).to_vec();
        let dataset = Dataset { root: "emoji".into(), items, ..Dataset::default() };
        assert_eq!(dataset.find_item("blue-heart").unwrap(), 1);
        let error = dataset.find_item("read-heart").unwrap_err();
        assert_eq!(error.to_string(), "emoji has no item \"read-heart\"; did you mean \"red-heart\"?");
        assert!(error.is_input());
    }
}
