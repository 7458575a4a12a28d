//! Token states on the host.

use burn::tensor::{Device, Tensor, TensorData};
use rcml_kernels::Tokens;

use crate::Result;
use crate::error::ErrorKind;

/// Token states of some items on the host, padded to the longest.
#[derive(Debug, Clone, PartialEq)]
pub struct StateBatch {
    /// `[N, T, W]`, row-major, the summary first; zeros at padding.
    pub values: Vec<f32>,
    /// N, T, W.
    pub shape: [usize; 3],
    /// Tokens of each of the N items; 0 where the item has none.
    pub lengths: Vec<usize>,
}

impl StateBatch {
    /// Pads rows of `[t_i, W]` values to one length.
    pub fn padded(rows: &[impl AsRef<[f32]>], width: usize) -> Self {
        let lengths: Vec<usize> = rows.iter().map(|row| row.as_ref().len() / width.max(1)).collect();
        let longest = lengths.iter().copied().max().unwrap_or(0).max(1);
        let mut values = vec![0.0; rows.len() * longest * width];
        for (row, out) in rows.iter().zip(values.chunks_mut((longest * width).max(1))) {
            out[..row.as_ref().len()].copy_from_slice(row.as_ref());
        }
        Self { values, shape: [rows.len(), longest, width], lengths }
    }

    /// The states of tokens on a device, cut back to one row of `[t_i, W]` values per item.
    ///
    /// # Errors
    /// The device's.
    pub fn rows(tokens: Tokens) -> Result<Vec<Vec<f32>>> {
        let [n, t, width] = tokens.dims();
        let fail = |error| ErrorKind::Unsupported(format!("the device failed: {error:?}"));
        let values = tokens.states.try_into_vec_as::<f32>().map_err(fail)?;
        let bias = tokens.log_bias.map(|bias| bias.try_into_vec_as::<f32>().map_err(fail)).transpose()?;
        let row = |item: usize| {
            let kept = (0..t).filter(|place| bias.as_ref().is_none_or(|bias| bias[item * t + place] == 0.0));
            kept.flat_map(|place| values[(item * t + place) * width..][..width].iter().copied()).collect()
        };
        Ok((0..n).map(row).collect())
    }

    /// The items at `rows`, in that order, padded to the longest among them.
    pub fn select(&self, rows: &[u32]) -> Self {
        let [_, t, width] = self.shape;
        let row = |row: &u32| &self.values[*row as usize * t * width..][..self.lengths[*row as usize] * width];
        Self::padded(&rows.iter().map(row).collect::<Vec<_>>(), width)
    }

    /// States `[N, T, W]` and, where there is padding, the bias `[N, T]` that hides it.
    pub fn to_device(&self, device: &Device) -> (Tensor<3>, Option<Tensor<2>>) {
        let [n, t, _] = self.shape;
        let states = Tensor::from_data(TensorData::new(self.values.clone(), self.shape), device);
        if self.lengths.iter().all(|length| *length == t) {
            return (states, None);
        }
        let place = |length: &usize| {
            let length = (*length).max(1);
            (0..t).map(move |place| if place < length { 0.0f32 } else { Tokens::PADDING })
        };
        let bias: Vec<f32> = self.lengths.iter().flat_map(place).collect();
        (states, Some(Tensor::from_data(TensorData::new(bias, [n, t]), &device.clone().inner())))
    }
}
