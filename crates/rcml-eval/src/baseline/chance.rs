//! Random scores.

use crate::{RelationRef, Result, Scorer, View};

/// Scores drawn at random: a hash of the seed, the relation, the view and the pair, so the same question gets the same
/// answer. What a method that knows nothing scores, with its sampling noise.
#[derive(Debug, Clone)]
pub struct ChanceScorer {
    seed: u64,
    views: Vec<View>,
}

impl ChanceScorer {
    /// Random scores in the given views.
    pub fn new(seed: u64, views: Vec<View>) -> Self {
        Self { seed, views }
    }
}

impl Scorer for ChanceScorer {
    fn name(&self) -> &str {
        "chance"
    }

    fn views(&self) -> Vec<View> {
        self.views.clone()
    }

    fn scores(&mut self, relation: RelationRef, view: &View, queries: &[u32], candidates: &[u32]) -> Result<Vec<f32>> {
        let relation = match relation {
            RelationRef::Index(index) => u64::from(index) + 1,
            RelationRef::SameItem => 0,
        };
        let view = view.label().bytes().fold(0, |state, byte| mix(state ^ u64::from(byte)));
        let base = mix(mix(self.seed ^ view) ^ relation);
        super::table(queries, candidates, |query, candidate| {
            let bits = mix(mix(base ^ u64::from(query)) ^ (u64::from(candidate) << 32));
            // The upper 24 bits, which an f32 in [0, 1) holds exactly.
            (bits >> 40) as f32 / (1 << 24) as f32
        })
    }
}

/// The finaliser of SplitMix64 (Steele, Lea and Flood, 2014): fixed for good, unlike the hasher of the standard library.
fn mix(state: u64) -> u64 {
    let z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_uniform_and_depend_on_everything() {
        let items: Vec<u32> = (0..200).collect();
        let at = |seed, relation, view: &View| {
            ChanceScorer::new(seed, vec![]).scores(relation, view, &items, &items).unwrap()
        };
        let first = at(0, RelationRef::Index(0), &View::avg());
        let mean = first.iter().sum::<f32>() / first.len() as f32;
        assert!((mean - 0.5).abs() < 0.01, "{mean}");
        assert_eq!(first, at(0, RelationRef::Index(0), &View::avg()));
        assert_ne!(first, at(1, RelationRef::Index(0), &View::avg()));
        assert_ne!(first, at(0, RelationRef::SameItem, &View::avg()));
        assert_ne!(first, at(0, RelationRef::Index(0), &View::new("text", "text")));
        assert_ne!(first[1], first[200], "(0, 1) and (1, 0)");
    }
}
