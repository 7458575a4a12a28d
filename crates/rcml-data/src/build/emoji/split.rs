//! Held-out items, without a near-duplicate in training.

use std::collections::HashMap;

use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::EmojiOptions;
use super::catalogue::Entry;
use super::person::Forms;
use crate::Split;

/// The split of every emoji. Tones of one emoji, forms of one person and emoji with equal pictures (the flags of Norway
/// and of Svalbard) stay together.
pub(super) fn items(entries: &[Entry], persons: &[Forms], options: &EmojiOptions, rng: &mut ChaCha8Rng) -> Vec<Split> {
    let mut groups = Groups::new(entries.len());
    let mut pictures = HashMap::new();
    for (i, entry) in entries.iter().enumerate() {
        if let Some(base) = entry.base {
            groups.join(base as usize, i);
        }
        groups.join(*pictures.entry(entry.png).or_insert(i), i);
    }
    for forms in persons {
        let forms: Vec<usize> = forms.iter().flatten().map(|i| *i as usize).collect();
        forms.windows(2).for_each(|w| groups.join(w[0], w[1]));
    }
    let mut groups = groups.lists();
    groups.shuffle(rng);
    let test = (options.test * entries.len() as f64).round() as usize;
    let validation = (options.validation * (entries.len() - test) as f64).round() as usize;
    let (mut tested, mut validated) = (0, 0);
    let mut splits = vec![Split::Train; entries.len()];
    for group in groups {
        let split = if tested + group.len() <= test {
            tested += group.len();
            Split::Test
        } else if validated + group.len() <= validation {
            validated += group.len();
            Split::Validation
        } else {
            Split::Train
        };
        group.into_iter().for_each(|i| splits[i] = split);
    }
    splits
}

/// Disjoint groups of 0..n.
pub(super) struct Groups {
    parent: Vec<usize>,
}

impl Groups {
    pub(super) fn new(n: usize) -> Self {
        Self { parent: (0..n).collect() }
    }

    fn root(&mut self, mut i: usize) -> usize {
        while self.parent[i] != i {
            self.parent[i] = self.parent[self.parent[i]];
            i = self.parent[i];
        }
        i
    }

    pub(super) fn join(&mut self, a: usize, b: usize) {
        // The smaller index is the root, so the groups do not depend on the order of joining.
        let (a, b) = (self.root(a), self.root(b));
        self.parent[a.max(b)] = a.min(b);
    }

    /// The groups, by their first member; members ascending.
    pub(super) fn lists(mut self) -> Vec<Vec<usize>> {
        let mut lists = vec![Vec::new(); self.parent.len()];
        for i in 0..self.parent.len() {
            let root = self.root(i);
            lists[root].push(i);
        }
        lists.retain(|list| !list.is_empty());
        lists
    }
}
