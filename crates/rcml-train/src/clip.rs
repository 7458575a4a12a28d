//! Clipping by the norm of the whole gradient. (Burn's own clipping takes each parameter by itself.)

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;

/// Scales all gradients so that their common norm is at most `max` (0 = leaves them); returns the norm before.
pub(crate) fn clip_norm<M: Module>(model: &M, gradients: &mut GradientsParams, max: f64) -> f32 {
    let mut squares = Squares { gradients, sum: None };
    model.visit(&mut squares);
    let norm = squares.sum.map_or(0.0, |sum| sum.sqrt().into_scalar::<f32>());
    if max > 0.0 && f64::from(norm) > max {
        model.visit(&mut Scale { gradients, by: max / (f64::from(norm) + 1e-6) });
    }
    norm
}

struct Squares<'a> {
    gradients: &'a GradientsParams,
    sum: Option<Tensor<1>>,
}

impl ModuleVisitor for Squares<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.get::<D>(param.id) {
            let square = gradient.square().sum();
            self.sum = Some(match self.sum.take() {
                Some(sum) => sum + square,
                None => square,
            });
        }
    }
}

struct Scale<'a> {
    gradients: &'a mut GradientsParams,
    by: f64,
}

impl ModuleVisitor for Scale<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.remove::<D>(param.id) {
            self.gradients.register(param.id, gradient.mul_scalar(self.by));
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
            let gradients = || GradientsParams::from_grads(linear.forward(x.clone()).sum().backward(), &linear);
            // Every weight's gradient is 4, every bias' is 4: norm = 4 sqrt(8).
            let expected = 4.0 * 8f32.sqrt();
            let mut clipped = gradients();
            assert!((clip_norm(&linear, &mut clipped, 1.0) - expected).abs() < 1e-4, "{name}");
            assert!((clip_norm(&linear, &mut clipped, 0.0) - 1.0).abs() < 1e-4, "{name}");
            let mut left = gradients();
            clip_norm(&linear, &mut left, 100.0);
            assert!((clip_norm(&linear, &mut left, 0.0) - expected).abs() < 1e-4, "{name}");
        }
    }
}
