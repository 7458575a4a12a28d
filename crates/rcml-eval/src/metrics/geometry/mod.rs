//! The shape of sets of vectors. What needs every pair of N vectors takes them a row at a time: never an N x N matrix.

mod cka;
mod gap;
mod neighbours;
mod rows;
mod spectrum;
mod spread;

pub use cka::linear_cka;
pub use gap::{alignment, modality_gap};
pub use neighbours::{mutual_neighbours, nearest};
pub use rows::Rows;
pub use spectrum::effective_rank;
pub use spread::{anisotropy, uniformity};
