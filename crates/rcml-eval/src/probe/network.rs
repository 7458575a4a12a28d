//! A linear or one-hidden-layer classifier.

use burn::tensor::{Device, Tensor, TensorData};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::lbfgs::minimize;
use crate::{Error, Result};

/// How a [`Probe`] is fitted.
#[derive(Debug, Clone, PartialEq)]
pub struct ProbeConfig {
    /// Hidden units (tanh); 0 makes the probe linear.
    pub hidden: usize,
    /// Weight of |W|^2 / 2 beside the mean cross-entropy; biases are free.
    pub l2: f64,
    /// Passes over all examples at most.
    pub iterations: usize,
    /// Whether features are brought to mean 0 and variance 1 first, by the examples the probe is fitted on.
    pub standardize: bool,
    /// Seed of the hidden layer's start. A linear probe has one optimum and needs none.
    pub seed: u64,
}

impl Default for ProbeConfig {
    fn default() -> Self {
        Self { hidden: 0, l2: 1e-3, iterations: 100, standardize: true, seed: 0 }
    }
}

/// A classifier on frozen vectors: softmax(W x + b), or softmax(W_2 tanh(W_1 x + b_1) + b_2), fitted by L-BFGS on all examples
/// at once (multinomial logistic regression; scikit-learn's with C = 1 / (l2 n)).
#[derive(Debug, Clone)]
pub struct Probe {
    mean: Vec<f32>,
    scale: Vec<f32>,
    shape: Shape,
    parameters: Vec<f64>,
    device: Device,
}

#[derive(Debug, Clone, Copy)]
struct Shape {
    width: usize,
    hidden: usize,
    classes: usize,
}

/// What a pass leaves behind for its gradient.
struct Pass {
    /// `[n, hidden]`, empty for a linear probe.
    hidden: Vec<f32>,
    /// `[n, classes]`.
    probabilities: Vec<f64>,
}

impl Probe {
    /// Fits a probe to `[n, width]` features with one class (below `classes`) each.
    ///
    /// # Errors
    /// No examples, lengths that do not fit, a class beyond the last, or features that are not finite.
    pub fn fit(x: &[f32], width: usize, truth: &[usize], classes: usize, config: &ProbeConfig) -> Result<Self> {
        let n = truth.len();
        if n == 0 || width == 0 || x.len() != n * width {
            return Err(Error::input(format!(
                "probe: {} features for {n} examples of width {width}, expected {}",
                x.len(),
                n * width
            )));
        }
        if let Some(class) = truth.iter().find(|class| **class >= classes) {
            return Err(Error::input(format!("probe: class {class} of {classes}")));
        }
        if x.iter().any(|v| !v.is_finite()) {
            return Err(Error::input("probe: a feature is not finite"));
        }
        let (mean, scale) = if config.standardize { moments(x, width) } else { (vec![0.0; width], vec![1.0; width]) };
        let shape = Shape { width, hidden: config.hidden, classes };
        let device = Device::flex();
        let mut probe = Self { mean, scale, shape, parameters: shape.start(config.seed), device };
        let features = probe.features(x);
        let turned = features.clone().transpose();
        let start = probe.parameters.clone();
        probe.parameters = minimize(start, config.iterations, 1e-6, |parameters| {
            probe.objective(parameters, &features, &turned, truth, config.l2)
        });
        Ok(probe)
    }

    /// Probabilities of `[n, width]` features: `[n, classes]`, row-major.
    pub fn probabilities(&self, x: &[f32]) -> Vec<f64> {
        if x.is_empty() {
            return Vec::new();
        }
        self.pass(&self.parameters, &self.features(x)).probabilities
    }

    /// The layers' weights, `[width, classes]` for a linear probe, on the standardised features.
    pub fn weights(&self) -> &[f64] {
        &self.parameters[..self.shape.layers().0]
    }

    fn features(&self, x: &[f32]) -> Tensor<2> {
        let width = self.shape.width;
        let columns = || self.mean.iter().zip(&self.scale);
        let values: Vec<f32> =
            x.chunks(width).flat_map(|row| row.iter().zip(columns()).map(|(v, (m, s))| (v - m) * s)).collect();
        Tensor::from_data(TensorData::new(values, [x.len() / width, width]), &self.device)
    }

    fn product(&self, left: Tensor<2>, right: Vec<f32>, rows: usize, columns: usize) -> Vec<f32> {
        let right = Tensor::<2>::from_data(TensorData::new(right, [rows, columns]), &self.device);
        // The CPU keeps values of this type: nothing to fail.
        left.matmul(right).try_into_vec_as::<f32>().unwrap_or_default()
    }

    fn tensor(&self, values: &[f32], rows: usize, columns: usize) -> Tensor<2> {
        Tensor::from_data(TensorData::new(values.to_vec(), [rows, columns]), &self.device)
    }

    fn pass(&self, parameters: &[f64], x: &Tensor<2>) -> Pass {
        let Shape { width, hidden, classes } = self.shape;
        let (first, bias, second, bias_2) = self.shape.split(parameters);
        let n = x.dims()[0];
        let (states, logits, bias) = if hidden == 0 {
            (Vec::new(), self.product(x.clone(), floats(first), width, classes), bias)
        } else {
            let mut states = self.product(x.clone(), floats(first), width, hidden);
            for row in states.chunks_mut(hidden) {
                row.iter_mut().zip(bias).for_each(|(v, b)| *v = (*v + *b as f32).tanh());
            }
            let logits = self.product(self.tensor(&states, n, hidden), floats(second), hidden, classes);
            (states, logits, bias_2)
        };
        let mut probabilities: Vec<f64> = logits.iter().map(|v| f64::from(*v)).collect();
        for row in probabilities.chunks_mut(classes) {
            row.iter_mut().zip(bias).for_each(|(v, b)| *v += b);
            let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            row.iter_mut().for_each(|v| *v = (*v - largest).exp());
            let sum: f64 = row.iter().sum();
            row.iter_mut().for_each(|v| *v /= sum);
        }
        Pass { hidden: states, probabilities }
    }

    /// Mean cross-entropy plus the penalty, and its gradient.
    fn objective(
        &self,
        parameters: &[f64],
        x: &Tensor<2>,
        turned: &Tensor<2>,
        truth: &[usize],
        l2: f64,
    ) -> (f64, Vec<f64>) {
        let Shape { width, hidden, classes } = self.shape;
        let n = truth.len();
        let pass = self.pass(parameters, x);
        let mut loss = 0.0;
        let mut error: Vec<f32> = pass.probabilities.iter().map(|p| (p / n as f64) as f32).collect();
        for ((row, errors), &class) in pass.probabilities.chunks(classes).zip(error.chunks_mut(classes)).zip(truth) {
            loss -= row[class].max(f64::MIN_POSITIVE).ln() / n as f64;
            errors[class] -= 1.0 / n as f32;
        }
        let column_sums = |values: &[f32], columns: usize| {
            let mut sums = vec![0.0; columns];
            values.chunks(columns).for_each(|row| sums.iter_mut().zip(row).for_each(|(s, v)| *s += f64::from(*v)));
            sums
        };
        let mut gradient: Vec<f64> = Vec::with_capacity(parameters.len());
        if hidden == 0 {
            gradient.extend(self.product(turned.clone(), error.clone(), n, classes).iter().map(|v| f64::from(*v)));
            gradient.extend(column_sums(&error, classes));
        } else {
            let (_, _, second, _) = self.shape.split(parameters);
            let back: Vec<f32> = (0..classes)
                .flat_map(|class| (0..hidden).map(move |unit| second[unit * classes + class] as f32))
                .collect();
            let mut into_hidden = self.product(self.tensor(&error, n, classes), back, classes, hidden);
            into_hidden.iter_mut().zip(&pass.hidden).for_each(|(g, h)| *g *= 1.0 - h * h);
            gradient.extend(self.product(turned.clone(), into_hidden.clone(), n, hidden).iter().map(|v| f64::from(*v)));
            gradient.extend(column_sums(&into_hidden, hidden));
            let states = self.tensor(&pass.hidden, n, hidden).transpose();
            gradient.extend(self.product(states, error.clone(), n, classes).iter().map(|v| f64::from(*v)));
            gradient.extend(column_sums(&error, classes));
        }
        debug_assert_eq!(gradient.len(), parameters.len(), "width {width}");
        let (first, second) = self.shape.layers();
        let weights = (0..first).chain(second..second + if hidden == 0 { 0 } else { hidden * classes });
        for i in weights {
            loss += 0.5 * l2 * parameters[i] * parameters[i];
            gradient[i] += l2 * parameters[i];
        }
        (loss, gradient)
    }
}

impl Shape {
    /// Length of the first layer's weights, and where the second layer's begin.
    fn layers(self) -> (usize, usize) {
        let units = if self.hidden == 0 { self.classes } else { self.hidden };
        (self.width * units, (self.width + 1) * units)
    }

    /// First weights and bias, second weights and bias; the latter two empty for a linear probe.
    fn split(self, parameters: &[f64]) -> (&[f64], &[f64], &[f64], &[f64]) {
        let (first, second) = self.layers();
        let (weights, rest) = parameters.split_at(first);
        let (bias, rest) = rest.split_at(second - first);
        let (second, bias_2) = rest.split_at(rest.len().min(self.hidden * self.classes));
        (weights, bias, second, bias_2)
    }

    /// Zeros for a linear probe, else uniform hidden weights (Glorot and Bengio, 2010) and zero biases.
    fn start(self, seed: u64) -> Vec<f64> {
        let Self { width, hidden, classes } = self;
        if hidden == 0 {
            return vec![0.0; (width + 1) * classes];
        }
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut layer = |from: usize, to: usize| {
            let bound = (6.0 / (from + to) as f64).sqrt();
            let weights: Vec<f64> = (0..from * to).map(|_| rng.random_range(-bound..bound)).collect();
            [weights, vec![0.0; to]].concat()
        };
        let first = layer(width, hidden);
        [first, layer(hidden, classes)].concat()
    }
}

fn floats(values: &[f64]) -> Vec<f32> {
    values.iter().map(|v| *v as f32).collect()
}

/// Mean and inverse standard deviation of each column; 1 for a column without spread.
fn moments(x: &[f32], width: usize) -> (Vec<f32>, Vec<f32>) {
    let n = (x.len() / width) as f64;
    let (mut sums, mut squares) = (vec![0.0; width], vec![0.0; width]);
    for row in x.chunks(width) {
        sums.iter_mut().zip(row).for_each(|(s, v)| *s += f64::from(*v) / n);
    }
    for row in x.chunks(width) {
        let spread = row.iter().zip(&sums).map(|(v, m)| (f64::from(*v) - m).powi(2) / n);
        squares.iter_mut().zip(spread).for_each(|(s, v)| *s += v);
    }
    let scale = squares.iter().map(|s: &f64| if *s > 1e-12 { (1.0 / s.sqrt()) as f32 } else { 1.0 }).collect();
    (floats(&sums), scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Inside or outside of a ring: no line tells them apart.
    fn ring(n: usize) -> (Vec<f32>, Vec<usize>) {
        let point = |i: usize| {
            let (angle, far) = (i as f32 * 2.399, i % 2);
            let radius = if far == 1 { 2.0 } else { 0.7 };
            [radius * angle.cos(), radius * angle.sin()]
        };
        ((0..n).flat_map(point).collect(), (0..n).map(|i| i % 2).collect())
    }

    fn accuracy(probe: &Probe, x: &[f32], truth: &[usize]) -> f64 {
        let p = probe.probabilities(x);
        p.chunks(2).zip(truth).filter(|(row, t)| row[**t] > 0.5).count() as f64 / truth.len() as f64
    }

    #[test]
    fn a_hidden_layer_sees_a_ring_and_a_line_does_not() {
        let (x, truth) = ring(200);
        let linear = Probe::fit(&x, 2, &truth, 2, &ProbeConfig::default()).unwrap();
        let deep = Probe::fit(&x, 2, &truth, 2, &ProbeConfig { hidden: 12, ..ProbeConfig::default() }).unwrap();
        assert!(accuracy(&linear, &x, &truth) < 0.7 && accuracy(&deep, &x, &truth) > 0.97);
        let again = Probe::fit(&x, 2, &truth, 2, &ProbeConfig { hidden: 12, ..ProbeConfig::default() }).unwrap();
        assert_eq!(deep.probabilities(&x), again.probabilities(&x));
    }

    #[test]
    fn gradients_are_finite_differences() {
        let (x, truth) = ring(30);
        for hidden in [0, 3] {
            let config = ProbeConfig { hidden, iterations: 2, ..ProbeConfig::default() };
            let probe = Probe::fit(&x, 2, &truth, 2, &config).unwrap();
            let features = probe.features(&x);
            let turned = features.clone().transpose();
            let at = |p: &[f64]| probe.objective(p, &features, &turned, &truth, 0.1);
            let base: Vec<f64> = probe.parameters.iter().enumerate().map(|(i, p)| p + 0.1 * (i % 3) as f64).collect();
            let (_, gradient) = at(&base);
            for i in 0..base.len() {
                let moved = |by: f64| {
                    let mut point = base.clone();
                    point[i] += by;
                    at(&point).0
                };
                let wanted = (moved(1e-2) - moved(-1e-2)) / 2e-2;
                assert!((gradient[i] - wanted).abs() < 1e-3, "{hidden} {i}: {} {wanted}", gradient[i]);
            }
        }
    }

    #[test]
    fn bad_examples_are_refused() {
        let fit =
            |x: &[f32], truth: &[usize]| Probe::fit(x, 2, truth, 2, &ProbeConfig::default()).unwrap_err().to_string();
        assert!(fit(&[1.0, 2.0, 3.0], &[0]).contains("3 features for 1 examples"));
        assert!(fit(&[1.0, 2.0], &[5]).contains("class 5 of 2"));
        assert!(fit(&[1.0, f32::NAN], &[0]).contains("not finite"));
    }
}
