//! Clipping by the norm of the whole gradient. (Burn's own clipping takes each parameter by itself.)

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use rcml_kernels::squared_norm;

/// The norm of all gradients together.
pub(crate) fn common_norm<M: Module>(model: &M, gradients: &GradientsParams) -> f32 {
    let mut squares = Squares { gradients, sum: None };
    model.visit(&mut squares);
    squares.sum.map_or(0.0, |sum| sum.sqrt().into_scalar::<f32>())
}

/// What all gradients are multiplied by, so that their common norm is at most `max` (0 = leaves them).
pub(crate) fn scale(norm: f32, max: f64) -> f32 {
    let norm = f64::from(norm);
    if max > 0.0 && norm > max { (max / (norm + 1e-6)) as f32 } else { 1.0 }
}

struct Squares<'a> {
    gradients: &'a GradientsParams,
    sum: Option<Tensor<1>>,
}

impl ModuleVisitor for Squares<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.get::<D>(param.id) {
            let square = squared_norm(gradient);
            self.sum = Some(match self.sum.take() {
                Some(sum) => sum + square,
                None => square,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::nn::LinearConfig;

    #[test]
    fn the_common_norm_is_clipped() {
        for (name, device) in rcml_kernels::device::test_devices() {
            let device = device.autodiff();
            let linear = LinearConfig::new(3, 2).init(&device);
            let x = Tensor::<2>::ones([4, 3], &device);
            let gradients = GradientsParams::from_grads(linear.forward(x).sum().backward(), &linear);
            // Every weight's gradient is 4, every bias' is 4: norm = 4 sqrt(8).
            let expected = 4.0 * 8f32.sqrt();
            assert!((common_norm(&linear, &gradients) - expected).abs() < 1e-4, "{name}");
        }
        assert!((scale(4.0, 1.0) - 0.25).abs() < 1e-6);
        assert_eq!([scale(4.0, 0.0), scale(4.0, 100.0), scale(0.0, 1.0)], [1.0; 3]);
    }
}
