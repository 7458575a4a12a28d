//! Embeddings of items, as `rcml embed` writes them.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use safetensors::tensor::Metadata;

use super::features::read_array;
use crate::{Error, FeatureArray, ModalityInfo, Problem, Result};

/// Reads the array, and the ids of its rows where the file names them (a `.safetensors` file's metadata `ids`).
pub(crate) fn read(path: &Path) -> Result<(FeatureArray, Option<Vec<String>>)> {
    let safetensors = path.extension().is_some_and(|ending| ending == "safetensors");
    let info = ModalityInfo { file: path.display().to_string(), tensor: None, shape: None, kind: None };
    let array = read_array(path, &info)?;
    let ids = if safetensors { ids(path)? } else { None };
    Ok((array, ids))
}

fn ids(path: &Path) -> Result<Option<Vec<String>>> {
    let wrong = |message: String| Error::problems(vec![Problem::of(path, message)]);
    let mut header = Vec::new();
    let mut read = || {
        let mut file = File::open(path)?;
        let mut length = [0; 8];
        file.read_exact(&mut length)?;
        file.take(u64::from_le_bytes(length)).read_to_end(&mut header)
    };
    read().map_err(|e| Error::io(path, e))?;
    let metadata: Metadata = serde_json::from_slice(&header).map_err(|e| wrong(e.to_string()))?;
    let Some(ids) = metadata.metadata().as_ref().and_then(|metadata| metadata.get("ids")) else { return Ok(None) };
    let ids =
        serde_json::from_str(ids).map_err(|e| wrong(format!("its metadata `ids` is no array of strings: {e}")))?;
    Ok(Some(ids))
}
