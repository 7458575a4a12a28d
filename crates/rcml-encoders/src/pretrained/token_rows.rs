//! Token states of the items of a data set.

use std::sync::Arc;

use half::f16;
use half::slice::HalfFloatSliceExt;
use rayon::prelude::*;

use super::state_batch::StateBatch;
use super::token_cache::Precision;
use super::token_segment::Segment;

/// Token states of N items, read from where they lie.
#[derive(Debug)]
pub struct TokenRows {
    pub(super) segments: Vec<Arc<Segment>>,
    /// Segment and row of every item.
    pub(super) places: Vec<Option<(u32, u32)>>,
    pub(super) width: usize,
    pub(super) precision: Precision,
}

impl TokenRows {
    /// States of some items.
    pub fn batch(&self, items: &[u32]) -> StateBatch {
        let rows: Vec<&[u8]> = items.iter().map(|item| self.row(*item)).collect();
        let token = self.width * self.precision.bytes();
        let lengths: Vec<usize> = rows.iter().map(|row| row.len() / token.max(1)).collect();
        let longest = lengths.iter().copied().max().unwrap_or(0).max(1);
        let mut values = vec![0.0; items.len() * longest * self.width];
        let out = values.par_chunks_mut((longest * self.width).max(1)).zip(rows);
        out.for_each(|(out, row)| match self.precision {
            Precision::F16 => {
                // Many at a time: the processor has an instruction for eight, and looking it up takes longer than one.
                let mut halves = [f16::ZERO; 512];
                for (out, bytes) in out.chunks_mut(halves.len()).zip(row.chunks(2 * halves.len())) {
                    let halves = &mut halves[..bytes.len() / 2];
                    halves.iter_mut().zip(bytes.as_chunks().0).for_each(|(half, b)| *half = f16::from_le_bytes(*b));
                    halves.convert_to_f32_slice(&mut out[..halves.len()]);
                }
            }
            Precision::F32 => {
                let floats = out.iter_mut().zip(row.as_chunks().0);
                floats.for_each(|(out, bytes)| *out = f32::from_le_bytes(*bytes));
            }
        });
        StateBatch { values, shape: [items.len(), longest, self.width], lengths }
    }

    /// Whether an item has tokens.
    pub fn has(&self, item: u32) -> bool {
        self.place(item).is_some()
    }

    fn place(&self, item: u32) -> Option<(u32, u32)> {
        self.places.get(item as usize).copied().flatten()
    }

    /// The bytes of an item's values.
    fn row(&self, item: u32) -> &[u8] {
        self.place(item).map_or(&[], |(segment, row)| self.segments[segment as usize].row(row as usize))
    }
}
