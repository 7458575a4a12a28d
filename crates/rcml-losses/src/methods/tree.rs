//! How alike two places in a taxonomy are.

use std::collections::BTreeSet;

/// SPACE-2's similarity of two items by their taxonomy paths (He et al. 2022): the mean, over all (length, depth), of the Jaccard
/// index of the two sets of path segments of that length that begin at that depth; segments that neither has are left out.
/// 1 for equal sets of paths, 0 for disjoint ones. Provenance: code.
///
/// ```
/// use rcml_losses::tree_similarity;
/// let (bottle, pillow) = (vec![vec!["toy", "baby", "bottle"]], vec![vec!["toy", "baby", "pillow"]]);
/// assert_eq!(tree_similarity(&bottle, &pillow), 0.5);
/// ```
pub fn tree_similarity<S: AsRef<str>>(a: &[Vec<S>], b: &[Vec<S>]) -> f64 {
    let deepest = a.iter().chain(b).map(Vec::len).max().unwrap_or(0);
    let (mut sum, mut views) = (0.0, 0);
    for length in 1..=deepest {
        for depth in 0..=deepest - length {
            let (a, b) = (segments(a, depth, length), segments(b, depth, length));
            let union = a.union(&b).count();
            if union > 0 {
                sum += a.intersection(&b).count() as f64 / union as f64;
                views += 1;
            }
        }
    }
    if views == 0 { 0.0 } else { sum / f64::from(views) }
}

fn segments<S: AsRef<str>>(paths: &[Vec<S>], depth: usize, length: usize) -> BTreeSet<Vec<&str>> {
    paths
        .iter()
        .filter_map(|path| path.get(depth..depth + length))
        .map(|segment| segment.iter().map(AsRef::as_ref).collect())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn symmetric_within_bounds_and_one_for_itself(
            a in prop::collection::vec(prop::collection::vec("[ab]", 1..4), 1..3),
            b in prop::collection::vec(prop::collection::vec("[ab]", 1..4), 1..3),
        ) {
            let value = tree_similarity(&a, &b);
            prop_assert!((0.0..=1.0).contains(&value));
            prop_assert_eq!(value, tree_similarity(&b, &a));
            prop_assert!((tree_similarity(&a, &a) - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn disjoint_trees_share_nothing() {
        assert_eq!(tree_similarity(&[vec!["toy"]], &[vec!["book"]]), 0.0);
        assert_eq!(tree_similarity::<&str>(&[], &[]), 0.0);
    }
}
