//! Whether every picture can be decoded.

use std::collections::HashSet;
use std::path::Path;

use rayon::prelude::*;

use super::path::is_file;
use crate::{Dataset, Problem};

/// Decodes every picture once and names the ones that fail, at the first item that has them.
pub(super) fn check(dataset: &Dataset, table: &Path, lines: &[usize]) -> Vec<Problem> {
    let mut seen = HashSet::new();
    let pictures = dataset.items.iter().zip(lines).filter_map(|(item, &line)| Some((item.image.as_deref()?, line)));
    let pictures: Vec<(&str, usize)> = pictures.filter(|(path, _)| seen.insert(*path)).collect();
    let problem = |(path, line): (&str, usize)| {
        // What is wrong with the path has been reported with the table.
        is_file(&dataset.root, path).ok()?;
        let message = crate::image::decode(&dataset.root.join(path), [0; 3]).err()?;
        Some(Problem::at(table, line, format!("field `image`: {path:?} cannot be decoded: {message}")))
    };
    pictures.into_par_iter().filter_map(problem).collect()
}
