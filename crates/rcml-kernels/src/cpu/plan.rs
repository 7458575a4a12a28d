//! Which algorithm fits a shape.

/// How relation pooling is computed. All give the same values up to rounding.
///
/// GPUs have three ways besides `Composed`: for few query rows an item, with planes (subgroups) where the device has them; for
/// many, by multiply-adds, which needs none; and for many by tensor cores. `Auto` chooses by the shape and the device,
/// `MultiplyAdds` leaves tensor cores out, and `Packed` besides makes the gradients of tokens and of queries one after the other;
/// `Resident` takes the way for few rows, and `Streamed` takes it without planes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Algorithm {
    /// Chosen by the shape.
    #[default]
    Auto,
    /// Burn's own operations, one after the other; the only one that takes other types than f32 queries.
    Composed,
    /// One pass with a running softmax over blocks of tokens that fit the first-level cache.
    Streamed,
    /// An item's tokens at once, kept in the second-level cache, with register tiles that read them where they lie.
    Resident,
    /// As `Resident`, with the matrix products of a library that packs its operands.
    Packed,
    /// As `Auto`, without tensor cores.
    MultiplyAdds,
}

/// What [`Algorithm`] comes down to for one shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Plan {
    /// Tokens of an item that are handled at a time.
    pub(super) block: usize,
    /// Whether products go to the library.
    pub(super) packed: bool,
}

/// Values of a block of tokens that leaves room in a 32 KiB first-level cache for queries and sums.
const FIRST_LEVEL: usize = 4 * 1024;
/// Values of a block of tokens that stays in a second-level cache (512 KiB to 1 MiB) beside queries and sums.
const SECOND_LEVEL: usize = 96 * 1024;
/// Queries up to which blocks of tokens go through the first-level cache: more would rescale and reload more sums there
/// than the cache holds.
const STREAMED_QUERIES: usize = 4;
/// Queries from which packing pays.
const PACKED_QUERIES: usize = 96;

impl Plan {
    /// The plan for items of `t` tokens of width `d` under `queries` queries (relations times heads).
    pub(super) fn new(algorithm: Algorithm, t: usize, d: usize, queries: usize) -> Self {
        let algorithm = match algorithm {
            Algorithm::Streamed | Algorithm::Resident | Algorithm::Packed => algorithm,
            _ if queries <= STREAMED_QUERIES => Algorithm::Streamed,
            _ if queries < PACKED_QUERIES => Algorithm::Resident,
            _ => Algorithm::Packed,
        };
        let values = if algorithm == Algorithm::Streamed { FIRST_LEVEL } else { SECOND_LEVEL };
        let most = (values / d.max(1)).max(1);
        // Blocks of equal size: a last block of one token would cost as much as a whole one.
        let blocks = t.div_ceil(most).max(1);
        Self { block: t.div_ceil(blocks).max(1), packed: algorithm == Algorithm::Packed }
    }
}
