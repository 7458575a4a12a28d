//! The mean embedding of a modality, taken away.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData};
use rcml_kernels::{TokenMap, Tokens};

/// How much of the old mean a step keeps.
const MOMENTUM: f64 = 0.9;

/// The mean summary c of a modality, subtracted from its tokens and summary: mean-only batch normalisation (Salimans and Kingma
/// 2016). In training c is the mean of the batch, and gradients go through it; afterwards it is a running mean.
///
/// The states of an encoder from scratch are one large common vector plus small differences, so that every cosine is near 1 and
/// gradients mostly move the common vector. Without it there is nothing left to move but the differences.
#[derive(Module, Debug)]
pub(crate) struct Center {
    mean: Param<Tensor<1>>,
}

impl Center {
    pub(crate) fn new(width: usize, device: &Device) -> Self {
        Self { mean: constant(Tensor::zeros([width], device)) }
    }

    /// Mean summary of the items that have the modality, `[D]`; `None` where fewer than two have it, since one would be its own mean
    /// and nothing would be left of it.
    pub(crate) fn of_batch(tokens: &Tokens, present: &[bool]) -> Option<Tensor<1>> {
        let count = present.iter().filter(|has| **has).count();
        let [n, _, d] = tokens.dims();
        let share = |has: &bool| if *has { 1.0 / count as f32 } else { 0.0 };
        let weights = TensorData::new(present.iter().map(share).collect::<Vec<f32>>(), [1, n]);
        let weights = Tensor::<2>::from_data(weights, &tokens.summary.device());
        (count > 1).then(|| weights.matmul(tokens.summary.clone()).reshape([d]))
    }

    /// The running mean, `[D]`.
    pub(crate) fn running(&self) -> Tensor<1> {
        self.mean.val().detach()
    }

    /// Moves the running mean towards a batch's.
    pub(crate) fn follow(self, batch: Tensor<1>) -> Self {
        let moved = self.running() * MOMENTUM + batch.detach() * (1.0 - MOMENTUM);
        Self { mean: constant(moved.detach()) }
    }
}

/// Tokens with `mean` taken away from every state and from the summary.
pub(crate) fn subtract(tokens: Tokens, mean: Tensor<1>) -> Tokens {
    let d = mean.dims()[0];
    let summary = tokens.summary - mean.clone().reshape([1, d]);
    match tokens.map {
        Some(TokenMap { weight, shift }) => {
            Tokens { summary, map: Some(TokenMap { weight, shift: shift - mean }), ..tokens }
        }
        None => Tokens { summary, states: tokens.states - mean.reshape([1, 1, d]), ..tokens },
    }
}

/// A value that the optimiser leaves alone.
fn constant(value: Tensor<1>) -> Param<Tensor<1>> {
    Param::from_tensor(value).set_require_grad(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Distribution, Tolerance};

    #[test]
    fn centres_on_the_items_that_are_there() {
        for (_, device) in rcml_kernels::device::test_devices() {
            let states = Tensor::<3>::random([4, 3, 6], Distribution::Normal(2.0, 1.0), &device);
            let tokens = Tokens::with_summary_first(states, None);
            let present = [true, false, true, true];
            let mean = Center::of_batch(&tokens, &present).unwrap();
            let centred = subtract(tokens.clone(), mean.clone());
            let left = Center::of_batch(&centred, &present).unwrap();
            left.into_data().assert_approx_eq::<f32>(&TensorData::zeros::<f32, _>([6]), Tolerance::absolute(1e-5));
            assert!(Center::of_batch(&tokens, &[false; 4]).is_none());

            let center = (0..100).fold(Center::new(6, &device), |center, _| center.follow(mean.clone()));
            center.running().into_data().assert_approx_eq::<f32>(&mean.into_data(), Tolerance::absolute(1e-3));
        }
    }
}
