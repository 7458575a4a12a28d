//! The best of candidates that come in pieces.

use rayon::prelude::*;

/// The k candidates with the highest scores for each of some queries, best first, of equals the one with the lowest number. What has no
/// score (NaN) is no answer. Memory: queries x k, whatever the number of candidates.
///
/// ```
/// let mut nearest = rcml_model::Nearest::new(1, 2);
/// nearest.add(0, 0, &[0.1, 0.7, f32::NAN], 3);
/// nearest.add(0, 3, &[0.9, 0.7], 2);
/// assert_eq!(nearest.finish(), [vec![(0.9, 3), (0.7, 1)]]);
/// ```
#[derive(Debug, Clone)]
pub struct Nearest {
    k: usize,
    found: Vec<Vec<(f32, u32)>>,
}

fn order(a: &(f32, u32), b: &(f32, u32)) -> std::cmp::Ordering {
    b.0.total_cmp(&a.0).then(a.1.cmp(&b.1))
}

impl Nearest {
    /// Nothing found yet.
    pub fn new(queries: usize, k: usize) -> Self {
        Self { k, found: vec![Vec::new(); queries] }
    }

    /// Adds the scores of `width` candidates, numbered from `first` on, for the queries from `query` on.
    ///
    /// # Shapes
    /// - scores: `[queries, width]`, row-major
    pub fn add(&mut self, query: usize, first: u32, scores: &[f32], width: usize) {
        let k = self.k;
        let of_query = |(found, row): (&mut Vec<(f32, u32)>, &[f32])| {
            // What is below the worst of k is not looked at again.
            let least = if found.len() < k { None } else { found.last().copied() };
            let candidates = row.iter().copied().zip(first..).filter(|candidate| {
                !candidate.0.is_nan() && least.is_none_or(|least| order(candidate, &least).is_lt())
            });
            found.extend(candidates);
            if k > 0 && found.len() > k {
                found.select_nth_unstable_by(k - 1, order);
            }
            found.truncate(k);
            found.sort_unstable_by(order);
        };
        self.found[query..].par_iter_mut().zip(scores.par_chunks(width.max(1))).for_each(of_query);
    }

    /// (score, candidate) for each query.
    pub fn finish(self) -> Vec<Vec<(f32, u32)>> {
        self.found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_in_any_order_give_the_same() {
        let scores: Vec<f32> = (0..40).map(|i| ((i * 7) % 11) as f32 - 5.0).collect();
        let (a, b) = scores.split_at(20);
        let row = |row: &[f32]| {
            let mut all: Vec<(f32, u32)> = row.iter().copied().zip(0..).collect();
            all.sort_by(order);
            all.truncate(6);
            all
        };
        let expected = [row(a), row(b)];
        for pieces in [vec![(0, 20)], vec![(0, 7), (7, 20)], vec![(13, 20), (0, 13)]] {
            let mut nearest = Nearest::new(2, 6);
            for (start, end) in pieces {
                // A block of queries at a time.
                nearest.add(0, start as u32, &a[start..end], end - start);
                nearest.add(1, start as u32, &b[start..end], end - start);
            }
            assert_eq!(nearest.finish(), expected);
        }
        let mut few = Nearest::new(1, 9);
        few.add(0, 5, &[f32::NAN, -1.0, 2.0], 3);
        assert_eq!(few.finish(), [vec![(2.0, 7), (-1.0, 6)]]);
        assert!(Nearest::new(0, 3).finish().is_empty());
    }
}
