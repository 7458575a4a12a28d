//! "Is bought in the same order as": relations from orders, bundles, playlists and sessions.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;

use serde_json::Value;
use xxhash_rust::xxh3::xxh3_64;

use super::draft::{Draft, attach, phrased};
use super::{Added, PruneOptions};
use crate::build::interactions::{EdgeOptions, Meetings, Signal, meet};
use crate::build::table::{self, BadRows, Column, Names};
use crate::{Dataset, Error, Result};

/// Where the baskets are, and how pairs of them become edges.
#[derive(Debug, Clone, PartialEq)]
pub struct BasketOptions {
    /// CSV, JSON lines or Parquet files, or folders of them.
    pub files: Vec<PathBuf>,
    /// Column of the basket's name; of the user's where `session` is given.
    pub basket: String,
    /// Column of the item's id, or of an array of ids.
    pub item: String,
    /// Column of the moment.
    pub timestamp: String,
    /// A pause of more seconds than this begins a new session of a user; `None`: the column names the basket.
    pub session: Option<i64>,
    /// Id of the relation.
    pub relation: String,
    /// Phrasings of the relation; empty for the usual ones.
    pub phrasings: Vec<String>,
    /// Baskets with more items make no edges.
    pub most_basket: usize,
    /// How pairs become edges.
    pub edges: EdgeOptions,
    /// Whether rows that cannot be read are skipped and counted.
    pub skip_bad: bool,
    /// Seed of the folds that judge the pairs of the others.
    pub seed: u64,
    /// Edges that the relation needs; `edges.neighbours` limits those of an item.
    pub support: usize,
}

impl BasketOptions {
    /// Pairs of items in one basket, corrected for popularity.
    pub fn new(files: Vec<PathBuf>) -> Self {
        Self {
            files,
            basket: "basket".into(),
            item: "item".into(),
            timestamp: "timestamp".into(),
            session: None,
            relation: "same-basket".into(),
            phrasings: Vec::new(),
            most_basket: 100,
            edges: EdgeOptions::default(),
            skip_bad: false,
            seed: 0,
            support: 2,
        }
    }
}

impl BasketOptions {
    /// With the columns that are there for those of a usual name that are not.
    fn found(&self) -> Result<(Self, Option<String>)> {
        let mut names = Names::of(&self.files)?;
        let mut named = self.clone();
        // With sessions, a user's rows are parted into baskets.
        let is_of_user = self.session.is_some() && self.basket == "basket" && !names.has("basket");
        named.basket = names.find(if is_of_user { "user" } else { &self.basket });
        named.item = names.find(&self.item);
        named.timestamp = names.find(&self.timestamp);
        Ok((named, names.told()))
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub struct BasketReport {
    /// What was added.
    pub added: Added,
    /// Columns that were taken for those of the usual names.
    pub columns: Option<String>,
    /// Baskets with at least two items.
    pub baskets: usize,
    /// Rows about items that the dataset lacks.
    pub unknown_items: u64,
    /// Rows that could not be read and were skipped.
    pub bad: u64,
    /// Pairs of items that stand together in enough baskets.
    pub supported_pairs: usize,
    /// Pairs of baskets that did not choose them, against what popularity alone would give.
    pub signal: Signal,
    /// Hit@5 of 21 of answering with the items that have the most edges.
    pub popularity_hit: f64,
}

impl fmt::Display for BasketReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { columns, baskets, unknown_items, bad, supported_pairs, signal, .. } = self;
        if let Some(columns) = columns {
            writeln!(f, "  {columns}")?;
        }
        writeln!(f, "  {baskets} baskets of two items or more; {unknown_items} rows of unknown items, {bad} bad")?;
        writeln!(f, "  {supported_pairs} pairs stand together often enough")?;
        write!(f, "{}", self.added)?;
        let (lift, hit) = (signal.lift(), self.popularity_hit * 100.0);
        writeln!(f, "  lift over popularity in baskets that did not choose the pairs: {lift:.2} (z {:.1})", signal.z)?;
        writeln!(f, "  popularity alone: Hit@5 of 21 {hit:.1}% (chance 23.8%)")?;
        if let Some(advice) = signal.verdict().advice() {
            writeln!(f, "  {advice}")?;
        }
        Ok(())
    }
}

/// Adds a relation between items that stand in one basket more often than popularity explains.
///
/// # Errors
/// Tables that cannot be read, and rows of which none names an item of the dataset.
pub fn add_baskets(dataset: &mut Dataset, options: &BasketOptions) -> Result<BasketReport> {
    let (options, columns) = &options.found()?;
    let mut rows: Vec<(u64, i64, u32)> = Vec::new();
    let (mut total, mut unknown_items) = (0_u64, 0_u64);
    let mut bad = BadRows::new(options.skip_bad);
    {
        let index = dataset.item_index();
        let time = options.session.is_some();
        let columns = [
            Column::required(&options.basket),
            Column::required(&options.item),
            if time { Column::required(&options.timestamp) } else { Column::optional(&options.timestamp) },
        ];
        for path in table::files(&options.files)? {
            let parse = |cells: &mut [Value]| row(cells, options);
            table::each_row(&path, &columns, parse, |line, parsed| {
                total += 1;
                match parsed.and_then(|row| row) {
                    Ok((basket, moment, items)) => {
                        for item in items {
                            match index.get(item.as_str()) {
                                Some(&item) => rows.push((basket, moment, item)),
                                None => unknown_items += 1,
                            }
                        }
                    }
                    Err(message) => bad.add(&path, line, message),
                }
                Ok(())
            })?;
        }
    }
    let bad = bad.finish()?;
    if rows.is_empty() {
        return Err(Error::input(format!("none of {total} rows names an item of {}", dataset.name())));
    }
    let pairs = numbered(rows, options.session);
    let users = pairs.last().map_or(0, |&(basket, _)| basket as usize + 1);
    let found = meet(users, dataset.items.len(), pairs, options.most_basket, &options.edges, options.seed);
    let Meetings { edges, baskets, supported_pairs, signal, popularity_hit } = found;
    let usual = USUAL.map(String::from).to_vec();
    let phrasings = if options.phrasings.is_empty() { usual } else { options.phrasings.clone() };
    let relation = phrased(&options.relation, "basket", true, phrasings);
    // Degrees were limited when the edges were chosen.
    let prune = PruneOptions { support: options.support, degree: 0 };
    let few = edges.len() < options.support;
    let mut notes = Vec::new();
    if few {
        notes.push(format!(
            "{supported_pairs} pairs stand in enough of {baskets} baskets (--min-support), and {} of them also pass what \
             corrects for popularity (--correction)",
            edges.len()
        ));
    }
    let added = attach(dataset, vec![Draft { relation, edges }], &prune, notes)?;
    let added = if few { added.or_nothing(&prune)? } else { added };
    Ok(BasketReport {
        added,
        columns: columns.clone(),
        baskets,
        unknown_items,
        bad,
        supported_pairs,
        signal,
        popularity_hit,
    })
}

const USUAL: [&str; 4] = [
    "is bought in the same order as",
    "goes into the same basket as",
    "is taken together with it",
    "is what people add to it in one go",
];

fn row(cells: &[Value], options: &BasketOptions) -> Result<(u64, i64, Vec<String>), String> {
    let name = table::text(&cells[0]);
    let name = name.ok_or_else(|| format!("column `{}`: found {}, expected a name", options.basket, cells[0]))?;
    let items = table::texts(&cells[1], None);
    if items.is_empty() {
        return Err(format!("column `{}`: found {}, expected the id of an item", options.item, cells[1]));
    }
    let moment = table::seconds(&cells[2]);
    if options.session.is_some() && moment.is_none() {
        let found = &cells[2];
        return Err(format!("column `{}`: found {found}, expected seconds since 1970 or a date", options.timestamp));
    }
    Ok((xxh3_64(name.as_bytes()), moment.unwrap_or(0), items))
}

/// (basket, item) with baskets numbered: by their names in the order in which they come, or by the sessions of each user.
fn numbered(mut rows: Vec<(u64, i64, u32)>, session: Option<i64>) -> Vec<(u32, u32)> {
    let mut numbers: HashMap<u64, u32> = HashMap::new();
    let Some(pause) = session else {
        let number = |(name, _, item): (u64, i64, u32)| {
            let next = numbers.len() as u32;
            (*numbers.entry(name).or_insert(next), item)
        };
        let mut pairs: Vec<(u32, u32)> = rows.into_iter().map(number).collect();
        pairs.sort_unstable();
        return pairs;
    };
    rows.sort_unstable();
    let (mut pairs, mut basket, mut last) = (Vec::with_capacity(rows.len()), 0, None);
    for (user, moment, item) in rows {
        if last.is_some_and(|(before, at)| before != user || moment - at > pause) {
            basket += 1;
        }
        last = Some((user, moment));
        pairs.push((basket, item));
    }
    pairs
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::Item;

    fn dataset(n: usize) -> Dataset {
        let items = (0..n).map(|i| Item::new(format!("i{i}")).text("t")).collect();
        Dataset { items, ..Dataset::default() }
    }

    #[test]
    fn a_pause_begins_a_new_session() {
        let rows = vec![(7, 100, 1), (7, 110, 2), (9, 105, 1), (7, 5_000, 3)];
        assert_eq!(numbered(rows.clone(), Some(600)), [(0, 1), (0, 2), (1, 3), (2, 1)]);
        assert_eq!(numbered(rows, None), [(0, 1), (0, 2), (0, 3), (1, 1)]);
    }

    #[test]
    fn things_that_go_together_are_found_and_popular_ones_are_not() {
        // Items 2i and 2i + 1 go together; item 40 is in most baskets.
        let dir = tempfile::tempdir().unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let mut lines = String::from("basket,item\n");
        for basket in 0..4_000 {
            let mut add = |item: u32| lines.push_str(&format!("b{basket},i{item}\n"));
            let pair = rng.random_range(0..20) * 2;
            [pair, pair + 1].into_iter().for_each(&mut add);
            if rng.random_bool(0.7) {
                add(40);
            }
            add(rng.random_range(0..40));
        }
        let file = dir.path().join("orders.csv");
        std::fs::write(&file, lines).unwrap();
        let mut data = dataset(41);
        let report = add_baskets(&mut data, &BasketOptions::new(vec![file.clone()])).unwrap();
        let pairs: Vec<(u32, u32)> = data.edges.iter().map(|e| (e.source, e.target)).collect();
        assert_eq!(pairs, (0..20).map(|i| (2 * i, 2 * i + 1)).collect::<Vec<_>>());
        assert!(report.signal.is_there() && report.signal.lift() > 5.0, "{report}");
        assert_eq!(report.baskets, 4_000);
        let mut other = dataset(0);
        other.items.push(Item::new("zzz").text("t"));
        let error = add_baskets(&mut other, &BasketOptions::new(vec![file])).unwrap_err().to_string();
        assert!(error.contains("none of"), "{error}");
    }
}
