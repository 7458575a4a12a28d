//! Items in the plane, under a relation: one model beside another.

use std::collections::BTreeMap;

use rcml_data::{Dataset, RelationGraph};
use rcml_eval::{Conditioning, Map, Panel, RelationRef, Scorer, Side};

use crate::failure::Result;
use crate::tsne::tsne;

/// Groups that have a colour, and the least size of one.
const GROUPS: (usize, usize) = (6, 3);
/// Neighbours that are asked for a group.
const NEAREST: usize = 5;

/// A symmetric relation whose pairs make groups of items, largest first.
pub(crate) struct Groups {
    pub(crate) relation: u32,
    of_item: BTreeMap<u32, usize>,
}

impl Groups {
    /// The symmetric relation under which the coloured groups hold most items: groups are items that are linked by its edges.
    pub(crate) fn choose(dataset: &Dataset, graph: &RelationGraph, items: &[u32]) -> Option<Self> {
        let symmetric = (0..dataset.relations.len() as u32).filter(|r| dataset.relations[*r as usize].symmetric);
        let all = symmetric.map(|relation| Self { relation, of_item: linked(graph, relation, items) });
        let usable = all.filter(|groups| groups.of_item.values().any(|group| *group == 1));
        // The first of equals.
        usable.fold(None, |best: Option<Self>, groups| match best {
            Some(best) if best.of_item.len() >= groups.of_item.len() => Some(best),
            _ => Some(groups),
        })
    }
}

/// Items that edges of the relation link, directly or by way of others: the number of their group for those of the largest groups.
fn linked(graph: &RelationGraph, relation: u32, items: &[u32]) -> BTreeMap<u32, usize> {
    let mut component: BTreeMap<u32, u32> = BTreeMap::new();
    for &start in items {
        let mut open = vec![start];
        while let Some(item) = open.pop() {
            if items.binary_search(&item).is_ok() && !component.contains_key(&item) {
                component.insert(item, start);
                open.extend(graph.targets(relation, item));
            }
        }
    }
    let mut members: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    component.into_iter().for_each(|(item, start)| members.entry(start).or_default().push(item));
    let mut members: Vec<Vec<u32>> = members.into_values().filter(|group| group.len() >= GROUPS.1).collect();
    // A relation that holds between all is no grouping.
    members.retain(|group| 2 * group.len() <= items.len());
    members.sort_by_key(|group| std::cmp::Reverse(group.len()));
    members.truncate(GROUPS.0);
    members
        .into_iter()
        .enumerate()
        .flat_map(|(number, group)| group.into_iter().map(move |item| (item, number)))
        .collect()
}

/// One panel for each method: t-SNE of its fused vectors under the relation, from the plane of their two main directions. The
/// share of nearest neighbours that are of the same group is measured in the embedding itself, not in the plane.
pub(crate) fn map(
    title: String,
    groups: &Groups,
    items: &[u32],
    methods: &mut [(&str, &mut dyn Scorer)],
) -> Result<Map> {
    let mut panels = Vec::new();
    for (name, scorer) in methods {
        scorer.prepare(items)?;
        let condition = Conditioning::Query(RelationRef::Index(groups.relation));
        let Some(vectors) = scorer.item_vectors(condition, &Side::Mean, items)? else { continue };
        let (found, values) = vectors.rows(items);
        let rows: Vec<&[f32]> = values.chunks(vectors.width().max(1)).collect();
        let group: Vec<Option<usize>> = found.iter().map(|item| groups.of_item.get(item).copied()).collect();
        let plane = plane(&rows);
        let points = plane.into_iter().zip(&group).map(|([x, y], group)| (x, y, *group)).collect();
        let pure = 100.0 * purity(&rows, &group);
        panels.push(Panel { title: format!("{name}: {pure:.0}% of the nearest {NEAREST} are of the group"), points });
    }
    Ok(Map { title, panels })
}

fn squared_distance(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

/// The share of the nearest items of those in a group that are in it as well.
fn purity(rows: &[&[f32]], group: &[Option<usize>]) -> f64 {
    let (mut right, mut all) = (0, 0);
    for (row, own) in rows.iter().zip(group).filter(|(_, own)| own.is_some()) {
        let mut near: Vec<(f32, Option<usize>)> = rows
            .iter()
            .zip(group)
            .filter(|(other, _)| !std::ptr::eq(**other, *row))
            .map(|(other, group)| (squared_distance(row, other), *group))
            .collect();
        near.sort_by(|a, b| a.0.total_cmp(&b.0));
        right += near.iter().take(NEAREST).filter(|(_, group)| group == own).count();
        all += near.len().min(NEAREST);
    }
    if all == 0 { 0.0 } else { right as f64 / all as f64 }
}

/// t-SNE from the plane of the two main directions, so that the same vectors make the same picture.
fn plane(rows: &[&[f32]]) -> Vec<[f64; 2]> {
    let n = rows.len();
    if n < 8 {
        return main_directions(rows).into_iter().map(|p| p.map(f64::from)).collect();
    }
    let start = main_directions(rows).into_iter().map(|p| p.map(|value| 1e-2 * f64::from(value))).collect();
    let distance = |k: usize| f64::from(squared_distance(rows[k / n], rows[k % n]));
    tsne(&(0..n * n).map(distance).collect::<Vec<f64>>(), (n as f64 / 10.0).clamp(2.0, 30.0), start)
}

/// Coordinates along the two main directions, each of unit variance, by powers of the covariance.
fn main_directions(rows: &[&[f32]]) -> Vec<[f32; 2]> {
    let (n, width) = (rows.len(), rows.first().map_or(0, |row| row.len()));
    let mut mean = vec![0.0; width];
    rows.iter().for_each(|row| mean.iter_mut().zip(*row).for_each(|(m, v)| *m += v / n as f32));
    let centred: Vec<Vec<f32>> = rows.iter().map(|row| row.iter().zip(&mean).map(|(v, m)| v - m).collect()).collect();
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    let mut directions: Vec<Vec<f32>> = Vec::new();
    for number in 0..2usize {
        // Any start that is not orthogonal to the direction will do.
        let mut direction: Vec<f32> = (0..width).map(|i| ((i * 7 + number * 3 + 1) % 11) as f32 - 5.0).collect();
        for _ in 0..60 {
            let mut next = vec![0.0; width];
            for row in &centred {
                let share = dot(row, &direction);
                next.iter_mut().zip(row).for_each(|(n, v)| *n += share * v);
            }
            for known in &directions {
                let share = dot(&next, known);
                next.iter_mut().zip(known).for_each(|(n, k)| *n -= share * k);
            }
            let length = dot(&next, &next).sqrt().max(f32::MIN_POSITIVE);
            direction = next.into_iter().map(|v| v / length).collect();
        }
        directions.push(direction);
    }
    let mut out: Vec<[f32; 2]> =
        centred.iter().map(|row| [dot(row, &directions[0]), dot(row, &directions[1])]).collect();
    for axis in 0..2 {
        let scale =
            (out.iter().map(|p| p[axis] * p[axis]).sum::<f32>() / n.max(1) as f32).sqrt().max(f32::MIN_POSITIVE);
        out.iter_mut().for_each(|p| p[axis] /= scale);
    }
    out
}

#[cfg(test)]
mod tests {
    use rcml_data::{Edge, Item, Relation};

    use super::*;

    /// Two clouds far from each other.
    fn clouds() -> Vec<Vec<f32>> {
        let noise = |i: usize, j: usize| ((i * 37 + j * 11) % 13) as f32 / 130.0;
        (0..40).map(|i| (0..6).map(|j| if j == i % 2 { 1.0 } else { noise(i, j) }).collect()).collect()
    }

    #[test]
    fn clouds_stay_apart_and_the_picture_is_repeatable() {
        let clouds = clouds();
        let rows: Vec<&[f32]> = clouds.iter().map(Vec::as_slice).collect();
        let group: Vec<Option<usize>> = (0..40).map(|i| Some(i % 2)).collect();
        assert!((purity(&rows, &group) - 1.0).abs() < 1e-12);
        let first = plane(&rows);
        assert_eq!(first, plane(&rows));
        let flat: Vec<Vec<f32>> = first.iter().map(|p| p.iter().map(|v| *v as f32).collect()).collect();
        assert!(purity(&flat.iter().map(Vec::as_slice).collect::<Vec<_>>(), &group) > 0.9);
        assert_eq!(plane(&rows[..3]).len(), 3);
    }

    #[test]
    fn the_relation_with_groups_is_chosen() {
        let mut dataset =
            Dataset { items: (0..12).map(|i| Item::new(format!("i{i}"))).collect(), ..Dataset::default() };
        dataset.relations = vec![
            Relation::new("all", "is a thing, too").symmetric(true),
            Relation::new("third", "leaves the same rest").symmetric(true),
            Relation::new("next", "comes before"),
        ];
        for a in 0..12u32 {
            for b in a + 1..12 {
                dataset.edges.push(Edge::new(0, a, b));
                if a % 3 == b % 3 {
                    dataset.edges.push(Edge::new(1, a, b));
                }
            }
        }
        let graph = RelationGraph::new(12, &dataset.relations, &dataset.edges);
        let items: Vec<u32> = (0..12).collect();
        let groups = Groups::choose(&dataset, &graph, &items).unwrap();
        assert_eq!((groups.relation, groups.of_item.len()), (1, 12));
        assert_eq!(groups.of_item.get(&0), groups.of_item.get(&9));
        assert_ne!(groups.of_item.get(&0), groups.of_item.get(&1));
    }
}
