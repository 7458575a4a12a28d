//! Whether every picture can be decoded.

use rayon::prelude::*;
use std::collections::HashSet;

use super::path::is_file;
use super::record::told;
use super::table::{Place, Table};
use crate::{Dataset, Problem};

/// Decodes every picture once and names the ones that fail, at the first item that has them.
pub(super) fn check(dataset: &Dataset, table: &Table, places: &[Place]) -> Vec<Problem> {
    let mut seen = HashSet::new();
    let pictures = dataset.items.iter().zip(places).filter_map(|(item, &place)| Some((item.image.as_deref()?, place)));
    let pictures: Vec<(&str, Place)> = pictures.filter(|(path, _)| seen.insert(*path)).collect();
    let problem = |(path, place): (&str, Place)| {
        // What is wrong with the path has been reported with the table.
        if !dataset.pictures.is_embedded(path) {
            is_file(&dataset.root, path).ok()?;
        }
        let bytes = dataset.pictures.read(&dataset.root, path);
        let message = bytes.and_then(|bytes| crate::image::decode_bytes(&bytes, None)).err()?;
        let field = told(dataset.columns.of("image"), "image");
        Some(table.problem(place, format!("{field}: {path:?} cannot be decoded: {message}")))
    };
    pictures.into_par_iter().filter_map(problem).collect()
}
