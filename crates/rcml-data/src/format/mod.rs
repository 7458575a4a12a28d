//! The neutral folder format: reading, checking, writing.

use std::path::Path;

use crate::{Dataset, FeatureArray, Problem, Result};

pub(crate) fn read(_dir: &Path) -> Result<Dataset> {
    unimplemented!()
}

pub(crate) fn check(_dir: &Path) -> Result<Vec<Problem>> {
    unimplemented!()
}

pub(crate) fn write(_dataset: &Dataset, _dir: &Path) -> Result<()> {
    unimplemented!()
}

pub(crate) fn read_features(_dataset: &Dataset, _modality: &str) -> Result<FeatureArray> {
    unimplemented!()
}
