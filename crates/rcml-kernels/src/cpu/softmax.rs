//! The softmax over an item's tokens, a block of tokens at a time.

use crate::lanes::{exp, max, sum};

/// The running maximum of a query's logits and the sum of exp(logit - maximum).
///
/// Both are kept, not their combination max + ln(sum): with logits around 1e6 the sum would vanish in the rounding of the
/// maximum, and the backward pass would rebuild weights that do not add up to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C)]
pub(crate) struct Stats {
    pub(crate) max: f32,
    pub(crate) sum: f32,
}

impl Stats {
    pub(super) const EMPTY: Self = Self { max: f32::NEG_INFINITY, sum: 0.0 };

    /// The lowest logit: a bias of minus infinity becomes this, so that an item whose tokens are all masked is pooled evenly.
    pub(super) const LOWEST: f32 = -3.0e38;

    /// Takes in a block of logits (which become unnormalised weights); gives the factor for what was summed before.
    #[inline(always)]
    pub(super) fn absorb(&mut self, logits: &mut [f32]) -> f32 {
        let top = max(
            logits.len(),
            #[inline(always)]
            |i| logits[i],
        );
        let top = finite(if top > self.max { top } else { self.max });
        let factor = if self.sum > 0.0 { exp(self.max - top) } else { 0.0 };
        logits.iter_mut().for_each(
            #[inline(always)]
            |logit| *logit = exp(*logit - top),
        );
        let added = sum(
            logits.len(),
            #[inline(always)]
            |i| logits[i],
        );
        *self = Self { max: top, sum: self.sum * factor + added };
        factor
    }

    /// Turns logits into the weights they had in the forward pass.
    #[inline(always)]
    pub(super) fn weights(&self, logits: &mut [f32]) {
        let (top, scale) = (self.max, 1.0 / self.sum);
        logits.iter_mut().for_each(
            #[inline(always)]
            |logit| *logit = exp(*logit - top) * scale,
        );
    }
}

/// A maximum that differences can be taken from, even where every logit is infinite.
#[inline(always)]
fn finite(x: f32) -> f32 {
    x.clamp(f32::MIN, f32::MAX)
}
