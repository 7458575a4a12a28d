//! From baskets to relations.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde_json::{Value, json};

use super::baskets::Baskets;
use super::category::Categories;
use super::cooccurrence::NO_CLUSTER;
use super::grammar::Words;
use super::histogram::histograms;
use super::kmeans::{Clustering, kmeans};
use super::null_model::NullModel;
use super::profile::{ClusterProfile, profiles};
use super::report::{ClusterReport, InteractionReport, popularity_hit};
use super::selection::{Chosen, select};
use super::signal::{Signal, signal};
use super::{Catalogue, ClusterCount, InteractionOptions, Log, Say, silhouette};
use crate::build::pictures;
use crate::{Dataset, DatasetInfo, Edge, Error, Item, Relation, Result};

/// A dataset before its pictures are brought in.
pub(crate) struct Related {
    pub(crate) dataset: Dataset,
    pub(crate) pictures: Vec<Option<PathBuf>>,
    pub(crate) report: InteractionReport,
    /// The cluster of each user after the core.
    #[cfg_attr(not(test), expect(dead_code, reason = "what the tests compare with the truth"))]
    pub(crate) clusters: Vec<u32>,
}

impl Related {
    /// Keeps the items for which `keep` holds, with the edges between them.
    ///
    /// # Errors
    /// Where none is left.
    pub(crate) fn keep(&mut self, keep: impl Fn(&Item) -> bool) -> Result<()> {
        let Dataset { items, edges, .. } = &mut self.dataset;
        let mut number = 0;
        let numbers: Vec<Option<u32>> = items
            .iter()
            .map(|item| {
                let kept = keep(item).then_some(number);
                number += u32::from(kept.is_some());
                kept
            })
            .collect();
        if number == 0 {
            return Err(Error::input("no item is left"));
        }
        let mut kept = numbers.iter().map(Option::is_some);
        items.retain(|_| kept.next().unwrap_or(false));
        let mut kept = numbers.iter().map(Option::is_some);
        self.pictures.retain(|_| kept.next().unwrap_or(false));
        edges.retain_mut(|edge| match (numbers[edge.source as usize], numbers[edge.target as usize]) {
            (Some(source), Some(target)) => {
                (edge.source, edge.target) = (source, target);
                true
            }
            _ => false,
        });
        Ok(())
    }

    /// Brings the pictures into `out` and writes the tables and `report.json` there.
    pub(crate) fn write(mut self, out: &Path) -> Result<InteractionReport> {
        std::fs::create_dir_all(out).map_err(|e| Error::io(out, e))?;
        let bring = |(item, picture): (&Item, &Option<PathBuf>)| {
            picture.as_ref().map(|from| pictures::bring(out, &item.id, from)).transpose()
        };
        let images: Vec<Option<String>> =
            self.dataset.items.par_iter().zip(&self.pictures).map(bring).collect::<Result<_>>()?;
        for (item, image) in self.dataset.items.iter_mut().zip(images) {
            item.image = image.or(item.image.take());
        }
        self.dataset.root = out.to_path_buf();
        self.dataset.write(out)?;
        let path = out.join("report.json");
        let text = serde_json::to_string_pretty(&self.report).map_err(|e| Error::input(format!("report.json: {e}")))?;
        std::fs::write(&path, text + "\n").map_err(|e| Error::io(&path, e))?;
        Ok(self.report)
    }
}

/// Adds a directed relation with the edges that `links` names for each item's id; a link to an item that the dataset lacks is
/// dropped. Without any edge there is no relation.
pub(crate) fn add_links(dataset: &mut Dataset, relation: Relation, mut links: impl FnMut(&str) -> Vec<String>) {
    let index = dataset.item_index();
    let number = dataset.relations.len() as u32;
    let mut edges = Vec::new();
    for (item, source) in dataset.items.iter().zip(0..) {
        let mut targets: Vec<u32> = links(&item.id).iter().filter_map(|id| index.get(id.as_str()).copied()).collect();
        targets.retain(|&target| target != source);
        targets.sort_unstable();
        targets.dedup();
        edges.extend(targets.into_iter().map(|target| Edge::new(number, source, target)));
    }
    if !edges.is_empty() {
        dataset.relations.push(relation);
        dataset.edges.extend(edges);
    }
}

/// Makes relations of the catalogue's items from the log.
pub(crate) fn relate(
    catalogue: Catalogue,
    log: Log,
    info: DatasetInfo,
    options: &InteractionOptions,
    say: Say<'_>,
) -> Result<Related> {
    let counts = log.counts;
    let (baskets, seen) = log.into_baskets();
    let (total, kept) = (baskets.len(), baskets.core(options.core));
    drop(baskets);
    if kept.baskets.len() == 0 {
        let core = options.core;
        return Err(Error::input(format!(
            "the {core}-core of {total} interactions is empty: no group of users and items has {core} of each other; lower --core (1 leaves nothing out)"
        )));
    }
    let baskets = kept.baskets;
    say(&format!("{} interactions of {} users with {} items", baskets.len(), baskets.users(), baskets.items()));
    let catalogue = catalogue.select(&kept.items);
    let popularity = baskets.popularity();
    let categories = catalogue.categories.resolve(options.categories, &popularity, options.most_categories);
    if categories.names.is_empty() {
        return Err(Error::input("no item with interactions has a category: users cannot be grouped without"));
    }
    let (clusters, k, silhouettes) = cluster(&baskets, &categories, options, say);

    let large = baskets.iter().filter(|basket| basket.len() > options.most_basket).count();
    let counted = baskets.of_users(|user| baskets.basket(user).len() <= options.most_basket);
    say(&format!("{k} cluster{}; counting pairs", if k == 1 { "" } else { "s" }));
    let selection = select(&counted, &NullModel::fit(&counted), &clusters, k, &options.edges);
    say(&format!("{} edges; asking users that did not choose them", selection.chosen.len()));
    let (signals, all) = signal(&counted, &clusters, k, &options.edges, options.seed);

    let texts: Vec<Option<&str>> = catalogue.items.iter().map(|item| item.text.as_deref()).collect();
    let profiles = profiles(&baskets, &clusters, k, &categories, &texts, &options.verb);
    let described = options.describer.describe(&profiles, say)?;
    let ids = ids(described.iter().map(|(words, _)| words.primary.as_str()));
    let mut dataset = Dataset { info, ..Dataset::default() };
    let mut reports = Vec::new();
    let edges_of = chunks(&selection.chosen, k);
    for (cluster, (profile, (words, phrasings))) in profiles.into_iter().zip(described).enumerate() {
        let edges = edges_of[cluster];
        let report = report(&ids[cluster], &phrasings, edges, signals[cluster], profile, baskets.items());
        dataset.relations.push(relation(&report, &words, phrasings));
        let edge = |edge: &Chosen| Edge { weight: edge.weight, ..Edge::new(cluster as u32, edge.a, edge.b) };
        dataset.edges.extend(edges.iter().map(edge));
        reports.push(report);
    }
    dataset.items = catalogue.items;
    for (number, item) in dataset.items.iter_mut().enumerate() {
        item.attributes.insert("interactions".into(), popularity[number].into());
        if let Some((first, last)) = seen[kept.items[number] as usize] {
            item.attributes.insert("first_seen".into(), first.into());
            item.attributes.insert("last_seen".into(), last.into());
        }
    }
    if let Some(split) = &options.split {
        let groups = same_text(&dataset);
        split.apply(&mut dataset.items, &groups);
    }
    let report = InteractionReport {
        log: counts,
        bad_items: 0,
        users: baskets.users(),
        items: baskets.items(),
        interactions: baskets.len(),
        core: options.core,
        large_baskets: large,
        unclustered_users: clusters.iter().filter(|&&cluster| cluster == NO_CLUSTER).count(),
        categories: categories.names.len(),
        categories_left_out: categories.left_out,
        silhouettes,
        supported_pairs: selection.supported,
        significant_pairs: selection.significant,
        clusters: reports,
        signal: all,
        beyond_popularity: all.is_there(),
    };
    Ok(Related { dataset, pictures: catalogue.pictures, report, clusters })
}

/// The cluster of every user, the number of clusters, and the scores of the numbers that were tried.
fn cluster(
    baskets: &Baskets,
    categories: &Categories,
    options: &InteractionOptions,
    say: Say<'_>,
) -> (Vec<u32>, usize, Vec<(usize, f64)>) {
    let (rows, users) = histograms(baskets, categories, options.histogram);
    say(&format!("clustering {} users by {} categories", rows.len(), categories.names.len()));
    let (Clustering { labels, centroids, .. }, scores) = match options.clusters {
        ClusterCount::Exactly(k) => (kmeans(&rows, k, options.seed), Vec::new()),
        ClusterCount::Silhouette { least, most } => silhouette::choose(&rows, least..=most, options.seed),
    };
    let mut clusters = vec![NO_CLUSTER; baskets.users()];
    users.iter().zip(labels).for_each(|(&user, label)| clusters[user as usize] = label);
    (clusters, centroids.len(), scores)
}

/// The edges of each cluster.
fn chunks(chosen: &[Chosen], k: usize) -> Vec<&[Chosen]> {
    let start = |cluster: usize| chosen.partition_point(|edge| (edge.cluster as usize) < cluster);
    (0..k).map(|cluster| &chosen[start(cluster)..start(cluster + 1)]).collect()
}

/// A readable id of each relation, by its primary category. A number behind one may be what another category is called:
/// "PlayStation" twice and "PlayStation 2".
fn ids<'a>(categories: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut taken = HashSet::new();
    let id = |category: &str| {
        let slug = format!("together-{}", slug(category));
        let (mut id, mut number) = (slug.clone(), 1);
        while !taken.insert(id.clone()) {
            number += 1;
            id = format!("{slug}-{number}");
        }
        id
    };
    categories.map(id).collect()
}

/// Lower case, with a dash for whatever is no letter or digit.
pub(crate) fn slug(text: &str) -> String {
    let words: Vec<String> =
        text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase).collect();
    if words.is_empty() { "any".into() } else { words.join("-") }
}

fn report(
    id: &str,
    phrasings: &[String],
    edges: &[Chosen],
    signal: Signal,
    profile: ClusterProfile,
    items: usize,
) -> ClusterReport {
    let mut degrees = vec![0; items];
    let pairs: Vec<(u32, u32)> = edges.iter().map(|edge| (edge.a, edge.b)).collect();
    pairs.iter().flat_map(|&(a, b)| [a, b]).for_each(|item| degrees[item as usize] += 1);
    ClusterReport {
        relation: id.into(),
        description: phrasings.first().cloned().unwrap_or_default(),
        edges: edges.len(),
        signal,
        popularity_hit: popularity_hit(&degrees, &pairs),
        profile,
    }
}

fn relation(report: &ClusterReport, words: &Words, phrasings: Vec<String>) -> Relation {
    let mut relation = Relation { id: report.relation.clone(), descriptions: phrasings, ..Relation::default() };
    relation.symmetric = true;
    relation.family = Some("co-consumption".into());
    let rounded = |value: f64| json!((value * 1e4).round() / 1e4);
    let share = |c: &super::CategoryShare| (c.name.clone(), rounded(c.share));
    let categories: serde_json::Map<String, Value> = report.profile.categories.iter().take(5).map(share).collect();
    relation.attributes = [
        ("users".to_owned(), json!(report.profile.users)),
        ("categories".to_owned(), Value::Object(categories)),
        ("words".to_owned(), json!(words)),
        ("lift_held_out".to_owned(), rounded(report.signal.lift())),
        ("popularity_hit".to_owned(), rounded(report.popularity_hit)),
    ]
    .into_iter()
    .collect();
    relation
}

/// Equal numbers for items with equal texts.
fn same_text(dataset: &Dataset) -> Vec<u32> {
    let mut numbers: BTreeMap<&str, u32> = BTreeMap::new();
    let mut groups = Vec::with_capacity(dataset.items.len());
    for (item, own) in dataset.items.iter().zip(0..) {
        groups.push(item.text.as_deref().map_or(own, |text| *numbers.entry(text).or_insert(own)));
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_relation_has_an_id_of_its_own() {
        let named = |names: &[&'static str]| ids(names.iter().copied());
        assert_eq!(
            named(&["PlayStation", "PlayStation", "PlayStation 2"]),
            ["together-playstation", "together-playstation-2", "together-playstation-2-2"]
        );
        assert_eq!(
            named(&["PlayStation 2", "PlayStation", "PlayStation", "PlayStation"]),
            ["together-playstation-2", "together-playstation", "together-playstation-3", "together-playstation-4"]
        );
    }
}
