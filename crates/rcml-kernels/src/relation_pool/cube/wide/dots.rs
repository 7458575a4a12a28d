//! Dot products of a tile and a block.

use cubecl::prelude::*;

use super::plan::Wide;

/// Dot products between the tile's tokens and the block's rows, in parts.
#[derive(CubeType)]
pub(super) struct Dots {
    /// `[parts, rows, tokens]`.
    parts: Shared<[f32]>,
}

#[cube]
impl Dots {
    pub(super) fn new(#[comptime] plan: Wide) -> Self {
        Dots { parts: Shared::<[f32]>::new_slice(comptime!(plan.base.units() * plan.strip * plan.deep)) }
    }

    /// The parts, by all units of a cube, with the `rows` of `values`.
    pub(super) fn fill<V: Size>(
        &mut self,
        tile: &Shared<[Vector<f32, V>]>,
        values: &[Vector<f32, V>],
        rows: &Shared<[u32]>,
        #[comptime] plan: Wide,
    ) {
        let across = comptime!(plan.across());
        let strips = comptime!(plan.strips());
        let strip = comptime!(plan.strip);
        let width = comptime!(plan.base.width);
        let (lane, team) = (UNIT_POS_X as usize, UNIT_POS_Y as usize);
        let token = lane % across;
        let first = (team % strips) * strip;
        let part = team / strips * comptime!(plan.base.lanes / plan.across()) + lane / across;
        let mut found = Array::<f32>::new(comptime!(plan.strip * plan.deep));
        let mut from = Array::<u32>::new(strip);
        #[unroll]
        for q in 0..strip {
            from[q] = rows[first + q];
            #[unroll]
            for t in 0..plan.deep {
                found[comptime!(q * plan.deep + t)] = 0.0f32;
            }
        }
        let mut column = part;
        while column < width {
            let mut xs = Array::<Vector<f32, V>>::new(plan.deep);
            #[unroll]
            for t in 0..plan.deep {
                xs[t] = tile[(token + t * across) * plan.stride + column];
            }
            #[unroll]
            for q in 0..strip {
                let value = values[from[q] as usize * width + column];
                #[unroll]
                for t in 0..plan.deep {
                    let x = xs[t];
                    let mut sum = found[comptime!(q * plan.deep + t)];
                    #[unroll]
                    for k in 0..V::value() {
                        sum += x.extract(k) * value.extract(k);
                    }
                    found[comptime!(q * plan.deep + t)] = sum;
                }
            }
            column += comptime!(plan.parts());
        }
        #[unroll]
        for q in 0..strip {
            #[unroll]
            for t in 0..plan.deep {
                let place = (part * plan.base.rows + first + q) * plan.base.tokens + token + t * across;
                self.parts[place] = found[comptime!(q * plan.deep + t)];
            }
        }
    }

    /// The sum of a dot product's parts.
    pub(super) fn whole(&self, row: usize, token: usize, #[comptime] plan: Wide) -> f32 {
        let mut sum = 0.0f32;
        #[unroll]
        for part in 0..comptime!(plan.parts()) {
            sum += self.parts[(part * plan.base.rows + row) * plan.base.tokens + token];
        }
        sum
    }
}
