//! Prints by which the things of a dataset are recognised in another file, order or version of it.

use crate::content::contents;
use crate::split::statement;
use crate::{Dataset, Edge, Item, Relation, Split, Splits, TrainingRecord};

/// Fingerprints that stay the same between runs, machines and versions: 64-bit FNV-1a over the parts, each preceded by
/// its length so that shifting text from one part to the next changes the print. Beside the prints by name, those of what items
/// are, which no new id changes.
#[derive(Debug)]
pub struct Fingerprints<'a> {
    pub(crate) dataset: &'a Dataset,
    pub(crate) items: Vec<u64>,
    pub(crate) relations: Vec<u64>,
    pub(crate) contents: Vec<Option<u64>>,
}

impl<'a> Fingerprints<'a> {
    /// Of everything in a dataset. Reads the ends of its pictures and its feature arrays.
    pub fn of(dataset: &'a Dataset) -> Self {
        let item = |item: &Item| fingerprint([Some(&item.id), item.text.as_ref(), item.image.as_ref()]);
        Self {
            dataset,
            items: dataset.items.iter().map(item).collect(),
            relations: dataset.relations.iter().map(Self::relation).collect(),
            contents: contents(dataset),
        }
    }

    /// A print of what each item is (its text, picture and features), whatever it is called; `None` for one that has nothing.
    pub fn contents(&self) -> &[Option<u64>] {
        &self.contents
    }

    /// The dataset.
    pub fn dataset(&self) -> &'a Dataset {
        self.dataset
    }

    /// The record of a run that trains on the `Train` part of `splits`.
    pub fn record(&self, splits: &Splits) -> TrainingRecord {
        let items = splits.items_of(Split::Train);
        let of_items = items.iter().filter_map(|item| self.items.get(*item as usize));
        let contents = items.iter().filter_map(|item| *self.contents.get(*item as usize)?);
        let relations = || {
            let all = self.dataset.relations.iter().zip(&self.relations).zip(&splits.relations);
            all.filter(|(_, split)| **split == Split::Train).map(|(known, _)| known)
        };
        let phrasings =
            relations().flat_map(|(known, print)| known.descriptions.iter().map(|words| (phrasing(words), *print)));
        let edges = || splits.edges_of(self.dataset, Split::Train);
        let content_edges =
            edges().filter_map(|edge| self.content_edge(edge, *self.relations.get(edge.relation as usize)?));
        TrainingRecord {
            dataset: self.dataset.name(),
            items: sorted(of_items.copied()),
            relations: sorted(relations().map(|(_, print)| *print)),
            edges: sorted(edges().filter_map(|edge| self.edge(edge))),
            contents: sorted(contents),
            phrasings: sorted(phrasings),
            content_edges: sorted(content_edges),
        }
    }

    /// Whether the run of a record was trained on other data: on none of these items, nor on half of them, or half of what it
    /// learned from, under other ids.
    pub fn are_of_other_items(&self, record: &TrainingRecord) -> bool {
        if self.items.iter().any(|print| record.items.binary_search(print).is_ok()) {
            return false;
        }
        let own = sorted(self.contents.iter().copied().flatten());
        let shared = own.iter().filter(|print| record.contents.binary_search(print).is_ok()).count();
        shared == 0 || 2 * shared < own.len().min(record.contents.len())
    }

    /// Of all phrasings of a relation.
    pub(crate) fn relation(relation: &Relation) -> u64 {
        fingerprint(relation.descriptions.iter().map(Some))
    }

    /// Of the relation and the names of both ends.
    pub(crate) fn edge(&self, edge: &Edge) -> Option<u64> {
        let of = |item: u32| self.items.get(item as usize).copied();
        self.linked(edge, *self.relations.get(edge.relation as usize)?, of)
    }

    /// Of a relation by its print and what both ends are.
    pub(crate) fn content_edge(&self, edge: &Edge, relation: u64) -> Option<u64> {
        self.linked(edge, relation, |item| *self.contents.get(item as usize)?)
    }

    fn linked(&self, edge: &Edge, relation: u64, of: impl Fn(u32) -> Option<u64>) -> Option<u64> {
        let (index, a, b) = statement(self.dataset, edge);
        let (mut a, mut b) = (of(a)?, of(b)?);
        // The order of a symmetric edge's ends must not depend on the order of the items in the file.
        if self.dataset.relations.get(index as usize)?.symmetric && b < a {
            (a, b) = (b, a);
        }
        Some([relation, a, b].iter().flat_map(|part| part.to_le_bytes()).fold(FNV_OFFSET, fnv))
    }
}

/// Of one phrasing, however it is capitalised.
pub(crate) fn phrasing(words: &str) -> u64 {
    fingerprint([Some(&words.trim().to_lowercase())])
}

pub(crate) fn sorted<T: Ord>(prints: impl Iterator<Item = T>) -> Vec<T> {
    let mut prints: Vec<T> = prints.collect();
    prints.sort_unstable();
    prints.dedup();
    prints
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
