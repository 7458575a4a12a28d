//! Which candidates are positives and which are negatives of each anchor.

use rcml_kernels::SparseRows;
use serde::{Deserialize, Serialize};

use crate::contrast::{Candidates, Positives};

/// What the positives of a batch count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Average {
    /// Every anchor counts 1, shared by its positives: an anchor with many relatives does not drown the others.
    #[default]
    Anchors,
    /// Every pair counts 1 (the paper's sum over P, as a mean).
    Pairs,
}

/// One anchor of a relation, as [`PairTargets::new`] takes it. All numbers are rows of the batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnchorRow<'a> {
    /// The anchor itself.
    pub row: u32,
    /// Its positives.
    pub positives: &'a [u32],
    /// Rows that take no part: neither positives nor negatives.
    pub excluded: &'a [u32],
}

/// For each of U relations, A anchors against B candidates: who is a positive, who is a negative. A candidate that is
/// neither (a known relative, the anchor itself) takes no part.
///
/// Anchors and candidates are rows of the batch. Relations with fewer than A anchors are padded with rows that have no
/// positive.
#[derive(Debug, Clone, PartialEq)]
pub struct PairTargets {
    relations: usize,
    anchors: usize,
    candidates: usize,
    /// Batch row of each anchor, `[U, A]`; padding points at row 0.
    rows: Vec<u32>,
    /// Number of anchors of each relation, without padding.
    counts: Vec<usize>,
    /// Positive candidates of each anchor.
    positives: SparseRows,
    /// Candidates that take no part in an anchor's row: itself and known relatives, unless they are positives.
    excluded: SparseRows,
    /// Taken off each candidate's logit, `[B]`; empty = nothing.
    correction: Vec<f32>,
    /// For what a term draws at random.
    seed: u64,
}

/// Targets with a weight for every positive, after modalities that are missing have been taken out.
#[derive(Debug, Clone, PartialEq)]
pub struct WeightedPairs {
    /// U, A, B.
    pub shape: [usize; 3],
    /// Index of each positive into the flattened `[U, A, B]`.
    pub positions: Vec<i64>,
    /// Index of each positive's row into the flattened `[U, A]`.
    pub rows: Vec<i64>,
    /// Weight of each positive; they sum to 1 (or there is none).
    pub weights: Vec<f32>,
    /// `[U, A, B]`, 1 where the candidate is a negative.
    pub negatives: Vec<f32>,
}

impl PairTargets {
    /// Targets from, per relation, its anchors. The anchor's own row never takes part unless it is named as a positive.
    /// Every other row of the batch's `candidates` rows is a negative.
    pub fn new(candidates: usize, relations: &[Vec<AnchorRow<'_>>]) -> Self {
        let anchors = relations.iter().map(Vec::len).max().unwrap_or(0);
        let places = || relations.iter().flat_map(|list| (0..anchors).map(move |a| list.get(a)));
        let positives =
            SparseRows::new(places().map(|anchor| anchor.map_or(vec![], |anchor| anchor.positives.to_vec())));
        let excluded = SparseRows::new(places().map(|anchor| match anchor {
            Some(anchor) => anchor.excluded.iter().copied().chain([anchor.row]).collect(),
            None => vec![],
        }));
        let excluded = excluded.filter(|row, column| !positives.contains(row, column));
        Self {
            relations: relations.len(),
            anchors,
            candidates,
            rows: places().map(|anchor| anchor.map_or(0, |anchor| anchor.row)).collect(),
            counts: relations.iter().map(Vec::len).collect(),
            positives,
            excluded,
            correction: Vec::new(),
            seed: 0,
        }
    }

    /// Every row's one positive is its own counterpart, everything else is a negative: CLIP.
    pub fn same_item(rows: usize) -> Self {
        let own: Vec<u32> = (0..rows as u32).collect();
        let anchors =
            own.iter().map(|row| AnchorRow { row: *row, positives: std::slice::from_ref(row), excluded: &[] });
        Self::new(rows, &[anchors.collect()])
    }

    /// Takes a number off the logit of each candidate, `[B]`: log q corrects for candidates that are drawn with chance q each,
    /// which the softmax over a sample else learns along with the similarity (Bengio and Senecal 2008; Yi et al. 2019). Empty
    /// = nothing.
    ///
    /// # Panics
    /// If there are numbers, but not one for each candidate.
    pub fn with_correction(self, correction: Vec<f32>) -> Self {
        assert!(
            correction.is_empty() || correction.len() == self.candidates,
            "{} corrections of {} candidates",
            correction.len(),
            self.candidates
        );
        Self { correction, ..self }
    }

    /// What is taken off each candidate's logit, `[B]`; empty = nothing.
    pub fn correction(&self) -> &[f32] {
        &self.correction
    }

    /// Seeds what terms draw at random (mixtures, permutations, priors): give each step its own number.
    pub fn with_seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// What terms draw at random from.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Who competes in each anchor's row; `candidate_has` as in [`weigh`](Self::weigh).
    pub fn candidates(&self, candidate_has: &[bool]) -> Candidates {
        Candidates::all(self.shape())
            .excluding(&self.excluded)
            .present(candidate_has.to_vec())
            .with_correction(self.correction.clone())
    }

    /// The positives of anchors and candidates that have the modality; arguments as in [`weigh`](Self::weigh).
    pub fn positives(&self, average: Average, anchor_has: &[bool], candidate_has: &[bool]) -> Positives {
        let has = |list: &[bool], row: u32| list.is_empty() || list[row as usize];
        let keep = |row: usize, column: u32| has(anchor_has, self.rows[row]) && has(candidate_has, column);
        Positives::new(self.positives.filter(keep), average)
    }

    /// The positives of all anchors, whatever modalities they have.
    pub(crate) fn all_positives(&self) -> &SparseRows {
        &self.positives
    }

    /// Candidates that take no part in each anchor's row.
    pub(crate) fn all_excluded(&self) -> &SparseRows {
        &self.excluded
    }

    /// For targets of one relation whose anchors are all rows in order: which of some rows take no part in each other's.
    pub(crate) fn excluded_among(&self, rows: &[u32]) -> SparseRows {
        let place = |column: &u32| rows.binary_search(column).ok().map(|place| place as u32);
        SparseRows::new(
            rows.iter().map(|row| self.excluded.row(*row as usize).iter().filter_map(place).collect::<Vec<_>>()),
        )
    }

    /// U, A, B.
    pub fn shape(&self) -> [usize; 3] {
        [self.relations, self.anchors, self.candidates]
    }

    /// Batch row of each anchor, `[U, A]`.
    pub fn rows(&self) -> &[u32] {
        &self.rows
    }

    /// Whether there is nothing to learn from.
    pub fn is_empty(&self) -> bool {
        self.positives.count() == 0
    }

    /// Weighs the positives, leaving out anchors and candidates that lack the modality compared: `anchor_has` and
    /// `candidate_has` say of each batch row whether it has it; empty = all have it.
    pub fn weigh(&self, average: Average, anchor_has: &[bool], candidate_has: &[bool]) -> WeightedPairs {
        let has = |list: &[bool], row: u32| list.is_empty() || list[row as usize];
        let (anchors, candidates) = (self.anchors, self.candidates);
        let mut negatives = vec![0.0f32; self.relations * anchors * candidates];
        for (row, at) in negatives.chunks_mut(candidates.max(1)).enumerate() {
            if row % anchors < self.counts[row / anchors] {
                at.fill(1.0);
                let out = self.positives.row(row).iter().chain(self.excluded.row(row));
                out.for_each(|column| at[*column as usize] = 0.0);
                at.iter_mut().zip(candidate_has).filter(|(_, has)| !**has).for_each(|(negative, _)| *negative = 0.0);
            }
        }
        let mut pairs =
            WeightedPairs { shape: self.shape(), positions: vec![], rows: vec![], weights: vec![], negatives };
        let mut per_row = vec![0u32; self.relations * anchors];
        for (row, candidate) in self.positives.iter() {
            let contrast = &pairs.negatives[row * candidates..][..candidates];
            // Without a negative there is nothing to tell the positive from.
            if has(anchor_has, self.rows[row]) && has(candidate_has, candidate) && contrast.contains(&1.0) {
                pairs.positions.push((row * candidates) as i64 + i64::from(candidate));
                pairs.rows.push(row as i64);
                per_row[row] += 1;
            }
        }
        let total = match average {
            Average::Anchors => per_row.iter().filter(|count| **count > 0).count(),
            Average::Pairs => pairs.positions.len(),
        } as f32;
        let weight = |row: &i64| match average {
            Average::Anchors => 1.0 / (total * per_row[*row as usize] as f32),
            Average::Pairs => 1.0 / total,
        };
        pairs.weights = pairs.rows.iter().map(weight).collect();
        pairs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anchors_positives_and_negatives() {
        // relation 0: row 0 -> {1}, row 2 excluded; relation 1: row 1 -> {0, 3} and row 3 -> {1}
        let targets = PairTargets::new(
            4,
            &[
                vec![AnchorRow { row: 0, positives: &[1], excluded: &[2] }],
                vec![
                    AnchorRow { row: 1, positives: &[0, 3], excluded: &[] },
                    AnchorRow { row: 3, positives: &[1], excluded: &[] },
                ],
            ],
        );
        assert_eq!(targets.shape(), [2, 2, 4]);
        assert_eq!(targets.rows(), [0, 0, 1, 3]);
        let pairs = targets.weigh(Average::Anchors, &[], &[]);
        assert_eq!(&pairs.negatives[..4], [0.0, 0.0, 0.0, 1.0]);
        assert_eq!(&pairs.negatives[4..8], [0.0; 4], "padding has no negatives");
        assert_eq!(pairs.positions, [1, 8, 11, 13]);
        assert_eq!(pairs.rows, [0, 2, 2, 3]);
        let expected = [1.0 / 3.0, 1.0 / 6.0, 1.0 / 6.0, 1.0 / 3.0];
        assert!(pairs.weights.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{:?}", pairs.weights);
        let pairs = targets.weigh(Average::Pairs, &[], &[]);
        assert!(pairs.weights.iter().all(|w| (w - 0.25).abs() < 1e-6));
    }

    #[test]
    fn a_missing_modality_takes_no_part() {
        let targets = PairTargets::same_item(3);
        let pairs = targets.weigh(Average::Anchors, &[true, false, true], &[true, true, false]);
        assert_eq!(pairs.positions, [0], "row 1 has no anchor, row 2 no candidate");
        assert_eq!(pairs.negatives, [0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0]);
        // One candidate left: nothing to contrast with.
        let pairs = targets.weigh(Average::Anchors, &[], &[true, false, false]);
        assert!(pairs.positions.is_empty());
    }
}
