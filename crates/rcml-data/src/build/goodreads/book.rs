//! Lines of the book, genre and author files.

use std::collections::HashMap;
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::Result;
use crate::build::markup::plain;
use crate::build::table::{self, BadRows};

/// A book.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Book {
    pub(super) id: String,
    pub(super) title: Option<String>,
    /// Shelves that say what the book is, the fullest first.
    pub(super) shelves: Vec<String>,
    /// Address of the cover.
    pub(super) cover: Option<String>,
    pub(super) similar: Vec<String>,
    /// Id of the first author.
    pub(super) author: Option<String>,
    pub(super) attributes: Map<String, Value>,
}

/// Shelves that say what a person did with a book, not what it is.
const HABITS: [&str; 26] = [
    "to-read",
    "currently-reading",
    "read",
    "owned",
    "books-i-own",
    "my-books",
    "favorites",
    "favourites",
    "all-time-favorites",
    "library",
    "my-library",
    "kindle",
    "ebook",
    "ebooks",
    "e-book",
    "audiobook",
    "audiobooks",
    "audio",
    "default",
    "wish-list",
    "wishlist",
    "to-buy",
    "re-read",
    "did-not-finish",
    "dnf",
    "owned-books",
];

/// Shelves of a book that count as genres at most.
const SHELVES: usize = 5;

/// Reads a line of the book file. Every number in it is a text, and any field may be empty.
pub(super) fn parse(line: &[u8]) -> Result<Book, String> {
    let fields = fields(line)?;
    let id = table::text(fields.get("book_id").unwrap_or(&Value::Null));
    let id = id.ok_or("field `book_id` is missing or empty: no book")?;
    let text = |name: &str| fields.get(name).and_then(Value::as_str).and_then(plain);
    let texts = |name: &str| match fields.get(name) {
        Some(Value::Array(values)) => values.iter().filter_map(table::text).collect(),
        _ => Vec::new(),
    };
    let mut attributes = Map::new();
    for name in ["average_rating", "ratings_count", "num_pages", "publication_year"] {
        if let Some(number) = fields.get(name).and_then(table::number) {
            attributes.insert(name.into(), if number.fract() == 0.0 { json!(number as i64) } else { json!(number) });
        }
    }
    for name in ["publisher", "language_code", "format", "work_id"] {
        if let Some(text) = text(name) {
            attributes.insert(name.into(), text.into());
        }
    }
    let series: Vec<String> = texts("series");
    if !series.is_empty() {
        attributes.insert("series".into(), series.into());
    }
    Ok(Book {
        id,
        title: text("title"),
        shelves: shelves(fields.get("popular_shelves")),
        cover: text("image_url").filter(|address| address.starts_with("http") && !address.contains("/nophoto/")),
        similar: texts("similar_books"),
        author: first_author(fields.get("authors")),
        attributes,
    })
}

fn fields(line: &[u8]) -> Result<Map<String, Value>, String> {
    match serde_json::from_slice(line) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err("expected an object {...}, found something else".into()),
        Err(e) => Err(format!("broken JSON at column {}: {e}", e.column())),
    }
}

fn shelves(value: Option<&Value>) -> Vec<String> {
    let Some(Value::Array(shelves)) = value else { return Vec::new() };
    let shelf = |shelf: &Value| {
        let name = table::text(shelf.get("name")?)?;
        Some((table::number(shelf.get("count")?)?, name))
    };
    let mut shelves: Vec<(f64, String)> = shelves.iter().filter_map(shelf).collect();
    shelves.retain(|(_, name)| !HABITS.contains(&name.as_str()));
    shelves.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    shelves.into_iter().take(SHELVES).map(|(_, name)| name.replace('-', " ")).collect()
}

/// The first author without a role (an illustrator has one), else the first.
fn first_author(value: Option<&Value>) -> Option<String> {
    let authors = value?.as_array()?;
    let writes = |author: &&Value| author.get("role").and_then(Value::as_str).is_none_or(|role| role.trim().is_empty());
    table::text(authors.iter().find(writes).or_else(|| authors.first())?.get("author_id")?)
}

/// `goodreads_book_genres_initial.json.gz`: id -> genres, the one with the most votes first.
pub(super) fn genres(path: &Path, bad: &mut BadRows) -> Result<HashMap<String, Vec<String>>> {
    read(path, bad, |fields| {
        let id = table::text(fields.get("book_id")?)?;
        let mut genres: Vec<(f64, String)> = fields
            .get("genres")?
            .as_object()?
            .iter()
            .filter_map(|(name, votes)| Some((table::number(votes)?, name.clone())))
            .collect();
        genres.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        Some((id, genres.into_iter().map(|(_, name)| name).collect()))
    })
}

/// `goodreads_book_authors.json.gz`: id -> name.
pub(super) fn authors(path: &Path, bad: &mut BadRows) -> Result<HashMap<String, String>> {
    read(path, bad, |fields| Some((table::text(fields.get("author_id")?)?, plain(fields.get("name")?.as_str()?)?)))
}

fn read<T: Send>(
    path: &Path,
    bad: &mut BadRows,
    entry: impl Fn(&Map<String, Value>) -> Option<(String, T)> + Sync,
) -> Result<HashMap<String, T>> {
    let mut all = HashMap::new();
    let parse = |line: &[u8]| entry(&fields(line)?).ok_or_else(|| "expected an id and what belongs to it".to_owned());
    table::each_line(path, parse, |line, row| {
        match row {
            Ok((id, value)) => _ = all.insert(id, value),
            Err(message) => bad.add(path, line, message),
        }
        Ok(())
    })?;
    Ok(all)
}
