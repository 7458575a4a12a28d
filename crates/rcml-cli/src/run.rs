//! The folder of a run, opened.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use rcml_data::{Dataset, ImageProblem, OnCorrupt, Splits, TrainingRecord};
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

    /// Splits a dataset as the run did. A file of splits names things of the data that the run was trained on: for others
    /// (`visits`) the drawn or named split stands in, and a note says so.
    pub(crate) fn splits(&self, dataset: &Dataset, visits: bool) -> Result<(Splits, Option<String>)> {
        let mut split = self.config.split.clone();
        let (run, file) = (self.folder.display(), std::mem::take(&mut split.file));
        if file.is_empty() {
            return Ok((Splits::assign(dataset, &split)?, None));
        }
        if visits {
            let name = dataset.name();
            let note = format!(
                "{run}: its split.file {file:?} is of the data that it was trained on; {name} is split as its own files and the \
                 other settings of the run say"
            );
            return Ok((Splits::assign(dataset, &split)?, Some(note)));
        }
        split.file.clone_from(&file);
        let named = |error: rcml_data::Error| {
            Failure::new(
                error.is_input() || !Path::new(&file).is_file(),
                format!("{run}: split.file is {file:?}, which its split was read from: {error}"),
            )
        };
        Ok((Splits::assign(dataset, &split).map_err(named)?, None))
    }

    /// What the run trained on.
    pub(crate) fn training(&self) -> Result<TrainingRecord> {
        let path = self.folder.join("training.json");
        let text = fs::read_to_string(&path).map_err(|error| Failure::file(&path, &error))?;
        serde_json::from_str(&text).map_err(|error| Failure::input(format!("{}: {error}", path.display())))
    }
}

/// The name of the data that a run trained on.
pub(crate) fn origin(record: &TrainingRecord) -> &str {
    if record.dataset.is_empty() { "other data" } else { &record.dataset }
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
