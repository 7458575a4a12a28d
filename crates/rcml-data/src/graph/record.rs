//! One neighbour of one item as a number that sorts.

/// The list of an item's neighbours under every relation and in either direction.
pub(super) const RELATED: u32 = u32::MAX;

/// Most relations of a graph: two lists for each, and one number is taken by [`RELATED`].
pub(super) const MOST_RELATIONS: usize = (1 << 31) - 1;

/// The list of the items that an item points at under `relation`.
pub(super) fn targets(relation: u32) -> u32 {
    2 * relation
}

/// The list of the items that point at an item under `relation`; only directed relations have it.
pub(super) fn sources(relation: u32) -> u32 {
    2 * relation + 1
}

/// An entry of a list. Packed, it is item, list, neighbour, weight from the highest bits down, so that sorted records
/// are the graph in the order of its file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Record {
    pub(super) item: u32,
    pub(super) list: u32,
    pub(super) neighbour: u32,
    pub(super) weight: f32,
}

impl Record {
    /// The two records that an edge is found by, from its source and from its target.
    pub(super) fn of_edge(relation: u32, symmetric: bool, source: u32, target: u32, weight: f32) -> [Self; 2] {
        let back = if symmetric { targets(relation) } else { sources(relation) };
        [
            Self { item: source, list: targets(relation), neighbour: target, weight },
            Self { item: target, list: back, neighbour: source, weight },
        ]
    }

    pub(super) fn pack(self) -> u128 {
        // Weights are not negative, and the bits of such floats sort as the floats do; adding 0 turns -0 into 0.
        let weight = (self.weight + 0.0).to_bits();
        u128::from(self.item) << 96
            | u128::from(self.list) << 64
            | u128::from(self.neighbour) << 32
            | u128::from(weight)
    }

    pub(super) fn unpack(packed: u128) -> Self {
        Self {
            item: (packed >> 96) as u32,
            list: (packed >> 64) as u32,
            neighbour: (packed >> 32) as u32,
            weight: f32::from_bits(packed as u32),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn record() -> impl Strategy<Value = Record> {
        (0u32..4, 0u32..4, any::<u32>(), prop_oneof![Just(0.0), Just(-0.0), 0.0f32..1e30])
            .prop_map(|(item, list, neighbour, weight)| Record { item, list, neighbour, weight })
    }

    proptest! {
        #[test]
        fn packed_records_come_back_and_sort_as_their_fields(a in record(), b in record()) {
            prop_assert_eq!(Record::unpack(a.pack()), a);
            let key = |r: Record| (r.item, r.list, r.neighbour);
            let order = key(a).cmp(&key(b)).then((a.weight + 0.0).total_cmp(&(b.weight + 0.0)));
            prop_assert_eq!(a.pack().cmp(&b.pack()), order);
        }
    }
}
