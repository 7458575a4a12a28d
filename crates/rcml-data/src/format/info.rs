//! `dataset.toml`.

use std::path::Path;

use super::features;
use super::items::Arrays;
use super::path::is_file;
use crate::{DatasetInfo, ModalityInfo, Problem};

pub(super) const FILE: &str = "dataset.toml";

/// Reads `dataset.toml`, where there is one, and the headers of the arrays it declares. `None`: it could not be read.
pub(super) fn read(dir: &Path, info: &mut DatasetInfo, problems: &mut Vec<Problem>) -> Option<Arrays> {
    let path = dir.join(FILE);
    let text = match std::fs::read(&path) {
        Ok(bytes) => String::from_utf8(bytes).map_err(|_| "is not UTF-8".to_string()),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Some(Arrays::new()),
        Err(e) => Err(format!("cannot be read: {e}")),
    };
    let text = match text {
        Ok(text) => text,
        Err(message) => {
            problems.push(Problem::of(path, message));
            return None;
        }
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    *info = match toml::from_str(text) {
        Ok(info) => info,
        Err(e) => {
            let start = e.span().map_or(0, |span| span.start);
            let line = 1 + text.bytes().take(start).filter(|&byte| byte == b'\n').count();
            problems.push(Problem::at(path, line, e.message().replace('\n', "; ")));
            return None;
        }
    };
    let mut arrays = Arrays::new();
    for (name, modality) in &info.modalities {
        let rows = rows(dir, name, modality);
        if let Err(message) = &rows {
            problems.push(Problem::of(&path, format!("[modalities.{name}]: {message}")));
        }
        arrays.insert(name.clone(), rows.ok());
    }
    Some(arrays)
}

fn rows(dir: &Path, name: &str, modality: &ModalityInfo) -> Result<usize, String> {
    if matches!(name, "" | "text" | "image") {
        return Err(format!("{name:?} cannot be the name of a feature modality"));
    }
    is_file(dir, &modality.file).map_err(|message| format!("file: {message}"))?;
    let shape = features::shape(&dir.join(&modality.file), modality)?;
    Ok(shape.first().copied().unwrap_or(0))
}
