//! Nearest neighbours by cosine, exactly.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use rayon::prelude::*;

use super::Rows;
use crate::algebra::dot;
use crate::metrics::MetricError;

/// A candidate; the heap's greatest is the worst one kept.
#[derive(PartialEq)]
struct Kept {
    score: f32,
    index: usize,
}

impl Eq for Kept {}

impl Ord for Kept {
    fn cmp(&self, other: &Self) -> Ordering {
        other.score.total_cmp(&self.score).then(self.index.cmp(&other.index))
    }
}

impl PartialOrd for Kept {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The k rows of `corpus` with the largest inner product with each query, best first; of equals the one that comes first. Where
/// `leave_out` gives a row for a query, that row is not among them. Memory: k per query.
///
/// # Shapes
/// Output: one list of row numbers per query, of min(k, rows) entries.
///
/// # Errors
/// Sets of different widths.
pub fn nearest(
    queries: Rows<'_>,
    corpus: Rows<'_>,
    k: usize,
    leave_out: impl Fn(usize) -> Option<usize> + Sync,
) -> Result<Vec<Vec<usize>>, MetricError> {
    corpus.same_width(&queries)?;
    let of = |query: usize| {
        let (row, left_out) = (queries.row(query), leave_out(query));
        let mut heap: BinaryHeap<Kept> = BinaryHeap::with_capacity(k + 1);
        for (index, candidate) in corpus.iter().enumerate() {
            if left_out == Some(index) {
                continue;
            }
            let new = Kept { score: dot(row, candidate), index };
            if heap.len() < k {
                heap.push(new);
            } else if let Some(mut worst) = heap.peek_mut()
                && new < *worst
            {
                *worst = new;
            }
        }
        heap.into_sorted_vec().into_iter().map(|kept| kept.index).collect()
    };
    Ok((0..queries.len()).into_par_iter().map(of).collect())
}

/// Mutual nearest neighbours: the mean over rows of the share of the k nearest that two sets of vectors of the same things have in
/// common (Huh et al., 2024, "mutual k-NN"). Chance is k / (N - 1).
///
/// # Errors
/// Sets of different numbers, k = 0, or fewer than k + 1 rows.
pub fn mutual_neighbours(x: Rows<'_>, y: Rows<'_>, k: usize) -> Result<f64, MetricError> {
    x.parallel(&y)?;
    if k == 0 {
        return Err(MetricError::Argument { what: "k", found: 0, expected: "at least 1" });
    }
    MetricError::at_least("rows", x.len(), k + 1)?;
    let (of_x, of_y) = (nearest(x, x, k, Some)?, nearest(y, y, k, Some)?);
    let shared = |(a, b): (&Vec<usize>, &Vec<usize>)| a.iter().filter(|i| b.contains(i)).count();
    Ok(of_x.iter().zip(&of_y).map(shared).sum::<usize>() as f64 / (k * x.len()) as f64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_heap_agrees_with_a_full_sort(values in prop::collection::vec(-2_i8..3, 12..60), k in 1_usize..9) {
            let values: Vec<f32> = values.iter().take(values.len() / 3 * 3).map(|v| f32::from(*v)).collect();
            let rows = Rows::new(&values, 3).unwrap();
            let found = nearest(rows, rows, k, Some).unwrap();
            for (i, found) in found.iter().enumerate() {
                let mut all: Vec<usize> = (0..rows.len()).filter(|j| *j != i).collect();
                all.sort_by(|a, b| dot(rows.row(i), rows.row(*b)).total_cmp(&dot(rows.row(i), rows.row(*a))).then(a.cmp(b)));
                all.truncate(k);
                prop_assert_eq!(found, &all);
            }
        }
    }

    #[test]
    fn the_same_vectors_share_all_neighbours() {
        let values: Vec<f32> = (0..60).map(|i| ((i * 37) % 29) as f32 - 14.0).collect();
        let rows = Rows::new(&values, 3).unwrap();
        assert_eq!(mutual_neighbours(rows, rows, 5), Ok(1.0));
        assert!(mutual_neighbours(rows, rows, 20).is_err() && mutual_neighbours(rows, rows, 0).is_err());
    }
}
