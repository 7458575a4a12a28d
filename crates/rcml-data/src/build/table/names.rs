//! Columns by the names that other people give them.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::{Kind, columnar, files, kind, lines, separated};
use crate::Result;
use crate::column_names::{BODIES, HEADINGS, IDS, PATHS, PICTURES, TEXTS, VAGUE_IDS, alike};

/// What a column is called elsewhere, the most telling first; capitals, spaces and signs do not count.
fn names(wanted: &str) -> Vec<&'static str> {
    let listed: &[&str] = match wanted {
        "id" => &IDS,
        "item" => return ["item id", "product", "product id", "article"].into_iter().chain(IDS).collect(),
        "user" => &[
            "user id",
            "user name",
            "customer",
            "customer id",
            "reviewer",
            "reviewer id",
            "member",
            "member id",
            "visitor id",
        ],
        "basket" => &[
            "basket id",
            "order",
            "order id",
            "invoice",
            "invoice no",
            "transaction",
            "transaction id",
            "session",
            "session id",
            "bundle",
            "bundle id",
            "playlist",
            "playlist id",
            "cart",
            "cart id",
        ],
        "rating" => &["score", "stars", "overall"],
        "timestamp" => &["time", "date", "date time", "unix review time", "event time", "order date", "invoice date"],
        "text" => &TEXTS,
        // Names alone are known here: what only its cells would tell is not taken.
        "image" => return PATHS.into_iter().chain(PICTURES).collect(),
        "categories" => &["category", "genres", "genre", "tags"],
        _ => &[],
    };
    listed.to_vec()
}

/// The names of a table's columns.
pub(crate) struct Names {
    file: PathBuf,
    found: Vec<String>,
    /// What was found for what was asked for, where the two differ.
    taken: Vec<(String, String)>,
}

impl Names {
    /// Of the first of these files; all of a table's files have the same columns.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub(crate) fn of(paths: &[PathBuf]) -> Result<Self> {
        let file = files(paths)?.into_iter().next().unwrap_or_default();
        let found = if file.as_os_str().is_empty() { Vec::new() } else { header(&file)? };
        Ok(Self { file, found, taken: Vec::new() })
    }

    /// Whether there is a column of exactly this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.found.iter().any(|found| found == name)
    }

    /// The column that is meant: the one of this name; if there is none and the name is the usual one, a column that is
    /// called so elsewhere. `wanted` itself where nothing fits.
    pub(crate) fn find(&mut self, wanted: &str) -> String {
        if self.has(wanted) {
            return wanted.to_owned();
        }
        let Some(other) = self.other(wanted) else { return wanted.to_owned() };
        self.taken.push((wanted.to_owned(), other.clone()));
        other
    }

    fn other(&self, wanted: &str) -> Option<String> {
        let listed = self.first(&names(wanted));
        // movieId, book_id: whatever a catalogue is of, if one column only is named so.
        let ids = || {
            let users = names("user");
            let of_items = |name: &&String| is_id(name) && !users.iter().any(|user| alike(user, name));
            let mut ids = self.found.iter().filter(of_items);
            ids.next().filter(|_| ids.next().is_none() && matches!(wanted, "id" | "item"))
        };
        let vague = || self.first(&VAGUE_IDS).filter(|_| wanted == "id");
        listed.or_else(ids).or_else(vague).cloned()
    }

    /// The same for the columns of an item's text: a title or name has its description behind it, as in a
    /// [dataset's own tables](crate::Dataset::open).
    pub(crate) fn find_texts(&mut self, wanted: &[String]) -> Vec<String> {
        let mut texts: Vec<String> = wanted.iter().map(|text| self.find(text)).collect();
        if let ([wanted], [found]) = (wanted, texts.as_slice())
            && wanted != found
            && HEADINGS.iter().any(|heading| alike(heading, found))
            && let Some(body) = self.first(&BODIES).cloned()
        {
            self.taken.push((wanted.clone(), body.clone()));
            texts.push(body);
        }
        texts
    }

    /// The column of the first of these names that one has.
    fn first(&self, names: &[&str]) -> Option<&String> {
        names.iter().find_map(|name| self.found.iter().find(|found| alike(found, name)))
    }

    /// Which columns were taken for which: "movies.csv: movieId as id, title as text".
    pub(crate) fn told(&self) -> Option<String> {
        let pairs: Vec<String> = self.taken.iter().map(|(wanted, found)| format!("{found} as {wanted}")).collect();
        (!pairs.is_empty()).then(|| format!("{}: {}", self.file.display(), pairs.join(", ")))
    }
}

/// "movieId", "book_id", "Item ID"; not "paid".
fn is_id(name: &str) -> bool {
    let before = |ending: &str| name.strip_suffix(ending).and_then(|before| before.chars().last());
    before("Id").or(before("ID")).is_some_and(|c| !c.is_uppercase())
        || before("id").is_some_and(|c| !c.is_alphanumeric())
}

/// The names of the columns; in JSON lines those of the first.
pub(super) fn header(path: &Path) -> Result<Vec<String>> {
    match kind(path)? {
        Kind::Csv => separated::header(path),
        Kind::Parquet => columnar::header(path),
        Kind::Jsonl => {
            let first = lines::first_line(path)?;
            let fields: Option<Map<String, Value>> = serde_json::from_slice(&first).ok();
            Ok(fields.into_iter().flatten().map(|(name, _)| name).collect())
        }
    }
}

/// The columns of all files but pictures, each once, in the order in which they come.
///
/// # Errors
/// A file that cannot be read.
pub(crate) fn columns(paths: &[PathBuf]) -> Result<Vec<String>> {
    let (mut all, mut seen) = (Vec::new(), HashSet::new());
    for path in files(paths)? {
        if kind(&path)? != Kind::Jsonl {
            // Pictures in a table are no words about an item.
            let names = if kind(&path)? == Kind::Parquet { columnar::without_pictures(&path)? } else { header(&path)? };
            all.extend(names.into_iter().filter(|name| seen.insert(name.clone())));
            continue;
        }
        // An object may leave a field out that another one has. What is no object is told when it is read as a row.
        let names = |line: &[u8]| {
            let fields: Option<Map<String, Value>> = serde_json::from_slice(line).ok();
            Ok(fields.into_iter().flatten().map(|(name, _)| name).collect::<Vec<_>>())
        };
        lines::each_line(&path, names, |_, names| {
            all.extend(names.unwrap_or_default().into_iter().filter(|name| seen.insert(name.clone())));
            Ok(())
        })?;
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_names_stand_for_those_of_others() {
        let named = |found: &str| {
            let found = found.split(',').map(String::from).collect();
            Names { file: "t.csv".into(), found, taken: Vec::new() }
        };
        for (found, wanted, expected) in [
            ("movieId,title,genres", "id", "movieId"),
            ("movieId,title,genres", "text", "title"),
            ("movieId,title,genres", "categories", "genres"),
            ("userId,movieId,rating,timestamp", "item", "movieId"),
            ("userId,movieId,rating,timestamp", "user", "userId"),
            ("userId,movieId,rating,timestamp", "rating", "rating"),
            ("session ID,item ID", "basket", "session ID"),
            ("session ID,item ID", "item", "item ID"),
            ("InvoiceNo,StockCode,InvoiceDate", "item", "StockCode"),
            ("InvoiceNo,StockCode,InvoiceDate", "timestamp", "InvoiceDate"),
            // Two that could be meant, one that was named, one that is there: nothing is guessed.
            ("movieId,imdbId,title", "id", "id"),
            ("movieId,title", "film", "film"),
            ("id,item_id,title", "id", "id"),
            ("name,paid", "id", "id"),
            ("name,book_id,paid", "id", "book_id"),
            ("Object Number,title,code", "id", "Object Number"),
            ("movieId,title,code", "id", "movieId"),
            ("code,title", "id", "code"),
            // In a log, it may be anybody's.
            ("uid,code", "item", "item"),
            ("user,sku", "item", "sku"),
            ("id,photo,path", "image", "photo"),
            ("id,path", "image", "image"),
        ] {
            let mut names = named(found);
            assert_eq!(names.find(wanted), expected, "{wanted}");
            let told = (wanted != expected).then(|| format!("t.csv: {expected} as {wanted}"));
            assert_eq!(names.told(), told);
        }
        let texts =
            |found, wanted: &str| named(found).find_texts(&wanted.split(',').map(String::from).collect::<Vec<_>>());
        assert_eq!(texts("Title,price,Description", "text"), ["Title", "Description"]);
        assert_eq!(texts("title,price", "text"), ["title"]);
        assert_eq!(texts("caption,description", "text"), ["caption"]);
        assert_eq!(texts("title,description", "title"), ["title"], "as it was asked for");
    }
}
