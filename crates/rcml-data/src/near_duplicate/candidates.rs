//! Which of very many pictures to compare at all.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use super::forest::{Forest, fewest};

/// Things of one bucket that each is compared with: buckets of plain backgrounds would otherwise cost the square of their size.
const MOST: usize = 20_000;

/// Pairs of hashes that differ in at most `bits` bits and that `alike` accepts, as many as hold their groups together; and how
/// many things were not compared with all that they might be like. The hash is cut into `bits + 1` pieces, of which two such
/// hashes have one in common.
pub(super) fn by_hash(hashes: &[u64], bits: u32, alike: impl Fn(u32, u32) -> bool + Sync) -> (Vec<(u32, u32)>, usize) {
    let pieces = bits + 1;
    let capped = AtomicUsize::new(0);
    let pairs: Vec<(u32, u32)> = (0..pieces)
        .into_par_iter()
        .flat_map(|piece| {
            let (from, to) = (64 * piece / pieces, 64 * (piece + 1) / pieces);
            let mask = (u64::MAX >> (64 - (to - from))) << from;
            let is_close =
                |a: u32, b: u32| (hashes[a as usize] ^ hashes[b as usize]).count_ones() <= bits && alike(a, b);
            let buckets = buckets(hashes.len(), |i| hashes[i] & mask);
            capped.fetch_add(buckets.iter().map(|b| b.len().saturating_sub(MOST)).sum(), Ordering::Relaxed);
            buckets.into_par_iter().flat_map_iter(move |bucket| joined(&bucket, is_close))
        })
        .collect();
    (fewest(pairs, hashes.len()), capped.into_inner())
}

/// Groups of equal keys with two members or more, each ascending.
fn buckets(count: usize, key: impl Fn(usize) -> u64) -> Vec<Vec<u32>> {
    let mut buckets: HashMap<u64, Vec<u32>> = HashMap::new();
    (0..count).for_each(|i| buckets.entry(key(i)).or_default().push(i as u32));
    buckets.into_values().filter(|bucket| bucket.len() > 1).collect()
}

/// Pairs that hold together what is close in a bucket. Two that are in one group already are not compared: ten thousand copies
/// of one thing need ten thousand comparisons, not fifty million.
fn joined(bucket: &[u32], is_close: impl Fn(u32, u32) -> bool) -> Vec<(u32, u32)> {
    let (mut forest, mut pairs) = (Forest::new(bucket.len()), Vec::new());
    for (i, &a) in bucket.iter().enumerate() {
        for (j, &b) in bucket.iter().enumerate().skip(i + 1).take(MOST) {
            if forest.root(i as u32) != forest.root(j as u32) && is_close(a, b) {
                forest.join(i as u32, j as u32);
                pairs.push((a, b));
            }
        }
    }
    pairs
}
