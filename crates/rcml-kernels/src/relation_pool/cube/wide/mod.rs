//! Many query rows an item: what is a product of matrices is computed as one, in registers.
//!
//! The dot products of a tile of tokens and a block of rows are spread over the units of a plane by token, so that a query's
//! values are the same for a whole plane and are read once, and over the planes by row and by part of the width; the parts are
//! added up in shared memory. In the sums a unit owns columns of many rows, and reads four weights at a time.

mod block;
mod dots;
pub(super) mod forward;
pub(super) mod gradients;
mod plan;
pub(super) mod query_gradients;
mod slopes;
mod sums;
pub(super) mod token_gradients;

pub(super) use self::plan::{Way, Wide};
