//! Pairs of one crowd: baskets without users to group.

use super::baskets::Baskets;
use super::null_model::NullModel;
use super::report::popularity_hit;
use super::selection::{EdgeOptions, select};
use super::signal::{Signal, signal};

/// Which items stand in one basket more often than popularity explains.
pub(crate) struct Meetings {
    /// (item, item, weight), ascending.
    pub(crate) edges: Vec<(u32, u32, f32)>,
    /// Baskets with at least two items.
    pub(crate) baskets: usize,
    pub(crate) supported_pairs: usize,
    pub(crate) signal: Signal,
    pub(crate) popularity_hit: f64,
}

/// Chooses edges from (basket, item) pairs.
pub(crate) fn meet(
    baskets: usize,
    items: usize,
    pairs: Vec<(u32, u32)>,
    most_basket: usize,
    options: &EdgeOptions,
    seed: u64,
) -> Meetings {
    let all = Baskets::new(baskets, items, pairs);
    let counted = all.of_users(|basket| all.basket(basket).len() <= most_basket);
    let clusters = vec![0; counted.users()];
    let selection = select(&counted, &NullModel::fit(&counted), &clusters, 1, options);
    let (_, signal) = signal(&counted, &clusters, 1, options, seed);
    let mut degrees = vec![0; items];
    let pairs: Vec<(u32, u32)> = selection.chosen.iter().map(|edge| (edge.a, edge.b)).collect();
    pairs.iter().flat_map(|&(a, b)| [a, b]).for_each(|item| degrees[item as usize] += 1);
    Meetings {
        edges: selection.chosen.iter().map(|edge| (edge.a, edge.b, edge.weight)).collect(),
        baskets: counted.iter().filter(|basket| basket.len() > 1).count(),
        supported_pairs: selection.supported,
        signal,
        popularity_hit: popularity_hit(&degrees, &pairs),
    }
}
