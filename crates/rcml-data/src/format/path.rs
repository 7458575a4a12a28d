//! Paths inside a dataset's folder.

use std::path::Path;

/// What is wrong with a relative path, judged by its words alone.
pub(super) fn stays_inside(path: &str) -> Result<(), String> {
    if path.is_empty() {
        return Err("is empty: expected a path relative to the folder".into());
    }
    if path.contains("://") {
        return Err(format!("{path:?} is an address: expected a file in the folder"));
    }
    let bytes = path.as_bytes();
    let drive = bytes.len() >= 2 && bytes[0].is_ascii_alphabetic() && bytes[1] == b':';
    if path.starts_with(['/', '\\']) || drive {
        return Err(format!("{path:?} is absolute: expected a path relative to the folder"));
    }
    let mut depth = 0usize;
    for part in path.split(['/', '\\']) {
        match part {
            "" | "." => {}
            ".." if depth == 0 => {
                return Err(format!("{path:?} leaves the folder: expected a path inside it"));
            }
            ".." => depth -= 1,
            _ => depth += 1,
        }
    }
    Ok(())
}

/// What is wrong with a relative path to a file of the folder.
pub(super) fn is_file(dir: &Path, path: &str) -> Result<(), String> {
    stays_inside(path)?;
    match std::fs::metadata(dir.join(path)) {
        Ok(metadata) if metadata.is_file() => Ok(()),
        Ok(_) => Err(format!("{path:?} is a folder: expected a file")),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Err(format!("there is no file {path:?} in the folder")),
        Err(e) => Err(format!("{path:?} cannot be opened: {e}")),
    }
}
