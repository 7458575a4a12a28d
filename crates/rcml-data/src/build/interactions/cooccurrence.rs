//! Which items meet in the baskets of a cluster, and how often.

use rayon::prelude::*;

use super::baskets::Baskets;

/// Two items that enough users of a cluster have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Meeting {
    /// The item with the smaller number.
    pub(crate) a: u32,
    pub(crate) b: u32,
    pub(crate) cluster: u32,
    /// Users of the cluster with both.
    pub(crate) count: u32,
    /// Users of any cluster, or of none, with both.
    pub(crate) total: u32,
}

/// The cluster of a user who is in none.
pub(crate) const NO_CLUSTER: u32 = u32::MAX;

/// Counts meetings within each cluster and keeps those with at least `support` users, ascending by (a, b, cluster).
///
/// Memory: an item's partners are collected, sorted and counted one item at a time, so that beside the baskets (twice) only
/// what is kept stays. Time grows with the sum of squared basket sizes.
pub(crate) fn meetings(baskets: &Baskets, clusters: &[u32], support: u32) -> Vec<Meeting> {
    let users = baskets.transpose();
    let of_item = |a: usize| {
        let mut partners: Vec<u64> = Vec::new();
        for &user in users.basket(a) {
            let basket = baskets.basket(user as usize);
            let cluster = u64::from(clusters[user as usize]);
            let later = &basket[basket.partition_point(|&item| item as usize <= a)..];
            partners.extend(later.iter().map(|&b| u64::from(b) << 32 | cluster));
        }
        partners.sort_unstable();
        let mut kept = Vec::new();
        for of_pair in partners.chunk_by(|x, y| x >> 32 == y >> 32) {
            for of_cluster in of_pair.chunk_by(|x, y| x == y) {
                let (b, cluster) = ((of_cluster[0] >> 32) as u32, of_cluster[0] as u32);
                let (count, total) = (of_cluster.len() as u32, of_pair.len() as u32);
                if cluster != NO_CLUSTER && count >= support {
                    kept.push(Meeting { a: a as u32, b, cluster, count, total });
                }
            }
        }
        kept
    };
    // Collected in the order of the items, whatever the threads.
    (0..baskets.items()).into_par_iter().flat_map_iter(of_item).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn counts_agree_with_counting_by_hand(
            pairs in prop::collection::vec((0u32..15, 0u32..8), 0..120),
            clusters in prop::collection::vec(prop::sample::select(vec![0, 1, NO_CLUSTER]), 15),
            support in 1u32..4,
        ) {
            let baskets = Baskets::new(15, 8, pairs);
            let (mut count, mut total) = (BTreeMap::<_, u32>::new(), BTreeMap::<_, u32>::new());
            for (user, basket) in baskets.iter().enumerate() {
                for &a in basket {
                    for &b in basket.iter().filter(|&&b| b > a) {
                        *count.entry((a, b, clusters[user])).or_default() += 1;
                        *total.entry((a, b)).or_default() += 1;
                    }
                }
            }
            let expected: Vec<Meeting> = count.into_iter()
                .filter(|&((.., cluster), count)| count >= support && cluster != NO_CLUSTER)
                .map(|((a, b, cluster), count)| Meeting { a, b, cluster, count, total: total[&(a, b)] }).collect();
            prop_assert_eq!(meetings(&baskets, &clusters, support), expected);
        }
    }
}
