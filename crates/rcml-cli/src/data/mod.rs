//! `rcml data`.

pub(crate) mod build;
pub(crate) mod check;
pub(crate) mod convert;
pub(crate) mod duplicates;
pub(crate) mod graph;
pub(crate) mod split;
pub(crate) mod stats;
