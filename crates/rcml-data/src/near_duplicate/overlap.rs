//! Texts that have most of their words in common: an exact join of sets.
//!
//! Prefix and positional filters after Bayardo, Ma and Srikant, "Scaling up all pairs similarity search" (2007), and Xiao, Wang,
//! Lin and Yu, "Efficient similarity joins for near duplicate detection" (2008). With the rarest words first, two sets that share
//! enough have one of their first words in common; words that all descriptions of a shop share come last and are never looked up.

use rayon::prelude::*;

use super::forest::Forest;
use super::shingle::Shingles;

/// Sets that are looked up under one word: a catalogue whose texts all begin alike would otherwise cost the square of its size.
const MOST: usize = 10_000;

/// Sets that are looked up at a time, in parallel.
const BLOCK: usize = 256;

/// Pairs of sets that have at least `share` of their union in common, as many as hold their groups together; and how many sets
/// were not compared with all that they might be like. No two sets are equal. What is found does not depend on their order.
pub(super) fn by_shingles(shingles: &[&Shingles], share: f64) -> (Vec<(u32, u32)>, usize) {
    let sets = Sets::new(shingles);
    let index = Index::new(&sets, share);
    let (mut forest, mut pairs, mut capped) = (Forest::new(sets.words.len()), Vec::new(), 0);
    let all: Vec<u32> = (0..sets.words.len() as u32).collect();
    for block in all.chunks(BLOCK) {
        let look = |&set: &u32| {
            let (candidates, is_capped) = index.candidates(&sets, set, share);
            let (mut joined, mut found) = (Vec::new(), Vec::new());
            for other in candidates {
                // A group that it belongs to already says nothing new.
                let group = forest.root(other);
                if !joined.contains(&group) && sets.is_close(set, other, share) {
                    joined.push(group);
                    found.push((other, set));
                }
            }
            (found, is_capped)
        };
        let found: Vec<(Vec<(u32, u32)>, bool)> = block.par_iter().map(look).collect();
        for (found, is_capped) in found {
            capped += usize::from(is_capped);
            pairs.extend(found.into_iter().filter(|&(a, b)| forest.join(a, b)));
        }
    }
    let name = |set: u32| sets.names[set as usize];
    (pairs.into_iter().map(|(a, b)| (name(a), name(b))).collect(), capped)
}

/// The sets from small to large, of words that are numbered from rare to frequent.
struct Sets {
    words: Vec<Vec<u32>>,
    /// Where each stands in what was given.
    names: Vec<u32>,
    /// Number of different words.
    count: usize,
}

impl Sets {
    fn new(shingles: &[&Shingles]) -> Self {
        let mut hashes: Vec<u64> = shingles.iter().flat_map(|set| set.hashes()).copied().collect();
        hashes.par_sort_unstable();
        let mut known: Vec<(u64, usize)> = hashes.chunk_by(|a, b| a == b).map(|same| (same[0], same.len())).collect();
        let mut order: Vec<u32> = (0..known.len() as u32).collect();
        order.par_sort_unstable_by_key(|&word| (known[word as usize].1, known[word as usize].0));
        // From here on, what stands with a hash is its number.
        order.iter().enumerate().for_each(|(number, &word)| known[word as usize].1 = number);
        let number =
            |hash: &u64| known.binary_search_by_key(hash, |&(hash, _)| hash).map_or(0, |at| known[at].1 as u32);
        let mut sets: Vec<(Vec<u32>, u32)> = shingles
            .par_iter()
            .zip(0..shingles.len() as u32)
            .map(|(set, name)| {
                let mut words: Vec<u32> = set.hashes().iter().map(number).collect();
                words.sort_unstable();
                (words, name)
            })
            .collect();
        sets.par_sort_unstable_by(|(a, _), (b, _)| a.len().cmp(&b.len()).then_with(|| a.cmp(b)));
        let (words, names) = sets.into_iter().unzip();
        Self { words, names, count: known.len() }
    }

    fn size(&self, set: u32) -> usize {
        self.words[set as usize].len()
    }

    /// Whether two sets have at least `share` of their union in common (Jaccard index).
    fn is_close(&self, a: u32, b: u32, share: f64) -> bool {
        let (a, b) = (&self.words[a as usize], &self.words[b as usize]);
        let (mut i, mut j, mut common) = (0, 0, 0usize);
        while let (Some(x), Some(y)) = (a.get(i), b.get(j)) {
            common += usize::from(x == y);
            i += usize::from(x <= y);
            j += usize::from(y <= x);
        }
        common as f64 / (a.len() + b.len() - common) as f64 >= share
    }
}

/// The least whole number of at least `exact`, which may have been rounded up a little.
fn at_least(exact: f64) -> usize {
    (exact - 1e-9).ceil().max(1.0) as usize
}

/// By word: the sets that have it among their first words, and where.
struct Index {
    starts: Vec<usize>,
    entries: Vec<(u32, u32)>,
}

impl Index {
    fn new(sets: &Sets, share: f64) -> Self {
        // Two sets of which this is the smaller one have this many words in common, or are not close.
        let first = |set: &Vec<u32>| set.len() + 1 - at_least(2.0 * share / (1.0 + share) * set.len() as f64);
        let mut starts = vec![0; sets.count + 1];
        for set in &sets.words {
            set[..first(set)].iter().for_each(|&word| starts[word as usize + 1] += 1);
        }
        (1..starts.len()).for_each(|i| starts[i] += starts[i - 1]);
        let mut next = starts.clone();
        let mut entries = vec![(0, 0); starts[sets.count]];
        for (set, number) in sets.words.iter().zip(0..) {
            for (&word, at) in set[..first(set)].iter().zip(0..) {
                entries[next[word as usize]] = (number, at);
                next[word as usize] += 1;
            }
        }
        Self { starts, entries }
    }

    /// Sets before this one that may be close to it, ascending, and whether there were too many to look at all of them.
    fn candidates(&self, sets: &Sets, set: u32, share: f64) -> (Vec<u32>, bool) {
        let words = &sets.words[set as usize];
        let size = words.len();
        let least = at_least(share * size as f64);
        let (mut found, mut is_capped) = (Vec::new(), false);
        for (at, &word) in words[..size + 1 - least].iter().enumerate() {
            let entries = &self.entries[self.starts[word as usize]..self.starts[word as usize + 1]];
            let before = &entries[..entries.partition_point(|&(other, _)| other < set)];
            let sized = &before[before.partition_point(|&(other, _)| sets.size(other) < least)..];
            is_capped |= sized.len() > MOST;
            for &(other, place) in sized.iter().take(MOST) {
                let other_size = sets.size(other);
                let needed = at_least(share / (1.0 + share) * (size + other_size) as f64);
                // This word, and what is behind it in both.
                if 1 + (size - at - 1).min(other_size - place as usize - 1) >= needed {
                    found.push(other);
                }
            }
        }
        found.sort_unstable();
        found.dedup();
        (found, is_capped)
    }
}
