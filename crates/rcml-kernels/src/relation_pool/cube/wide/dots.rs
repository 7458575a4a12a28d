//! Dot products of a tile and a block.

use cubecl::prelude::*;

use super::plan::{DEEP, Wide};

/// Dot products between the tile's tokens and the block's rows, in parts that units have made of some of the columns.
#[derive(CubeType)]
pub(super) struct Dots {
    /// `[strips, fours of tokens, parts, strip + 1]`: a row's with four tokens are a vector. One more than a strip has, so that
    /// units that follow each other write to different banks.
    parts: Shared<[Vector<f32, Const<4>>]>,
}

#[cube]
impl Dots {
    pub(super) fn new(#[comptime] plan: Wide) -> Self {
        Dots { parts: Shared::<[Vector<f32, Const<4>>]>::new_slice(comptime!(plan.partial())) }
    }

    /// The parts of the tile's first `here` tokens with the first `count` of the block's rows of `values`. A unit takes a strip
    /// of rows, four tokens, and every so many-th column, so that units that follow each other read columns that do.
    pub(super) fn fill<V: Size>(
        &mut self,
        tile: &Shared<[Vector<f32, V>]>,
        values: &[Vector<f32, V>],
        rows: &Shared<[u32]>,
        here: usize,
        count: usize,
        #[comptime] plan: Wide,
    ) {
        let across = comptime!(plan.across());
        let strip = comptime!(plan.strip);
        let width = comptime!(plan.base.width);
        let parts = comptime!(plan.parts);
        let rounds = comptime!(plan.base.width.div_ceil(plan.parts));
        let unit = UNIT_POS as usize;
        let part = unit % parts;
        let product = unit / parts;
        let token = product % across * DEEP;
        let first = product / across * strip;
        if token < here && first < count {
            let mut found = Array::<f32>::new(comptime!(plan.strip * DEEP));
            let mut from = Array::<u32>::new(strip);
            #[unroll]
            for q in 0..strip {
                from[q] = rows[first + q];
                #[unroll]
                for t in 0..DEEP {
                    found[comptime!(q * DEEP + t)] = 0.0f32;
                }
            }
            for round in 0..rounds {
                let column = part + round * parts;
                if column < width {
                    let mut xs = Array::<Vector<f32, V>>::new(DEEP);
                    #[unroll]
                    for t in 0..DEEP {
                        xs[t] = tile[(token + t) * width + column];
                    }
                    #[unroll]
                    for q in 0..strip {
                        let value = values[from[q] as usize * width + column];
                        #[unroll]
                        for t in 0..DEEP {
                            let x = xs[t];
                            let mut sum = found[comptime!(q * DEEP + t)];
                            #[unroll]
                            for k in 0..V::value() {
                                sum += x.extract(k) * value.extract(k);
                            }
                            found[comptime!(q * DEEP + t)] = sum;
                        }
                    }
                }
            }
            #[unroll]
            for q in 0..strip {
                let mut four = Vector::<f32, Const<4>>::new(0.0f32);
                #[unroll]
                for t in 0..DEEP {
                    four.insert(t, found[comptime!(q * DEEP + t)]);
                }
                self.parts[unit * comptime!(plan.strip + 1) + q] = four;
            }
        }
    }

    /// The dot products of a row and four tokens: the sums of their parts.
    pub(super) fn whole(&self, row: usize, four: usize, #[comptime] plan: Wide) -> Vector<f32, Const<4>> {
        let strip = comptime!(plan.strip);
        let unit = (row / strip * comptime!(plan.across()) + four) * comptime!(plan.parts);
        let mut sum = Vector::<f32, Const<4>>::new(0.0f32);
        #[unroll]
        for part in 0..comptime!(plan.parts) {
            sum += self.parts[(unit + part) * comptime!(plan.strip + 1) + row % strip];
        }
        sum
    }
}
