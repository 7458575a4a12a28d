//! The folder of a run, opened.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use rcml_data::{Dataset, ImageProblem, OnCorrupt, Split, Splits, TrainingRecord, check_leakage};
use rcml_kernels::device;
use rcml_model::{Embedder, ItemReader};
use rcml_train::RunConfig;

use crate::failure::{Failure, Result};
use crate::output::note;
use crate::progress::Progress;

/// What to do with pictures that cannot be used.
#[derive(Debug, Args)]
pub(crate) struct PictureArguments {
    /// Go on where pictures cannot be decoded, and count them as missing
    #[arg(long)]
    pub(crate) skip_corrupt: bool,
}

/// A finished run.
pub(crate) struct Run {
    pub(crate) folder: PathBuf,
    pub(crate) config: RunConfig,
}

impl Run {
    /// Reads its configuration. Corrupt pictures count as missing where that or `pictures` says so.
    pub(crate) fn open(folder: &Path, pictures: &PictureArguments) -> Result<Self> {
        if !folder.is_dir() {
            return Err(Failure::input(format!("{}: there is no such run folder", folder.display())));
        }
        let mut config = RunConfig::load(folder)?;
        if pictures.skip_corrupt {
            config.image.on_corrupt = OnCorrupt::Skip;
        }
        let weights = folder.join("model.safetensors");
        if !weights.is_file() {
            return Err(Failure::input(format!(
                "{}: there is no such file; the run is not finished (`rcml train` with the same --out continues it)",
                weights.display()
            )));
        }
        Ok(Self { folder: folder.to_path_buf(), config })
    }

    pub(crate) fn embedder(&self, device: &str) -> Result<Embedder> {
        let embedder = Embedder::load(&self.folder, &device::parse(device)?)?;
        Ok(embedder.with_on_corrupt(self.config.image.on_corrupt))
    }

    /// Splits a dataset as the run did.
    pub(crate) fn splits(&self, dataset: &Dataset) -> Result<Splits> {
        Ok(Splits::assign(dataset, &self.config.split)?)
    }

    /// Fails if something that `splits` holds out was trained on.
    pub(crate) fn check_leakage(&self, dataset: &Dataset, splits: &Splits, split: Split) -> Result<()> {
        check_leakage(dataset, splits, split, &self.training()?)
            .map_err(|error| Failure::new(error.is_input(), format!("{}: {error}", self.folder.display())))
    }

    /// What the run trained on.
    pub(crate) fn training(&self) -> Result<TrainingRecord> {
        let path = self.folder.join("training.json");
        let text = fs::read_to_string(&path).map_err(|error| Failure::file(&path, &error))?;
        serde_json::from_str(&text).map_err(|error| Failure::input(format!("{}: {error}", path.display())))
    }

    /// The name of the data that the run trained on, where it trained on none of this dataset's items.
    pub(crate) fn other_dataset(&self, record: &TrainingRecord, dataset: &Dataset) -> Option<String> {
        let origin = if record.dataset.is_empty() { "other data" } else { &record.dataset };
        record.is_of_other_items(dataset).then(|| origin.to_string())
    }
}

/// Prepares the items of a dataset for a model, with progress, and says which pictures were skipped.
pub(crate) fn read_items(embedder: &Embedder, dataset: &Dataset, items: &[u32]) -> Result<ItemReader> {
    let pictures = items.iter().filter(|i| dataset.items.get(**i as usize).is_some_and(|item| item.image.is_some()));
    let progress = Progress::new("reading pictures", pictures.count());
    let reader = embedder.reader(dataset, items, &|done| progress.set(done))?;
    progress.finish();
    ImageProblem::lines(reader.image_problems()).for_each(|line| note(&line));
    Ok(reader)
}
