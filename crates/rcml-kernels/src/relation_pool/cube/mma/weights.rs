//! From dot products to the softmax's weights and slopes. Each plane takes every so many-th row, its lanes tokens side by side.

#![allow(clippy::too_many_arguments, reason = "a kernel's buffers and sizes come one by one")]

use cubecl::prelude::*;

use super::super::tile::{LOWEST, shift, team_max, team_sum};
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
    let (lane, plane) = (UNIT_POS_X as usize, UNIT_POS_Y as usize);
    let rounds = comptime!(plan.base.rows / plan.base.teams);
    for round in 0..rounds {
        let row = plane + round * plan.base.teams;
        let at = row * plan.stride;
        let mut largest = f32::new(LOWEST);
        let mut token = lane;
        while token < token_count {
            let logit = max(logits[at + token] + shift(bias, item, token, token_count, base), f32::new(LOWEST));
            logits[at + token] = logit;
            largest = max(largest, logit);
            token += 32;
        }
        largest = team_max(largest, base);
        let mut total = 0.0f32;
        token = lane;
        while token < token_count {
            let weight = (logits[at + token] - largest).exp();
            logits[at + token] = weight;
            total += weight;
            token += 32;
        }
        total = team_sum(total, base);
        let scale = 1.0f32 / total;
        token = lane;
        while token < plan.stride {
            let mut weight = 0.0f32;
            if token < token_count {
                weight = logits[at + token] * scale;
            }
            logits[at + token] = weight;
            token += 32;
        }
        if row < rows && lane == 0 {
            let place = places[row] as usize * 2;
            stats[place] = largest;
            stats[place + 1] = total;
        }
    }
}

/// Weights A in place of logits, and slopes dS in place of <dP, x>; zeros past the item's last token and row.
#[cube]
pub(super) fn slopes(
    weights: &mut Shared<[f32]>,
    slopes: &mut Shared<[f32]>,
    bias: &[f32],
    saved: &[f32],
    places: &Shared<[u32]>,
    item: usize,
    token_count: usize,
    rows: usize,
    #[comptime] plan: Mma,
) {
    let (lane, plane) = (UNIT_POS_X as usize, UNIT_POS_Y as usize);
    let rounds = comptime!(plan.base.rows / plan.base.teams);
    for round in 0..rounds {
        let row = plane + round * plan.base.teams;
        let at = row * plan.stride;
        let place = places[row] as usize * 3;
        let (largest, scale, correction) = (saved[place], saved[place + 1], saved[place + 2]);
        let mut token = lane;
        while token < plan.stride {
            let mut weight = 0.0f32;
            let mut slope = 0.0f32;
            if token < token_count && row < rows {
                let bias = shift(bias, item, token, token_count, comptime!(plan.base));
                weight = (max(weights[at + token] + bias, f32::new(LOWEST)) - largest).exp() * scale;
                slope = weight * (slopes[at + token] - correction);
            }
            weights[at + token] = weight;
            slopes[at + token] = slope;
            token += 32;
        }
    }
}
