//! Weights on disk.

use std::collections::HashSet;
use std::path::Path;

use burn::module::Module;
use burn::store::{ModuleSnapshot, PathFilter, SafetensorsStore};
use rcml_data::write_whole;
use rcml_encoders::pretrained::parameter_names;
use safetensors::SafeTensors;

use crate::{Error, PretrainedConfig, Rcml, Result};

/// Key of a file's metadata: the fingerprints of the pretrained encoders that the weights belong to.
const ENCODERS: &str = "encoders";

/// Writes the weights as safetensors, to a temporary name first. Parameter names are the module's field paths. Parameters that are
/// as a pretrained encoder's own files have them are left out; the encoders' fingerprints are noted instead.
///
/// # Errors
/// The file system's.
pub fn save_weights(model: &Rcml, pretrained: &PretrainedConfig, path: impl AsRef<Path>) -> Result<()> {
    let path = path.as_ref();
    // One key of metadata: several are written in the random order of a hash map, and equal weights would be unequal files.
    let (key, value) = match pretrained.is_set() {
        true => (ENCODERS, pretrained.fingerprints()),
        false => ("format", "safetensors".into()),
    };
    let written = write_whole(path, |part| {
        let store = SafetensorsStore::from_file(part).overwrite(true).filter(own(model));
        model.save_into(&mut store.clear_metadata().metadata(key, &value)).map_err(std::io::Error::other)
    });
    written.map_err(|error| Error::file(path, error))
}

/// The parameters of a model that its run's files hold.
fn own(model: &Rcml) -> PathFilter {
    if model.base().is_empty() {
        return PathFilter::new();
    }
    let base: HashSet<&str> = model.base().iter().map(String::as_str).collect();
    PathFilter::new().with_full_paths(parameter_names(model).into_iter().filter(|name| !base.contains(name.as_str())))
}

/// Reads weights into a model of the same configuration, whose pretrained encoders are in their places.
///
/// # Errors
/// A missing or malformed file; a tensor that is missing, has another shape or is not part of the model, by name; weights that
/// belong to other pretrained encoders.
pub fn load_weights(mut model: Rcml, pretrained: &PretrainedConfig, path: impl AsRef<Path>) -> Result<Rcml> {
    let path = path.as_ref();
    if !path.is_file() {
        return Err(Error::file(path, "no such file; expected the weights of a run"));
    }
    if pretrained.is_set() {
        check_encoders(pretrained, path)?;
    }
    // What is missing is told below, in one line.
    let mut store = SafetensorsStore::from_file(path).allow_partial(true);
    let result = model.load_from(&mut store).map_err(|error| Error::file(path, error))?;
    let base: HashSet<&str> = model.base().iter().map(String::as_str).collect();
    let missing: Vec<&str> =
        result.missing.iter().map(|(name, _)| name.as_str()).filter(|name| !base.contains(name)).collect();
    if !missing.is_empty() {
        let names = missing.join(", ");
        let message =
            format!("tensors of the configured model are missing: {names}; expected weights of this version of rcml");
        return Err(Error::file(path, message));
    }
    if !result.unused.is_empty() {
        let names = result.unused.join(", ");
        return Err(Error::file(path, format!("tensors that the configured model does not have: {names}")));
    }
    Ok(model.no_grad())
}

fn check_encoders(pretrained: &PretrainedConfig, path: &Path) -> Result<()> {
    let bytes = std::fs::read(path).map_err(|error| Error::file(path, error))?;
    let (_, metadata) = SafeTensors::read_metadata(&bytes).map_err(|error| Error::file(path, error))?;
    let expected = pretrained.fingerprints();
    match metadata.metadata().as_ref().and_then(|metadata| metadata.get(ENCODERS)) {
        Some(found) if *found != expected => Err(Error::file(
            path,
            format!("trained with other pretrained encoders: expected fingerprints {expected}, found {found}"),
        )),
        // Runs of before wrote none; their configuration was checked when the encoders were opened.
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use rcml_losses::TemperatureConfig;

    use super::*;
    use crate::{ModalityShape, ModelConfig};

    #[test]
    fn a_missing_tensor_is_named_in_one_line() {
        let device = rcml_kernels::device::parse("cpu").unwrap();
        let model = |translate: bool, width: usize| {
            let shape = ModalityShape { name: "shape".into(), input: 3, tokens: 1 };
            let mut config =
                ModelConfig { translate, width, vocabulary: 8, modalities: vec![shape], ..ModelConfig::default() };
            config.conditioner.rank = 2;
            config.init(&TemperatureConfig::default(), &Default::default(), &device)
        };
        let none = PretrainedConfig::default();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        save_weights(&model(false, 8), &none, &path).unwrap();
        load_weights(model(false, 8), &none, &path).unwrap();
        let message = load_weights(model(true, 8), &none, &path).unwrap_err().to_string();
        assert!(message.contains("missing: translation; expected") && !message.contains('\n'), "{message}");
        assert!(load_weights(model(false, 16), &none, &path).is_err(), "another shape");
    }
}
