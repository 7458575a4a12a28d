//! What people take, by category.

use serde::{Deserialize, Serialize};

use super::baskets::Baskets;
use super::category::Categories;
use super::sparse::SparseRows;

/// How counts become coordinates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Histogram {
    /// Square roots of shares: Euclidean distances are then Hellinger distances between what people take, in which the
    /// second interest of a person still counts.
    #[default]
    Hellinger,
    /// Shares, as the paper has them.
    Shares,
}

/// The histogram of each user who took something with a category, and the numbers of these users.
pub(crate) fn histograms(baskets: &Baskets, categories: &Categories, kind: Histogram) -> (SparseRows, Vec<u32>) {
    let mut rows = SparseRows::new(categories.names.len());
    let mut users = Vec::new();
    let mut counts = vec![0.0_f64; categories.names.len()];
    let mut touched: Vec<u32> = Vec::new();
    for (basket, user) in baskets.iter().zip(0..) {
        for &item in basket {
            let of_item = &categories.of_item[item as usize];
            for &category in of_item {
                if counts[category as usize] == 0.0 {
                    touched.push(category);
                }
                counts[category as usize] += 1.0 / of_item.len() as f64;
            }
        }
        if touched.is_empty() {
            continue;
        }
        touched.sort_unstable();
        let total: f64 = touched.iter().map(|&category| counts[category as usize]).sum();
        let coordinate = |&category: &u32| {
            let share = counts[category as usize] / total;
            (category, if kind == Histogram::Hellinger { share.sqrt() } else { share } as f32)
        };
        rows.push(touched.iter().map(coordinate));
        users.push(user);
        touched.iter().for_each(|&category| counts[category as usize] = 0.0);
        touched.clear();
    }
    (rows, users)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_a_basket() {
        // Item 0 is in category 0, item 1 in both, item 2 in none.
        let categories = Categories {
            names: vec!["x".into(), "y".into()],
            of_item: vec![Box::new([0]), Box::new([0, 1]), Box::new([])],
            left_out: 0,
        };
        let baskets = Baskets::new(3, 3, vec![(0, 0), (0, 1), (1, 2), (2, 1), (2, 2)]);
        let (rows, users) = histograms(&baskets, &categories, Histogram::Shares);
        assert_eq!(users, [0, 2]);
        assert_eq!((rows.row(0), rows.row(1)), ((&[0, 1][..], &[0.75, 0.25][..]), (&[0, 1][..], &[0.5, 0.5][..])));
        let (rows, _) = histograms(&baskets, &categories, Histogram::Hellinger);
        assert!((rows.square(0) - 1.0).abs() < 1e-6, "all users are equally long");
    }
}
