//! Splits that no chain of edges or duplicates leads across.

use std::collections::BTreeMap;

use rand::seq::SliceRandom;

use super::draw::{count, draw_groups};
use super::{Split, SplitConfig};
use crate::{Dataset, Duplicates, Error, RelationGraph, Result};

/// Rounds in which items join the community of their neighbours. Label propagation settles in a handful.
const ROUNDS: usize = 12;

/// Connected components, whole.
pub(super) fn components(dataset: &Dataset, config: &SplitConfig, duplicates: &Duplicates) -> Result<Vec<Split>> {
    let mut sets = Sets::new(dataset.items.len());
    for edge in &dataset.edges {
        sets.join(edge.source, edge.target);
    }
    duplicates.members().into_iter().for_each(|(item, group)| sets.join(item, group));
    let groups: Vec<u32> = (0..dataset.items.len() as u32).map(|item| sets.find(item)).collect();
    let splits = draw_groups(dataset, config, &groups, b"componen");
    let n = splits.len();
    for (key, split, share) in
        [("test", Split::Test, config.test), ("validation", Split::Validation, config.validation)]
    {
        let (found, wanted) = (splits.iter().filter(|&&s| s == split).count(), count(share, n));
        if 2 * found < wanted {
            let mut sizes: BTreeMap<u32, usize> = BTreeMap::new();
            groups.iter().for_each(|&group| *sizes.entry(group).or_default() += 1);
            let largest = sizes.values().max().copied().unwrap_or(0);
            return Err(Error::input(format!(
                "{}: split.{key} is {share}, but whole components make up {found} of the {wanted} items wanted: the largest \
                 of {} components holds {largest} of {n} items; strategy = \"communities\" takes it apart",
                dataset.name(),
                sizes.len()
            )));
        }
    }
    Ok(splits)
}

/// Communities by label propagation with a bound on their size (Raghavan, Albert and Kumara 2007): every item starts alone with
/// its duplicates and joins, in a seeded order, the community that most of its neighbours are in, as long as that has room.
pub(super) fn communities(dataset: &Dataset, config: &SplitConfig, duplicates: &Duplicates) -> Vec<Split> {
    let n = dataset.items.len();
    let graph = RelationGraph::new(n, &dataset.relations, &dataset.edges);
    let mut members: Vec<Vec<u32>> = vec![Vec::new(); n];
    (0..n as u32).for_each(|item| members[duplicates.group(item).unwrap_or(item) as usize].push(item));
    let mut label: Vec<u32> = (0..n as u32).map(|item| duplicates.group(item).unwrap_or(item)).collect();
    let mut size: Vec<usize> = members.iter().map(Vec::len).collect();
    // Small enough that the smallest split is made of several.
    let shares = [config.test, config.validation].into_iter().filter(|&share| share > 0.0);
    let most = ((shares.fold(1.0, f64::min) * n as f64 / 4.0) as usize).max(2);
    let mut order: Vec<u32> = (0..n as u32).filter(|&unit| !members[unit as usize].is_empty()).collect();
    let mut rng = config.rng(b"communit");
    for _ in 0..ROUNDS {
        order.shuffle(&mut rng);
        let mut moved = false;
        for &unit in &order {
            let own = members[unit as usize].len();
            let now = label[members[unit as usize][0] as usize];
            let mut votes: BTreeMap<u32, usize> = BTreeMap::new();
            for &item in &members[unit as usize] {
                graph
                    .related_items(item)
                    .iter()
                    .for_each(|&other| *votes.entry(label[other as usize]).or_default() += 1);
            }
            let room = |label: u32| label == now || size[label as usize] + own <= most;
            let best = votes.into_iter().filter(|&(label, _)| room(label));
            // Of equally many votes, the own community, so that it ends; then the one of the smallest number.
            let best = best.max_by_key(|&(label, votes)| (votes, label == now, u32::MAX - label));
            if let Some((best, _)) = best
                && best != now
            {
                members[unit as usize].iter().for_each(|&item| label[item as usize] = best);
                size[now as usize] -= own;
                size[best as usize] += own;
                moved = true;
            }
        }
        if !moved {
            break;
        }
    }
    draw_groups(dataset, config, &label, b"communit")
}

/// Disjoint sets, with the path to the first member halved at every look.
struct Sets(Vec<u32>);

impl Sets {
    fn new(n: usize) -> Self {
        Self((0..n as u32).collect())
    }

    fn find(&mut self, mut item: u32) -> u32 {
        while self.0[item as usize] != item {
            self.0[item as usize] = self.0[self.0[item as usize] as usize];
            item = self.0[item as usize];
        }
        item
    }

    /// Items that do not exist are in no set.
    fn join(&mut self, a: u32, b: u32) {
        if (a as usize) < self.0.len() && (b as usize) < self.0.len() {
            let (a, b) = (self.find(a), self.find(b));
            self.0[a.max(b) as usize] = a.min(b);
        }
    }
}
