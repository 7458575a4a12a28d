//! "Is a kind of", "is another kind of the same": relations from a taxonomy.

mod tree;

use std::path::PathBuf;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::draft::{Draft, attach, phrased};
use super::{Added, PruneOptions, ring};
use crate::{Dataset, Error, Result};
use tree::{from_attribute, from_table};

/// Where the taxonomy is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaxonomySource {
    /// A table of (child, parent) pairs. Names are ids of items where items have them, and nodes between them otherwise.
    Table {
        /// CSV, JSON lines or Parquet.
        file: PathBuf,
        /// Column of the child.
        child: String,
        /// Column of the parent.
        parent: String,
    },
    /// An attribute that holds each item's path, from the general to the particular: an array, or a text with ` > `.
    Attribute(String),
}

/// How relations are made from a taxonomy.
#[derive(Debug, Clone, PartialEq)]
pub struct TaxonomyOptions {
    /// The taxonomy.
    pub source: TaxonomySource,
    /// Steps up that still count as "is a kind of".
    pub ancestors: usize,
    /// Seed of the pairs that are drawn of large groups of siblings.
    pub seed: u64,
    /// Edges of an item, and of a relation.
    pub prune: PruneOptions,
}

impl TaxonomyOptions {
    /// Direct parents, at most 20 siblings.
    pub fn new(source: TaxonomySource) -> Self {
        Self { source, ancestors: 1, seed: 0, prune: PruneOptions { degree: 20, ..PruneOptions::default() } }
    }
}

/// Adds `is-a` (directed: from the kind to what it is a kind of), `sibling` (same parent) and `cousin` (same grandparent,
/// no common parent), as far as both ends are items.
///
/// # Errors
/// A table that cannot be read; a cycle, which is named; a taxonomy that holds no two items of the dataset.
pub fn add_taxonomy(dataset: &mut Dataset, options: &TaxonomyOptions) -> Result<Added> {
    let tree = match &options.source {
        TaxonomySource::Table { file, child, parent } => from_table(dataset, file, child, parent)?,
        TaxonomySource::Attribute(name) => from_attribute(dataset, name)?,
    };
    if let Some(cycle) = tree.cycle() {
        let names: Vec<&str> = cycle.iter().map(|&node| tree.names[node as usize].as_str()).collect();
        return Err(Error::input(format!("the taxonomy has a cycle: {}", names.join(" is a "))));
    }
    let known = tree.items.iter().flatten().count();
    if known < 2 {
        return Err(Error::input(format!(
            "the taxonomy names {known} of the {} items of {}: its names must be ids of items",
            dataset.items.len(),
            dataset.name()
        )));
    }
    let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
    let (siblings, cut) = tree.siblings(1, options.prune.degree, &mut rng);
    let (cousins, further) = tree.siblings(2, options.prune.degree, &mut rng);
    let drafts = vec![
        Draft { relation: phrased("is-a", "taxonomy", false, IS_A), edges: tree.is_a(options.ancestors) },
        Draft { relation: phrased("sibling", "taxonomy", true, SIBLING), edges: siblings },
        Draft { relation: phrased("cousin", "taxonomy", true, COUSIN), edges: cousins },
    ];
    let outside = dataset.items.len() - tree.members().len();
    let mut notes = Vec::new();
    if outside > 0 {
        notes.push(format!("{outside} items are not in the taxonomy"));
    }
    let cut = cut + further;
    if cut > 0 {
        notes.push(format!("of {cut} groups with many items, some pairs were not looked at"));
    }
    attach(dataset, drafts, &options.prune, notes)?.or_nothing(&options.prune)
}

const IS_A: [&str; 4] =
    ["is a kind of", "is a more particular form of", "belongs under", "is what one would call, more generally,"];

const SIBLING: [&str; 4] = [
    "is another kind of the same thing",
    "stands beside it under one heading",
    "is of the same kind as",
    "belongs to the same class as",
];

const COUSIN: [&str; 4] = [
    "is of a neighbouring kind",
    "belongs to the same wider class, but not to the same kind",
    "is related to it more distantly, under a common wider heading",
    "shares its wider class",
];

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::Item;

    fn built(items: &[&str], tree: &str, ancestors: usize) -> Result<Dataset> {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("tree.csv");
        std::fs::write(&file, format!("kind,of\n{tree}")).unwrap();
        let items = items.iter().map(|id| Item::new(*id).text(*id)).collect();
        let mut dataset = Dataset { items, ..Dataset::default() };
        let source = TaxonomySource::Table { file, child: "kind".into(), parent: "of".into() };
        let prune = PruneOptions { support: 1, degree: 0 };
        add_taxonomy(&mut dataset, &TaxonomyOptions { ancestors, prune, ..TaxonomyOptions::new(source) })?;
        Ok(dataset)
    }

    fn named(dataset: &Dataset, relation: &str) -> Vec<(String, String)> {
        let number = dataset.relation_index().get(relation).copied();
        let id = |item: u32| dataset.items[item as usize].id.clone();
        let edges = dataset.edges.iter().filter(|edge| Some(edge.relation) == number);
        let mut pairs: Vec<_> = edges.map(|edge| (id(edge.source), id(edge.target))).collect();
        pairs.sort();
        pairs
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|&(a, b)| (a.into(), b.into())).collect()
    }

    const ANIMALS: &str = "dog,mammal\ncat,mammal\nmammal,animal\nbird,animal\nhen,bird\npoodle,dog\n";

    #[test]
    fn kinds_siblings_and_cousins() {
        let items = ["animal", "bird", "cat", "dog", "hen", "poodle", "stone"];
        // "mammal" is a node without an item.
        let dataset = built(&items, ANIMALS, 1).unwrap();
        assert_eq!(named(&dataset, "is-a"), pairs(&[("bird", "animal"), ("hen", "bird"), ("poodle", "dog")]));
        assert_eq!(named(&dataset, "sibling"), pairs(&[("cat", "dog")]));
        assert_eq!(named(&dataset, "cousin"), pairs(&[("cat", "hen"), ("dog", "hen")]));
        let two = built(&items, ANIMALS, 2).unwrap();
        assert!(named(&two, "is-a").contains(&("dog".into(), "animal".into())));
        assert!(!dataset.relations[0].symmetric && dataset.relations[1].symmetric);
    }

    #[test]
    fn a_cycle_is_named() {
        let error = built(&["dog", "cat"], &format!("{ANIMALS}animal,dog\n"), 1).unwrap_err().to_string();
        assert_eq!(error, "the taxonomy has a cycle: dog is a mammal is a animal is a dog");
        let own = built(&["dog", "cat"], "dog,dog\n", 1).unwrap_err().to_string();
        assert_eq!(own, "the taxonomy has a cycle: dog is a dog");
        let chain: String = (0..200_000).map(|i| format!("n{i},n{}\n", i + 1)).collect();
        assert!(built(&["n0", "n1"], &chain, 1).is_ok(), "a long chain is no cycle");
    }

    #[test]
    fn paths_of_products() {
        let item = |(id, path): (&str, Value)| {
            let mut item = Item::new(id).text(id);
            item.attributes.insert("categories".into(), path);
            item
        };
        let items = [
            ("a", json!(["Pets", "Dogs", "Leashes"])),
            ("b", json!("Pets > Dogs > Leashes")),
            ("c", json!(["Pets", "Dogs", "Beds"])),
            ("d", json!(["Pets", "Cats", "Beds"])),
            ("e", json!(null)),
        ];
        let mut dataset = Dataset { items: items.map(item).to_vec(), ..Dataset::default() };
        let source = TaxonomySource::Attribute("categories".into());
        let options = TaxonomyOptions { prune: PruneOptions { support: 1, degree: 0 }, ..TaxonomyOptions::new(source) };
        let added = add_taxonomy(&mut dataset, &options).unwrap();
        assert_eq!(named(&dataset, "sibling"), pairs(&[("a", "b")]));
        assert_eq!(named(&dataset, "cousin"), pairs(&[("a", "c"), ("b", "c")]));
        assert_eq!((added.relations.len(), added.notes.len()), (2, 1));
    }

    #[test]
    fn a_leaf_that_nearly_all_items_are_in_has_cousins_quickly() {
        let item = |i: u32| {
            let mut item = Item::new(format!("{i}")).text("x");
            let leaf = if i.is_multiple_of(100) { "Beds" } else { "Leashes" };
            item.attributes.insert("categories".into(), json!(["Pets", leaf]));
            item
        };
        let mut dataset = Dataset { items: (0..20_000).map(item).collect(), ..Dataset::default() };
        let start = std::time::Instant::now();
        let options = TaxonomyOptions::new(TaxonomySource::Attribute("categories".into()));
        add_taxonomy(&mut dataset, &options).unwrap();
        println!("20000 items, 99 % in one leaf: {:?}", start.elapsed());
        assert_eq!(named(&dataset, "cousin").len(), 200 * 20, "each of the few has as many as it may");
        assert!(start.elapsed().as_secs() < 10, "{:?}", start.elapsed());
    }

    #[test]
    fn a_taxonomy_of_something_else_is_refused() {
        let error = built(&["x", "y"], ANIMALS, 1).unwrap_err().to_string();
        assert!(error.contains("names 0 of the 2 items"), "{error}");
    }
}
