//! Columns by the names that other people give them.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::{Kind, columnar, files, kind, lines, separated};
use crate::Result;

/// What a column is called elsewhere, the most telling first; capitals, spaces and signs do not count.
const OTHERS: [(&str, &[&str]); 9] = [
    ("id", &["itemid", "productid", "articleid", "asin", "parentasin", "sku", "stockcode", "isbn"]),
    (
        "item",
        &["itemid", "product", "productid", "article", "articleid", "asin", "parentasin", "sku", "stockcode", "isbn"],
    ),
    (
        "user",
        &["userid", "username", "customer", "customerid", "reviewer", "reviewerid", "member", "memberid", "visitorid"],
    ),
    (
        "basket",
        &[
            "basketid",
            "order",
            "orderid",
            "invoice",
            "invoiceno",
            "transaction",
            "transactionid",
            "session",
            "sessionid",
            "bundle",
            "bundleid",
            "playlist",
            "playlistid",
            "cart",
            "cartid",
        ],
    ),
    ("rating", &["score", "stars", "overall"]),
    ("timestamp", &["time", "date", "datetime", "unixreviewtime", "eventtime", "orderdate", "invoicedate"]),
    ("text", &["title", "name", "productname", "itemname", "description", "caption"]),
    ("image", &["filename", "imagepath", "imagefile", "imgpath", "picture"]),
    ("categories", &["category", "genres", "genre", "tags"]),
];

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
        let others = names(wanted)?;
        let listed = others.iter().find_map(|other| self.found.iter().find(|name| plain(name) == *other));
        // movieId, book_id: whatever a catalogue is of, if one column only is named so.
        let ids = || {
            let users = names("user").unwrap_or_default();
            let is_id = |name: &&String| plain(name).ends_with("id") && !users.contains(&plain(name).as_str());
            let mut ids = self.found.iter().filter(is_id);
            ids.next().filter(|_| ids.next().is_none() && matches!(wanted, "id" | "item"))
        };
        listed.or_else(ids).cloned()
    }

    /// Which columns were taken for which: "movies.csv: movieId as id, title as text".
    pub(crate) fn told(&self) -> Option<String> {
        let pairs: Vec<String> = self.taken.iter().map(|(wanted, found)| format!("{found} as {wanted}")).collect();
        (!pairs.is_empty()).then(|| format!("{}: {}", self.file.display(), pairs.join(", ")))
    }
}

fn names(wanted: &str) -> Option<&'static [&'static str]> {
    OTHERS.iter().find(|(name, _)| *name == wanted).map(|(_, others)| *others)
}

/// "Item ID" -> "itemid"
fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The names of the columns; in JSON lines those of the first.
fn header(path: &Path) -> Result<Vec<String>> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_names_stand_for_those_of_others() {
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
        ] {
            let found = found.split(',').map(String::from).collect();
            let mut names = Names { file: "t.csv".into(), found, taken: Vec::new() };
            assert_eq!(names.find(wanted), expected, "{wanted}");
            let told = (wanted != expected).then(|| format!("t.csv: {expected} as {wanted}"));
            assert_eq!(names.told(), told);
        }
    }
}
