//! The log of interactions: which user took which item, when, and how it was rated.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasherDefault, Hasher};
use std::path::{Path, PathBuf};

use serde_json::Value;
use xxhash_rust::xxh3::xxh3_64;

use super::Say;
use super::baskets::Baskets;
use crate::build::table::{self, BadRows, Column, Names};
use crate::{Error, Result};

/// Where the log is, and which of its rows count.
#[derive(Debug, Clone, PartialEq)]
pub struct LogOptions {
    /// CSV, JSON lines (plain, gzip or Zstandard) or Parquet files, or folders of them; read one after the other.
    pub files: Vec<PathBuf>,
    /// Column of the user's name.
    pub user: String,
    /// Column of the item's name.
    pub item: String,
    /// Column of a rating; only looked at where `min_rating` is given.
    pub rating: String,
    /// Column of the moment (seconds or milliseconds since 1970, or a date); may be missing.
    pub timestamp: String,
    /// Column that must be true (or 1) for a row to count: that a shelved book was read, say.
    pub flag: Option<String>,
    /// Rows with a lower rating, or none, do not count.
    pub min_rating: Option<f64>,
    /// Rows before this moment, or without one, do not count (seconds since 1970).
    pub since: Option<i64>,
    /// Rows from this moment on do not count.
    pub until: Option<i64>,
    /// Whether rows that cannot be read are skipped and counted; otherwise they are errors.
    pub skip_bad: bool,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self {
            files: Vec::new(),
            user: "user".into(),
            item: "item".into(),
            rating: "rating".into(),
            timestamp: "timestamp".into(),
            flag: None,
            min_rating: None,
            since: None,
            until: None,
            skip_bad: false,
        }
    }
}

impl LogOptions {
    /// With the columns that are there for those of a usual name that are not.
    pub(super) fn found(&self, say: Say<'_>) -> Result<Self> {
        let mut names = Names::of(&self.files)?;
        let mut named = self.clone();
        for column in [&mut named.user, &mut named.item, &mut named.rating, &mut named.timestamp] {
            *column = names.find(column);
        }
        names.told().inspect(|told| say(told));
        Ok(named)
    }
}

/// A log in numbers.
#[derive(Debug, Default)]
pub(crate) struct Log {
    users: HashMap<u64, u32, BuildHasherDefault<Hashed>>,
    pairs: Vec<(u32, u32)>,
    /// First and last moment of each item, where the log has moments.
    pub(crate) seen: Vec<Option<(i64, i64)>>,
    pub(crate) counts: LogCounts,
}

/// What became of the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct LogCounts {
    /// Rows read.
    pub rows: u64,
    /// Rows about items that the catalogue lacks.
    pub unknown_items: u64,
    /// Rows outside `flag`, `min_rating`, `since` and `until`.
    pub filtered: u64,
    /// Rows that could not be read and were skipped.
    pub bad: u64,
}

/// One row that can be read.
struct Interaction {
    /// Hash of the user's name: a log of tens of millions of rows does not keep their names. Two of 10 million users
    /// share one with a probability of about 3 in a million.
    user: u64,
    item: String,
    rating: Option<f64>,
    moment: Option<i64>,
    /// Whether the column of `flag` says so; true without one.
    counts: bool,
}

impl Log {
    fn new(items: usize) -> Self {
        Self { seen: vec![None; items], ..Self::default() }
    }

    /// Adds a row, unless the options leave it out.
    fn add(&mut self, row: &Interaction, items: &HashMap<&str, u32>, options: &LogOptions) {
        self.counts.rows += 1;
        let Some(&item) = items.get(row.item.as_str()) else {
            self.counts.unknown_items += 1;
            return;
        };
        let rated = options.min_rating.is_none_or(|least| row.rating.is_some_and(|rating| rating >= least));
        let after = options.since.is_none_or(|since| row.moment.is_some_and(|moment| moment >= since));
        let before = options.until.is_none_or(|until| row.moment.is_some_and(|moment| moment < until));
        if !(row.counts && rated && after && before) {
            self.counts.filtered += 1;
            return;
        }
        let next = self.users.len() as u32;
        let user = match self.users.entry(row.user) {
            Entry::Occupied(entry) => *entry.get(),
            Entry::Vacant(entry) => *entry.insert(next),
        };
        self.pairs.push((user, item));
        if let (Some(moment), Some(seen)) = (row.moment, self.seen.get_mut(item as usize)) {
            let (first, last) = seen.unwrap_or((moment, moment));
            *seen = Some((first.min(moment), last.max(moment)));
        }
    }

    /// The baskets; a user who took an item twice took it once.
    pub(crate) fn into_baskets(self) -> (Baskets, Vec<Option<(i64, i64)>>) {
        (Baskets::new(self.users.len(), self.seen.len(), self.pairs), self.seen)
    }
}

/// Reads the log of a catalogue of `count` items; `items` numbers them by the names that the log has for them.
pub(crate) fn read(options: &LogOptions, items: &HashMap<&str, u32>, count: usize, say: Say<'_>) -> Result<Log> {
    if options.files.is_empty() {
        return Err(Error::input("there is no log to read: name at least one file"));
    }
    let optional = |name: &str, needed: bool| {
        if needed { Column::required(name) } else { Column::optional(name) }
    };
    let mut columns = vec![
        Column::required(&options.user),
        Column::required(&options.item),
        optional(&options.rating, options.min_rating.is_some()),
        optional(&options.timestamp, options.since.is_some() || options.until.is_some()),
    ];
    columns.extend(options.flag.iter().map(Column::required));
    let mut log = Log::new(count);
    let mut bad = BadRows::new(options.skip_bad);
    for path in table::files(&options.files)? {
        let parse = |cells: &mut [Value]| interaction(cells, options);
        table::each_row(&path, &columns, parse, |line, row| {
            match row.and_then(|row| row) {
                Ok(row) => log.add(&row, items, options),
                Err(message) => {
                    log.counts.rows += 1;
                    bad.add(&path, line, message);
                }
            }
            if log.counts.rows.is_multiple_of(5_000_000) {
                say(&format!("read {} million rows of the log", log.counts.rows / 1_000_000));
            }
            Ok(())
        })?;
    }
    log.counts.bad = bad.finish()?;
    check(&log, options)?;
    Ok(log)
}

fn interaction(cells: &[Value], options: &LogOptions) -> Result<Interaction, String> {
    let named = |at: usize, column: &str| {
        table::text(&cells[at]).ok_or_else(|| format!("column `{column}`: found {}, expected a name", cells[at]))
    };
    let user = xxh3_64(named(0, &options.user)?.as_bytes());
    let item = named(1, &options.item)?;
    let rating = table::number(&cells[2]);
    if options.min_rating.is_some() && rating.is_none() && !cells[2].is_null() {
        return Err(format!("column `{}`: found {}, expected a number", options.rating, cells[2]));
    }
    let moment = table::seconds(&cells[3]);
    if moment.is_none() && !cells[3].is_null() && cells[3] != "" {
        let found = &cells[3];
        return Err(format!("column `{}`: found {found}, expected seconds since 1970 or a date", options.timestamp));
    }
    let counts = match cells.get(4) {
        None | Some(Value::Bool(true)) => true,
        Some(Value::Number(number)) => number.as_f64() == Some(1.0),
        Some(Value::String(text)) => matches!(text.trim().to_ascii_lowercase().as_str(), "true" | "1" | "yes"),
        _ => false,
    };
    Ok(Interaction { user, item, rating, moment, counts })
}

/// A log that leaves nothing is a mistake in a name or a setting: say which.
fn check(log: &Log, options: &LogOptions) -> Result<()> {
    let LogCounts { rows, unknown_items, filtered, .. } = log.counts;
    if !log.pairs.is_empty() {
        return Ok(());
    }
    let first = options.files.first().map(PathBuf::as_path).unwrap_or_else(|| Path::new("the log"));
    Err(Error::input(format!(
        "{}: none of {rows} rows can be used: {unknown_items} name an item that the catalogue lacks, {filtered} are left \
         out by the rating or the time",
        first.display()
    )))
}

/// Passes a hash through: the keys are hashes already.
#[derive(Debug, Default)]
pub(crate) struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = xxh3_64(bytes);
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str, options: LogOptions) -> Result<Log> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log.csv");
        std::fs::write(&path, text).unwrap();
        let items = HashMap::from([("a", 0), ("b", 1), ("7", 2)]);
        read(&LogOptions { files: vec![path], ..options }, &items, 3, &|_| {})
    }

    #[test]
    fn rows_are_counted_by_what_became_of_them() {
        let text = "user,item,rating,timestamp\nu,a,5,100\nu,a,4,50\nv,b,1,70\nv,x,5,10\nw,7,4,2020-01-01\n";
        let log = read_text(text, LogOptions { min_rating: Some(3.0), ..LogOptions::default() }).unwrap();
        assert_eq!(log.counts, LogCounts { rows: 5, unknown_items: 1, filtered: 1, bad: 0 });
        let (baskets, seen) = log.into_baskets();
        assert_eq!(seen, [Some((50, 100)), None, Some((1_577_836_800, 1_577_836_800))]);
        assert_eq!(baskets.iter().collect::<Vec<_>>(), [&[0][..], &[2]]);
    }

    #[test]
    fn bad_rows_are_errors_unless_they_are_skipped() {
        let text = "user,item,timestamp\nu,a,100\n,b,3\nv,b,soon\n";
        let error = read_text(text, LogOptions::default()).unwrap_err().to_string();
        assert!(
            error.contains("log.csv:3: column `user`") && error.contains("log.csv:4: column `timestamp`"),
            "{error}"
        );
        let log = read_text(text, LogOptions { skip_bad: true, ..LogOptions::default() }).unwrap();
        assert_eq!((log.counts.bad, log.pairs.len()), (2, 1));
        let nothing = read_text("user,item\nu,zzz\n", LogOptions::default()).unwrap_err().to_string();
        assert!(nothing.contains("none of 1 rows") && nothing.contains("1 name an item"), "{nothing}");
    }
}
