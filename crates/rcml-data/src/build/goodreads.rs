//! `goodreads`: books and what people read, of the Goodreads data (UCSD Book Graph), as items and relations.

mod book;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::download::{self, Wanted};
use super::interactions::{
    Catalogue, CategoryKind, InteractionOptions, InteractionReport, LogOptions, add_links, read_log, relate,
};
use super::table::{self, BadRows, Column};
use crate::{DatasetInfo, Error, Item, Relation, Result};
use book::Book;

/// How the dataset is built.
#[derive(Debug, Clone, PartialEq)]
pub struct GoodreadsOptions {
    /// Book files (`goodreads_books_X.json.gz`).
    pub books: Vec<PathBuf>,
    /// Interaction files (`goodreads_interactions_X.json.gz`, or `goodreads_interactions.csv` with `book_ids`).
    pub interactions: Vec<PathBuf>,
    /// `book_id_map.csv`: the CSV of interactions numbers books in its own way.
    pub book_ids: Option<PathBuf>,
    /// `goodreads_book_genres_initial.json.gz`; without it, genres are the shelves that people put a book on.
    pub genres: Option<PathBuf>,
    /// Authors (`goodreads_book_authors.json.gz`), for their names.
    pub authors: Option<PathBuf>,
    /// Whether books that were shelved but not read count as well.
    pub shelved: bool,
    /// Interactions with a lower rating, or none, do not count.
    pub min_rating: Option<f64>,
    /// Whether covers are downloaded; books without one, and those whose cover cannot be fetched, are left out.
    pub download_images: bool,
    /// Whether lines that cannot be read are skipped and counted.
    pub skip_bad: bool,
    /// How relations are made.
    pub relations: InteractionOptions,
}

impl GoodreadsOptions {
    /// Settings for a catalogue: relations corrected for popularity, 5-core.
    pub fn new(books: Vec<PathBuf>, interactions: Vec<PathBuf>) -> Self {
        Self {
            books,
            interactions,
            book_ids: None,
            genres: None,
            authors: None,
            shelved: false,
            min_rating: None,
            download_images: false,
            skip_bad: false,
            relations: InteractionOptions {
                core: 5,
                categories: CategoryKind::Set,
                verb: "read".into(),
                ..InteractionOptions::default()
            },
        }
    }
}

const ATTRIBUTION: &str = "Wan and McAuley (2018): Item Recommendation on Monotonic Behavior Chains, RecSys; Wan, Misra, \
    Nakashole and McAuley (2019): Fine-Grained Spoiler Detection from Large-Scale Review Corpora, ACL";

/// Builds a dataset from book and interaction files and writes it to `out`, with `report.json`. Relations are those of
/// [`crate::build::build_interactions`] over genres, and `similar-books`, which the books name.
///
/// # Errors
/// Files that cannot be read (with file and line), nothing left after the core.
pub fn build_goodreads(
    out: &Path,
    options: &GoodreadsOptions,
    say: &(dyn Fn(&str) + Sync),
) -> Result<InteractionReport> {
    options.relations.validate()?;
    let mut bad = BadRows::new(options.skip_bad);
    let genres = options.genres.as_deref().map(|path| book::genres(path, &mut bad)).transpose()?;
    let authors = options.authors.as_deref().map(|path| book::authors(path, &mut bad)).transpose()?;
    let numbers = options.book_ids.as_deref().map(book_numbers).transpose()?;

    let mut catalogue = Catalogue::default();
    let (mut similar, mut covers) = (HashMap::new(), HashMap::new());
    let (mut untitled, mut uncovered) = (0_u64, 0_u64);
    let mut taken = std::collections::HashSet::new();
    for path in table::files(&options.books)? {
        table::each_line(&path, book::parse, |line, parsed| {
            let Book { id, title, shelves, cover, similar: links, author, attributes } = match parsed {
                Ok(book) => book,
                Err(message) => {
                    bad.add(&path, line, message);
                    return Ok(());
                }
            };
            let Some(title) = title else {
                untitled += 1;
                return Ok(());
            };
            if options.download_images && cover.is_none() {
                uncovered += 1;
                return Ok(());
            }
            if !taken.insert(id.clone()) {
                return Ok(());
            }
            let name = author.and_then(|author| authors.as_ref()?.get(&author).cloned());
            let mut item =
                Item::new(&id).text(name.as_ref().map_or(title.clone(), |name| format!("{title} by {name}")));
            item.attributes = attributes;
            if let Some(name) = name {
                item.attributes.insert("author".into(), name.into());
            }
            let categories = genres.as_ref().map_or(shelves, |genres| genres.get(&id).cloned().unwrap_or_default());
            item.label = categories.first().cloned();
            item.attributes.insert("categories".into(), categories.clone().into());
            if !links.is_empty() {
                similar.insert(id.clone(), links);
            }
            if let Some(cover) = cover.filter(|_| options.download_images) {
                covers.insert(id, cover);
            }
            catalogue.push(item, &categories, None);
            Ok(())
        })?;
    }
    let bad_items = bad.finish()?;
    let books = catalogue.items.len();
    say(&format!("{books} books; left out: {untitled} without a title, {uncovered} without a cover"));
    if books == 0 {
        return Err(Error::input(format!("no book can be used: {untitled} have no title, {uncovered} no cover")));
    }

    let log = log_options(options);
    let index = catalogue.index();
    let index = match &numbers {
        // The log's own numbers stand for the ids.
        Some(numbers) => {
            numbers.iter().filter_map(|(own, id)| Some((own.as_str(), *index.get(id.as_str())?))).collect()
        }
        None => index,
    };
    let log = read_log(&log, &index, catalogue.items.len(), say)?;
    drop(index);
    let info = DatasetInfo {
        name: Some("goodreads".into()),
        source: Some("https://cseweb.ucsd.edu/~jmcauley/datasets/goodreads.html".into()),
        attribution: Some(ATTRIBUTION.into()),
        ..DatasetInfo::default()
    };
    let mut related = relate(catalogue, log, info, &options.relations, say)?;
    related.report.bad_items = bad_items;
    if options.download_images {
        let wanted = |item: &Item| Some(Wanted { id: item.id.clone(), address: covers.get(&item.id)?.clone() });
        let wanted: Vec<Wanted> = related.dataset.items.iter().filter_map(wanted).collect();
        let images = download::pictures(out, &wanted, &download::Manners::default(), say)?;
        for item in &mut related.dataset.items {
            item.image = images.get(&item.id).cloned();
        }
        related.keep(|item| item.image.is_some())?;
    }
    let relation = Relation {
        id: "similar-books".into(),
        descriptions: SIMILAR.map(String::from).to_vec(),
        family: Some("shop".into()),
        ..Relation::default()
    };
    add_links(&mut related.dataset, relation, |id| similar.remove(id).unwrap_or_default());
    related.write(out)
}

const SIMILAR: [&str; 4] = [
    "readers who enjoyed it also enjoyed this",
    "is a similar book",
    "is recommended to those who liked it",
    "is what its readers turn to next",
];

fn log_options(options: &GoodreadsOptions) -> LogOptions {
    LogOptions {
        files: options.interactions.clone(),
        user: "user_id".into(),
        item: "book_id".into(),
        timestamp: "date_added".into(),
        flag: (!options.shelved).then(|| "is_read".into()),
        min_rating: options.min_rating,
        skip_bad: options.skip_bad,
        ..LogOptions::default()
    }
}

/// `book_id_map.csv`: number of a book in the CSV of interactions -> its id.
fn book_numbers(path: &Path) -> Result<HashMap<String, String>> {
    let columns = [Column::required("book_id_csv"), Column::required("book_id")];
    let mut numbers = HashMap::new();
    let mut bad = BadRows::new(false);
    let parse = |cells: &mut [serde_json::Value]| Some((table::text(&cells[0])?, table::text(&cells[1])?));
    table::each_row(path, &columns, parse, |line, row| {
        match row {
            Ok(Some((own, id))) => _ = numbers.insert(own, id),
            Ok(None) => bad.add(path, line, "expected two ids"),
            Err(message) => bad.add(path, line, message),
        }
        Ok(())
    })?;
    bad.finish()?;
    Ok(numbers)
}

#[cfg(test)]
mod tests;
