//! Checkpoints: everything that the next step depends on.

use std::path::{Path, PathBuf};

use burn::module::{Module, ParamGroup};
use burn::optim::{ModuleOptimizer, OptimizerRecord};
use burn::store::ModuleRecord;
use burn::tensor::Device;
use rcml_encoders::pretrained::parameter_names;
use rcml_model::{ModelConfig, Rcml};
use serde::{Deserialize, Serialize};

use crate::momentum::{Kept, Momentum};
use crate::{Error, Result};

/// Where a run stands. Batches are a function of (seed, step), so there is no random state to keep.
///
/// Kept as TOML: serde_json's quick reader may be one bit off, and a later validation that ties with the best would beat it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Progress {
    /// Steps done.
    pub(crate) step: u64,
    /// Best value of the validation metric.
    pub(crate) best_value: Option<f64>,
    /// The step of the best value.
    pub(crate) best_step: u64,
    /// Validations since.
    pub(crate) since_best: u64,
    /// Fingerprints of the pretrained encoders: what a checkpoint leaves out of them must be the same when it is read.
    #[serde(default)]
    pub(crate) encoders: String,
}

/// The checkpoints of a run folder.
pub(crate) struct Checkpoints {
    folder: PathBuf,
    keep: usize,
    /// Fingerprints of the pretrained encoders.
    encoders: String,
}

impl Checkpoints {
    pub(crate) fn new(run: &Path, keep: usize, encoders: String) -> Self {
        Self { folder: run.join("checkpoints"), keep, encoders }
    }

    fn path(&self, step: u64) -> PathBuf {
        self.folder.join(format!("step-{step:08}"))
    }

    /// Steps of complete checkpoints, ascending.
    fn steps(&self) -> Vec<u64> {
        let Ok(entries) = std::fs::read_dir(&self.folder) else { return Vec::new() };
        let number = |entry: std::io::Result<std::fs::DirEntry>| {
            entry.ok()?.file_name().to_str()?.strip_prefix("step-")?.parse().ok()
        };
        let mut steps: Vec<u64> = entries.filter_map(number).collect();
        steps.sort_unstable();
        steps
    }

    /// Writes a checkpoint under a temporary name, renames it, and removes all but the newest.
    pub(crate) fn save(
        &self,
        model: &Rcml,
        optimizer: &ModuleOptimizer,
        progress: &Progress,
        momentum: Option<Kept>,
    ) -> Result<()> {
        let target = self.path(progress.step);
        let temporary = self.folder.join("writing.tmp");
        let io = |path: &Path, error| Error::io(path, error);
        remove(&temporary)?;
        std::fs::create_dir_all(&temporary).map_err(|error| io(&temporary, error))?;
        save_record(model, model.base(), &temporary.join("model.bpk"))?;
        if let Some(momentum) = momentum {
            save_record(&momentum, &[], &temporary.join("momentum.bpk"))?;
        }
        let path = temporary.join("optimizer.bpk");
        optimizer.to_record().save(&path).map_err(|error| Error::file(&path, error))?;
        let path = temporary.join("progress.toml");
        let progress = Progress { encoders: self.encoders.clone(), ..progress.clone() };
        let text = toml::to_string(&progress).map_err(|error| Error::file(&path, error))?;
        std::fs::write(&path, text).map_err(|error| io(&path, error))?;
        remove(&target)?;
        std::fs::rename(&temporary, &target).map_err(|error| io(&target, error))?;
        let steps = self.steps();
        for step in &steps[..steps.len().saturating_sub(self.keep)] {
            remove(&self.path(*step))?;
        }
        Ok(())
    }

    /// The newest checkpoint, if there is one.
    pub(crate) fn latest(
        &self,
        model: Rcml,
        optimizer: ModuleOptimizer,
        device: &Device,
    ) -> Result<(Rcml, ModuleOptimizer, Progress)> {
        let Some(step) = self.steps().pop() else { return Ok((model, optimizer, Progress::default())) };
        let folder = self.path(step);
        let path = folder.join("progress.toml");
        let text = std::fs::read_to_string(&path).map_err(|error| Error::io(&path, error))?;
        let progress: Progress = toml::from_str(&text).map_err(|error| Error::file(&path, error))?;
        if progress.encoders != self.encoders {
            return Err(Error::file(
                &path,
                format!(
                    "written with other pretrained encoders: expected fingerprints {:?}, found {:?}",
                    self.encoders, progress.encoders
                ),
            ));
        }
        let base = model.base().len();
        let model = load_record(model, base, &folder.join("model.bpk"), device)?;
        let path = folder.join("optimizer.bpk");
        let record = OptimizerRecord::load(&path).map_err(|error| Error::file(&path, error))?;
        Ok((model, optimizer.load_record(record), progress))
    }

    /// The momentum encoder of the newest checkpoint, if there is one.
    pub(crate) fn latest_momentum(
        &self,
        momentum: Option<Momentum>,
        config: &ModelConfig,
        device: &Device,
    ) -> Result<Option<Momentum>> {
        let (Some(momentum), Some(step)) = (&momentum, self.steps().pop()) else { return Ok(momentum) };
        let kept = load_record(momentum.kept(config, device), 0, &self.path(step).join("momentum.bpk"), device)?;
        Ok(Some(momentum.restored(kept)))
    }

    fn best(&self) -> PathBuf {
        self.folder.join("best.bpk")
    }

    /// Keeps these weights as the best so far.
    pub(crate) fn save_best(&self, model: &Rcml) -> Result<()> {
        std::fs::create_dir_all(&self.folder).map_err(|error| Error::io(&self.folder, error))?;
        let temporary = self.folder.join("best.bpk.tmp");
        save_record(model, model.base(), &temporary)?;
        std::fs::rename(&temporary, self.best()).map_err(|error| Error::io(&self.best(), error))
    }

    /// The best weights, or `model` where no validation was done.
    pub(crate) fn load_best(&self, model: Rcml, device: &Device) -> Result<Rcml> {
        let base = model.base().len();
        if self.best().is_file() { load_record(model, base, &self.best(), device) } else { Ok(model) }
    }
}

/// Writes all parameters but those of `base`, which the pretrained encoders' own files have.
fn save_record<M: Module>(model: &M, base: &[String], path: &Path) -> Result<()> {
    let own = ParamGroup::all().exclude(ParamGroup::from_paths(base.to_vec()));
    let record = model.clone().into_record_group(own);
    record.save(path).map_err(|error| Error::file(path, error))
}

/// Reads all parameters but `base` of them.
fn load_record<M: Module>(model: M, base: usize, path: &Path, device: &Device) -> Result<M> {
    let record = ModuleRecord::load(path).map_err(|error| Error::file(path, error))?;
    let (expected, found) = (parameter_names(&model).len() - base, record.len());
    if expected != found {
        return Err(Error::file(path, format!("expected {expected} tensors, found {found}")));
    }
    let model = model.try_load_record(record.allow_partial(true)).map_err(|error| Error::file(path, error))?;
    Ok(model.fork(device))
}

fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io(path, error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_read_back_to_the_bit() {
        let reread = |progress: &Progress| toml::from_str(&toml::to_string(progress).unwrap()).unwrap();
        let none = Progress::default();
        assert_eq!(none, reread(&none));
        for n in 1..2000u32 {
            let best_value = Some((1.0 + 1.0 / 3.0 + 1.0 / 7.0) / f64::from(n));
            let progress =
                Progress { step: u64::from(n), best_value, best_step: 2, since_best: 1, encoders: "a+".into() };
            assert_eq!(progress, reread(&progress));
        }
    }
}
