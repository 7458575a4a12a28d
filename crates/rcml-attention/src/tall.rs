//! Products of many rows with one weight, in training on a GPU.
//!
//! The gradient of the weight is a product as long as there are rows and as small as the weight, which Burn gives to as few cubes
//! as the weight has tiles: most of a large GPU has nothing to do. With the rows in pieces it is as many products, whose sum is
//! taken after.

use burn::tensor::{Device, Tensor};
use rcml_kernels::device::is_gpu;

/// Most pieces, and fewest rows of one.
const MOST: usize = 32;
const LEAST: usize = 256;

/// Into how many pieces to cut so many rows.
pub(crate) fn pieces(rows: usize, device: &Device) -> usize {
    if device.is_autodiff() && is_gpu(device) { cut(rows) } else { 1 }
}

/// As many pieces of one size as may be.
fn cut(rows: usize) -> usize {
    let most = MOST.min(rows / LEAST).max(1);
    (1..=most).rev().find(|pieces| rows.is_multiple_of(*pieces)).unwrap_or(1)
}

/// x W.
///
/// # Shapes
/// - x: `[rows, D]`
/// - weight: `[D, E]`
/// - output: `[rows, E]`
pub(crate) fn product(x: Tensor<2>, weight: Tensor<2>, pieces: usize) -> Tensor<2> {
    if pieces == 1 {
        return x.matmul(weight);
    }
    let ([rows, d], [_, e]) = (x.dims(), weight.dims());
    x.reshape([pieces, rows / pieces, d]).matmul(weight.reshape([1, d, e])).reshape([rows, e])
}

/// x W of each head, side by side.
///
/// # Shapes
/// - x: `[rows, H, D]`
/// - weight: `[H, D, E]`
/// - output: `[rows, H E]`
pub(crate) fn product_of_heads(x: Tensor<3>, weight: Tensor<3>, pieces: usize) -> Tensor<2> {
    let ([rows, h, d], [_, _, e]) = (x.dims(), weight.dims());
    if pieces == 1 {
        return x.swap_dims(0, 1).matmul(weight).swap_dims(0, 1).reshape([rows, h * e]);
    }
    let x = x.reshape([pieces, rows / pieces, h, d]).swap_dims(1, 2);
    x.matmul(weight.reshape([1, h, d, e])).swap_dims(1, 2).reshape([rows, h * e])
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Distribution, Tolerance};
    use rcml_kernels::device::{test_devices, test_slack};

    #[test]
    fn pieces_are_of_one_size_and_not_too_small() {
        assert_eq!([0, 1, 300, 512, 1000, 11264, 65536, 65537].map(cut), [1, 1, 1, 2, 2, 32, 32, 1]);
        assert_eq!(pieces(1 << 20, &Device::flex().autodiff()), 1);
    }

    #[test]
    fn pieces_change_neither_values_nor_gradients() {
        for (_, device) in test_devices() {
            device.seed(3);
            let random = |shape: [usize; 3]| Tensor::<3>::random(shape, Distribution::Normal(0.0, 1.0), &device);
            let (x, weight, back) = (random([12, 2, 6]), random([2, 6, 5]), random([1, 12, 10]));
            let run = |pieces: usize| {
                let [x, weight] = [&x, &weight].map(|tensor| tensor.clone().autodiff().require_grad());
                let flat = |tensor: &Tensor<3>, shape: [usize; 2]| tensor.clone().reshape(shape);
                let heads = product_of_heads(x.clone(), weight.clone(), pieces);
                let one = product(flat(&x, [24, 6]), flat(&weight.clone().slice(0..1), [6, 5]), pieces);
                let back = back.clone().autodiff().reshape([12, 10]);
                let sum = (heads.clone() * back.clone()).sum() + (one.clone() * back.reshape([24, 5])).sum();
                let gradients = sum.backward();
                let of = |tensor: &Tensor<3>| tensor.grad(&gradients).map(|grad| grad.into_data());
                [Some(heads.inner().into_data()), Some(one.inner().into_data()), of(&x), of(&weight)]
                    .map(Option::unwrap)
            };
            let slack = test_slack();
            for (whole, cut) in run(1).iter().zip(&run(4)) {
                whole.assert_approx_eq::<f32>(cut, Tolerance::absolute(1e-4 + slack));
            }
        }
    }
}
