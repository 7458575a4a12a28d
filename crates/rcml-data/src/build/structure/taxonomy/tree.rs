//! Nodes and what is above them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use rand_chacha::ChaCha8Rng;
use serde_json::Value;

use super::ring;
use crate::build::table::{self, BadRows, Column};
use crate::{Dataset, Error, Result};

/// Nodes with their parents. Items hang on nodes: several may hang on one.
#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) names: Vec<String>,
    parents: Vec<Vec<u32>>,
    /// Items of each node.
    pub(super) items: Vec<Vec<u32>>,
    /// Whether an item of a node is that node ("dog"), rather than a thing of its kind (a product among "leashes").
    nodes_are_items: bool,
}

/// From a table of (child, parent) pairs.
pub(super) fn from_table(dataset: &Dataset, file: &Path, child: &str, parent: &str) -> Result<Tree> {
    let mut tree = Tree { nodes_are_items: true, ..Tree::default() };
    let mut numbers: HashMap<String, u32> = HashMap::new();
    let mut bad = BadRows::new(false);
    let parse = |cells: &mut [Value]| match (table::text(&cells[0]), table::text(&cells[1])) {
        (Some(child), Some(parent)) => Ok((child, parent)),
        _ => Err(format!("expected two names, found {} and {}", cells[0], cells[1])),
    };
    table::each_row(file, &[Column::required(child), Column::required(parent)], parse, |line, row| {
        match row.and_then(|row| row) {
            Ok((child, parent)) => {
                let (child, parent) = (tree.node(&mut numbers, child), tree.node(&mut numbers, parent));
                tree.parents[child as usize].push(parent);
            }
            Err(message) => bad.add(file, line, message),
        }
        Ok(())
    })?;
    bad.finish()?;
    for (item, number) in dataset.items.iter().zip(0..) {
        if let Some(&node) = numbers.get(item.id.as_str()) {
            tree.items[node as usize].push(number);
        }
    }
    Ok(tree)
}

/// From the path that each item has.
pub(super) fn from_attribute(dataset: &Dataset, name: &str) -> Result<Tree> {
    let mut tree = Tree::default();
    // A node is its path: two branches may end in the same word.
    let mut numbers: HashMap<String, u32> = HashMap::new();
    for (item, number) in dataset.items.iter().zip(0..) {
        let path = item.attributes.get(name).map(|path| table::texts(path, Some(">"))).unwrap_or_default();
        let mut above = None;
        for end in 1..=path.len() {
            let node = tree.node(&mut numbers, path[..end].join(" > "));
            if let Some(above) = above
                && tree.parents[node as usize].is_empty()
            {
                tree.parents[node as usize].push(above);
            }
            above = Some(node);
        }
        if let Some(leaf) = above {
            tree.items[leaf as usize].push(number);
        }
    }
    if tree.names.is_empty() {
        return Err(Error::input(format!("no item has a path in the attribute {name:?}")));
    }
    Ok(tree)
}

impl Tree {
    fn node(&mut self, numbers: &mut HashMap<String, u32>, name: String) -> u32 {
        let next = self.names.len() as u32;
        *numbers.entry(name).or_insert_with_key(|name| {
            self.names.push(name.clone());
            self.parents.push(Vec::new());
            self.items.push(Vec::new());
            next
        })
    }

    /// Items that hang anywhere.
    pub(super) fn members(&self) -> BTreeSet<u32> {
        self.items.iter().flatten().copied().collect()
    }

    /// A cycle from a node back to itself, the first one that a search from the first node on meets.
    pub(super) fn cycle(&self) -> Option<Vec<u32>> {
        #[derive(Clone, Copy, PartialEq)]
        enum State {
            New,
            Open,
            Done,
        }
        let mut state = vec![State::New; self.names.len()];
        for start in 0..self.names.len() as u32 {
            // (node, next parent to look at): recursion would overflow on a chain of millions.
            let mut path = vec![(start, 0)];
            while let Some((node, next)) = path.pop() {
                if next == 0 {
                    if state[node as usize] == State::Done {
                        continue;
                    }
                    state[node as usize] = State::Open;
                }
                let Some(&parent) = self.parents[node as usize].get(next) else {
                    state[node as usize] = State::Done;
                    continue;
                };
                path.push((node, next + 1));
                match state[parent as usize] {
                    State::Open => {
                        let from = path.iter().position(|&(node, _)| node == parent).unwrap_or(0);
                        let mut cycle: Vec<u32> = path[from..].iter().map(|&(node, _)| node).collect();
                        cycle.push(parent);
                        return Some(cycle);
                    }
                    State::New => path.push((parent, 0)),
                    State::Done => {}
                }
            }
        }
        None
    }

    /// Every node that `steps` steps up lead to, at the least number of steps.
    fn above(&self, node: u32, steps: usize) -> BTreeSet<u32> {
        let mut at = BTreeSet::from([node]);
        for _ in 0..steps {
            at = at.iter().flat_map(|&node| self.parents[node as usize].iter().copied()).collect();
        }
        at
    }

    pub(super) fn is_a(&self, ancestors: usize) -> Vec<(u32, u32, f32)> {
        let mut edges = Vec::new();
        if !self.nodes_are_items {
            return edges;
        }
        for (node, items) in (0..).zip(&self.items) {
            for steps in 1..=ancestors {
                let above = self.above(node, steps);
                // A nearer relative weighs more where there is no room for all.
                let weight = 1.0 / steps as f32;
                let targets = above.iter().flat_map(|&above| &self.items[above as usize]);
                edges.extend(targets.flat_map(|&target| items.iter().map(move |&item| (item, target, weight))));
                if above.is_empty() {
                    break;
                }
            }
        }
        edges
    }

    /// Items whose nodes have a common node `steps` steps up, but none nearer. Things of one kind are each other's siblings at
    /// step 1: their node is that kind. Also gives the number of groups of which some pairs were not looked at.
    pub(super) fn siblings(&self, steps: usize, most: usize, rng: &mut ChaCha8Rng) -> (Vec<(u32, u32, f32)>, usize) {
        let up = if self.nodes_are_items { steps } else { steps - 1 };
        let mut node_of: HashMap<u32, Vec<u32>> = HashMap::new();
        let mut groups: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for (node, items) in (0..).zip(&self.items).filter(|(_, items)| !items.is_empty()) {
            for above in self.above(node, up) {
                groups.entry(above).or_default().extend(items);
            }
            items.iter().for_each(|&item| node_of.entry(item).or_default().push(node));
        }
        // What is above an item but nearer, once for all pairs; items that have the same above them are of one kind.
        let nearer: HashMap<u32, BTreeSet<u32>> = node_of
            .into_iter()
            .map(|(item, nodes)| {
                (item, (0..up).flat_map(|steps| nodes.iter().flat_map(move |&node| self.above(node, steps))).collect())
            })
            .collect();
        let mut numbers: HashMap<&BTreeSet<u32>, u32> = HashMap::new();
        let kinds: HashMap<u32, u32> = nearer
            .iter()
            .filter(|(_, above)| !above.is_empty())
            .map(|(&item, above)| {
                let next = numbers.len() as u32;
                (item, *numbers.entry(above).or_insert(next))
            })
            .collect();
        // A node that is above another member is no sibling of it.
        let apart = |a: u32, b: u32| match (nearer.get(&a), nearer.get(&b)) {
            (Some(a), Some(b)) => a.is_disjoint(b),
            _ => true,
        };
        let (mut edges, mut cut) = (Vec::new(), 0);
        for members in groups.values_mut() {
            members.sort_unstable();
            members.dedup();
            let drawn = ring::pairs(members, most, rng, |item| kinds.get(&item).copied(), apart);
            cut += usize::from(drawn.is_cut);
            edges.extend(drawn.pairs.into_iter().map(|(a, b)| (a, b, 1.0)));
        }
        (edges, cut)
    }
}
