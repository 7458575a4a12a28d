//! What was found, for people and for programs.

use std::fmt;

use serde::Serialize;

use super::log::LogCounts;
use super::profile::ClusterProfile;
use super::signal::{Signal, Verdict};

/// What a build from interactions found: also `report.json` in the dataset's folder.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct InteractionReport {
    /// Rows of the log.
    pub log: LogCounts,
    /// Items of the catalogue that could not be used and were skipped.
    pub bad_items: u64,
    /// Users, items and interactions after the k-core.
    pub users: usize,
    /// Items after the k-core.
    pub items: usize,
    /// Different (user, item) pairs after the k-core.
    pub interactions: usize,
    /// The core that everybody is in.
    pub core: usize,
    /// Users whose baskets are too large to count pairs in; they are clustered, but make no edges.
    pub large_baskets: usize,
    /// Users without a single item that has a category: in no cluster.
    pub unclustered_users: usize,
    /// Categories that people are grouped by.
    pub categories: usize,
    /// Categories left out because they are too many.
    pub categories_left_out: usize,
    /// Mean silhouette of each number of clusters that was tried.
    pub silhouettes: Vec<(usize, f64)>,
    /// Pairs of items that enough users of a cluster have.
    pub supported_pairs: usize,
    /// Of these, pairs that meet more often than popularity explains (false discovery rate of the correction, else 5 %).
    pub significant_pairs: usize,
    /// Each cluster.
    pub clusters: Vec<ClusterReport>,
    /// All edges together, judged by users that did not choose them.
    pub signal: Signal,
    /// Whether the edges say more than popularity does.
    pub beyond_popularity: bool,
}

/// One cluster and its relation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClusterReport {
    /// Id of the relation.
    pub relation: String,
    /// Its canonical phrasing.
    pub description: String,
    /// Edges.
    pub edges: usize,
    /// Edges of the cluster, judged by users that did not choose them.
    pub signal: Signal,
    /// Hit@5 among 21 candidates of always answering with the items that have the most edges under the relation: what a
    /// model has to beat.
    pub popularity_hit: f64,
    /// Statistics.
    pub profile: ClusterProfile,
}

impl fmt::Display for InteractionReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LogCounts { rows, unknown_items, filtered, bad } = self.log;
        writeln!(f, "log          {rows:>10} rows; {unknown_items} of unknown items, {filtered} filtered, {bad} bad")?;
        let Self { users, items, interactions, core, .. } = self;
        writeln!(f, "{core}-core       {interactions:>10} interactions of {users} users with {items} items")?;
        if self.large_baskets + self.unclustered_users > 0 {
            let (large, without) = (self.large_baskets, self.unclustered_users);
            writeln!(f, "users        {large:>10} too large to count pairs in, {without} without a category")?;
        }
        let left_out = self.categories_left_out;
        writeln!(f, "categories   {:>10}   {left_out} rare ones left out", self.categories)?;
        if !self.silhouettes.is_empty() {
            let scores: Vec<String> = self.silhouettes.iter().map(|(k, score)| format!("{k}: {score:.3}")).collect();
            writeln!(f, "silhouette   {}", scores.join("  "))?;
        }
        let (supported, significant) = (self.supported_pairs, self.significant_pairs);
        writeln!(f, "pairs        {supported:>10} with enough users, {significant} beyond popularity\n")?;
        writeln!(f, "{:<32} {:>8} {:>9} {:>8} {:>8} {:>11}", "relation", "users", "edges", "lift", "z", "popularity")?;
        for cluster in &self.clusters {
            let ClusterReport { relation, edges, signal, popularity_hit, profile, .. } = cluster;
            let id: String = relation.chars().take(32).collect();
            write!(f, "{id:<32} {:>8} {edges:>9} {:>8.2} {:>8.1}", profile.users, signal.lift(), signal.z)?;
            let verdict = match signal.verdict() {
                Verdict::Beyond => "",
                Verdict::Open => "   too few users to tell",
                Verdict::Popularity => "   no signal beyond popularity",
            };
            writeln!(f, " {:>10.1}%{verdict}", popularity_hit * 100.0)?;
        }
        write!(f, "{:<32} {users:>8} {:>9} ", "all", self.clusters.iter().map(|c| c.edges).sum::<usize>())?;
        writeln!(f, "{:>8.2} {:>8.1}\n", self.signal.lift(), self.signal.z)?;
        writeln!(
            f,
            "lift: how much more often the pairs that four fifths of the users chose meet among the last fifth than popularity \
             alone would have it.\npopularity: Hit@5 of 21 (chance 23.8%) of answering with the items that have the most edges."
        )?;
        if let Some(advice) = self.signal.verdict().advice() {
            writeln!(f, "\n{advice}")?;
        }
        Ok(())
    }
}

/// Hit@5 among 21 candidates (the related item and 20 random ones) of ranking by `degrees` alone, over all pairs both ways
/// round; ties are broken at random. Exact up to ten points of the tie-breaking.
pub(crate) fn popularity_hit(degrees: &[u32], pairs: &[(u32, u32)]) -> f64 {
    if pairs.is_empty() || degrees.len() < 2 {
        return 0.0;
    }
    let mut sorted = degrees.to_vec();
    sorted.sort_unstable();
    let others = (degrees.len() - 1) as f64;
    let hit = |item: u32| {
        let degree = degrees[item as usize];
        let below = sorted.partition_point(|&other| other < degree);
        let up_to = sorted.partition_point(|&other| other <= degree);
        let (above, equal) = ((sorted.len() - up_to) as f64 / others, (up_to - below - 1) as f64 / others);
        (0..10).map(|tenth| at_most(4, 20, above + equal * (f64::from(tenth) + 0.5) / 10.0)).sum::<f64>() / 10.0
    };
    let cache: std::collections::BTreeMap<u32, f64> = pairs
        .iter()
        .flat_map(|&(a, b)| [a, b])
        .map(|item| (degrees[item as usize], item))
        .collect::<std::collections::BTreeMap<_, _>>()
        .into_iter()
        .map(|(degree, item)| (degree, hit(item)))
        .collect();
    let sum: f64 = pairs.iter().flat_map(|&(a, b)| [a, b]).map(|item| cache[&degrees[item as usize]]).sum();
    sum / (2 * pairs.len()) as f64
}

/// P(X <= most) of a binomial variable.
fn at_most(most: i32, n: i32, p: f64) -> f64 {
    let mut choose = 1.0;
    (0..=most)
        .map(|k| {
            let term = choose * p.powi(k) * (1.0 - p).powi(n - k);
            choose *= f64::from(n - k) / f64::from(k + 1);
            term
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn popularity_answers_nothing_where_all_are_alike_and_everything_where_one_is_not() {
        // Equal degrees: chance, 5 of 21.
        let ring: Vec<(u32, u32)> = (0..1000).map(|i| (i, (i + 1) % 1000)).collect();
        let hit = popularity_hit(&[2; 1000], &ring);
        assert!((hit - 5.0 / 21.0).abs() < 2e-3, "{hit}");
        // A star: its centre is always found from the leaves, a leaf from the centre only by luck.
        let star: Vec<(u32, u32)> = (1..1000).map(|i| (0, i)).collect();
        let mut degrees = vec![1; 1000];
        degrees[0] = 999;
        let hit = popularity_hit(&degrees, &star);
        assert!((hit - (1.0 + 5.0 / 21.0) / 2.0).abs() < 5e-3, "{hit}");
    }
}
