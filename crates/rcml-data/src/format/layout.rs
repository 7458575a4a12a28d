//! What a path holds: a folder of the neutral format, WebDataset shards, Parquet files as `datasets` writes them, a folder of
//! pictures, or one table.

use std::path::{Path, PathBuf};

use super::table::{ENDINGS, Kind, Table};
use super::{imagefolder, shards, table, webdataset};
use crate::{Error, Problem, Result};

/// Where the tables of a dataset are.
pub(super) struct Layout {
    /// What paths are relative to.
    pub(super) root: PathBuf,
    pub(super) items: Option<Table>,
    /// The path is one file, and no other belongs to it.
    pub(super) alone: bool,
}

/// Looks at the names of files, in the order in which they leave the least doubt.
pub(super) fn find(path: &Path, problems: &mut Vec<Problem>) -> Result<Layout> {
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => {}
        Ok(_) => return file(path, problems),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            return Err(Error::input(format!("{}: there is no such folder", path.display())));
        }
        Err(e) => return Err(Error::io(path, e)),
    }
    let known = problems.len();
    let mut items = table::find(path, "items", problems);
    if items.is_none() && problems.len() == known {
        let files = files(path, 2);
        let of = |wanted: &dyn Fn(&str) -> bool| -> Vec<PathBuf> {
            let named = |file: &&PathBuf| file.file_name().and_then(|name| name.to_str()).is_some_and(wanted);
            files.iter().filter(named).cloned().collect()
        };
        let tars = of(&|name| is_tar(name));
        let parquet = of(&|name| {
            name.ends_with(".parquet")
                && !name.starts_with("relations")
                && !name.starts_with("edges")
                && !imagefolder::is_metadata(name)
        });
        let with_split = |files: Vec<PathBuf>| {
            let split = |file: &PathBuf| shards::split(file.strip_prefix(path).unwrap_or(file));
            files.into_iter().map(|file| (file.clone(), split(&file))).collect::<Vec<_>>()
        };
        problems.extend(shards::missing(if tars.is_empty() { &parquet } else { &tars }));
        items = if !tars.is_empty() {
            Some(Table::open("items", Kind::Tar, with_split(tars), true, problems))
        } else if !parquet.is_empty() {
            Some(Table::open("items", Kind::Parquet, with_split(parquet), true, problems))
        } else {
            imagefolder::find(path, problems)
        };
    }
    Ok(Layout { root: path.to_path_buf(), items, alone: false })
}

fn file(path: &Path, problems: &mut Vec<Problem>) -> Result<Layout> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let kind = ENDINGS.iter().find(|(ending, _)| name.ends_with(&format!(".{ending}"))).map(|(_, kind)| *kind);
    let Some(kind) = kind.or(is_tar(&name).then_some(Kind::Tar)) else {
        return Err(Error::input(format!(
            "{} is a file: expected the folder of a dataset, or a .jsonl, .jsonl.zst, .csv, .parquet or .tar",
            path.display()
        )));
    };
    // The table of items of a folder stands for the folder.
    if name.starts_with("items.") {
        return find(parent, problems);
    }
    let files = [(path.to_path_buf(), shards::split(Path::new(&name)))];
    let items = Some(Table::open("items", kind, files, true, problems));
    Ok(Layout { root: parent.to_path_buf(), items, alone: true })
}

/// A file of the folder that may have been meant as its table of items.
pub(super) fn like_items(dir: &Path) -> Option<String> {
    let names = files(dir, 0).into_iter().filter_map(|file| Some(file.file_name()?.to_string_lossy().into_owned()));
    names.into_iter().find(|name| name.to_ascii_lowercase().starts_with("items."))
}

fn is_tar(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    webdataset::ENDINGS.iter().any(|ending| name.ends_with(ending))
}

/// Files of a folder and of the folders in it, down to a depth, sorted by their paths. Hidden ones are passed over.
pub(super) fn files(dir: &Path, depth: usize) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(entries) = std::fs::read_dir(dir) else { return found };
    let mut entries: Vec<_> =
        entries.flatten().filter(|entry| !entry.file_name().to_string_lossy().starts_with('.')).collect();
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        match path.is_dir() {
            true if depth > 0 => found.extend(files(&path, depth - 1)),
            true => {}
            false => found.push(path),
        }
    }
    found
}
