//! Datasets on disk: reading, checking, writing.
//!
//! Reading collects ALL problems: a table is read to its end whatever is wrong with its lines, and an item with a
//! problem still counts as an item, so that the edges that name it are not blamed as well.

mod csv;
mod edges;
mod embeddings;
mod features;
mod ids;
mod imagefolder;
mod info;
mod items;
mod jsonl;
mod kind;
mod layout;
mod loose;
mod mapped;
mod nearest;
pub(crate) mod parquet;
mod path;
mod pictures;
mod record;
mod relations;
mod shards;
mod table;
mod unnamed;
mod webdataset;
mod write;

#[cfg(test)]
mod corrupt;
#[cfg(test)]
mod tests;

use std::path::Path;

pub(crate) use self::embeddings::read as read_embeddings;
pub(crate) use self::features::read as read_features;
pub use self::kind::Format;
use self::layout::Layout;
pub(crate) use self::nearest::hint;
use self::table::{Place, Table};
pub(crate) use self::write::{convert, write};
use crate::{Dataset, Duplicates, Edge, Error, Inspection, Problem, Result};

/// What a path holds, with everything that is wrong with it.
struct Loaded {
    dataset: Dataset,
    problems: Vec<Problem>,
    /// Items table and the place of each item, for problems found later.
    items: Option<(Table, Vec<Place>)>,
}

pub(crate) fn read(path: &Path) -> Result<Dataset> {
    let loaded = load(path)?;
    if loaded.problems.is_empty() { Ok(loaded.dataset) } else { Err(Error::problems(loaded.problems)) }
}

pub(crate) fn inspect(path: &Path) -> Result<Inspection> {
    let Loaded { dataset, mut problems, items } = load(path)?;
    if let Some((table, places)) = &items {
        problems.extend(pictures::check(&dataset, table, places));
    }
    // Items that could not be read would be missed here as well.
    if problems.is_empty() {
        problems.extend(Duplicates::load(&dataset)?.1);
    }
    // An array whose header is wrong has been reported with the tables.
    if problems.is_empty() {
        let broken = |modality: &String| dataset.features(modality).err();
        problems.extend(dataset.info.modalities.keys().filter_map(broken).flat_map(|error| match error.list() {
            [] => vec![Problem::of(dataset.root.join(info::FILE), error.to_string())],
            list => list.to_vec(),
        }));
    }
    // Beside a single file lies what does not belong to it.
    let warnings = unnamed::warning(path, &dataset.items).filter(|_| path.is_dir()).into_iter().collect();
    Ok(Inspection { dataset, problems, warnings })
}

#[cfg(test)]
fn check(path: &Path) -> Result<Vec<Problem>> {
    inspect(path).map(|found| found.problems)
}

fn load(path: &Path) -> Result<Loaded> {
    let mut edges = Vec::new();
    let mut loaded = load_with(path, |_, edge| edges.push(edge))?;
    loaded.dataset.edges = edges;
    Ok(loaded)
}

/// Reads a dataset, but hands its edges out one by one instead of keeping them. The dataset given with an edge has all items
/// and relations; so has the one returned.
pub(crate) fn stream(path: &Path, each: impl FnMut(&Dataset, Edge)) -> Result<Dataset> {
    let loaded = load_with(path, each)?;
    if loaded.problems.is_empty() { Ok(loaded.dataset) } else { Err(Error::problems(loaded.problems)) }
}

fn load_with(path: &Path, mut each: impl FnMut(&Dataset, Edge)) -> Result<Loaded> {
    let mut problems = Vec::new();
    let Layout { root, items, alone } = layout::find(path, &mut problems)?;
    let dir = root.as_path();
    let mut dataset = Dataset { root: root.clone(), ..Dataset::default() };
    let arrays = info::read(dir, &mut dataset.info, &mut problems);
    if alone {
        dataset.info.name.get_or_insert_with(|| shards::stem(path));
    }
    let Some(items) = items else {
        if problems.is_empty() {
            let found = layout::like_items(path).map(|name| format!(", found {name}")).unwrap_or_default();
            problems.push(Problem::of(
                path,
                format!(
                    "has no table of items: expected items.jsonl, items.jsonl.zst, items.csv, \
                    items.parquet, one table of another name, shards of WebDataset or Parquet, or pictures{found}"
                ),
            ));
        }
        return Ok(Loaded { dataset, problems, items: None });
    };
    let items::Found { places, edges: attached } = items::read(&items, arrays.as_ref(), &mut dataset, &mut problems);

    let find = |name, problems: &mut Vec<Problem>| if alone { None } else { table::find(dir, name, problems) };
    let relations = find("relations", &mut problems);
    match &relations {
        Some(table) => relations::read(table, &mut dataset.relations, &mut problems),
        None => dataset.relations = edges::relations(&attached),
    }
    let attached = edges::attached(attached, &items, &dataset, &mut problems);
    match find("edges", &mut problems) {
        Some(table) if relations.is_some() => {
            edges::read(&table, &dataset, &mut problems, |edge| each(&dataset, edge));
        }
        // Without the table that edges refer to, every line would be a problem of the same cause.
        Some(table) if problems.is_empty() => {
            let path = table.sources.first().map_or_else(|| dir.join("edges"), |source| source.path.clone());
            problems.push(Problem::of(path, "names relations, but the folder has no relations table"));
        }
        _ => {}
    }
    attached.into_iter().for_each(|edge| each(&dataset, edge));
    Ok(Loaded { dataset, problems, items: Some((items, places)) })
}
