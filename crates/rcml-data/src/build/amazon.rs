//! `amazon`: products and reviews of the Amazon Reviews data of 2018 and 2023, as items and relations.

mod link;
mod picture;
mod price;
mod product;
mod release2018;
mod release2023;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::download::{self, Wanted};
use super::interactions::{
    Catalogue, CategoryKind, ClusterCount, Correction, EdgeOptions, EdgeWeight, Histogram, InteractionOptions,
    InteractionReport, LogOptions, Related, Say, read_log, relate,
};
use super::table::{self, BadRows};
use crate::{DatasetInfo, Error, Result};
use product::Product;

/// Which shape the files have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AmazonRelease {
    /// Told by the first product: only the release of 2023 has `parent_asin`.
    #[default]
    Auto,
    /// `asin`, `also_buy`, `overall`, `reviewerID`.
    Y2018,
    /// `parent_asin`, `rating`, `user_id`.
    Y2023,
}

/// Where the pictures come from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum AmazonImages {
    /// Items are text alone.
    #[default]
    None,
    /// A folder with one picture an item, named by its id: `B00X.jpg`. Items without one are left out.
    Folder(PathBuf),
    /// They are downloaded into the dataset's folder; what is there already is not fetched again. Products that name no
    /// picture are left out, those whose picture cannot be fetched as well.
    Download,
}

/// How the dataset is built.
#[derive(Debug, Clone, PartialEq)]
pub struct AmazonOptions {
    /// Product files (`meta_X.jsonl.gz`).
    pub meta: Vec<PathBuf>,
    /// Review files (`X.jsonl.gz`, or the ratings as CSV with a header line).
    pub reviews: Vec<PathBuf>,
    /// Shape of both.
    pub release: AmazonRelease,
    /// Pictures.
    pub images: AmazonImages,
    /// Reviews with a lower rating do not count.
    pub min_rating: Option<f64>,
    /// Reviews before this moment do not count (seconds since 1970).
    pub since: Option<i64>,
    /// Reviews from this moment on do not count.
    pub until: Option<i64>,
    /// Whether lines that cannot be read are skipped and counted.
    pub skip_bad: bool,
    /// How relations are made.
    pub relations: InteractionOptions,
}

impl AmazonOptions {
    /// Settings for a catalogue: relations corrected for popularity, 5-core.
    pub fn new(meta: Vec<PathBuf>, reviews: Vec<PathBuf>) -> Self {
        Self {
            meta,
            reviews,
            release: AmazonRelease::Auto,
            images: AmazonImages::None,
            min_rating: None,
            since: None,
            until: None,
            skip_bad: false,
            relations: InteractionOptions { core: 5, ..InteractionOptions::default() },
        }
    }
}

/// The paper's set-up: 10 clusters of shares of categories, every pair that a user of a cluster bought linked, no correction
/// for popularity, items split. What the paper leaves open is as elsewhere: the 5-core, 20 % of the items for test and 10 %
/// for validation.
pub fn paper_protocol(clusters: usize) -> InteractionOptions {
    InteractionOptions {
        clusters: ClusterCount::Exactly(clusters),
        categories: CategoryKind::default(),
        histogram: Histogram::Shares,
        core: 5,
        edges: EdgeOptions { support: 1, neighbours: 0, correction: Correction::None, weight: EdgeWeight::Count },
        ..InteractionOptions::default()
    }
}

const ATTRIBUTION_2023: &str = "Hou, Li, He, Yan, Chen and McAuley (2024): Bridging Language and Items for Retrieval and \
    Recommendation. arXiv:2403.03952";
const ATTRIBUTION_2018: &str = "Ni, Li and McAuley (2019): Justifying Recommendations using Distantly-Labeled Reviews and \
    Fine-grained Aspects. EMNLP-IJCNLP 2019";

/// Builds a dataset from product and review files and writes it to `out`, with `report.json`.
///
/// An item is a product with a title; its relations are those of [`crate::build::build_interactions`], and in the release of
/// 2018 also `also-bought` and `also-viewed`.
///
/// # Errors
/// Files that cannot be read (with file and line), a release that cannot be told, nothing left after the core.
pub fn build_amazon(out: &Path, options: &AmazonOptions, say: &(dyn Fn(&str) + Sync)) -> Result<InteractionReport> {
    options.relations.validate()?;
    let release = release(options)?;
    let mut bad = BadRows::new(options.skip_bad);
    let Shelf { catalogue, mut links, pictures, left_out } = read_products(options, release, &mut bad, say)?;
    let bad_items = bad.finish()?;
    if catalogue.items.is_empty() {
        return Err(Error::input(format!("no product can be used: {left_out}")));
    }

    let log = log_options(options, release);
    let log = read_log(&log, &catalogue.index(), catalogue.items.len(), say)?;
    let info = DatasetInfo {
        name: Some("amazon".into()),
        source: Some("https://amazon-reviews-2023.github.io and https://nijianmo.github.io/amazon".into()),
        attribution: Some(if release == AmazonRelease::Y2023 { ATTRIBUTION_2023 } else { ATTRIBUTION_2018 }.into()),
        ..DatasetInfo::default()
    };
    let mut related = relate(catalogue, log, info, &options.relations, say)?;
    related.report.bad_items = bad_items;
    if options.images == AmazonImages::Download {
        fetch(out, &mut related, &pictures, say)?;
    }
    link::add(&mut related.dataset, &mut links);
    related.write(out)
}

/// What the product files hold.
#[derive(Default)]
struct Shelf {
    catalogue: Catalogue,
    /// Id of a product -> kind of link -> ids that it links to.
    links: HashMap<String, product::Links>,
    /// Id of a product -> address of its picture.
    pictures: HashMap<String, String>,
    /// Why products were left out, in words.
    left_out: String,
}

fn release(options: &AmazonOptions) -> Result<AmazonRelease> {
    if options.release != AmazonRelease::Auto {
        return Ok(options.release);
    }
    let files = table::files(&options.meta)?;
    let Some(first) = files.first() else {
        return Err(Error::input("there is no product file to read: name at least one"));
    };
    let found = table::first_line(first)?;
    let fields: Value = serde_json::from_slice(&found).unwrap_or(Value::Null);
    if fields.get("parent_asin").is_some() {
        Ok(AmazonRelease::Y2023)
    } else if fields.get("asin").is_some() {
        Ok(AmazonRelease::Y2018)
    } else {
        let message = "the first line has neither `parent_asin` (release of 2023) nor `asin` (release of 2018)";
        Err(Error::input(format!("{}: {message}: is it a product file (meta_...)?", first.display())))
    }
}

fn read_products(options: &AmazonOptions, release: AmazonRelease, bad: &mut BadRows, say: Say<'_>) -> Result<Shelf> {
    let folder = match &options.images {
        AmazonImages::Folder(folder) => Some(picture::Folder::open(folder)?),
        _ => None,
    };
    let parse = |line: &[u8]| match release {
        AmazonRelease::Y2018 => release2018::product(line),
        _ => release2023::product(line),
    };
    let mut shelf = Shelf::default();
    let mut taken = std::collections::HashSet::new();
    let (mut untitled, mut unpictured) = (0_u64, 0_u64);
    for path in table::files(&options.meta)? {
        table::each_line(&path, parse, |line, product| {
            let Product { id, title, categories, attributes, picture, links } = match product {
                Ok(product) => product,
                Err(message) => {
                    bad.add(&path, line, message);
                    return Ok(());
                }
            };
            let Some(title) = title else {
                untitled += 1;
                return Ok(());
            };
            let file = folder.as_ref().map(|folder| folder.picture(&id));
            let lacks = file == Some(None) || (options.images == AmazonImages::Download && picture.is_none());
            // The release of 2018 repeats some products: the first one stays.
            if lacks || !taken.insert(id.clone()) {
                unpictured += u64::from(lacks);
                return Ok(());
            }
            let mut item = crate::Item::new(id).text(title);
            item.label = categories.last().cloned();
            item.attributes = attributes;
            if !links.is_empty() {
                shelf.links.insert(item.id.clone(), links);
            }
            if let Some(picture) = picture.filter(|_| options.images == AmazonImages::Download) {
                shelf.pictures.insert(item.id.clone(), picture);
            }
            shelf.catalogue.push(item, &categories, file.flatten());
            Ok(())
        })?;
    }
    let products = shelf.catalogue.items.len();
    say(&format!("{products} products; left out: {untitled} without a title, {unpictured} without a picture"));
    shelf.left_out = format!("{untitled} have no title, {unpictured} no picture");
    Ok(shelf)
}

fn log_options(options: &AmazonOptions, release: AmazonRelease) -> LogOptions {
    let [user, item, rating, timestamp] = match release {
        AmazonRelease::Y2018 => ["reviewerID", "asin", "overall", "unixReviewTime"],
        _ => ["user_id", "parent_asin", "rating", "timestamp"],
    }
    .map(String::from);
    let AmazonOptions { reviews, min_rating, since, until, skip_bad, .. } = options.clone();
    LogOptions { files: reviews, user, item, rating, timestamp, flag: None, min_rating, since, until, skip_bad }
}

/// Downloads the pictures of the items that are left, and leaves out those whose picture cannot be had.
fn fetch(out: &Path, related: &mut Related, addresses: &HashMap<String, String>, say: Say<'_>) -> Result<()> {
    let wanted: Vec<Wanted> = related
        .dataset
        .items
        .iter()
        .filter_map(|item| Some(Wanted { id: item.id.clone(), address: addresses.get(&item.id)?.clone() }))
        .collect();
    let images = download::pictures(out, &wanted, &download::Manners::default(), say)?;
    let lost = related.dataset.items.iter().filter(|item| !images.contains_key(&item.id)).count();
    if lost > 0 {
        say(&format!("{lost} items are left out: their picture could not be downloaded; run again to try them again"));
    }
    for item in &mut related.dataset.items {
        item.image = images.get(&item.id).cloned();
    }
    related.keep(|item| item.image.is_some())
}

#[cfg(test)]
mod tests;
