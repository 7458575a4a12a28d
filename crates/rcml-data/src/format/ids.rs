//! Ids for the items of a table that has no column `id`: another column that tells them apart, or made ones.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::table::{Kind, Place, Source, Table};
use crate::column_names::{IDS, VAGUE_IDS, alike};
use crate::{Item, TakenColumns};

/// Gives ids to the items that have none. A column that names items elsewhere is taken only if it names every one of these and
/// no two the same: of a table of three pictures for each product, the product is no id.
pub(super) fn assign(
    table: &Table,
    items: &mut [Item],
    places: &[Place],
    first: &mut HashMap<String, Place>,
    columns: &mut TakenColumns,
) {
    let is_nameless = |item: &Item| item.id.is_empty();
    let is_without = items.iter().all(is_nameless);
    let column = if is_without { find(table, items, places, columns) } else { None };
    let mut made = Made::default();
    for (number, (item, &place)) in items.iter_mut().zip(places).enumerate().filter(|(_, (item, _))| is_nameless(item))
    {
        let taken = column.as_ref().and_then(|column| item.attributes.shift_remove(column));
        let Some(source) = table.sources.get(place.source as usize) else { continue };
        item.id = match taken.as_ref().and_then(name) {
            Some(id) => id,
            None => made.id(item, source, number, |id| first.contains_key(id)),
        };
        first.insert(item.id.clone(), place);
    }
    match (&column, items.first()) {
        (Some(column), _) => columns.take("id", column),
        (None, Some(item)) if is_without && table.kind != Kind::Pictures => columns.make_ids(&item.id),
        _ => {}
    }
}

/// The column that tells the items apart; what else could have been one is noted.
fn find(table: &Table, items: &[Item], places: &[Place], columns: &mut TakenColumns) -> Option<String> {
    let mut seen = HashSet::new();
    let known = items.iter().flat_map(|item| item.attributes.keys());
    let known: Vec<&String> = known.filter(|column| seen.insert(column.as_str())).collect();
    let named = |wanted: &&str| known.iter().find(|column| alike(column, wanted)).map(|column| (*column).clone());
    IDS.iter().chain(&VAGUE_IDS).filter_map(named).find(|column| match unfit(table, items, places, column) {
        None => true,
        Some(why) => {
            columns.refuse_id(format!("{column} is no id: {why}"));
            false
        }
    })
}

/// Why a column does not tell the items apart.
fn unfit(table: &Table, items: &[Item], places: &[Place], column: &str) -> Option<String> {
    let mut seen: HashMap<String, Place> = HashMap::with_capacity(items.len());
    items.iter().zip(places).find_map(|(item, &place)| {
        let words = |place| table.words(place, Place { source: 0, ..place });
        let Some(id) = item.attributes.get(column).and_then(name) else {
            return Some(format!("{} has none", words(place)));
        };
        let told = format!("{id:?}");
        seen.insert(id, place).map(|first| format!("{} has {told}, as {} has", words(place), words(first)))
    })
}

/// A cell as a name.
fn name(cell: &Value) -> Option<String> {
    match cell {
        Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
        Value::Number(number) if number.is_i64() || number.is_u64() => Some(number.to_string()),
        _ => None,
    }
}

/// Made ids: the path of the picture, or the name of the file and a running number.
#[derive(Default)]
struct Made {
    /// The next copy of each one that was wanted more than once: a picture may have thousands of texts.
    copies: HashMap<String, usize>,
}

impl Made {
    /// One that is not taken.
    fn id(&mut self, item: &Item, source: &Source, number: usize, taken: impl Fn(&str) -> bool) -> String {
        let base = match &item.image {
            Some(path) if source.parquet.is_none() => path.clone(),
            _ => format!("{}-{number}", source.stem),
        };
        if !taken(&base) {
            return base;
        }
        // Several texts for one picture are several items.
        let copy = self.copies.entry(base.clone()).or_insert(2);
        loop {
            let id = format!("{base}#{copy}");
            *copy += 1;
            if !taken(&id) {
                return id;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_of_texts_for_one_picture_are_numbered_at_once() {
        let source = Source::new("captions.csv".into(), None);
        let item = Item { image: Some("a.png".into()), ..Item::default() };
        let mut taken = HashSet::from(["a.png".to_owned(), "a.png#3".into()]);
        let (mut made, looks) = (Made::default(), std::cell::Cell::new(0));
        for number in 0..5000 {
            let id = made.id(&item, &source, number, |id| {
                looks.set(looks.get() + 1);
                taken.contains(id)
            });
            assert!(taken.insert(id));
        }
        assert!(taken.contains("a.png#2") && taken.contains("a.png#5002") && taken.len() == 5002);
        assert!(looks.get() < 3 * 5000, "{} looks", looks.get());
    }
}
