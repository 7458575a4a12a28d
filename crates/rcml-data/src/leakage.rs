//! A check that nothing held out was trained on.

use serde::{Deserialize, Serialize};

use crate::split::statement;
use crate::{Dataset, Edge, Error, Item, Relation, Result, Split, Splits};

/// What a run trained on, kept in its folder so that any later evaluation can be checked against it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TrainingRecord {
    /// Name of the dataset; empty in records of earlier versions.
    #[serde(default)]
    pub dataset: String,
    /// Fingerprints of the training items (of id and content), sorted.
    pub items: Vec<u64>,
    /// Fingerprints of the training relations (of all their phrasings), sorted.
    pub relations: Vec<u64>,
    /// Fingerprints of the training edges (of relation and both ends), sorted.
    pub edges: Vec<u64>,
}

impl TrainingRecord {
    /// The record of a run that trains on the `Train` part of `splits`.
    pub fn of(dataset: &Dataset, splits: &Splits) -> Self {
        let prints = Fingerprints::of(dataset);
        let items = splits.items_of(Split::Train).into_iter().filter_map(|item| prints.items.get(item as usize));
        let relations = prints.relations.iter().zip(&splits.relations).filter(|(_, split)| **split == Split::Train);
        let edges = splits.edges_of(dataset, Split::Train).filter_map(|edge| prints.edge(dataset, edge));
        let sorted = |mut prints: Vec<u64>| {
            prints.sort_unstable();
            prints.dedup();
            prints
        };
        Self {
            dataset: dataset.name(),
            items: sorted(items.copied().collect()),
            relations: sorted(relations.map(|(print, _)| *print).collect()),
            edges: sorted(edges.collect()),
        }
    }

    /// Whether a relation of these phrasings was trained on.
    pub fn knows(&self, relation: &Relation) -> bool {
        self.relations.binary_search(&fingerprint(relation.descriptions.iter().map(Some))).is_ok()
    }

    /// Whether none of the dataset's items was trained on: the run was trained on other data.
    pub fn is_of_other_items(&self, dataset: &Dataset) -> bool {
        !Fingerprints::of(dataset).items.iter().any(|print| self.items.binary_search(print).is_ok())
    }
}

/// Fails if something that `splits` holds out as `split` was trained on: an item (unless items are shared by design,
/// that is under an edge split), an unseen relation, an edge.
///
/// Things are recognised by their content, so a dataset that was split again, reordered or extended since the run is
/// still checked. Where every item is for training, items are taken to be shared. `Train` holds nothing out.
///
/// # Errors
/// Names up to ten of the offenders and how many there are.
pub fn check_leakage(dataset: &Dataset, splits: &Splits, split: Split, record: &TrainingRecord) -> Result<()> {
    if split == Split::Train {
        return Ok(());
    }
    let prints = Fingerprints::of(dataset);
    let trained = |record: &[u64], print: &u64| record.binary_search(print).is_ok();
    let mut leaks = Vec::new();
    if !splits.shares_items() {
        let held_out = dataset.items.iter().zip(&prints.items).zip(&splits.items);
        let leaked = held_out.filter(|((_, print), of)| **of == split && trained(&record.items, print));
        leaks.extend(describe("items", leaked.map(|((item, _), _)| format!("{:?}", item.id))));
    }
    let unseen = dataset.relations.iter().zip(&prints.relations).zip(&splits.relations);
    let leaked = unseen.filter(|((_, print), of)| **of == Split::Test && trained(&record.relations, print));
    leaks.extend(describe("unseen relations", leaked.map(|((relation, _), _)| format!("{:?}", relation.id))));
    let held_out = splits.edges_of(dataset, split);
    let leaked = held_out.filter(|e| prints.edge(dataset, e).is_some_and(|print| trained(&record.edges, &print)));
    leaks.extend(describe("edges", leaked.map(|edge| name(dataset, edge))));
    if leaks.is_empty() {
        return Ok(());
    }
    let split = format!("{split:?}").to_lowercase();
    Err(Error::input(format!(
        "the {split} split of {} holds what the run was trained on: {}",
        dataset.name(),
        leaks.join("; ")
    )))
}

/// "2 edges (first, second)", or nothing where there are none.
fn describe(things: &str, leaked: impl Iterator<Item = String>) -> Option<String> {
    let mut leaked = leaked.peekable();
    leaked.peek()?;
    let named: Vec<String> = leaked.by_ref().take(10).collect();
    let more = leaked.count();
    let ellipsis = if more > 0 { ", ..." } else { "" };
    Some(format!("{} {things} ({}{ellipsis})", named.len() + more, named.join(", ")))
}

fn name(dataset: &Dataset, edge: &Edge) -> String {
    let item = |i: u32| dataset.items.get(i as usize).map_or("?", |item| item.id.as_str());
    let relation = dataset.relations.get(edge.relation as usize).map_or("?", |relation| relation.id.as_str());
    format!("{} -{relation}- {}", item(edge.source), item(edge.target))
}

/// Fingerprints that stay the same between runs, machines and versions: 64-bit FNV-1a over the parts, each preceded by
/// its length so that shifting text from one part to the next changes the print.
struct Fingerprints {
    items: Vec<u64>,
    relations: Vec<u64>,
}

impl Fingerprints {
    fn of(dataset: &Dataset) -> Self {
        let item = |item: &Item| fingerprint([Some(&item.id), item.text.as_ref(), item.image.as_ref()]);
        let relation = |relation: &Relation| fingerprint(relation.descriptions.iter().map(Some));
        Self {
            items: dataset.items.iter().map(item).collect(),
            relations: dataset.relations.iter().map(relation).collect(),
        }
    }

    fn edge(&self, dataset: &Dataset, edge: &Edge) -> Option<u64> {
        let (relation, a, b) = statement(dataset, edge);
        let (mut a, mut b) = (*self.items.get(a as usize)?, *self.items.get(b as usize)?);
        // The order of a symmetric edge's ends must not depend on the order of the items in the file.
        if dataset.relations.get(relation as usize)?.symmetric && b < a {
            (a, b) = (b, a);
        }
        let parts = [*self.relations.get(relation as usize)?, a, b];
        Some(parts.iter().flat_map(|part| part.to_le_bytes()).fold(FNV_OFFSET, fnv))
    }
}

const FNV_OFFSET: u64 = 0xCBF2_9CE4_8422_2325;

fn fnv(hash: u64, byte: u8) -> u64 {
    (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
}

fn fingerprint<'a>(parts: impl IntoIterator<Item = Option<&'a String>>) -> u64 {
    parts.into_iter().fold(FNV_OFFSET, |hash, part| {
        // A missing part is unlike an empty one.
        let length = part.map_or(u64::MAX, |part| part.len() as u64);
        let bytes = part.map_or(&[][..], |part| part.as_bytes());
        length.to_le_bytes().into_iter().chain(bytes.iter().copied()).fold(hash, fnv)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SplitConfig, SplitStrategy};

    fn dataset() -> Dataset {
        let pairs = (0..30).flat_map(|a| (a + 1..30).map(move |b| Edge::new((a + b) % 2, a, b)));
        Dataset {
            items: (0..30).map(|i| Item::new(format!("i{i}")).text(format!("thing {i}"))).collect(),
            relations: vec![Relation::new("sym", "goes with").symmetric(true), Relation::new("dir", "contains")],
            edges: pairs.collect(),
            ..Dataset::default()
        }
    }

    fn message(dataset: &Dataset, splits: &Splits, record: &TrainingRecord) -> String {
        check_leakage(dataset, splits, Split::Test, record).map_or_else(|e| e.to_string(), |()| String::new())
    }

    #[test]
    fn a_sound_split_passes_and_a_planted_leak_is_named() {
        let data = dataset();
        for strategy in [SplitStrategy::Items, SplitStrategy::Edges] {
            let splits = Splits::assign(&data, &SplitConfig { strategy, ..SplitConfig::default() }).unwrap();
            let record = TrainingRecord::of(&data, &splits);
            assert_eq!(message(&data, &splits, &record), "", "{strategy:?}");

            let mut planted = splits.clone();
            let edge = planted.edges.iter().position(|split| *split == Some(Split::Test)).unwrap();
            planted.edges[edge] = Some(Split::Train);
            let record = TrainingRecord::of(&data, &planted);
            let found = message(&data, &splits, &record);
            assert!(found.contains("1 edges (i") && !found.contains("items ("), "{strategy:?}: {found}");
        }
        let splits = Splits::assign(&data, &SplitConfig::default()).unwrap();
        let mut planted = splits.clone();
        let item = planted.items.iter().position(|split| *split == Split::Test).unwrap();
        planted.items[item] = Split::Train;
        let found = message(&data, &splits, &TrainingRecord::of(&data, &planted));
        assert!(found.contains(&format!("1 items (\"i{item}\")")), "{found}");
    }

    #[test]
    fn another_split_of_the_same_data_leaks_even_when_the_file_is_reordered() {
        let mut data = dataset();
        let splits =
            |seed, data: &Dataset| Splits::assign(data, &SplitConfig { seed, ..SplitConfig::default() }).unwrap();
        let record = TrainingRecord::of(&data, &splits(0, &data));
        assert!(message(&data, &splits(1, &data), &record).contains("items ("));
        // Reverse the items: every index changes, no content does.
        let own = splits(0, &data);
        data.items.reverse();
        data.edges.iter_mut().for_each(|e| (e.source, e.target) = (29 - e.source, 29 - e.target));
        let reversed = Splits { items: own.items.iter().rev().copied().collect(), ..own };
        assert_eq!(TrainingRecord::of(&data, &reversed), record);
    }

    #[test]
    fn an_unseen_relation_that_was_seen_is_a_leak() {
        let mut data = dataset();
        let record = TrainingRecord::of(&data, &Splits::assign(&data, &SplitConfig::default()).unwrap());
        data.relations[1].split = Some(Split::Test);
        data.relations[1].id = "renamed".into();
        let splits = Splits::assign(&data, &SplitConfig::default()).unwrap();
        assert!(message(&data, &splits, &record).contains("1 unseen relations (\"renamed\")"));
        assert!(check_leakage(&data, &splits, Split::Train, &record).is_ok());
    }

    #[test]
    fn other_data_is_told_from_a_new_split_of_the_same() {
        let data = dataset();
        let record = TrainingRecord::of(&data, &Splits::assign(&data, &SplitConfig::default()).unwrap());
        assert!(!record.is_of_other_items(&data) && record.knows(&data.relations[0]));
        let mut other = dataset();
        other.items.iter_mut().for_each(|item| item.text = Some(format!("another {}", item.id)));
        other.relations[0] = Relation::new("sym", "goes well with");
        assert!(record.is_of_other_items(&other), "the same ids are not the same items");
        assert_eq!([&other.relations[0], &other.relations[1]].map(|r| record.knows(r)), [false, true]);
    }

    #[test]
    fn at_most_ten_are_named() {
        let names = |n: usize| describe("items", (0..n).map(|i| format!("i{i}"))).unwrap_or_default();
        assert_eq!(names(0), "");
        assert!(names(10).ends_with("i9)"));
        assert!(names(12).starts_with("12 items (i0,") && names(12).ends_with("i9, ...)"));
    }

    #[test]
    fn fingerprints_never_change() {
        // A record on disk must stay readable: these are the values of the first release.
        assert_eq!(b"a".iter().copied().fold(FNV_OFFSET, fnv), 0xAF63_DC4C_8601_EC8C);
        let (ab, c) = ("ab".to_string(), "c".to_string());
        let (a, bc) = ("a".to_string(), "bc".to_string());
        assert_ne!(fingerprint([Some(&ab), Some(&c)]), fingerprint([Some(&a), Some(&bc)]));
        assert_ne!(fingerprint([Some(&a), None]), fingerprint([Some(&a), Some(&String::new())]));
    }
}
