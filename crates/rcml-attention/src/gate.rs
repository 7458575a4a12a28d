//! Which channels speak: a diagonal map made from the relation.

use burn::module::Module;
use burn::nn::{Initializer, Linear, LinearConfig};
use burn::tensor::activation::sigmoid;
use burn::tensor::{Device, Tensor};

/// z -> g(r) * z with g(r) = 2 sigmoid(W h_r + b) in (0, 2)^D, W and b zero at the start, so that g = 1.
///
/// The gate of Hydra (METHODS.md row 47) up to the factor 2, which makes the start the identity and does not change the
/// direction of a unit vector. Friendly to a vector index: <g z, g y> = sum_k g_k^2 z_k y_k.
#[derive(Module, Debug)]
pub struct Gate {
    map: Linear,
}

impl Gate {
    /// A gate for embeddings of width `width`.
    pub fn new(width: usize, device: &Device) -> Self {
        Self { map: LinearConfig::new(width, width).with_initializer(Initializer::Zeros).init(device) }
    }

    /// Gates.
    ///
    /// # Shapes
    /// - z: `[R, N, D]` or `[1, N, D]` (one vector for all relations)
    /// - relations: `[R, D]`
    /// - output: `[R, N, D]`
    pub fn forward(&self, z: Tensor<3>, relations: Tensor<2>) -> Tensor<3> {
        z * self.gates(relations).unsqueeze_dim::<3>(1)
    }

    /// g(r), `[R, D]`.
    pub(crate) fn gates(&self, relations: Tensor<2>) -> Tensor<2> {
        sigmoid(self.map.forward(relations)).mul_scalar(2.0)
    }
}
