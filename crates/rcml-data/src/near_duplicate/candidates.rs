//! Which of very many things to compare at all.

use std::collections::HashMap;

use rayon::prelude::*;

use super::shingle::{BANDS, Shingles};

/// Pairs of hashes that differ in at most `bits` bits and that `alike` accepts: the hash is cut into `bits + 1` pieces, of
/// which two such hashes have one in common. Each is paired with the first of its group that it is like.
pub(super) fn by_hash(hashes: &[u64], bits: u32, alike: impl Fn(u32, u32) -> bool + Sync) -> Vec<(u32, u32)> {
    let pieces = bits + 1;
    let mut pairs: Vec<(u32, u32)> = (0..pieces)
        .into_par_iter()
        .flat_map_iter(|piece| {
            let (from, to) = (64 * piece / pieces, 64 * (piece + 1) / pieces);
            let mask = (u64::MAX >> (64 - (to - from))) << from;
            let is_close =
                |a: u32, b: u32| (hashes[a as usize] ^ hashes[b as usize]).count_ones() <= bits && alike(a, b);
            buckets(hashes.len(), |i| hashes[i] & mask).into_iter().flat_map(move |bucket| leaders(&bucket, is_close))
        })
        .collect();
    pairs.par_sort_unstable();
    pairs.dedup();
    pairs
}

/// Pairs of texts that have at least `share` in common.
pub(super) fn by_shingles(shingles: &[Shingles], share: f64) -> Vec<(u32, u32)> {
    let signatures: Vec<[u64; BANDS]> = shingles.par_iter().map(Shingles::bands).collect();
    let mut pairs: Vec<(u32, u32)> = (0..BANDS)
        .into_par_iter()
        .flat_map_iter(|band| {
            let is_close = |a: u32, b: u32| shingles[a as usize].jaccard(&shingles[b as usize]) >= share;
            buckets(shingles.len(), |i| signatures[i][band])
                .into_iter()
                .flat_map(move |bucket| leaders(&bucket, is_close))
        })
        .collect();
    pairs.par_sort_unstable();
    pairs.dedup();
    pairs
}

/// Groups of equal keys with two members or more, each ascending, in a fixed order.
fn buckets(count: usize, key: impl Fn(usize) -> u64) -> Vec<Vec<u32>> {
    let mut buckets: HashMap<u64, Vec<u32>> = HashMap::new();
    (0..count).for_each(|i| buckets.entry(key(i)).or_default().push(i as u32));
    let mut buckets: Vec<Vec<u32>> = buckets.into_values().filter(|bucket| bucket.len() > 1).collect();
    buckets.sort_unstable();
    buckets
}

/// Pairs each member with the first leader that it is like; who is like none becomes a leader. Ten thousand copies of one
/// thing then need ten thousand comparisons, not fifty million.
fn leaders(bucket: &[u32], is_close: impl Fn(u32, u32) -> bool) -> Vec<(u32, u32)> {
    let (mut leaders, mut pairs): (Vec<u32>, Vec<(u32, u32)>) = (Vec::new(), Vec::new());
    for &member in bucket {
        match leaders.iter().find(|&&leader| is_close(leader, member)) {
            Some(&leader) => pairs.push((leader, member)),
            None => leaders.push(member),
        }
    }
    pairs
}
