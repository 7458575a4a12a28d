//! Minimisation without settings.

/// Pairs of steps and gradient changes that are remembered.
const MEMORY: usize = 10;

/// Minimises a smooth function by L-BFGS (Liu and Nocedal, 1989) with a backtracking line search: no learning rate, no random
/// numbers. `evaluate` gives the value and the gradient at a point. Ends when the largest entry of the gradient falls below
/// `tolerance`, when no step improves, or after `iterations`. Returns the best point found.
pub(super) fn minimize(
    start: Vec<f64>,
    iterations: usize,
    tolerance: f64,
    mut evaluate: impl FnMut(&[f64]) -> (f64, Vec<f64>),
) -> Vec<f64> {
    let mut x = start;
    let (mut value, mut gradient) = evaluate(&x);
    let mut pairs: Vec<(Vec<f64>, Vec<f64>, f64)> = Vec::new();
    for _ in 0..iterations {
        if gradient.iter().all(|g| g.abs() < tolerance) || !value.is_finite() {
            break;
        }
        let mut direction = descent(&gradient, &pairs);
        let mut slope = dot(&direction, &gradient);
        if slope >= 0.0 {
            // Rounding has spoilt the memory: begin again from the gradient.
            pairs.clear();
            direction = gradient.iter().map(|g| -g).collect();
            slope = dot(&direction, &gradient);
        }
        let mut length = if pairs.is_empty() { (1.0 / slope.abs().sqrt()).min(1.0) } else { 1.0 };
        let mut next = None;
        for _ in 0..30 {
            let point: Vec<f64> = x.iter().zip(&direction).map(|(x, d)| x + length * d).collect();
            let (there, slopes) = evaluate(&point);
            if there <= value + 1e-4 * length * slope {
                next = Some((point, there, slopes));
                break;
            }
            length *= 0.5;
        }
        let Some((point, there, slopes)) = next else {
            if pairs.is_empty() {
                break;
            }
            pairs.clear();
            continue;
        };
        let step: Vec<f64> = point.iter().zip(&x).map(|(a, b)| a - b).collect();
        let change: Vec<f64> = slopes.iter().zip(&gradient).map(|(a, b)| a - b).collect();
        let curvature = dot(&step, &change);
        if curvature > 1e-12 * dot(&change, &change) {
            if pairs.len() == MEMORY {
                pairs.remove(0);
            }
            pairs.push((step, change, curvature));
        }
        let gained = value - there;
        (x, value, gradient) = (point, there, slopes);
        if gained <= 1e-10 * value.abs() {
            break;
        }
    }
    x
}

/// Minus the inverse Hessian, as far as it is known, times the gradient.
fn descent(gradient: &[f64], pairs: &[(Vec<f64>, Vec<f64>, f64)]) -> Vec<f64> {
    let mut q: Vec<f64> = gradient.iter().map(|g| -g).collect();
    let mut shares = Vec::with_capacity(pairs.len());
    for (step, change, curvature) in pairs.iter().rev() {
        let share = dot(step, &q) / curvature;
        q.iter_mut().zip(change).for_each(|(q, c)| *q -= share * c);
        shares.push(share);
    }
    if let Some((_, change, curvature)) = pairs.last() {
        let scale = curvature / dot(change, change);
        q.iter_mut().for_each(|q| *q *= scale);
    }
    for ((step, change, curvature), share) in pairs.iter().zip(shares.into_iter().rev()) {
        let back = dot(change, &q) / curvature;
        q.iter_mut().zip(step).for_each(|(q, s)| *q += (share - back) * s);
    }
    q
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_banana_has_its_minimum_at_one() {
        // Rosenbrock's function, four times over.
        let found = minimize(vec![-1.2, 1.0, 0.5, 2.0, -0.3, -1.0, 2.0, 2.0], 500, 1e-9, |x| {
            let (mut value, mut gradient) = (0.0, vec![0.0; x.len()]);
            for i in (0..x.len()).step_by(2) {
                let (a, b) = (1.0 - x[i], x[i + 1] - x[i] * x[i]);
                value += a * a + 100.0 * b * b;
                gradient[i] = -2.0 * a - 400.0 * x[i] * b;
                gradient[i + 1] = 200.0 * b;
            }
            (value, gradient)
        });
        assert!(found.iter().all(|x| (x - 1.0).abs() < 1e-4), "{found:?}");
    }

    #[test]
    fn a_function_that_is_no_number_ends() {
        assert_eq!(minimize(vec![1.0], 10, 1e-9, |_| (f64::NAN, vec![1.0])), [1.0]);
    }
}
