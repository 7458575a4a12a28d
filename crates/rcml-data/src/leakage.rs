//! A check that nothing held out was trained on.

use std::collections::HashSet;

use crate::fingerprint::Fingerprints;
use crate::{Dataset, Edge, Error, Result, Split, Splits, TrainingRecord};

/// Fails if something that `splits` holds out as `split` was trained on: see [`Fingerprints::check`], which reads a dataset once
/// for many checks.
///
/// # Errors
/// Names up to ten of the offenders and how many there are.
pub fn check_leakage(dataset: &Dataset, splits: &Splits, split: Split, record: &TrainingRecord) -> Result<()> {
    Fingerprints::of(dataset).check(splits, split, record).map(drop)
}

impl Fingerprints<'_> {
    /// Fails if something that `splits` holds out as `split` was trained on: an item (unless items are shared by design,
    /// that is under an edge split), an unseen relation, an edge.
    ///
    /// Things are recognised by their content, so a dataset that was split again, reordered, extended or given other ids since the
    /// run is still checked; a relation by any of its phrasings. Where every item is for training, items are taken to be shared.
    /// `Train` holds nothing out. What the dataset itself has twice, in training and held out, is no leak between runs: it is told
    /// in a note.
    ///
    /// # Errors
    /// Names up to ten of the offenders and how many there are.
    pub fn check(&self, splits: &Splits, split: Split, record: &TrainingRecord) -> Result<Vec<String>> {
        if split == Split::Train {
            return Ok(Vec::new());
        }
        let dataset = self.dataset;
        let (mut leaks, mut notes) = (Vec::new(), Vec::new());
        if !splits.shares_items() {
            self.check_items(splits, split, record, &mut leaks, &mut notes);
        }
        let unseen = dataset.relations.iter().zip(&splits.relations);
        let leaked = unseen.filter(|(relation, of)| **of == Split::Test && record.knows(relation));
        leaks.extend(describe("unseen relations", leaked.map(|(relation, _)| format!("{:?}", relation.id))));
        self.check_edges(splits, split, record, &mut leaks);
        if leaks.is_empty() {
            return Ok(notes);
        }
        let split = format!("{split:?}").to_lowercase();
        Err(Error::input(format!(
            "the {split} split of {} holds what the run was trained on: {}",
            dataset.name(),
            leaks.join("; ")
        )))
    }

    fn check_items(
        &self,
        splits: &Splits,
        split: Split,
        record: &TrainingRecord,
        leaks: &mut Vec<String>,
        notes: &mut Vec<String>,
    ) {
        let id = |item: u32| format!("{:?}", self.dataset.items[item as usize].id);
        let content =
            |item: u32| self.contents[item as usize].filter(|print| record.contents.binary_search(print).is_ok());
        let own: HashSet<u64> =
            splits.items_of(Split::Train).into_iter().filter_map(|item| self.contents[item as usize]).collect();
        let held_out = splits.items_of(split);
        let (named, others): (Vec<u32>, Vec<u32>) =
            held_out.iter().partition(|item| record.items.binary_search(&self.items[**item as usize]).is_ok());
        let known: Vec<(u32, u64)> = others.into_iter().filter_map(|item| Some((item, content(item)?))).collect();
        let (twins, renamed): (Vec<_>, Vec<_>) = known.into_iter().partition(|(_, content)| own.contains(content));
        leaks.extend(describe("items", named.into_iter().map(id)));
        leaks.extend(describe("items under other ids", renamed.into_iter().map(|(item, _)| id(item))));
        if !twins.is_empty() {
            let split = format!("{split:?}").to_lowercase();
            notes.push(format!(
                "{} of the {} items of the {split} split are in training as well, under another id: the same text, picture and \
                 features",
                twins.len(),
                held_out.len(),
            ));
        }
    }

    fn check_edges(&self, splits: &Splits, split: Split, record: &TrainingRecord, leaks: &mut Vec<String>) {
        let trained_as: Vec<Vec<u64>> =
            self.dataset.relations.iter().map(|relation| record.trained_as(relation)).collect();
        let contents = |edge: &Edge| -> Vec<u64> {
            let relations = trained_as.get(edge.relation as usize).into_iter().flatten();
            relations.filter_map(|relation| self.content_edge(edge, *relation)).collect()
        };
        let is_named = |edge: &Edge| self.edge(edge).is_some_and(|print| record.edges.binary_search(&print).is_ok());
        let is_known =
            |edge: &Edge| contents(edge).iter().any(|print| record.content_edges.binary_search(print).is_ok());
        let name = |edge: &Edge| name(self.dataset, edge);
        let (named, others): (Vec<&Edge>, Vec<&Edge>) =
            splits.edges_of(self.dataset, split).partition(|edge| is_named(edge));
        leaks.extend(describe("edges", named.into_iter().map(name)));
        let mut renamed: Vec<&Edge> = others.into_iter().filter(|edge| is_known(edge)).collect();
        if !renamed.is_empty() {
            let own: HashSet<u64> = splits.edges_of(self.dataset, Split::Train).flat_map(contents).collect();
            renamed.retain(|edge| !contents(edge).iter().any(|print| own.contains(print)));
        }
        leaks.extend(describe("edges between items under other ids or in other words", renamed.into_iter().map(name)));
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Item, Relation, SplitConfig, SplitStrategy};

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
        let elsewhere = |data: &Dataset| Fingerprints::of(data).are_of_other_items(&record);
        assert!(!elsewhere(&data) && record.knows(&data.relations[0]));
        let mut other = dataset();
        other.items.iter_mut().for_each(|item| item.text = Some(format!("another {}", item.id)));
        other.relations[0] = Relation::new("sym", "goes well with");
        assert!(elsewhere(&other), "the same ids are not the same items");
        assert_eq!([&other.relations[0], &other.relations[1]].map(|r| record.knows(r)), [false, true]);
        other.items[3] = Item::new("x").text("thing 3");
        assert!(elsewhere(&other), "one thing that both know does not make two catalogues one");
        assert!(!elsewhere(&renamed()), "other ids do not make it other data");
    }

    /// The same things under other ids.
    fn renamed() -> Dataset {
        let mut data = dataset();
        data.items.iter_mut().for_each(|item| item.id = format!("renamed-{}", item.id));
        data
    }

    #[test]
    fn other_ids_and_further_phrasings_hide_no_leak() {
        let data = dataset();
        let splits = |seed| Splits::assign(&data, &SplitConfig { seed, ..SplitConfig::default() }).unwrap();
        let record = TrainingRecord::of(&data, &splits(0));
        assert_eq!(message(&renamed(), &splits(0), &record), "", "the run's own split, renamed, is sound");
        let found = message(&renamed(), &splits(1), &record);
        assert!(found.contains("items under other ids (\"renamed-i") && !found.contains(" items ("), "{found}");

        // Edges alone are held out here: by other ids, and by a relation that has one more phrasing.
        let edges = SplitConfig { strategy: SplitStrategy::Edges, ..SplitConfig::default() };
        let record = TrainingRecord::of(&data, &Splits::assign(&data, &edges).unwrap());
        let again = Splits::assign(&data, &SplitConfig { seed: 1, ..edges }).unwrap();
        for words in [None, Some("belongs beside")] {
            let mut renamed = renamed();
            if let Some(words) = words {
                renamed.relations.iter_mut().for_each(|relation| relation.descriptions.push(words.into()));
            }
            let found = message(&renamed, &again, &record);
            assert!(found.contains("edges between items under other ids") && found.contains("renamed-i"), "{found}");
        }

        let mut unseen = dataset();
        unseen.relations[1] = Relation::new("dir", "holds").phrasing(" Contains");
        unseen.relations[1].split = Some(Split::Test);
        let splits = Splits::assign(&unseen, &SplitConfig::default()).unwrap();
        assert!(message(&unseen, &splits, &record).contains("1 unseen relations (\"dir\")"));
    }

    #[test]
    fn what_a_dataset_has_twice_is_told_and_no_leak() {
        let mut data = dataset();
        data.items.iter_mut().enumerate().for_each(|(i, item)| item.text = Some(format!("thing {}", i / 2)));
        let splits = Splits::assign(&data, &SplitConfig::default()).unwrap();
        let prints = Fingerprints::of(&data);
        let notes = prints.check(&splits, Split::Test, &prints.record(&splits)).unwrap();
        assert!(notes.len() == 1 && notes[0].contains("of the 6 items of the test split are in training"), "{notes:?}");
    }

    #[test]
    fn records_of_earlier_versions_are_read() {
        let data = dataset();
        let splits = |seed| Splits::assign(&data, &SplitConfig { seed, ..SplitConfig::default() }).unwrap();
        let mut value = serde_json::to_value(TrainingRecord::of(&data, &splits(0))).unwrap();
        let fields = value.as_object_mut().unwrap();
        for field in ["contents", "phrasings", "content_edges"] {
            fields.remove(field).unwrap();
        }
        let old: TrainingRecord = serde_json::from_value(value).unwrap();
        assert_eq!(message(&data, &splits(0), &old), "");
        assert!(message(&data, &splits(1), &old).contains("items ("));
        assert!(old.knows(&data.relations[0]) && Fingerprints::of(&renamed()).are_of_other_items(&old));
    }

    #[test]
    fn at_most_ten_are_named() {
        let names = |n: usize| describe("items", (0..n).map(|i| format!("i{i}"))).unwrap_or_default();
        assert_eq!(names(0), "");
        assert!(names(10).ends_with("i9)"));
        assert!(names(12).starts_with("12 items (i0,") && names(12).ends_with("i9, ...)"));
    }
}
