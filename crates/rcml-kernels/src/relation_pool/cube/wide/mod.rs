//! Many query rows an item: what is a product of matrices is computed as one, in registers.
//!
//! The dot products of a tile of tokens and a block of rows are spread over units by strips of rows, fours of tokens, and the
//! width; its parts are added up in shared memory, so that no planes are needed. In the sums a unit owns columns of many rows,
//! and reads weights of four tokens at a time.

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
