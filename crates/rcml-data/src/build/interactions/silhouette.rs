//! How well rows sit in their clusters, and the number of clusters that suits them best.

use rand::SeedableRng;
use rand::seq::index::sample;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::kmeans::{Clustering, kmeans};
use super::sparse::SparseRows;

/// Rows that the mean is taken over: all pairs of them are compared.
const SAMPLE: usize = 3_000;

/// The mean silhouette (Rousseeuw 1987) of the rows: (b - a) / max(a, b), where a is a row's mean distance to its own
/// cluster and b that to the nearest other one. From -1 to 1; 0 for a row that is alone in its cluster.
///
/// `labels` has one entry a row. `None` where there are fewer than two clusters.
pub(crate) fn silhouette(rows: &SparseRows, labels: &[u32]) -> Option<f64> {
    let k = labels.iter().max().map_or(0, |&most| most as usize + 1);
    let mut sizes = vec![0_usize; k];
    labels.iter().for_each(|&label| sizes[label as usize] += 1);
    if sizes.iter().filter(|&&size| size > 0).count() < 2 {
        return None;
    }
    let of_row = |row: usize| {
        let own = labels[row] as usize;
        if sizes[own] == 1 {
            return 0.0;
        }
        let mut sums = vec![0.0; k];
        for other in 0..rows.len() {
            sums[labels[other] as usize] += f64::from(rows.distance_square(row, other)).sqrt();
        }
        let within = sums[own] / (sizes[own] - 1) as f64;
        let others = (0..k).filter(|&label| label != own && sizes[label] > 0);
        let between = others.map(|label| sums[label] / sizes[label] as f64).fold(f64::INFINITY, f64::min);
        let most = within.max(between);
        if most > 0.0 { (between - within) / most } else { 0.0 }
    };
    let each: Vec<f64> = (0..rows.len()).into_par_iter().map(of_row).collect();
    Some(each.iter().sum::<f64>() / each.len() as f64)
}

/// Tries every number of clusters of the range; the one with the highest silhouette wins, the smaller one of equals.
/// Returns it with the score of each.
pub(crate) fn choose(
    rows: &SparseRows,
    range: std::ops::RangeInclusive<usize>,
    seed: u64,
) -> (Clustering, Vec<(usize, f64)>) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(1_000);
    let mut drawn: Vec<usize> =
        if rows.len() > SAMPLE { sample(&mut rng, rows.len(), SAMPLE).into_vec() } else { (0..rows.len()).collect() };
    drawn.sort_unstable();
    let sampled = rows.select(&drawn);
    let (mut best, mut scores) = (None::<(f64, Clustering)>, Vec::new());
    for k in range {
        let clustering = kmeans(rows, k, seed);
        let labels: Vec<u32> = drawn.iter().map(|&row| clustering.labels[row]).collect();
        let score = silhouette(&sampled, &labels).unwrap_or(0.0);
        scores.push((k, score));
        if best.as_ref().is_none_or(|(most, _)| score > *most) {
            best = Some((score, clustering));
        }
    }
    let clustering = best.map_or_else(|| kmeans(rows, 1, seed), |(_, clustering)| clustering);
    (clustering, scores)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_silhouette_agrees_with_scikit_learn() {
        let mut rows = SparseRows::new(3);
        for row in [
            [1.0, 0.0, 0.0],
            [0.9, 0.1, 0.0],
            [0.8, 0.0, 0.3],
            [0.0, 1.0, 0.0],
            [0.0, 0.7, 0.4],
            [0.0, 0.0, 1.0],
            [0.3; 3],
        ] {
            rows.push((0..3).zip(row).filter(|(_, value)| *value != 0.0));
        }
        // sklearn.metrics.silhouette_score, printed by oracles/interactions.py.
        let told = silhouette(&rows, &[0, 0, 0, 1, 1, 2, 1]).unwrap();
        assert!((told - 0.459_834_873_676_3).abs() < 1e-6, "{told}");
        assert_eq!(silhouette(&rows, &[0; 7]), None);
    }
}
