//! Token ids on the device.

use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::{TokenIds, Tokens};

/// Ids of N texts of one padded length T.
#[derive(Debug, Clone)]
pub(crate) struct TokenBatch {
    /// `[N, T]`.
    pub(crate) ids: Tensor<2, Int>,
    /// 1 at tokens, 0 at padding, `[N, T]`.
    pub(crate) real: Tensor<2>,
}

impl TokenBatch {
    pub(crate) fn new(ids: &TokenIds, device: &Device) -> Self {
        let shape = [ids.texts(), ids.length()];
        let real: Vec<f32> = ids.real().iter().map(|real| f32::from(*real)).collect();
        Self {
            ids: Tensor::from_data(TensorData::new(ids.ids().to_vec(), shape), device),
            real: Tensor::from_data(TensorData::new(real, shape), &device.clone().inner()),
        }
    }

    /// Added to attention logits: [`Tokens::PADDING`] at padding, `[N, T]`.
    pub(crate) fn log_bias(&self) -> Tensor<2> {
        (self.real.clone() - 1.0) * -Tokens::PADDING
    }
}
