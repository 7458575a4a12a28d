//! Drawing what is held out.

use std::collections::BTreeMap;

use rand::seq::SliceRandom;

use super::{Split, SplitConfig};
use crate::Dataset;

/// Things to hold out of `n`.
pub(super) fn count(share: f64, n: usize) -> usize {
    let exact = share * n as f64;
    if share > 0.0 && n >= 10 { (exact.round() as usize).max(1) } else { exact as usize }
}

/// Draws test and validation out of `n` things, of which none is fixed.
pub(super) fn draw(n: usize, config: &SplitConfig, purpose: &[u8; 8]) -> Vec<Split> {
    let mut order: Vec<usize> = (0..n).collect();
    order.shuffle(&mut config.rng(purpose));
    let (test, validation) = (count(config.test, n), count(config.validation, n));
    let mut splits = vec![Split::Train; n];
    order.iter().take(test).for_each(|&i| splits[i] = Split::Test);
    order.iter().skip(test).take(validation).for_each(|&i| splits[i] = Split::Validation);
    splits
}

/// Turns the validation share of the training part into validation, where there is none yet.
pub(super) fn carve(splits: &mut [Split], config: &SplitConfig, purpose: &[u8; 8]) {
    if splits.contains(&Split::Validation) {
        return;
    }
    let mut train: Vec<usize> = (0..splits.len()).filter(|&i| splits[i] == Split::Train).collect();
    train.shuffle(&mut config.rng(purpose));
    train.iter().take(count(config.validation, train.len())).for_each(|&i| splits[i] = Split::Validation);
}

/// The same for items that belong together in groups, as in [`draw_groups`]. Of a group that the files have parted, what is left
/// for training stays together.
pub(super) fn carve_groups(
    dataset: &Dataset,
    splits: &mut [Split],
    config: &SplitConfig,
    group: &[u32],
    purpose: &[u8; 8],
) {
    if splits.contains(&Split::Validation) {
        return;
    }
    let train: Vec<u32> = (0..).zip(&*splits).filter(|(_, split)| **split == Split::Train).map(|(i, _)| i).collect();
    let wanted = [(Split::Validation, count(config.validation, train.len()))];
    hold_out(dataset, splits, config, (&train, group), &wanted, purpose);
}

/// Draws test and validation out of items that belong together in groups: `group` names that of each item. A group is in one
/// split. With `config.stratify`, each label is drawn on its own; a group has the label of its first item.
///
/// Shares are met as nearly as whole groups can.
pub(super) fn draw_groups(dataset: &Dataset, config: &SplitConfig, group: &[u32], purpose: &[u8; 8]) -> Vec<Split> {
    let n = group.len();
    let wanted = [(Split::Test, count(config.test, n)), (Split::Validation, count(config.validation, n))];
    let mut splits = vec![Split::Train; n];
    let all: Vec<u32> = (0..n as u32).collect();
    hold_out(dataset, &mut splits, config, (&all, group), &wanted, purpose);
    splits
}

/// Gives whole groups of `items` the splits that are wanted, each with its number of items.
fn hold_out(
    dataset: &Dataset,
    splits: &mut [Split],
    config: &SplitConfig,
    (items, group): (&[u32], &[u32]),
    wanted: &[(Split, usize)],
    purpose: &[u8; 8],
) {
    let mut members: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    items.iter().for_each(|&item| members.entry(group[item as usize]).or_default().push(item));
    // Items without a label are a stratum as well.
    let mut strata: BTreeMap<Option<&str>, Vec<&Vec<u32>>> = BTreeMap::new();
    for members in members.values() {
        let label = dataset.items[members[0] as usize].label.as_deref();
        strata.entry(label.filter(|_| config.stratify)).or_default().push(members);
    }
    let n = items.len();
    let mut rng = config.rng(purpose);
    let (mut before, mut held) = (0usize, vec![0usize; wanted.len()]);
    for groups in strata.values_mut() {
        groups.shuffle(&mut rng);
        before += groups.iter().map(|members| members.len()).sum::<usize>();
        // What the strata so far should have together, so that roundings do not add up.
        let due = |i: usize| (wanted[i].1 as f64 * before as f64 / n as f64).round() as usize;
        for members in groups.iter() {
            // Only what brings a split nearer to its share is added to it.
            let is_nearer = |i: usize| (held[i] + members.len()).abs_diff(due(i)) < held[i].abs_diff(due(i));
            let nearer = (0..wanted.len()).find(|&i| is_nearer(i));
            if let Some(i) = nearer {
                held[i] += members.len();
                members.iter().for_each(|&item| splits[item as usize] = wanted[i].0);
            }
        }
    }
}
