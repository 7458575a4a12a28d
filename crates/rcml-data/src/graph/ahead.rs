//! Many questions at once, so that the waits for memory overlap.
//!
//! A graph larger than the caches answers at the speed of memory: the offset of a random item is not in the cache, nor is
//! its block, whose place is not known before, nor the middle of a long list of lists. One question after the other, a core
//! waits for each of these in turn. Here a group of questions takes every step together: the offsets of all are loaded,
//! none waiting for another, then all blocks, and so on.
//!
//! Plain loads do that nearly as well as prefetch instructions, and are the same on every processor.

use std::hint::black_box;
use std::iter::Fuse;

use super::{Block, RELATED, RelationGraph};

/// Questions of a group: enough to keep the memory busy, few enough to stay in the first-level cache with what they load.
const GROUP: usize = 32;

/// Words of a block that are loaded at once: all of most blocks.
const WORDS: usize = 64;

/// Words of a cache line.
const LINE: usize = 16;

impl RelationGraph {
    /// [`targets`](Self::targets) for many questions (relation, source), in their order. Where the graph is larger than the
    /// processor's caches, this answers more of them in a second than asking one by one (docs/performance/graph.md).
    ///
    /// ```
    /// # use rcml_data::{Edge, Relation, RelationGraph};
    /// let relations = [Relation::new("same-room", "is used in the same room as").symmetric(true)];
    /// let graph = RelationGraph::new(3, &relations, &[Edge::new(0, 0, 1), Edge::new(0, 1, 2)]);
    /// let answers: Vec<&[u32]> = graph.targets_many([(0, 1), (0, 2)]).collect();
    /// assert_eq!(answers, [&[0, 2][..], &[1]]);
    /// ```
    pub fn targets_many(&self, questions: impl IntoIterator<Item = (u32, u32)>) -> impl Iterator<Item = &[u32]> {
        Ahead::new(self, questions.into_iter().map(|(relation, source)| (self.targets_list(relation), source)))
    }

    /// Every anchor of a relation, ascending, with its targets.
    pub fn answers(&self, relation: u32) -> impl Iterator<Item = (u32, &[u32])> {
        let anchors = || self.anchors(relation).iter().copied();
        anchors().zip(self.targets_many(anchors().map(move |anchor| (relation, anchor))))
    }

    /// [`related_items`](Self::related_items) for many items, in their order.
    pub fn related_items_many(&self, items: impl IntoIterator<Item = u32>) -> impl Iterator<Item = &[u32]> {
        Ahead::new(self, items.into_iter().map(|item| (Some(RELATED), item)))
    }
}

/// The lists that questions (list, item) ask for, in their order.
struct Ahead<'a, Q> {
    graph: &'a RelationGraph,
    questions: Fuse<Q>,
    answers: [&'a [u32]; GROUP],
    /// Answers that there are, and those that were given out.
    found: usize,
    given: usize,
}

impl<'a, Q: Iterator<Item = (Option<u32>, u32)>> Ahead<'a, Q> {
    fn new(graph: &'a RelationGraph, questions: Q) -> Self {
        Self { graph, questions: questions.fuse(), answers: [&[]; GROUP], found: 0, given: 0 }
    }

    /// Answers the next group of questions.
    fn load(&mut self) {
        let mut lists = [None; GROUP];
        let mut words: [&[u32]; GROUP] = [&[]; GROUP];
        (self.found, self.given) = (0, 0);
        for ((list, item), i) in self.questions.by_ref().take(GROUP).zip(0..) {
            (lists[i], words[i]) = (list, self.graph.words(item));
            self.found = i + 1;
        }
        let loaded = words.iter().flat_map(|words| words.iter().take(WORDS).step_by(LINE));
        black_box(loaded.fold(0, |all, word| all ^ word));
        let blocks = words.map(Block::of);
        let places = search(&blocks, &lists);
        for (i, block) in blocks.iter().enumerate() {
            self.answers[i] = match lists[i] {
                Some(list) if block.lists.get(places[i]) == Some(&list) => block.neighbours(places[i]),
                Some(RELATED) => block.related(),
                _ => &[],
            };
        }
        black_box(self.answers.iter().filter_map(|answer| answer.first()).fold(0, |all, item| all ^ item));
    }
}

/// Where each list would stand in its block, if it does: halving as in a binary search, one step of all before the next.
fn search(blocks: &[Block<'_>; GROUP], lists: &[Option<u32>; GROUP]) -> [usize; GROUP] {
    let mut places = [0; GROUP];
    let mut sizes = blocks.map(|block| block.lists.len());
    let mut longest = sizes.iter().copied().max().unwrap_or(0);
    while longest > 1 {
        for (((place, size), block), list) in places.iter_mut().zip(&mut sizes).zip(blocks).zip(lists) {
            let half = *size / 2;
            let middle = block.lists.get(*place + half).copied();
            // A choice of numbers, not of ways: nobody can guess which half it is.
            *place += if middle <= *list { half } else { 0 };
            *size -= half;
        }
        longest -= longest / 2;
    }
    places
}

impl<'a, Q: Iterator<Item = (Option<u32>, u32)>> Iterator for Ahead<'a, Q> {
    type Item = &'a [u32];

    #[inline]
    fn next(&mut self) -> Option<&'a [u32]> {
        if self.given == self.found {
            self.load();
        }
        let answer = *self.answers[..self.found].get(self.given)?;
        self.given += 1;
        Some(answer)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let waiting = self.found - self.given;
        let (least, most) = self.questions.size_hint();
        (least.saturating_add(waiting), most.and_then(|most| most.checked_add(waiting)))
    }
}
