//! Pictures from elsewhere, brought into the folder of a dataset.

use std::fs;
use std::path::Path;

use xxhash_rust::xxh3::xxh3_64;

use crate::{Error, Result};

/// Links or copies the picture of an item into `out`, and returns its path relative to `out`. One folder per 256th of the
/// items: a folder of a million files is slow everywhere.
///
/// # Errors
/// The file system's.
pub(crate) fn bring(out: &Path, id: &str, from: &Path) -> Result<String> {
    let ending = from.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase());
    let name = place(id, ending.as_deref().unwrap_or("jpg"));
    let to = out.join(&name);
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).map_err(|e| Error::io(folder, e))?;
    }
    match fs::remove_file(&to) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(Error::io(&to, e)),
        _ => {}
    }
    // A link costs no space; other file systems and users get a copy.
    if fs::hard_link(from, &to).is_err() {
        fs::copy(from, &to).map_err(|e| Error::io(from, e))?;
    }
    Ok(name)
}

/// Where the picture of an item is, relative to the dataset's folder. Ids are names of files where they can be; other
/// characters are replaced, and a hash keeps two such names apart.
pub(crate) fn place(id: &str, ending: &str) -> String {
    let hash = xxh3_64(id.as_bytes());
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let name: String = if id.len() <= 80 && id.chars().all(plain) {
        id.to_owned()
    } else {
        let start: String = id.chars().take(40).map(|c| if plain(c) { c } else { '_' }).collect();
        format!("{start}-{hash:016x}")
    };
    format!("images/{:02x}/{name}.{ending}", hash & 0xFF)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_id_gets_a_file_of_its_own_inside_the_folder() {
        assert!(place("B00X", "jpg").ends_with("/B00X.jpg"));
        let (a, b) = (place("../a/b", "png"), place("../a_b", "png"));
        assert_ne!(a, b);
        assert!(!a.contains("..") && a.matches('/').count() == 2, "{a}");
        assert!(place(&"é".repeat(300), "png").len() < 120);
    }

    #[test]
    fn a_picture_is_brought_twice_without_harm() {
        let dir = tempfile::tempdir().unwrap();
        let from = dir.path().join("x.PNG");
        fs::write(&from, b"one").unwrap();
        let name = bring(dir.path(), "i", &from).unwrap();
        assert_eq!(bring(dir.path(), "i", &from).unwrap(), name);
        assert_eq!(fs::read(dir.path().join(name)).unwrap(), b"one");
        assert!(bring(dir.path(), "i", &dir.path().join("none.png")).unwrap_err().is_input());
    }
}
