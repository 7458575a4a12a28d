//! t-SNE of a few hundred points, exactly (van der Maaten and Hinton, 2008).
//!
//! Own code, since the library that was tried (bhtsne) switches on features of numeric crates below Burn, which would be compiled
//! again for everybody, and since nothing here is large enough for a tree.

/// Steps, of which the first exaggerate attraction.
const STEPS: (usize, usize) = (600, 150);
const EXAGGERATION: f64 = 12.0;
const RATE: f64 = 50.0;

/// Places of points in the plane by their squared distances `[n, n]`, from `start`: a function of its input, without chance.
pub(crate) fn tsne(distances: &[f64], perplexity: f64, start: Vec<[f64; 2]>) -> Vec<[f64; 2]> {
    let n = start.len();
    let p = affinities(distances, n, perplexity);
    let mut y = start;
    let mut velocity = vec![[0.0; 2]; n];
    let mut gain = vec![[1.0f64; 2]; n];
    for step in 0..STEPS.0 {
        let pull = if step < STEPS.1 { EXAGGERATION } else { 1.0 };
        let momentum = if step < STEPS.1 { 0.5 } else { 0.8 };
        // Students t with one degree of freedom, unnormalised.
        let mut close = vec![0.0; n * n];
        let mut sum = 0.0;
        for i in 0..n {
            for j in 0..i {
                let (dx, dy) = (y[i][0] - y[j][0], y[i][1] - y[j][1]);
                let t = 1.0 / (1.0 + dx * dx + dy * dy);
                (close[i * n + j], close[j * n + i]) = (t, t);
                sum += 2.0 * t;
            }
        }
        let mut gradient = vec![[0.0; 2]; n];
        for i in 0..n {
            for j in 0..n {
                let t = close[i * n + j];
                let force = 4.0 * (pull * p[i * n + j] - t / sum.max(f64::MIN_POSITIVE)) * t;
                for axis in 0..2 {
                    gradient[i][axis] += force * (y[i][axis] - y[j][axis]);
                }
            }
        }
        for i in 0..n {
            for axis in 0..2 {
                let (slope, speed) = (gradient[i][axis], velocity[i][axis]);
                // A coordinate that keeps its direction takes longer steps (Jacobs, 1988).
                let longer = if slope * speed < 0.0 { gain[i][axis] + 0.2 } else { gain[i][axis] * 0.8 };
                gain[i][axis] = longer.max(0.01);
                velocity[i][axis] = momentum * speed - RATE * gain[i][axis] * slope;
                y[i][axis] += velocity[i][axis];
            }
        }
    }
    y
}

/// Symmetric probabilities that sum to 1: Gaussian neighbours, as wide for each point as its perplexity asks for.
fn affinities(distances: &[f64], n: usize, perplexity: f64) -> Vec<f64> {
    let mut p = vec![0.0; n * n];
    for i in 0..n {
        let others = || (0..n).filter(move |j| *j != i).map(|j| distances[i * n + j]);
        let nearest = others().fold(f64::INFINITY, f64::min);
        let (mut low, mut high, mut beta) = (0.0, f64::INFINITY, 1.0);
        for _ in 0..60 {
            // Entropy of exp(-beta d) over the others; the nearest distance taken off keeps it in range.
            let weights: Vec<f64> = others().map(|d| (-beta * (d - nearest)).exp()).collect();
            let sum: f64 = weights.iter().sum();
            let mean: f64 = weights.iter().zip(others()).map(|(w, d)| w * (d - nearest)).sum::<f64>() / sum;
            if sum.ln() + beta * mean > perplexity.ln() {
                low = beta
            } else {
                high = beta
            }
            beta = if high.is_finite() { (low + high) / 2.0 } else { 2.0 * beta };
        }
        let weights: Vec<f64> = others().map(|d| (-beta * (d - nearest)).exp()).collect();
        let sum: f64 = weights.iter().sum();
        for (j, weight) in (0..n).filter(|j| *j != i).zip(weights) {
            p[i * n + j] += weight / sum / (2 * n) as f64;
            p[j * n + i] += weight / sum / (2 * n) as f64;
        }
    }
    p
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn affinities_are_a_distribution_of_the_perplexity_asked_for() {
        let n = 30;
        let at = |i: usize| (i * i % 17) as f64 + i as f64 / 7.0;
        let distances: Vec<f64> = (0..n * n).map(|k| (at(k / n) - at(k % n)).powi(2)).collect();
        let p = affinities(&distances, n, 5.0);
        assert!((p.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        assert!((0..n).all(|i| p[i * n + i] == 0.0 && (0..n).all(|j| p[i * n + j] == p[j * n + i])));
        // Equal distances: every neighbour has the same share, whatever the width.
        let equal: Vec<f64> = (0..n * n).map(|k| f64::from(u8::from(k / n != k % n))).collect();
        let p = affinities(&equal, n, 5.0);
        assert!((p[1] - 1.0 / (n * (n - 1)) as f64).abs() < 1e-9, "{}", p[1]);
    }
}
