//! Token values as they are stored.

use std::ops::Range;

use half::{bf16, f16};

use super::slices::LengthError;
use super::widen::widen;

/// Token states of N items in memory, `[N, T, D]` row by row, in one of the types that token caches use. Sums over them
/// are always taken in f32.
#[derive(Debug, Clone, Copy)]
pub enum TokenView<'a> {
    /// 4 bytes a value.
    F32(&'a [f32]),
    /// 2 bytes a value, 11 significant bits.
    F16(&'a [f16]),
    /// 2 bytes a value, 8 significant bits, the range of f32.
    Bf16(&'a [bf16]),
    /// 1 byte a value and one scale per token: x = scale q.
    Int8 {
        /// q, `[N, T, D]`.
        values: &'a [i8],
        /// `[N, T]`.
        scales: &'a [f32],
    },
}

impl<'a> TokenView<'a> {
    /// Number of values.
    pub fn len(&self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::F16(values) => values.len(),
            Self::Bf16(values) => values.len(),
            Self::Int8 { values, .. } => values.len(),
        }
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes a value takes, without scales.
    pub fn value_bytes(&self) -> usize {
        match self {
            Self::F32(_) => 4,
            Self::F16(_) | Self::Bf16(_) => 2,
            Self::Int8 { .. } => 1,
        }
    }

    /// Whether there are `rows` tokens of width `d`.
    ///
    /// # Errors
    /// A length that does not fit.
    pub fn check(&self, rows: usize, d: usize) -> Result<(), LengthError> {
        LengthError::check("tokens", rows * d, self.len())?;
        match self {
            Self::Int8 { scales, .. } => LengthError::check("scales", rows, scales.len()),
            _ => Ok(()),
        }
    }

    /// Some of the tokens, numbered over all items.
    ///
    /// # Panics
    /// If there are fewer.
    pub fn tokens(&self, rows: Range<usize>, d: usize) -> Self {
        let span = rows.start * d..rows.end * d;
        match self {
            Self::F32(values) => Self::F32(&values[span]),
            Self::F16(values) => Self::F16(&values[span]),
            Self::Bf16(values) => Self::Bf16(&values[span]),
            Self::Int8 { values, scales } => Self::Int8 { values: &values[span], scales: &scales[rows] },
        }
    }

    /// Token number `row` as f32.
    ///
    /// # Panics
    /// If there is no such token, or `wide` is shorter than `d`.
    pub fn widen(&self, row: usize, d: usize, wide: &mut [f32]) {
        let mut scratch = vec![0.0; if matches!(self, Self::F32(_)) { 0 } else { d }];
        wide[..d].copy_from_slice(self.block(row..row + 1, d, &mut scratch));
    }

    /// The tokens numbered `tokens` (counted over all items), each of `d` values, as f32: where they lie, or decoded into
    /// `scratch`. Called within a dispatch, so that decoding is vectorised.
    #[inline(always)]
    pub(super) fn block<'b>(&self, tokens: Range<usize>, d: usize, scratch: &'b mut [f32]) -> &'b [f32]
    where
        'a: 'b,
    {
        let span = tokens.start * d..tokens.end * d;
        let scratch = if let Self::F32(values) = self { return &values[span] } else { &mut scratch[..span.len()] };
        match self {
            Self::F32(_) => {}
            Self::F16(values) => widen(&values[span], scratch),
            Self::Bf16(values) => {
                let widen = scratch.iter_mut().zip(&values[span]);
                widen.for_each(
                    #[inline(always)]
                    |(wide, half)| *wide = f32::from_bits(u32::from(half.to_bits()) << 16),
                );
            }
            Self::Int8 { values, scales } => {
                let rows = scratch.chunks_exact_mut(d).zip(values[span].chunks_exact(d)).zip(&scales[tokens]);
                for ((wide, row), scale) in rows {
                    for (wide, value) in wide.iter_mut().zip(row) {
                        *wide = f32::from(*value) * scale;
                    }
                }
            }
        }
        scratch
    }
}

/// Stores tokens as int8 with one scale per token, the largest magnitude becoming 127; a token of zeros has scale 0.
///
/// # Shapes
/// - tokens: `[rows, d]`
/// - output: values `[rows, d]`, scales `[rows]`
pub fn quantize_tokens(tokens: &[f32], d: usize) -> (Vec<i8>, Vec<f32>) {
    let (mut values, mut scales) = (Vec::with_capacity(tokens.len()), Vec::with_capacity(tokens.len() / d.max(1)));
    for row in tokens.chunks_exact(d.max(1)) {
        let largest = row.iter().fold(0.0f32, |largest, x| largest.max(x.abs()));
        let scale = largest / 127.0;
        let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
        values.extend(row.iter().map(|x| (x * inverse).round().clamp(-127.0, 127.0) as i8));
        scales.push(scale);
    }
    (values, scales)
}
