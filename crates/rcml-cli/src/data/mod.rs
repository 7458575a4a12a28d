//! `rcml data`.

pub(crate) mod build;
pub(crate) mod check;
pub(crate) mod convert;
pub(crate) mod stats;
