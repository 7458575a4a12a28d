//! A trained cell, opened to look at: its model and the items it watched.

use std::path::Path;

use rcml_data::{Dataset, Split, Splits};
use rcml_eval::{EvalSet, ModelScorer};
use rcml_kernels::device;
use rcml_model::Embedder;
use rcml_train::RunConfig;

use crate::failure::Result;

/// The validation items of a run's dataset: pictures of results show these, so that looking at them reads no test split.
pub(crate) fn validation<'a>(dataset: &'a Dataset, run: &Path) -> Result<EvalSet<'a>> {
    let splits = Splits::assign(dataset, &RunConfig::load(run)?.split)?;
    Ok(EvalSet::new(dataset, &splits, Split::Validation)?)
}

/// The model of a run over the items of a set.
pub(crate) fn scorer(name: &str, run: &Path, set: &EvalSet<'_>) -> Result<ModelScorer> {
    let embedder = Embedder::load(run, &device::parse("cpu")?)?;
    let reader = embedder.reader(set.dataset(), set.items(), &|_| {})?;
    Ok(ModelScorer::new(name, set.dataset(), embedder, reader))
}
