//! The way for items with more than a few rows where the device multiplies matrices of tf32, in f32: each value is split into an
//! upper part and a rest that tf32 holds, and of the four products of parts three are made.
//!
//! A cube takes an item and a block of its rows. Their dot products with all of the item's tokens lie in shared memory, `[rows,
//! tokens]`; tokens themselves are read where they lie, each value by the plane that needs it, in the order in which the lanes of
//! a matrix hold it.

mod dots;
pub(super) mod forward;
pub(super) mod gradients;
mod mixes;
mod plan;
mod product;
mod weights;

pub(super) use plan::Mma;
