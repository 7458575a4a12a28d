//! A dataset as a new folder of any format that is written.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::path::Path;

use serde_json::Value;

use super::picture::Names;
use super::{Row, csv, lines, parquet, row, webdataset, write_lines};
use crate::format::path::stays_inside;
use crate::whole::{Wrong, write_file};
use crate::{Dataset, Duplicates, Error, Format, Result};

/// Writes everything: tables, pictures, arrays, known duplicates, `dataset.toml`. `progress` is told how many items are done.
pub(crate) fn convert(dataset: &Dataset, dir: &Path, format: Format, progress: &dyn Fn(usize)) -> Result<()> {
    std::fs::create_dir_all(dir).map_err(|e| Error::io(dir, e))?;
    refuse_what_is_there(dir)?;
    if let (Ok(from), Ok(to)) = (dataset.root.canonicalize(), dir.canonicalize())
        && from == to
    {
        return Err(Error::input(format!("{}: expected another folder than that of the dataset", dir.display())));
    }
    // What cannot be written is found before anything is.
    dataset.relations.iter().try_for_each(|relation| row::relation(relation).map(|_| ()))?;
    dataset.items.iter().try_for_each(|item| row::item(item).map(|_| ()))?;
    let info = toml::to_string_pretty(&dataset.info).map_err(|e| Error::input(format!("dataset.toml: {e}")))?;
    let mut writer = Pictures { dataset, dir, names: Names::new(dataset), as_files: format.has_picture_files() };

    let name = |table: &str| dir.join(format!("{table}.{}", format.ending()));
    let done = |index: usize| progress(index + 1);
    match format {
        Format::Jsonl | Format::JsonlZst | Format::Csv => {
            let mut row = |index: usize| {
                let mut row = row::item(&dataset.items[index])?;
                writer.put(index, &mut row)?;
                done(index);
                Ok(row)
            };
            let rows = (0..dataset.items.len()).map(&mut row);
            write_file(&name("items"), |file| match format {
                Format::Csv => csv::items(file, dataset, rows),
                Format::JsonlZst => compressed(file, rows),
                _ => write_lines(file, rows),
            })?;
        }
        Format::Parquet => {
            // The bytes are read with the row, which then has its new path.
            let pictures = RefCell::new(VecDeque::new());
            let rows = (0..dataset.items.len()).map(|index| {
                let mut row = row::item(&dataset.items[index])?;
                let picture = writer.put(index, &mut row)?;
                pictures.borrow_mut().push_back(picture);
                done(index);
                Ok(row)
            });
            let picture = |_| Ok(pictures.borrow_mut().pop_front().flatten());
            write_file(&name("items"), |file| parquet::items(file, dataset, rows, picture))?;
        }
        Format::WebDataset => webdataset::shards(dataset, dir, |index| {
            let mut row = row::item(&dataset.items[index])?;
            let picture = writer.put(index, &mut row)?;
            done(index);
            Ok((row, picture))
        })?,
    }
    relations_and_edges(dataset, dir, format)?;
    arrays(dataset, dir)?;
    Duplicates::carry(dataset, std::slice::from_ref(&dataset.root), dir)?;
    write_file(&dir.join(crate::format::info::FILE), |file| Ok(std::io::Write::write_all(file, info.as_bytes())?))
}

fn relations_and_edges(dataset: &Dataset, dir: &Path, format: Format) -> Result<()> {
    let name = |table: &str| dir.join(format!("{table}.{}", format.ending()));
    let relations = || dataset.relations.iter().map(row::relation);
    let edges = || dataset.edges.iter().map(|edge| row::edge(dataset, edge));
    if !dataset.relations.is_empty() {
        match format {
            Format::Jsonl => lines(&name("relations"), relations())?,
            Format::JsonlZst => write_file(&name("relations"), |file| compressed(file, relations()))?,
            Format::Csv => write_file(&name("relations"), |file| csv::relations(file, dataset))?,
            Format::Parquet => write_file(&name("relations"), |file| parquet::relations(file, dataset))?,
            Format::WebDataset => lines(&dir.join("relations.jsonl"), relations())?,
        }
    }
    if !dataset.edges.is_empty() {
        match format {
            Format::Jsonl => lines(&name("edges"), edges())?,
            Format::JsonlZst => write_file(&name("edges"), |file| compressed(file, edges()))?,
            Format::Csv => write_file(&name("edges"), |file| csv::edges(file, dataset))?,
            Format::Parquet => write_file(&name("edges"), |file| parquet::edges(file, dataset))?,
            // They stand with the items that they begin at.
            Format::WebDataset => {}
        }
    }
    Ok(())
}

fn compressed(file: &mut impl std::io::Write, rows: impl Iterator<Item = Result<Row>>) -> Result<(), Wrong> {
    let mut encoder = zstd::stream::write::Encoder::new(file, 3)?;
    write_lines(&mut encoder, rows)?;
    encoder.finish()?;
    Ok(())
}

/// A folder that has tables already would have two of one, or a mixture of both.
fn refuse_what_is_there(dir: &Path) -> Result<()> {
    let tables = ["items", "relations", "edges", "dataset", "duplicates"];
    let entries = std::fs::read_dir(dir).map_err(|e| Error::io(dir, e))?;
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let table =
            tables.iter().any(|table| name.strip_prefix(table).is_some_and(|rest| rest.starts_with(['.', '-'])));
        if table || name.contains(".tar") {
            return Err(Error::input(format!("{}: holds {name} already: expected an empty folder", dir.display())));
        }
    }
    Ok(())
}

/// Copies the arrays of feature modalities.
fn arrays(dataset: &Dataset, dir: &Path) -> Result<()> {
    for modality in dataset.info.modalities.values() {
        stays_inside(&modality.file).map_err(|message| Error::input(format!("dataset.toml: {message}")))?;
        let (from, to) = (dataset.root.join(&modality.file), dir.join(&modality.file));
        if let Some(folder) = to.parent() {
            std::fs::create_dir_all(folder).map_err(|e| Error::io(folder, e))?;
        }
        std::fs::copy(&from, &to).map_err(|e| Error::io(&from, e))?;
    }
    Ok(())
}

/// Reads pictures, and writes them as files where the format wants that.
struct Pictures<'a> {
    dataset: &'a Dataset,
    dir: &'a Path,
    names: Names,
    as_files: bool,
}

impl Pictures<'_> {
    /// Gives the row the new path of its picture, and returns the bytes where they are not a file now.
    fn put(&mut self, index: usize, row: &mut Row) -> Result<Option<Vec<u8>>> {
        let Some(path) = self.dataset.items[index].image.as_deref() else { return Ok(None) };
        let bytes = self.dataset.picture(index as u32)?.unwrap_or_default();
        let (name, is_new) = self.names.of(path, &bytes);
        row.insert("image".into(), Value::from(name.as_str()));
        if !self.as_files {
            return Ok(Some(bytes));
        }
        if is_new {
            let to = self.dir.join(&name);
            if let Some(folder) = to.parent() {
                std::fs::create_dir_all(folder).map_err(|e| Error::io(folder, e))?;
            }
            std::fs::write(&to, bytes).map_err(|e| Error::io(&to, e))?;
        }
        Ok(None)
    }
}
