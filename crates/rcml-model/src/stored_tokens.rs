//! Tokens of encoded items as they lie in a file.

use std::ops::Range;
use std::sync::Arc;

use burn::tensor::{Device, Tensor, TensorData};
use half::f16;
use rayon::prelude::*;
use rcml_attention::PreparedRelations;
use rcml_encoders::Tokens;
use rcml_kernels::TokenView;

use crate::{Error, Result};

/// Tokens of N items, their summary first, in the bytes of a file: conditioned where they lie.
#[derive(Debug, Clone)]
pub(crate) struct StoredTokens {
    bytes: Arc<Vec<u8>>,
    states: Range<usize>,
    half: bool,
    dims: [usize; 3],
    log_bias: Option<Arc<Vec<f32>>>,
    device: Device,
}

impl StoredTokens {
    /// `states` are the bytes of `[N, T, D]` values, f16 or f32; nothing where they are not as many, or lie where no such values can.
    pub(crate) fn new(
        bytes: Arc<Vec<u8>>,
        states: Range<usize>,
        half: bool,
        dims: [usize; 3],
        log_bias: Option<Vec<f32>>,
        device: &Device,
    ) -> Option<Self> {
        let [n, t, d] = dims;
        let bias_fits = log_bias.as_ref().is_none_or(|bias| bias.len() == n * t);
        let tokens = Self { bytes, states, half, dims, log_bias: log_bias.map(Arc::new), device: device.clone() };
        (bias_fits && t > 0 && tokens.view().len() == n * t * d).then_some(tokens)
    }

    fn view(&self) -> TokenView<'_> {
        let bytes = self.bytes.get(self.states.clone()).unwrap_or_default();
        if self.half {
            TokenView::F16(bytemuck::try_cast_slice::<_, f16>(bytes).unwrap_or_default())
        } else {
            TokenView::F32(bytemuck::try_cast_slice(bytes).unwrap_or_default())
        }
    }

    /// Embeds every item under one relation, `[N, D]`; in the processor's memory, whatever the device: to move tokens takes no less time.
    pub(crate) fn condition(&self, relation: &PreparedRelations) -> Result<Tensor<2>> {
        let [n, t, d] = self.dims;
        let mut out = vec![0.0; n * d];
        let log_bias = self.log_bias.as_ref().map(|bias| bias.as_slice());
        let conditioned = relation.condition(self.view(), n, t, log_bias, &mut out);
        conditioned.map_err(|error| Error::input(format!("tokens of another model: {error}")))?;
        Ok(Tensor::from_data(TensorData::new(out, [n, d]), &self.device))
    }

    /// The same as tensors.
    pub(crate) fn tokens(&self) -> Tokens {
        let [n, t, d] = self.dims;
        let mut values = vec![0.0; n * t * d];
        let view = self.view();
        let items = values.par_chunks_mut((t * d).max(1)).enumerate();
        items.for_each(|(item, row)| view.tokens(item * t..(item + 1) * t, d).widen(0, row.len(), row));
        let states = Tensor::from_data(TensorData::new(values, self.dims), &self.device);
        let bias = |bias: &Arc<Vec<f32>>| Tensor::from_data(TensorData::new(bias.to_vec(), [n, t]), &self.device);
        Tokens::with_summary_first(states, self.log_bias.as_ref().map(bias))
    }
}
