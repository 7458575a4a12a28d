//! k-means over sparse rows: the same clusters for the same seed, whatever the number of threads.

use rand::seq::index::sample;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::sparse::SparseRows;

/// Rows grouped around centroids.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Clustering {
    /// The cluster of each row; clusters are numbered by size, the largest first.
    pub(crate) labels: Vec<u32>,
    /// `[k, width]`.
    pub(crate) centroids: Vec<Vec<f32>>,
    /// Sum of squared distances to the centroids.
    pub(crate) inertia: f64,
}

/// Seedings that are tried; the best after Lloyd's iterations on the sample wins.
const RESTARTS: u64 = 8;

/// Rows on which the seedings compete: beyond, they agree (Bahmani et al. 2012 seed millions from fewer).
const SAMPLE: usize = 30_000;

/// Iterations at most; a few dozen are usual.
const ITERATIONS: usize = 100;

/// Parts of the rows whose sums are made apart and added in order: fixed, so that threads do not change rounding.
const PARTS: usize = 64;

/// Groups the rows into at most `k` clusters (fewer where there are fewer different rows): Lloyd's algorithm from greedy
/// k-means++ seeds (Arthur and Vassilvitskii 2007).
pub(crate) fn kmeans(rows: &SparseRows, k: usize, seed: u64) -> Clustering {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let drawn = if rows.len() > SAMPLE {
        let mut drawn = sample(&mut rng, rows.len(), SAMPLE).into_vec();
        drawn.sort_unstable();
        Some(rows.select(&drawn))
    } else {
        None
    };
    let small = drawn.as_ref().unwrap_or(rows);
    let mut best: Option<Clustering> = None;
    for restart in 0..RESTARTS {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(1 + restart);
        let candidate = lloyd(small, seeds(small, k, &mut rng));
        if best.as_ref().is_none_or(|best| candidate.inertia < best.inertia) {
            best = Some(candidate);
        }
    }
    let best = best.unwrap_or_else(|| lloyd(small, Vec::new()));
    let whole = if drawn.is_some() { lloyd(rows, best.centroids) } else { best };
    by_size(whole)
}

/// Greedy k-means++: of a few candidates drawn by their squared distance, the one that helps most.
fn seeds(rows: &SparseRows, k: usize, rng: &mut ChaCha8Rng) -> Vec<Vec<f32>> {
    let mut centroids: Vec<Vec<f32>> = Vec::new();
    if rows.len() == 0 || k == 0 {
        return centroids;
    }
    let first = rng.random_range(0..rows.len() as u64) as usize;
    centroids.push(dense(rows, first));
    let mut distance: Vec<f32> = (0..rows.len()).into_par_iter().map(|row| rows.distance_square(row, first)).collect();
    let trials = 2 + (k as f64).ln() as usize;
    while centroids.len() < k {
        let total: f64 = distance.iter().map(|&d| f64::from(d)).sum();
        if total <= 0.0 {
            break;
        }
        let mut best: Option<(f64, usize, Vec<f32>)> = None;
        for _ in 0..trials {
            let mut left = rng.random::<f64>() * total;
            let chosen = distance.iter().position(|&d| {
                left -= f64::from(d);
                left < 0.0 && d > 0.0
            });
            let Some(chosen) = chosen.or_else(|| distance.iter().rposition(|&d| d > 0.0)) else { continue };
            let closer: Vec<f32> = (0..rows.len())
                .into_par_iter()
                .map(|row| distance[row].min(rows.distance_square(row, chosen)))
                .collect();
            let sum: f64 = closer.iter().map(|&d| f64::from(d)).sum();
            if best.as_ref().is_none_or(|(least, ..)| sum < *least) {
                best = Some((sum, chosen, closer));
            }
        }
        let Some((_, chosen, closer)) = best else { break };
        centroids.push(dense(rows, chosen));
        distance = closer;
    }
    centroids
}

fn dense(rows: &SparseRows, row: usize) -> Vec<f32> {
    let mut dense = vec![0.0; rows.width];
    let (columns, values) = rows.row(row);
    columns.iter().zip(values).for_each(|(&column, &value)| dense[column as usize] = value);
    dense
}

/// Lloyd's iterations until no row changes its cluster.
fn lloyd(rows: &SparseRows, mut centroids: Vec<Vec<f32>>) -> Clustering {
    let mut labels = vec![0; rows.len()];
    let mut inertia = f64::INFINITY;
    for iteration in 0..ITERATIONS {
        let nearest = assign(rows, &centroids);
        inertia = nearest.iter().map(|&(_, distance)| f64::from(distance)).sum();
        let changed = iteration == 0 || nearest.iter().zip(&labels).any(|(&(now, _), &before)| now != before);
        labels = nearest.iter().map(|&(label, _)| label).collect();
        if !changed || centroids.is_empty() {
            break;
        }
        centroids = means(rows, &labels, centroids.len());
        refill(rows, &nearest, &labels, &mut centroids);
    }
    Clustering { labels, centroids, inertia }
}

/// The nearest centroid of each row (the first of equals), and the squared distance to it.
fn assign(rows: &SparseRows, centroids: &[Vec<f32>]) -> Vec<(u32, f32)> {
    let squares: Vec<f32> = centroids.iter().map(|c| c.iter().map(|value| value * value).sum()).collect();
    let nearest = |row: usize| {
        let mut best = (0, f32::INFINITY);
        for (label, (centroid, square)) in centroids.iter().zip(&squares).enumerate() {
            let distance = square - 2.0 * rows.dot(row, centroid);
            if distance < best.1 {
                best = (label as u32, distance);
            }
        }
        (best.0, (best.1 + rows.square(row)).max(0.0))
    };
    (0..rows.len()).into_par_iter().with_min_len(1024).map(nearest).collect()
}

/// The mean of each cluster; an empty one has none (zeros and a size of 0 are told apart by `refill`).
fn means(rows: &SparseRows, labels: &[u32], k: usize) -> Vec<Vec<f32>> {
    let part = rows.len().div_ceil(PARTS).max(1);
    let sums: Vec<(Vec<f64>, Vec<u64>)> = (0..rows.len().div_ceil(part))
        .into_par_iter()
        .map(|p| {
            let (mut sums, mut sizes) = (vec![0.0; k * rows.width], vec![0; k]);
            for (row, &label) in labels.iter().enumerate().skip(p * part).take(part) {
                let label = label as usize;
                sizes[label] += 1;
                let (columns, values) = rows.row(row);
                for (&column, &value) in columns.iter().zip(values) {
                    sums[label * rows.width + column as usize] += f64::from(value);
                }
            }
            (sums, sizes)
        })
        .collect();
    let (mut total, mut size) = (vec![0.0; k * rows.width], vec![0_u64; k]);
    for (sums, sizes) in sums {
        total.iter_mut().zip(sums).for_each(|(total, sum)| *total += sum);
        size.iter_mut().zip(sizes).for_each(|(total, size)| *total += size);
    }
    let mean = |label: usize| {
        let sums = &total[label * rows.width..(label + 1) * rows.width];
        sums.iter().map(|sum| (sum / size[label].max(1) as f64) as f32).collect()
    };
    (0..k).map(mean).collect()
}

/// An empty cluster starts again at the row that is farthest from its centroid.
fn refill(rows: &SparseRows, nearest: &[(u32, f32)], labels: &[u32], centroids: &mut [Vec<f32>]) {
    let mut sizes = vec![0_usize; centroids.len()];
    labels.iter().for_each(|&label| sizes[label as usize] += 1);
    let empty: Vec<usize> = (0..centroids.len()).filter(|&label| sizes[label] == 0).collect();
    if empty.is_empty() {
        return;
    }
    let mut far: Vec<usize> = (0..rows.len()).filter(|&row| nearest[row].1 > 0.0).collect();
    far.sort_by(|&a, &b| nearest[b].1.total_cmp(&nearest[a].1).then(a.cmp(&b)));
    for (label, row) in empty.into_iter().zip(far) {
        centroids[label] = dense(rows, row);
    }
}

/// Drops empty clusters and numbers the others by size; of equal ones, the one whose first row comes first.
fn by_size(clustering: Clustering) -> Clustering {
    let k = clustering.centroids.len();
    let (mut sizes, mut first) = (vec![0_usize; k], vec![usize::MAX; k]);
    for (row, &label) in clustering.labels.iter().enumerate() {
        sizes[label as usize] += 1;
        first[label as usize] = first[label as usize].min(row);
    }
    let mut order: Vec<usize> = (0..k).filter(|&label| sizes[label] > 0).collect();
    order.sort_by_key(|&label| (std::cmp::Reverse(sizes[label]), first[label]));
    let mut number = vec![0; k];
    order.iter().zip(0..).for_each(|(&old, new)| number[old] = new);
    Clustering {
        labels: clustering.labels.iter().map(|&label| number[label as usize]).collect(),
        centroids: order.iter().map(|&old| clustering.centroids[old].clone()).collect(),
        inertia: clustering.inertia,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `k` groups of rows around corners of a simplex, with some noise.
    fn groups(k: usize, each: usize) -> (SparseRows, Vec<u32>) {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let (mut rows, mut truth) = (SparseRows::new(k + 2), Vec::new());
        for i in 0..k * each {
            let group = (i % k) as u32;
            let noise = [rng.random::<f32>() * 0.3, rng.random::<f32>() * 0.3];
            rows.push([(group, 1.0), (k as u32, noise[0]), (k as u32 + 1, noise[1])]);
            truth.push(group);
        }
        (rows, truth)
    }

    #[test]
    fn planted_groups_are_found_whatever_the_threads() {
        // More rows than the sample: both stages run.
        let (rows, truth) = groups(7, 6_000);
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| kmeans(&rows, 7, 3))
        };
        let clustering = run(1);
        assert_eq!(clustering, run(3));
        let of_group: Vec<u32> = clustering.labels[..7].to_vec();
        assert_eq!(of_group.iter().collect::<std::collections::BTreeSet<_>>().len(), 7);
        assert!(clustering.labels.iter().zip(&truth).all(|(&label, &group)| label == of_group[group as usize]));
    }

    #[test]
    fn fewer_different_rows_than_clusters() {
        let mut rows = SparseRows::new(2);
        for i in 0..10 {
            rows.push([(i % 2, 1.0)]);
        }
        let clustering = kmeans(&rows, 5, 0);
        assert_eq!((clustering.centroids.len(), clustering.inertia), (2, 0.0));
        assert_eq!(kmeans(&SparseRows::new(3), 5, 0).labels, Vec::<u32>::new());
    }
}
