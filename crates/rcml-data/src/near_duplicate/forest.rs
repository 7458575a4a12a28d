//! Groups of things that pairs hold together.

/// Disjoint sets of things that are named by number.
#[derive(Debug, Clone)]
pub(super) struct Forest(Vec<u32>);

impl Forest {
    /// Everything apart.
    pub(super) fn new(count: usize) -> Self {
        Self((0..count as u32).collect())
    }

    /// The first member of a thing's set.
    pub(super) fn root(&self, mut thing: u32) -> u32 {
        while self.0[thing as usize] != thing {
            thing = self.0[thing as usize];
        }
        thing
    }

    /// Joins two sets; false where they are one already.
    pub(super) fn join(&mut self, a: u32, b: u32) -> bool {
        let (a, b) = (self.short(a), self.short(b));
        self.0[a.max(b) as usize] = a.min(b);
        a != b
    }

    /// As [`root`](Self::root), with the path to it halved.
    fn short(&mut self, mut thing: u32) -> u32 {
        while self.0[thing as usize] != thing {
            let above = self.0[thing as usize];
            self.0[thing as usize] = self.0[above as usize];
            thing = above;
        }
        thing
    }
}

/// Of pairs, those that hold the same groups together and no more: a group of n has n - 1.
pub(super) fn fewest(mut pairs: Vec<(u32, u32)>, count: usize) -> Vec<(u32, u32)> {
    pairs.sort_unstable();
    let mut forest = Forest::new(count);
    pairs.retain(|&(a, b)| forest.join(a, b));
    pairs
}
