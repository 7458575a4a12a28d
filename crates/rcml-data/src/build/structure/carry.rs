//! The files that a dataset points at, brought to where it is written.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::{Dataset, Error, Result};

/// Links or copies the pictures and arrays of a dataset from its folder, or from where `elsewhere` says that they are, into
/// `out` under the names that the dataset has for them. What is there already stays.
///
/// # Errors
/// The file system's.
pub(super) fn files(dataset: &Dataset, elsewhere: &BTreeMap<String, PathBuf>, out: &Path) -> Result<()> {
    fs::create_dir_all(out).map_err(|e| Error::io(out, e))?;
    let items: HashMap<&str, u32> =
        dataset.items.iter().zip(0..).filter_map(|(item, number)| Some((item.image.as_deref()?, number))).collect();
    let mut names: BTreeSet<&str> = dataset.items.iter().filter_map(|item| item.image.as_deref()).collect();
    names.extend(dataset.info.modalities.values().map(|modality| modality.file.as_str()));
    let names: Vec<&str> = names.into_iter().collect();
    names.par_iter().try_for_each(|name| {
        let from = elsewhere.get(*name).cloned().unwrap_or_else(|| dataset.root.join(name));
        let to = out.join(name);
        if same(&from, &to) {
            return Ok(());
        }
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder).map_err(|e| Error::io(folder, e))?;
        }
        match fs::remove_file(&to) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(Error::io(&to, e)),
            _ => {}
        }
        // A picture may lie in a table or an archive instead.
        if !from.is_file()
            && let Some(&item) = items.get(name)
            && let Some(bytes) = dataset.picture(item)?
        {
            return fs::write(&to, bytes).map_err(|e| Error::io(&to, e));
        }
        // A link costs no space; other file systems and users get a copy.
        fs::hard_link(&from, &to).or_else(|_| fs::copy(&from, &to).map(drop)).map_err(|e| Error::io(&from, e))
    })
}

fn same(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}
