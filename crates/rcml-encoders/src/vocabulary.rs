//! The vocabulary of a word-piece tokenizer, learned by merging pairs.
//!
//! The `tokenizers` library has such a trainer, but it walks hash maps with random seeds: two runs on one corpus number the
//! pieces differently and break ties differently, so that no seed gives the same bits twice (measured with version 0.22.2;
//! the test in `tokenizer.rs` is what found it). Everything else of the tokenizer is the library's.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap};

/// Marks a piece that continues a word.
pub(crate) const CONTINUATION: &str = "##";

/// Learns at most `limit` pieces (Sennrich et al. 2016): starting from characters, the most frequent adjacent pair becomes a
/// piece, until the limit or `min_frequency` is reached. Ties go to the pair that sorts first. Where the limit has no room for
/// all characters, the most frequent ones are kept, and words with others have no part in it.
pub(crate) fn learn(words: &BTreeMap<String, u64>, limit: usize, min_frequency: u64) -> Vec<String> {
    let mut pieces = Pieces::default();
    let mut split: Vec<(Vec<u32>, u64)> = Vec::with_capacity(words.len());
    for piece in &alphabet(words, limit) {
        pieces.id(piece);
    }
    for (word, count) in words {
        let known: Option<Vec<u32>> = characters(word).map(|piece| pieces.ids.get(&piece).copied()).collect();
        split.extend(known.map(|pieces| (pieces, *count)));
    }

    let mut counts: HashMap<(u32, u32), u64> = HashMap::new();
    let mut places: HashMap<(u32, u32), BTreeSet<usize>> = HashMap::new();
    for (index, (word, count)) in split.iter().enumerate() {
        for pair in word.windows(2).map(|w| (w[0], w[1])) {
            *counts.entry(pair).or_default() += count;
            places.entry(pair).or_default().insert(index);
        }
    }
    // Counts only shrink or belong to new pairs, so a stale entry is put back with its true count when it surfaces.
    let entry = |pieces: &Pieces, pair: (u32, u32), count: u64| (count, Reverse(pieces.names(pair)), pair);
    let mut queue: BinaryHeap<_> = counts.iter().map(|(pair, count)| entry(&pieces, *pair, *count)).collect();
    while pieces.list.len() < limit {
        let Some((count, _, pair)) = queue.pop() else { break };
        let now = counts.get(&pair).copied().unwrap_or(0);
        if now != count {
            if now > 0 {
                queue.push(entry(&pieces, pair, now));
            }
            continue;
        }
        if count < min_frequency.max(1) {
            break;
        }
        let (left, right) = pieces.names(pair);
        let merged = pieces.id(&format!("{left}{}", right.trim_start_matches(CONTINUATION)));
        let mut fresh: BTreeSet<(u32, u32)> = BTreeSet::new();
        for index in places.remove(&pair).unwrap_or_default() {
            let (word, count) = &mut split[index];
            for old in word.windows(2).map(|w| (w[0], w[1])) {
                if let Some(total) = counts.get_mut(&old) {
                    *total -= *count;
                }
            }
            merge(word, pair, merged);
            for new in word.windows(2).map(|w| (w[0], w[1])) {
                *counts.entry(new).or_default() += *count;
                if places.entry(new).or_default().insert(index) || new.0 == merged || new.1 == merged {
                    fresh.insert(new);
                }
            }
        }
        counts.remove(&pair);
        queue.extend(fresh.into_iter().map(|new| entry(&pieces, new, counts[&new])));
    }
    pieces.list
}

/// The characters of all words as pieces, the `limit` most frequent ones where there are more.
fn alphabet(words: &BTreeMap<String, u64>, limit: usize) -> BTreeSet<String> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for (word, count) in words {
        characters(word).for_each(|piece| *counts.entry(piece).or_default() += count);
    }
    let mut pieces: Vec<(String, u64)> = counts.into_iter().collect();
    // Stable: of pieces that are as frequent the one that sorts first comes first.
    pieces.sort_by_key(|(_, count)| Reverse(*count));
    pieces.into_iter().take(limit).map(|(piece, _)| piece).collect()
}

/// A word's characters as pieces.
fn characters(word: &str) -> impl Iterator<Item = String> {
    word.chars().enumerate().map(|(i, c)| if i == 0 { c.to_string() } else { format!("{CONTINUATION}{c}") })
}

fn merge(word: &mut Vec<u32>, pair: (u32, u32), merged: u32) {
    let mut out = Vec::with_capacity(word.len());
    let mut i = 0;
    while i < word.len() {
        if i + 1 < word.len() && (word[i], word[i + 1]) == pair {
            out.push(merged);
            i += 2;
        } else {
            out.push(word[i]);
            i += 1;
        }
    }
    *word = out;
}

#[derive(Default)]
struct Pieces {
    list: Vec<String>,
    ids: HashMap<String, u32>,
}

impl Pieces {
    fn id(&mut self, piece: &str) -> u32 {
        if let Some(id) = self.ids.get(piece) {
            return *id;
        }
        let id = self.list.len() as u32;
        self.list.push(piece.to_string());
        self.ids.insert(piece.to_string(), id);
        id
    }

    fn names(&self, (left, right): (u32, u32)) -> (String, String) {
        (self.list[left as usize].clone(), self.list[right as usize].clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frequent_pairs_merge_first() {
        let words = [("low", 5), ("lower", 2), ("newest", 6), ("widest", 3)];
        let words = words.map(|(word, count)| (word.to_string(), count)).into_iter().collect();
        let characters = alphabet(&words, usize::MAX).len();
        let learned = learn(&words, characters + 3, 1);
        // es occurs 9 times, then est 9 times, then lo and ow 7 times each: ("##o", "##w") sorts before ("l", "##o").
        assert_eq!(learned[characters..], ["##es", "##est", "##ow"]);
        assert_eq!(learn(&words, 1000, 7).last().unwrap(), "low");
        assert!(learn(&words, 1000, 1).contains(&"newest".to_string()));
    }

    /// Scripts with thousands of characters must not make a vocabulary larger than was asked for.
    #[test]
    fn the_limit_holds_for_characters_too() {
        let words = [("ab", 9), ("ac", 5), ("d", 1), ("e", 1)];
        let words = words.map(|(word, count)| (word.to_string(), count)).into_iter().collect();
        assert_eq!(learn(&words, 2, 1), ["##b", "a"]);
        assert_eq!(learn(&words, 4, 1), ["##b", "##c", "a", "d"], "d sorts before e");
        assert_eq!(learn(&words, 0, 1), Vec::<String>::new());
    }
}
