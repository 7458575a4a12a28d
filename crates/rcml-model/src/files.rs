//! Weights on disk.

use std::path::Path;

use burn::module::Module;
use burn::store::{ModuleSnapshot, SafetensorsStore};
use rcml_data::write_whole;

use crate::{Error, Rcml, Result};

/// Writes the weights as safetensors, to a temporary name first. Parameter names are the module's field paths.
///
/// # Errors
/// The file system's.
pub fn save_weights(model: &Rcml, path: impl AsRef<Path>) -> Result<()> {
    let path = path.as_ref();
    let written = write_whole(path, |part| {
        // One key of metadata: several are written in the random order of a hash map, and equal weights would be unequal
        // files.
        let store = SafetensorsStore::from_file(part).overwrite(true);
        let mut store = store.clear_metadata().metadata("format", "safetensors");
        model.save_into(&mut store).map_err(std::io::Error::other)
    });
    written.map_err(|error| Error::file(path, error))
}

/// Reads weights into a model of the same configuration.
///
/// # Errors
/// A missing or malformed file; a tensor that is missing, has another shape or is not part of the model, by name.
pub fn load_weights(mut model: Rcml, path: impl AsRef<Path>) -> Result<Rcml> {
    let path = path.as_ref();
    if !path.is_file() {
        return Err(Error::file(path, "no such file; expected the weights of a run"));
    }
    let mut store = SafetensorsStore::from_file(path);
    let result = model.load_from(&mut store).map_err(|error| Error::file(path, error))?;
    if !result.unused.is_empty() {
        let names = result.unused.join(", ");
        return Err(Error::file(path, format!("tensors that the configured model does not have: {names}")));
    }
    Ok(model.no_grad())
}
