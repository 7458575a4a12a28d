//! Whether every picture can be decoded.

use std::collections::HashSet;
use std::panic::catch_unwind;
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
        let message = decode(&dataset.root.join(path)).err()?;
        Some(Problem::at(table, line, format!("field `image`: {path:?} cannot be decoded: {message}")))
    };
    pictures.into_par_iter().filter_map(problem).collect()
}

fn decode(path: &Path) -> Result<(), String> {
    let bytes = std::fs::read(path).map_err(|e| e.to_string())?;
    let format = ::image::guess_format(&bytes).map_err(|_| "it is no PNG, JPEG, WebP, GIF or BMP".to_string())?;
    // A decoder that panics on a damaged file has found it damaged.
    let decoded = catch_unwind(|| ::image::load_from_memory_with_format(&bytes, format).map(drop));
    decoded.map_err(|_| "the decoder failed on this file".to_string())?.map_err(|e| e.to_string())?;
    if format == ::image::ImageFormat::Jpeg && !jpeg_ends(&bytes) {
        return Err("the JPEG ends before its end marker: it is cut short".into());
    }
    Ok(())
}

/// Whether an end marker follows the last scan. The decoder fills what is missing of a JPEG with grey and says nothing.
fn jpeg_ends(bytes: &[u8]) -> bool {
    let last = |marker: [u8; 2]| bytes.windows(2).rposition(|pair| pair == marker);
    last([0xFF, 0xD9]) > last([0xFF, 0xDA])
}
