//! Which split an edge belongs to.

use std::collections::HashMap;

use rand::seq::SliceRandom;

use super::draw::{carve, draw};
use super::{Split, SplitConfig, SplitStrategy, time};
use crate::{Dataset, Edge, Result};

/// What an edge says, whichever way round a symmetric one is written.
pub(crate) fn statement(dataset: &Dataset, edge: &Edge) -> (u32, u32, u32) {
    let symmetric = dataset.relations.get(edge.relation as usize).is_some_and(|r| r.symmetric);
    let (a, b) = (edge.source, edge.target);
    if symmetric && b < a { (edge.relation, b, a) } else { (edge.relation, a, b) }
}

/// The statement that each edge makes, numbered in order of appearance, and the split that the files name for each
/// statement.
fn statements(dataset: &Dataset) -> (Vec<usize>, Vec<Option<Split>>) {
    let mut number = HashMap::with_capacity(dataset.edges.len());
    let mut named: Vec<Option<Split>> = Vec::new();
    let of_edges = dataset.edges.iter().map(|edge| {
        let n = *number.entry(statement(dataset, edge)).or_insert(named.len());
        if n == named.len() {
            named.push(None);
        }
        named[n] = named[n].max(edge.split);
        n
    });
    (of_edges.collect(), named)
}

fn is_unseen(relations: &[Split], edge: &Edge) -> bool {
    relations.get(edge.relation as usize) == Some(&Split::Test)
}

/// An edge belongs to the split of both its ends, or to none.
pub(super) fn edges_of_items(
    dataset: &Dataset,
    relations: &[Split],
    items: &[Split],
    fixed: bool,
) -> Vec<Option<Split>> {
    let named: Vec<Option<Split>> = if fixed {
        let (of_edges, named) = statements(dataset);
        of_edges.into_iter().map(|n| named[n]).collect()
    } else {
        vec![None; dataset.edges.len()]
    };
    let of_edge = |(edge, named): (&Edge, Option<Split>)| {
        let end = |item: u32| items.get(item as usize).copied();
        let ends = end(edge.source).filter(|_| end(edge.source) == end(edge.target));
        let split = named.or(ends)?;
        let allowed = match split {
            Split::Train => ends == Some(Split::Train) && !is_unseen(relations, edge),
            Split::Validation => !is_unseen(relations, edge),
            Split::Test => true,
        };
        allowed.then_some(split)
    };
    dataset.edges.iter().zip(named).map(of_edge).collect()
}

/// Edges are split, items are not.
pub(super) fn edges_alone(
    dataset: &Dataset,
    config: &SplitConfig,
    relations: &[Split],
    fixed: bool,
) -> Result<Vec<Option<Split>>> {
    let (of_edges, named) = statements(dataset);
    let mut unseen = vec![false; named.len()];
    of_edges.iter().zip(&dataset.edges).for_each(|(&n, edge)| unseen[n] = is_unseen(relations, edge));
    // Shares are of the edges that training may see: an unseen relation's are all held out anyway.
    let seen: Vec<usize> = (0..named.len()).filter(|&n| !unseen[n]).collect();
    let drawn = if fixed {
        let mut splits: Vec<Split> = seen.iter().map(|&n| named[n].unwrap_or(Split::Train)).collect();
        carve(&mut splits, config, b"carve ed");
        splits
    } else if config.strategy == SplitStrategy::EdgeTime {
        time::edges(dataset, config, &of_edges, &seen)?
    } else {
        draw(seen.len(), config, b"edges   ")
    };
    let held_out = |n: usize| matches!(named[n], None | Some(Split::Test)).then_some(Split::Test);
    let mut splits: Vec<Option<Split>> = (0..named.len()).map(held_out).collect();
    seen.into_iter().zip(drawn).for_each(|(n, split)| splits[n] = Some(split));
    Ok(of_edges.into_iter().map(|n| splits[n]).collect())
}

/// Leaves every relation `few_shot` training statements, drawn at random.
pub(super) fn keep_few(dataset: &Dataset, config: &SplitConfig, edges: &mut [Option<Split>]) {
    let (of_edges, named) = statements(dataset);
    let mut of_relations: Vec<Vec<usize>> = vec![Vec::new(); dataset.relations.len()];
    let mut counted = vec![false; named.len()];
    for ((&n, edge), split) in of_edges.iter().zip(&dataset.edges).zip(edges.iter()) {
        if *split == Some(Split::Train) && !std::mem::replace(&mut counted[n], true) {
            of_relations[edge.relation as usize].push(n);
        }
    }
    let mut rng = config.rng(b"few shot");
    let mut kept = vec![false; named.len()];
    for statements in &mut of_relations {
        statements.shuffle(&mut rng);
        statements.iter().take(config.few_shot).for_each(|&n| kept[n] = true);
    }
    for (&n, split) in of_edges.iter().zip(edges) {
        if *split == Some(Split::Train) && !kept[n] {
            *split = None;
        }
    }
}
