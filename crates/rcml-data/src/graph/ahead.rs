//! Many questions at once, so that the waits for memory overlap.
//!
//! A graph larger than the caches answers at the speed of memory: the offset of a random item is not in the cache, and
//! neither is its block, whose place is not known before. One question after the other, a core waits for both, over and
//! over. Asked ahead, the offsets of a group are loaded first, each without waiting for the one before, then the blocks, and
//! when the answers are looked for, all of it is there.
//!
//! Plain loads do that nearly as well as prefetch instructions, and are the same on every processor.

use std::hint::black_box;
use std::iter::Fuse;

use super::{Block, RelationGraph};

/// Questions of a group: enough to keep the memory busy, few enough to stay in the first-level cache with their blocks.
const GROUP: usize = 32;

/// Words of a block that are loaded ahead: the rest of a longer one is not needed by most questions.
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
        let ahead = Ahead::new(self, questions.into_iter());
        ahead.map(|(relation, block)| self.targets_list(relation).map_or(&[][..], |list| block.list(list)))
    }

    /// Every anchor of a relation, ascending, with its targets.
    pub fn answers(&self, relation: u32) -> impl Iterator<Item = (u32, &[u32])> {
        let anchors = || self.anchors(relation).iter().copied();
        anchors().zip(self.targets_many(anchors().map(move |anchor| (relation, anchor))))
    }

    /// [`related_items`](Self::related_items) for many items, in their order.
    pub fn related_items_many(&self, items: impl IntoIterator<Item = u32>) -> impl Iterator<Item = &[u32]> {
        Ahead::new(self, items.into_iter().map(|item| ((), item))).map(|((), block)| block.related())
    }
}

/// The blocks of the items that questions are about, in the order of the questions.
struct Ahead<'a, T, Q: Iterator<Item = (T, u32)>> {
    graph: &'a RelationGraph,
    questions: Fuse<Q>,
    group: [Option<(T, &'a [u32])>; GROUP],
    next: usize,
}

impl<'a, T, Q: Iterator<Item = (T, u32)>> Ahead<'a, T, Q> {
    fn new(graph: &'a RelationGraph, questions: Q) -> Self {
        Self { graph, questions: questions.fuse(), group: std::array::from_fn(|_| None), next: GROUP }
    }

    /// Takes the next questions and loads what they will look at.
    fn load(&mut self) {
        for place in &mut self.group {
            *place = self.questions.next().map(|(question, item)| (question, self.graph.words(item)));
        }
        let loaded = self.group.iter().flatten().flat_map(|(_, words)| words.iter().take(WORDS).step_by(LINE));
        black_box(loaded.fold(0, |all, word| all ^ word));
        self.next = 0;
    }
}

impl<'a, T, Q: Iterator<Item = (T, u32)>> Iterator for Ahead<'a, T, Q> {
    type Item = (T, Block<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.next == GROUP {
            self.load();
        }
        let (question, words) = self.group[self.next].take()?;
        self.next += 1;
        Some((question, Block::of(words)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let waiting = self.group.iter().flatten().count();
        let (least, most) = self.questions.size_hint();
        (least.saturating_add(waiting), most.and_then(|most| most.checked_add(waiting)))
    }
}
