//! The best of many candidates.

use rayon::prelude::*;

/// The k candidates with the highest scores for each query, best first, of equals the one that comes first in the dataset; an
/// item is no answer to itself, and what has no score (NaN) is no answer.
///
/// # Shapes
/// `scores`: `[queries, candidates]`, row-major; candidate i is item i.
pub(super) fn best(queries: &[u32], scores: &[f32], k: usize) -> Vec<Vec<(f32, u32)>> {
    let candidates = scores.len() / queries.len().max(1);
    let order = |a: &(f32, u32), b: &(f32, u32)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
    let of = |(query, row): (&u32, &[f32])| {
        let answers = row.iter().copied().zip(0..).filter(|(score, item)| item != query && !score.is_nan());
        let mut found: Vec<(f32, u32)> = answers.collect();
        if found.len() > k {
            found.select_nth_unstable_by(k - 1, order);
            found.truncate(k);
        }
        found.sort_unstable_by(order);
        found
    };
    queries.par_iter().zip(scores.par_chunks(candidates.max(1))).map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn best_first_and_equals_in_order() {
        let scores = [0.5, 0.9, 0.5, 0.7, 0.1, 0.1, 0.1, 0.2];
        assert_eq!(best(&[1, 9], &scores, 2), [vec![(0.7, 3), (0.5, 0)], vec![(0.2, 3), (0.1, 0)]]);
        assert_eq!(best(&[0], &scores[..2], 9), [vec![(0.9, 1)]]);
        assert_eq!(best(&[2], &[f32::NAN, -0.5, 0.1], 3), [vec![(-0.5, 1)]], "what has no score is left out");
        assert!(best(&[], &[], 3).is_empty());
    }
}
