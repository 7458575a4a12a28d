//! The statistics of a cluster of users: what its description is made of.

use serde::{Deserialize, Serialize};

use super::baskets::Baskets;
use super::category::Categories;

/// A cluster in numbers. As JSON, it is what a describing command or endpoint is given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClusterProfile {
    /// Number of the cluster, by size from 0.
    pub cluster: usize,
    /// How people come to have items: "buy", "read".
    pub verb: String,
    /// Users in it.
    pub users: usize,
    /// Of all users in clusters.
    pub share_of_users: f64,
    /// Interactions of these users.
    pub interactions: usize,
    /// Every category that these users or all others touch, by share in the cluster from the largest.
    pub categories: Vec<CategoryShare>,
    /// Texts of items that the cluster takes more than others do, for whoever writes the description.
    pub examples: Vec<String>,
}

/// A category within a cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CategoryShare {
    /// Its name.
    pub name: String,
    /// Share of the cluster's interactions.
    pub share: f64,
    /// Share of the interactions of all clusters.
    pub overall: f64,
    /// `share / overall`.
    pub lift: f64,
}

impl CategoryShare {
    /// What the category adds to the difference between the cluster and everybody (a term of the Kullback-Leibler
    /// divergence): large where much is taken and more than usual, negative where less than usual is.
    pub fn contribution(&self) -> f64 {
        if self.share > 0.0 { self.share * self.lift.ln() } else { 0.0 }
    }
}

/// Example texts of a profile.
const EXAMPLES: usize = 8;

/// The profile of each of `k` clusters. `clusters` has one entry a user, `texts` one an item.
pub(crate) fn profiles(
    baskets: &Baskets,
    clusters: &[u32],
    k: usize,
    categories: &Categories,
    texts: &[Option<&str>],
    verb: &str,
) -> Vec<ClusterProfile> {
    let n = categories.names.len();
    let (mut mass, mut users, mut interactions) = (vec![vec![0.0; n]; k], vec![0; k], vec![0; k]);
    let mut taken = vec![vec![0_u32; baskets.items()]; k];
    for (basket, &cluster) in baskets.iter().zip(clusters) {
        let Some(mass) = mass.get_mut(cluster as usize) else { continue };
        users[cluster as usize] += 1;
        interactions[cluster as usize] += basket.len();
        for &item in basket {
            taken[cluster as usize][item as usize] += 1;
            let of_item = &categories.of_item[item as usize];
            of_item.iter().for_each(|&category| mass[category as usize] += 1.0 / of_item.len() as f64);
        }
    }
    let overall: Vec<f64> = (0..n).map(|category| mass.iter().map(|mass| mass[category]).sum()).collect();
    let (everything, everybody): (f64, usize) = (overall.iter().sum(), users.iter().sum());
    let everyone = baskets.len().max(1) as f64;
    let popularity = baskets.popularity();
    (0..k)
        .map(|cluster| {
            let total: f64 = mass[cluster].iter().sum();
            let share = |category: usize| {
                let (share, overall) =
                    (mass[cluster][category] / total.max(1e-300), overall[category] / everything.max(1e-300));
                let lift = if overall > 0.0 { share / overall } else { 0.0 };
                CategoryShare { name: categories.names[category].clone(), share, overall, lift }
            };
            let mut shares: Vec<CategoryShare> = (0..n).map(share).filter(|category| category.overall > 0.0).collect();
            shares.sort_by(|a, b| b.share.total_cmp(&a.share).then_with(|| b.overall.total_cmp(&a.overall)));
            // As with categories: taken often, and more often than by everybody.
            let size = interactions[cluster].max(1) as f64;
            let distinct = |&item: &usize| {
                let (own, all) = (f64::from(taken[cluster][item]) / size, f64::from(popularity[item]) / everyone);
                if own > 0.0 { own * (own / all).ln() } else { 0.0 }
            };
            let mut items: Vec<usize> = (0..baskets.items()).filter(|&i| taken[cluster][i] > 0).collect();
            items.sort_by(|a, b| distinct(b).total_cmp(&distinct(a)).then(a.cmp(b)));
            ClusterProfile {
                cluster,
                verb: verb.into(),
                users: users[cluster],
                share_of_users: users[cluster] as f64 / everybody.max(1) as f64,
                interactions: interactions[cluster],
                categories: shares,
                examples: items.iter().filter_map(|&i| texts[i]).take(EXAMPLES).map(String::from).collect(),
            }
        })
        .collect()
}
