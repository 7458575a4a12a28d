//! The table of items.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use rayon::prelude::*;
use serde_json::Value;

use super::parquet::ParquetPictures;
use super::path::{is_file, stays_inside};
use super::record::Record;
use super::table::{Place, Row, Source, Table};
use super::{ids, loose, nearest};
use crate::image::{PictureFile, Pictures};
use crate::{Dataset, Item, Problem};

/// Rows of each declared feature modality; `None` where its file cannot be read (which is reported with it).
pub(super) type Arrays = BTreeMap<String, Option<usize>>;

/// What the table says besides the items themselves.
#[derive(Default)]
pub(super) struct Found {
    /// The place of each item.
    pub(super) places: Vec<Place>,
    /// Edges that stand with the item they begin at, by its id.
    pub(super) edges: Vec<(Place, String, Value)>,
}

/// A row that has been parsed.
struct Parsed {
    item: Item,
    problems: Vec<String>,
    picture: Option<u64>,
    edges: Vec<Value>,
    taken: loose::Taken,
}

/// Reads all items. `arrays` is `None` where `dataset.toml` could not be read.
pub(super) fn read(
    table: &Table,
    arrays: Option<&Arrays>,
    dataset: &mut Dataset,
    problems: &mut Vec<Problem>,
) -> Found {
    let Dataset { root, items, pictures, columns, .. } = dataset;
    let mut found = Found::default();
    let mut first: HashMap<String, Place> = HashMap::new();
    let files: Vec<Option<u32>> = table
        .sources
        .iter()
        .map(|source| {
            let file: Option<Arc<dyn PictureFile>> = match (&source.parquet, &source.shard) {
                (Some(file), _) if file.has_pictures() => Some(Arc::new(ParquetPictures::new(file.clone()))),
                (_, Some(shard)) => Some(shard.clone()),
                _ => None,
            };
            file.map(|file| pictures.add_file(file))
        })
        .collect();
    table.each(
        problems,
        |row, source| item(row, (root, source), arrays, table.loose),
        |place, parsed, problems| {
            let mut say = |message: String| problems.push(table.problem(place, message));
            let Parsed { mut item, problems: wrong, picture, edges, taken } = match parsed {
                Err(message) => return say(message),
                Ok(parsed) => parsed,
            };
            wrong.into_iter().for_each(&mut say);
            if let Some(source) = table.sources.get(place.source as usize) {
                item.split = item.split.or(source.split);
                let file = files.get(place.source as usize).copied().flatten();
                if let (Some(file), Some(at)) = (file, picture) {
                    match place_picture(pictures, item.image.as_deref(), &source.path, file, at) {
                        Ok(path) => item.image = Some(path),
                        Err(message) => say(format!("field `image`: {message}")),
                    }
                }
            }
            if !item.id.is_empty() {
                match first.get(&item.id) {
                    Some(&first) => {
                        say(format!("id {:?} is taken: {} has it first", item.id, table.words(first, place)));
                    }
                    None => _ = first.insert(item.id.clone(), place),
                }
            }
            taken.iter().for_each(|(field, column)| columns.take(field, column));
            found.edges.extend(edges.into_iter().map(|edge| (place, item.id.clone(), edge)));
            items.push(item);
            found.places.push(place);
        },
    );
    if table.loose {
        ids::assign(table, items, &found.places, &mut first, columns);
        let mut seen = HashSet::new();
        let attributes = items.iter().flat_map(|item| item.attributes.keys());
        attributes.filter(|column| seen.insert(column.as_str())).for_each(|column| columns.keep(column));
    }
    if items.is_empty() && problems.is_empty() {
        problems.extend(table.sources.first().map(|source| Problem::of(&source.path, "has no items")));
    }
    found
}

/// The path of a picture inside a table or an archive: what the row calls it, or the place where it lies.
fn place_picture(
    pictures: &mut Pictures,
    name: Option<&str>,
    holder: &Path,
    file: u32,
    at: u64,
) -> Result<String, String> {
    let name = name.filter(|name| stays_inside(name).is_ok());
    let holder = holder.file_name().unwrap_or_default().to_string_lossy();
    pictures.add(name, &format!("{holder}/{at}"), file, at)
}

fn item(
    row: Row<'_>,
    (dir, source): (&Path, &Source),
    arrays: Option<&Arrays>,
    is_loose: bool,
) -> Result<Parsed, String> {
    let (folder, has_image) = (&source.folder, row.has_column("image", source));
    let mut sample = row.sample()?;
    let mut taken = loose::Taken::new();
    if is_loose {
        let known = loose::Known { image: has_image, picture: sample.picture.is_some() };
        taken = loose::rename(&mut sample.fields, known);
    }
    let mut record = Record::new(sample.fields);
    (record.problems, record.taken) = (sample.problems, taken);
    let id = if is_loose { record.string("id") } else { record.required("id") };
    let before = record.problems.len();
    let text = record.string("text");
    let mut image = record.string("image");
    if let Some(path) = image.as_mut().filter(|path| stays_inside(path).is_ok()) {
        let named = if folder.is_empty() { path.clone() } else { format!("{folder}/{path}") };
        let elsewhere = || loose::place(dir, folder, path).filter(|_| is_loose && !dir.join(&named).is_file());
        *path = elsewhere().unwrap_or(named);
    }
    if sample.picture.is_none()
        && let Some(Err(message)) = image.as_deref().map(|image| is_file(dir, image))
    {
        let field = record.field("image");
        record.problem(format!("{field}: {message}"));
    }
    let features = features(&mut record, arrays);
    let has_image = image.is_some() || sample.picture.is_some();
    // A modality that is there but wrong has been reported; that there is none would only repeat it.
    if record.problems.len() == before && !has_image && features.is_empty() {
        match text.as_deref().map(str::trim) {
            None if is_loose => {
                let found = record.names().join("`, `");
                record.problem(format!(
                    "no modality: expected a column such as `text`, `title`, `image` or `file_name`, found `{found}`"
                ));
            }
            None => {
                let found = record.names().join("`, `");
                let found = if found.is_empty() { String::new() } else { format!(", found `{found}`") };
                record.problem(format!("no modality: expected at least one of `text`, `image`, `features`{found}"));
            }
            Some("") => record.problem("field `text` is empty, and there is no `image` and no `features`"),
            Some(_) => {}
        }
    }
    let label = match record.take("label") {
        None => None,
        Some(Value::String(label)) => Some(label),
        Some(Value::Number(number)) if number.is_i64() || number.is_u64() => Some(number.to_string()),
        Some(other) => {
            record.mistyped("label", "a string or a whole number", &other);
            None
        }
    };
    let split = record.split();
    let problems = std::mem::take(&mut record.problems);
    let taken = std::mem::take(&mut record.taken);
    let text = text.filter(|text| !text.trim().is_empty());
    let id = id.unwrap_or_default();
    let item = Item { id, text, image, label, split, features, attributes: record.rest() };
    Ok(Parsed { item, problems, picture: sample.picture, edges: sample.edges, taken })
}

fn features(record: &mut Record, arrays: Option<&Arrays>) -> BTreeMap<String, usize> {
    let mut features = BTreeMap::new();
    let rows = match record.take("features") {
        None => return features,
        Some(Value::Object(rows)) => rows,
        Some(other) => {
            record.mistyped("features", "an object of names and row numbers", &other);
            return features;
        }
    };
    for (name, value) in rows {
        let field = format!("features.{name}");
        let row = match value.as_u64() {
            _ if value.is_null() => continue,
            Some(row) => row as usize,
            None => {
                record.mistyped(&field, "a row number (0, 1, ...)", &value);
                continue;
            }
        };
        match arrays.map(|arrays| (arrays, arrays.get(&name))) {
            Some((arrays, None)) => {
                let hint = nearest::hint(&name, arrays.par_iter().map(|(name, _)| name.as_str()));
                record.problem(format!("field `{field}`: dataset.toml has no [modalities.{name}]{hint}"));
            }
            Some((_, Some(Some(rows)))) if row >= *rows => {
                record.problem(format!(
                    "field `{field}`: found row {row}, but the array has {rows} rows (counted from 0)"
                ));
            }
            _ => _ = features.insert(name, row),
        }
    }
    features
}
