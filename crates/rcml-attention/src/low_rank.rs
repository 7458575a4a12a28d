//! Which channels speak: a low-rank map made from the relation, which can rotate the space per relation.

use burn::module::{Module, Param};
use burn::nn::{Initializer, Linear, LinearConfig};
use burn::tensor::{Device, Tensor};

/// z -> z + A_r (B_r^T z), A_r and B_r `[D, k]` made from the relation's embedding by a linear hypernetwork.
///
/// A_r is zero at the start, so training starts at z. The first column of B_r starts as h_r itself: its code h_r^T z says how
/// much the item is about the relation's own words, which holds for relations never seen as well. With the summary as z this is a linear map
/// M_r = I + A_r B_r^T of a relation-free vector: one index serves every relation, also one phrased at query time.
#[derive(Module, Debug)]
pub struct LowRank {
    a: Linear,
    b: Linear,
    rank: usize,
}

impl LowRank {
    /// A map of rank `rank` for embeddings of width `width`.
    pub fn new(width: usize, rank: usize, device: &Device) -> Self {
        let linear = |initializer| LinearConfig::new(width, width * rank).with_initializer(initializer).init(device);
        // With h_r of about unit variance per channel this gives columns of B_r of about unit length.
        let unit_columns = Initializer::Normal { mean: 0.0, std: 1.0 / width as f64 };
        let mut b = linear(unit_columns);
        let weight = b.weight.val().reshape([width, width, rank]);
        let own = Tensor::<2>::eye(width, &weight.device()).div_scalar((width as f64).sqrt());
        let weight = weight.slice_assign([0..width, 0..width, 0..1], own.unsqueeze_dim::<3>(2));
        b.weight = Param::from_tensor(weight.reshape([width, width * rank]).detach());
        Self { a: linear(Initializer::Zeros), b, rank }
    }

    /// Maps.
    ///
    /// # Shapes
    /// - z: `[R, N, D]` or `[1, N, D]` (one vector for all relations)
    /// - relations: `[R, D]`
    /// - output: `[R, N, D]`
    pub fn forward(&self, z: Tensor<3>, relations: Tensor<2>) -> Tensor<3> {
        let [r, d] = relations.dims();
        let (a, b, _) = self.factors(relations);
        let codes = match z.dims() {
            // One vector for all relations: a single GEMM against the columns of every B_r.
            [1, n, _] if r > 1 => {
                let columns = b.swap_dims(0, 1).reshape([d, r * self.rank]);
                z.clone().reshape([n, d]).matmul(columns).reshape([n, r, self.rank]).swap_dims(0, 1)
            }
            _ => z.clone().matmul(b),
        };
        z + codes.matmul(a)
    }

    /// A_r^T `[R, k, D]`, B_r `[R, D, k]` and k.
    pub(crate) fn factors(&self, relations: Tensor<2>) -> (Tensor<3>, Tensor<3>, usize) {
        let [r, d] = relations.dims();
        let a = self.a.forward(relations.clone()).reshape([r, self.rank, d]);
        (a, self.b.forward(relations).reshape([r, d, self.rank]), self.rank)
    }
}
