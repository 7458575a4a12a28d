//! From dot products to the softmax's weights and slopes. Each plane takes every so many-th row, its lanes tokens side by side, and
//! keeps them in registers; several rows at a time, so that one does not wait for its own sums.

#![allow(clippy::too_many_arguments, reason = "a kernel's buffers and sizes come one by one")]

use cubecl::prelude::*;

use super::super::tile::{LOWEST, shift, team_maxima, team_sums};
use super::plan::Mma;

/// Weights in place of the logits of the item's `rows`, with zeros past its last token, and the softmax's statistics to where
/// `places` says.
#[cube]
pub(super) fn softmax(
    logits: &mut Shared<[f32]>,
    bias: &[f32],
    stats: &mut [f32],
    places: &Shared<[u32]>,
    item: usize,
    token_count: usize,
    rows: usize,
    #[comptime] plan: Mma,
) {
    let base = comptime!(plan.base);
    let count = comptime!(plan.at_a_time());
    let steps = comptime!(plan.stride.div_ceil(32));
    let (lane, plane) = (UNIT_POS_X as usize, UNIT_POS_Y as usize);
    for round in 0..comptime!(plan.base.rows / plan.base.teams / plan.at_a_time()) {
        let first = plane + round * comptime!(count * plan.base.teams);
        let mut values = Array::<f32>::new(comptime!(count * steps));
        let mut largest = Array::<f32>::new(count);
        #[unroll]
        for i in 0..count {
            let at = (first + i * base.teams) * plan.stride + lane;
            largest[i] = f32::new(LOWEST);
            #[unroll]
            for step in 0..steps {
                let token = lane + step * 32;
                let mut logit = f32::new(LOWEST);
                if token < token_count {
                    logit = max(logits[at + step * 32] + shift(bias, item, token, token_count, base), f32::new(LOWEST));
                }
                values[comptime!(i * steps + step)] = logit;
                largest[i] = max(largest[i], logit);
            }
        }
        team_maxima(&mut largest, count, base);
        let mut totals = Array::<f32>::new(count);
        #[unroll]
        for i in 0..count {
            totals[i] = 0.0f32;
            #[unroll]
            for step in 0..steps {
                let mut weight = 0.0f32;
                if lane + step * 32 < token_count {
                    weight = (values[comptime!(i * steps + step)] - largest[i]).exp();
                }
                values[comptime!(i * steps + step)] = weight;
                totals[i] += weight;
            }
        }
        team_sums(&mut totals, count, base);
        #[unroll]
        for i in 0..count {
            let row = first + i * base.teams;
            let scale = 1.0f32 / totals[i];
            #[unroll]
            for step in 0..steps {
                let token = lane + step * 32;
                if token < plan.stride {
                    logits[row * plan.stride + token] = values[comptime!(i * steps + step)] * scale;
                }
            }
            if row < rows && lane == 0 {
                let place = places[row] as usize * 2;
                stats[place] = largest[i];
                stats[place + 1] = totals[i];
            }
        }
    }
}

/// Weights A in place of logits, and slopes dS in place of <dP, x>; zeros past the item's last token and row. <dP, P>, which slopes
/// are corrected by, is the sum of the weights times <dP, x>.
#[cube]
pub(super) fn slopes(
    weights: &mut Shared<[f32]>,
    slopes: &mut Shared<[f32]>,
    bias: &[f32],
    stats: &[f32],
    places: &Shared<[u32]>,
    item: usize,
    token_count: usize,
    rows: usize,
    #[comptime] plan: Mma,
) {
    let base = comptime!(plan.base);
    let count = comptime!(plan.at_a_time());
    let steps = comptime!(plan.stride.div_ceil(32));
    let (lane, plane) = (UNIT_POS_X as usize, UNIT_POS_Y as usize);
    for round in 0..comptime!(plan.base.rows / plan.base.teams / plan.at_a_time()) {
        let first = plane + round * comptime!(count * plan.base.teams);
        let mut found = Array::<f32>::new(comptime!(count * steps));
        let mut along = Array::<f32>::new(comptime!(count * steps));
        let mut corrections = Array::<f32>::new(count);
        #[unroll]
        for i in 0..count {
            let row = first + i * base.teams;
            let place = places[row] as usize * 2;
            let (largest, scale) = (stats[place], 1.0f32 / stats[place + 1]);
            corrections[i] = 0.0f32;
            #[unroll]
            for step in 0..steps {
                let token = lane + step * 32;
                let at = row * plan.stride + token;
                let mut weight = 0.0f32;
                let mut product = 0.0f32;
                if token < token_count && row < rows {
                    let logit = weights[at] + shift(bias, item, token, token_count, base);
                    weight = (max(logit, f32::new(LOWEST)) - largest).exp() * scale;
                    product = slopes[at];
                }
                found[comptime!(i * steps + step)] = weight;
                along[comptime!(i * steps + step)] = product;
                corrections[i] += weight * product;
            }
        }
        team_sums(&mut corrections, count, base);
        #[unroll]
        for i in 0..count {
            #[unroll]
            for step in 0..steps {
                let token = lane + step * 32;
                let at = (first + i * base.teams) * plan.stride + token;
                if token < plan.stride {
                    let weight = found[comptime!(i * steps + step)];
                    weights[at] = weight;
                    slopes[at] = weight * (along[comptime!(i * steps + step)] - corrections[i]);
                }
            }
        }
    }
}
