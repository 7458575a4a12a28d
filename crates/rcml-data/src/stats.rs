//! Counts that describe a dataset.

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use serde::Serialize;

use crate::split::statement;
use crate::{Dataset, Duplicates, RelationGraph, Split, Splits};

/// What `rcml data stats --json` prints: the fields `items`, `relations`, `edges`, `modalities` and `splits` are a contract.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DatasetStats {
    /// Name of the dataset.
    pub name: String,
    /// Number of items.
    pub items: usize,
    /// Number of relations.
    pub relations: usize,
    /// Number of edges as written.
    pub edges: usize,
    /// Items that have each modality; `text` and `image` are always among them.
    pub modalities: BTreeMap<String, usize>,
    /// Items of each split.
    pub splits: BTreeMap<String, usize>,
    /// Edges of each split.
    pub edge_splits: BTreeMap<String, usize>,
    /// Edges that no split uses: their ends are in different splits.
    pub unused_edges: usize,
    /// Edges that say what an earlier one says; a symmetric edge written in both orders is one of them.
    pub duplicate_edges: usize,
    /// Items whose text an earlier item has.
    pub duplicate_texts: usize,
    /// Pairs of near-duplicates that `duplicates.jsonl` names; `None` where nobody has looked for them.
    pub near_duplicates: Option<usize>,
    /// Groups of them that do not lie in one split.
    pub parted_duplicates: usize,
    /// Items without any edge.
    pub isolated_items: usize,
    /// Number of different labels.
    pub labels: usize,
    /// Each relation, in the order of the dataset.
    pub per_relation: Vec<RelationStats>,
}

/// Counts that describe a relation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RelationStats {
    /// Id of the relation.
    pub id: String,
    /// Whether it holds in both directions.
    pub symmetric: bool,
    /// Whether training may see it.
    pub seen: bool,
    /// Number of phrasings.
    pub phrasings: usize,
    /// Number of edges as written.
    pub edges: usize,
    /// Number of (source, target) pairs, after closing symmetric relations and without duplicates.
    pub pairs: usize,
    /// Items with at least one target.
    pub anchors: usize,
    /// Targets per anchor.
    pub degree: Degree,
}

/// How many targets the anchors of a relation have; zeros where there are no anchors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Degree {
    /// Of the anchor with the fewest.
    pub min: usize,
    /// Of the anchor in the middle (the upper one of two).
    pub median: usize,
    /// Of the anchor with the most.
    pub max: usize,
}

impl DatasetStats {
    /// Counts.
    pub fn of(dataset: &Dataset, splits: &Splits) -> Self {
        let graph = RelationGraph::new(dataset.items.len(), &dataset.relations, &dataset.edges);
        let mut edges = vec![0; dataset.relations.len()];
        let mut statements = HashSet::with_capacity(dataset.edges.len());
        for edge in &dataset.edges {
            statements.insert(statement(dataset, edge));
            if let Some(edges) = edges.get_mut(edge.relation as usize) {
                *edges += 1;
            }
        }
        let texts: Vec<&str> = dataset.items.iter().filter_map(|item| item.text.as_deref()).collect();
        let labels: HashSet<&str> = dataset.items.iter().filter_map(|item| item.label.as_deref()).collect();
        // The raw modalities are counted even where no item has them: a program may ask for either.
        let raw = ["text", "image"].map(String::from);
        let modalities = raw.iter().chain(dataset.info.modalities.keys());
        let has = |modality: &str| dataset.items.iter().filter(|item| item.has(modality)).count();
        let per_relation = dataset.relations.iter().zip(edges).zip(0..).map(|((relation, edges), r)| RelationStats {
            id: relation.id.clone(),
            symmetric: relation.symmetric,
            seen: splits.relations.get(r as usize) != Some(&Split::Test),
            phrasings: relation.descriptions.len(),
            edges,
            pairs: graph.pairs(r),
            anchors: graph.anchors(r).len(),
            degree: Degree::of(graph.answers(r).map(|(_, targets)| targets.len()).collect()),
        });
        Self {
            name: dataset.name(),
            items: dataset.items.len(),
            relations: dataset.relations.len(),
            edges: dataset.edges.len(),
            modalities: modalities.map(|m| (m.clone(), has(m))).collect(),
            splits: per_split(|split| splits.items.iter().filter(|&&of| of == split).count()),
            edge_splits: per_split(|split| splits.edges.iter().filter(|&&of| of == Some(split)).count()),
            unused_edges: splits.unused_edges(),
            duplicate_edges: dataset.edges.len() - statements.len(),
            duplicate_texts: texts.len() - texts.iter().collect::<HashSet<_>>().len(),
            near_duplicates: near_duplicates(dataset),
            parted_duplicates: Duplicates::load(dataset).map_or(0, |(duplicates, _)| duplicates.parted(&splits.items)),
            isolated_items: (0..dataset.items.len() as u32).filter(|&i| graph.related_items(i).is_empty()).count(),
            labels: labels.len(),
            per_relation: per_relation.collect(),
        }
    }
}

/// Lines of the file that `rcml data duplicates` writes.
fn near_duplicates(dataset: &Dataset) -> Option<usize> {
    let text = std::fs::read(dataset.root.join("duplicates.jsonl")).ok()?;
    Some(text.split(|&byte| byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).count())
}

fn per_split(count: impl Fn(Split) -> usize) -> BTreeMap<String, usize> {
    let splits = [("train", Split::Train), ("validation", Split::Validation), ("test", Split::Test)];
    splits.into_iter().map(|(name, split)| (name.to_string(), count(split))).collect()
}

impl Degree {
    fn of(mut degrees: Vec<usize>) -> Self {
        degrees.sort_unstable();
        let at = |i: usize| degrees.get(i).copied().unwrap_or(0);
        Self { min: at(0), median: at(degrees.len() / 2), max: at(degrees.len().saturating_sub(1)) }
    }
}

/// Relations that the table shows before it says how many more there are.
const SHOWN: usize = 40;

impl fmt::Display for DatasetStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of_splits = |counts: &BTreeMap<String, usize>| {
            let one = |name: &str| format!("{} {name}", counts.get(name).copied().unwrap_or(0));
            ["train", "validation", "test"].map(one).join(", ")
        };
        // What no item has is for programs.
        let there = self.modalities.iter().filter(|(_, n)| **n > 0);
        let modalities: Vec<String> = there.map(|(name, n)| format!("{n} {name}")).collect();
        writeln!(f, "{}", self.name)?;
        writeln!(f, "  items       {:>9}   {}", self.items, of_splits(&self.splits))?;
        writeln!(f, "  modalities  {:>9}   {}", modalities.len(), modalities.join(", "))?;
        let unused = format!("{} unused, {} duplicate", self.unused_edges, self.duplicate_edges);
        writeln!(f, "  edges       {:>9}   {}; {unused}", self.edges, of_splits(&self.edge_splits))?;
        let unseen = self.per_relation.iter().filter(|relation| !relation.seen).count();
        writeln!(f, "  relations   {:>9}   {} seen, {unseen} unseen", self.relations, self.relations - unseen)?;
        writeln!(f, "  labels      {:>9}", self.labels)?;
        let mut near =
            self.near_duplicates.map(|pairs| format!("; {pairs} pairs in duplicates.jsonl")).unwrap_or_default();
        if self.parted_duplicates > 0 {
            near += &format!(", {} groups of them in several splits", self.parted_duplicates);
        }
        writeln!(f, "  duplicates  {:>9}   items with the text of another{near}", self.duplicate_texts)?;
        writeln!(f, "  isolated    {:>9}   items without an edge", self.isolated_items)?;
        if self.per_relation.is_empty() {
            return Ok(());
        }
        let shown = &self.per_relation[..self.per_relation.len().min(SHOWN)];
        let width = shown.iter().map(|relation| relation.id.chars().count()).max().unwrap_or(0).clamp(8, 32);
        writeln!(f)?;
        write!(f, "  {:<width$} {:>9} {:>9} {:>8}", "relation", "edges", "pairs", "anchors")?;
        writeln!(f, "   {:<18} {:>9}", "min/median/max", "phrasings")?;
        for relation in shown {
            let Degree { min, median, max } = relation.degree;
            let id: String = relation.id.chars().take(width).collect();
            write!(f, "  {id:<width$} {:>9} {:>9} {:>8}", relation.edges, relation.pairs, relation.anchors)?;
            write!(f, "   {:<18} {:>9}", format!("{min}/{median}/{max}"), relation.phrasings)?;
            let direction = if relation.symmetric { "symmetric" } else { "directed" };
            writeln!(f, "  {direction}{}", if relation.seen { "" } else { ", unseen" })?;
        }
        if self.per_relation.len() > shown.len() {
            writeln!(f, "  ... and {} more relations", self.per_relation.len() - shown.len())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Edge, Item, Relation, SplitConfig};

    fn stats() -> DatasetStats {
        let mut items: Vec<Item> = (0..6).map(|i| Item::new(format!("i{i}")).text(format!("{}", i / 2))).collect();
        items[0].split = Some(Split::Train);
        items[5].split = Some(Split::Test);
        items[1].image = Some("a.png".into());
        items[2].label = Some("x".into());
        let relations = vec![
            Relation::new("sym", "goes with").phrasing("fits").symmetric(true),
            Relation::new("dir", "contains"),
            Relation::new("none", "is unused"),
        ];
        let edge = |(r, s, t)| Edge::new(r, s, t);
        let edges = [(0, 0, 1), (0, 1, 0), (0, 1, 2), (1, 0, 1), (1, 1, 0), (1, 1, 0), (1, 0, 5)].map(edge).to_vec();
        let dataset = Dataset { items, relations, edges, ..Dataset::default() };
        DatasetStats::of(&dataset, &Splits::assign(&dataset, &SplitConfig::default()).unwrap())
    }

    #[test]
    fn counts_by_hand() {
        let stats = stats();
        assert_eq!((stats.items, stats.relations, stats.edges), (6, 3, 7));
        assert_eq!((stats.modalities["text"], stats.modalities["image"]), (6, 1));
        assert_eq!((stats.splits["train"], stats.splits["validation"], stats.splits["test"]), (5, 0, 1));
        assert_eq!((stats.edge_splits["train"], stats.unused_edges), (6, 1));
        assert_eq!((stats.duplicate_edges, stats.duplicate_texts, stats.isolated_items, stats.labels), (2, 3, 2, 1));
        let [sym, dir, none] = stats.per_relation.as_slice() else { panic!("three relations") };
        assert_eq!((sym.edges, sym.pairs, sym.anchors, sym.phrasings), (3, 4, 3, 2));
        assert_eq!(sym.degree, Degree { min: 1, median: 1, max: 2 });
        assert_eq!((dir.edges, dir.pairs, dir.degree), (4, 3, Degree { min: 1, median: 2, max: 2 }));
        assert_eq!((none.edges, none.degree), (0, Degree::default()));
    }

    #[test]
    fn programs_and_people_can_read_it() {
        let stats = stats();
        let json = serde_json::to_value(&stats).unwrap();
        assert_eq!(
            (&json["items"], &json["modalities"]["image"], &json["splits"]["train"]),
            (&6.into(), &1.into(), &5.into())
        );
        let text = stats.to_string();
        assert!(text.contains("modalities          2   1 image, 6 text"), "{text}");
        let mut of_texts = stats.clone();
        of_texts.modalities.insert("image".into(), 0);
        assert!(of_texts.to_string().contains("modalities          1   6 text\n"), "{of_texts}");
        assert_eq!(serde_json::to_value(&of_texts).unwrap()["modalities"]["image"], 0);
        assert!(text.contains("5 train, 0 validation, 1 test") && text.contains("1/1/2"), "{text}");
    }
}
