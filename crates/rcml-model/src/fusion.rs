//! One embedding of an item out of those of its modalities.

use burn::module::{Initializer, Module, Param};
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

/// How much each modality says in the fused embedding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FusionConfig {
    /// All the same.
    Mean,
    /// By a learned confidence: a text that does not mention the colour says little about "has the same colour", however well it
    /// speaks of other things.
    #[default]
    Confidence,
}

/// How fast confidences move for one step of their parameters. An optimiser of Adam's kind moves every parameter by the learning
/// rate: without, a short training could not silence a modality that says nothing.
const SPEED: f64 = 10.0;

/// c_m(z) = exp(s (v_m . z + b_m)) for the unit embedding z of modality m under a relation, with s = [`SPEED`]; v_m and b_m start
/// at zero, the plain mean. The fused embedding is unit(sum of c_m z_m over the modalities that an item has).
#[derive(Module, Debug)]
pub(crate) struct Fusion {
    /// `[D]` each.
    directions: Vec<Param<Tensor<1>>>,
    /// `[1]` each.
    bias: Vec<Param<Tensor<1>>>,
}

impl Fusion {
    pub(crate) fn new(config: FusionConfig, modalities: usize, width: usize, device: &Device) -> Self {
        let count = if config == FusionConfig::Confidence && modalities > 1 { modalities } else { 0 };
        let zeros = |width: usize| (0..count).map(|_| Initializer::Zeros.init([width], device)).collect();
        Self { directions: zeros(width), bias: zeros(1) }
    }

    /// The confidence of every row of modality number `slot`; `None` = 1.
    ///
    /// # Shapes
    /// - z: `[.., D]`
    /// - output: `[.., 1]`
    pub(crate) fn confidence<const N: usize>(&self, slot: usize, z: &Tensor<N>) -> Option<Tensor<N>> {
        let mut shape = z.dims();
        let width = shape[N - 1];
        shape[N - 1] = 1;
        let (direction, bias) = (self.directions.get(slot)?.val().reshape([width, 1]), self.bias.get(slot)?.val());
        let rows = z.clone().reshape([-1, width as i32]);
        Some(((rows.matmul(direction) + bias.unsqueeze()) * SPEED).exp().reshape(shape))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Tolerance;

    #[test]
    fn starts_at_the_mean_and_follows_its_direction() {
        for (_, device) in rcml_kernels::device::test_devices() {
            let fusion = Fusion::new(FusionConfig::Confidence, 2, 2, &device);
            let z = Tensor::<3>::from_floats([[[1.0, 0.0], [0.0, 1.0]]], &device);
            let ones = Tensor::<3>::ones([1, 2, 1], &device).into_data();
            fusion.confidence(1, &z).unwrap().into_data().assert_approx_eq::<f32>(&ones, Tolerance::absolute(1e-6));

            let param = |values: &[f32]| vec![Param::from_tensor(Tensor::from_floats(values, &device))];
            let c = Fusion { directions: param(&[0.0, 0.2]), bias: param(&[0.1]) }.confidence(0, &z).unwrap();
            let expected = Tensor::<3>::from_floats([[[1f32.exp()], [3f32.exp()]]], &device).into_data();
            c.into_data().assert_approx_eq::<f32>(&expected, Tolerance::absolute(1e-5));
            assert!(Fusion::new(FusionConfig::Mean, 2, 2, &device).confidence(0, &z).is_none());
        }
    }
}
