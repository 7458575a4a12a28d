//! The neutral folder format: reading, checking, writing.
//!
//! Reading collects ALL problems: a table is read to its end whatever is wrong with its lines, and an item with a
//! problem still counts as an item, so that the edges that name it are not blamed as well.

mod csv;
mod edges;
mod embeddings;
mod features;
mod info;
mod items;
mod jsonl;
mod nearest;
mod path;
mod pictures;
mod record;
mod relations;
mod table;
mod write;

#[cfg(test)]
mod tests;

use std::path::Path;

pub(crate) use self::embeddings::read as read_embeddings;
pub(crate) use self::features::read as read_features;
pub(crate) use self::nearest::hint;
pub(crate) use self::write::write;
use crate::{Dataset, Error, Problem, Result};

/// What a folder holds, with everything that is wrong with it.
struct Loaded {
    dataset: Dataset,
    problems: Vec<Problem>,
    /// Items table and the line of each item, for problems found later.
    items: Option<(std::path::PathBuf, Vec<usize>)>,
}

pub(crate) fn read(dir: &Path) -> Result<Dataset> {
    let loaded = load(dir)?;
    if loaded.problems.is_empty() { Ok(loaded.dataset) } else { Err(Error::problems(loaded.problems)) }
}

pub(crate) fn check(dir: &Path) -> Result<Vec<Problem>> {
    let Loaded { dataset, mut problems, items } = load(dir)?;
    if let Some((table, lines)) = &items {
        problems.extend(pictures::check(&dataset, table, lines));
    }
    // An array whose header is wrong has been reported with the tables.
    if problems.is_empty() {
        let broken = |modality: &String| dataset.features(modality).err();
        problems.extend(dataset.info.modalities.keys().filter_map(broken).flat_map(|error| match error.list() {
            [] => vec![Problem::of(dir.join(info::FILE), error.to_string())],
            list => list.to_vec(),
        }));
    }
    Ok(problems)
}

fn load(dir: &Path) -> Result<Loaded> {
    match std::fs::metadata(dir) {
        Ok(metadata) if metadata.is_dir() => {}
        Ok(_) => return Err(Error::input(format!("{} is a file: expected the folder of a dataset", dir.display()))),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            return Err(Error::input(format!("{}: there is no such folder", dir.display())));
        }
        Err(e) => return Err(Error::io(dir, e)),
    }
    let mut problems = Vec::new();
    let mut dataset = Dataset { root: dir.to_path_buf(), ..Dataset::default() };
    let arrays = info::read(dir, &mut dataset.info, &mut problems);

    let items = table::find(dir, "items", &mut problems).map(|table| {
        let lines = items::read(&table, dir, arrays.as_ref(), &mut dataset.items, &mut problems);
        (table.path, lines)
    });
    if items.is_none() && problems.is_empty() {
        problems.push(Problem::of(dir, "has no table of items: expected items.jsonl, items.jsonl.zst or items.csv"));
    }
    let relations = table::find(dir, "relations", &mut problems);
    if let Some(table) = &relations {
        relations::read(table, &mut dataset.relations, &mut problems);
    }
    match table::find(dir, "edges", &mut problems) {
        Some(table) if relations.is_some() && items.is_some() => {
            let found = edges::read(&table, &dataset, &mut problems);
            dataset.edges = found;
        }
        // Without the tables that edges refer to, every line would be a problem of the same cause.
        Some(table) if items.is_some() && problems.is_empty() => {
            problems.push(Problem::of(table.path, "names relations, but the folder has no relations table"));
        }
        _ => {}
    }
    Ok(Loaded { dataset, problems, items })
}
