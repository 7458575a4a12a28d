//! `interactions`: relations from what people take. Users are grouped by the categories of what they take, each group is
//! put into words, and two items that enough users of a group take are linked under that group's relation (Qiao, Hu and
//! Liang 2025, appendix A.2), with what popularity explains taken out.

mod baskets;
mod catalogue;
mod category;
mod cooccurrence;
mod describer;
mod grammar;
mod histogram;
mod kmeans;
mod log;
mod meet;
mod null_model;
mod profile;
mod relate;
mod report;
mod selection;
mod signal;
mod significance;
mod silhouette;
mod sparse;

use std::path::Path;

use serde::{Deserialize, Serialize};

pub use catalogue::CatalogueOptions;
pub use category::CategoryKind;
pub use describer::{Describer, Endpoint};
pub use histogram::Histogram;
pub use log::{LogCounts, LogOptions};
pub use profile::{CategoryShare, ClusterProfile};
pub use report::{ClusterReport, InteractionReport};
pub use selection::{Correction, EdgeOptions, EdgeWeight};
pub use signal::{Signal, Verdict};

pub(crate) use catalogue::{Catalogue, read as read_catalogue};
pub(crate) use log::{Log, read as read_log};
pub(crate) use meet::{Meetings, meet};
pub(crate) use relate::{Related, add_links, relate, slug};

use super::item_split::ItemSplit;
use crate::{DatasetInfo, Error, Result};

/// Where a builder says how far it is.
pub(crate) type Say<'a> = &'a (dyn Fn(&str) + Sync);

/// Into how many groups users fall.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClusterCount {
    /// This many (fewer where there are fewer different users).
    Exactly(usize),
    /// The number of the range with the highest mean silhouette.
    Silhouette {
        /// Smallest number.
        least: usize,
        /// Largest number.
        most: usize,
    },
}

/// How relations are made from interactions.
#[derive(Debug, Clone, PartialEq)]
pub struct InteractionOptions {
    /// Number of clusters.
    pub clusters: ClusterCount,
    /// What a list of categories means.
    pub categories: CategoryKind,
    /// Categories at most; the rarest are left out.
    pub most_categories: usize,
    /// How counts become coordinates.
    pub histogram: Histogram,
    /// Users and items with fewer partners are left out, until none is left; 1 leaves nothing out.
    pub core: usize,
    /// Users with more items make no edges: the pairs of a basket grow with the square of its size.
    pub most_basket: usize,
    /// How edges are chosen.
    pub edges: EdgeOptions,
    /// How people come to have items: "buy", "read", "watch".
    pub verb: String,
    /// Shares of the items for validation and test; `None` leaves the split to the loader.
    pub split: Option<ItemSplit>,
    /// Who writes the descriptions.
    pub describer: Describer,
    /// Seed of the clusters.
    pub seed: u64,
}

impl Default for InteractionOptions {
    fn default() -> Self {
        Self {
            clusters: ClusterCount::Silhouette { least: 2, most: 12 },
            categories: CategoryKind::default(),
            most_categories: 300,
            histogram: Histogram::default(),
            core: 3,
            most_basket: 300,
            edges: EdgeOptions::default(),
            verb: "buy".into(),
            describer: Describer::Grammar,
            split: Some(ItemSplit::default()),
            seed: 0,
        }
    }
}

impl InteractionOptions {
    pub(crate) fn validate(&self) -> Result<()> {
        let refuse = |message: String| Err(Error::input(message));
        match self.clusters {
            ClusterCount::Exactly(0) => return refuse("clusters: expected at least 1, found 0".into()),
            ClusterCount::Silhouette { least, most } if least < 2 || most < least => {
                return refuse(format!("clusters: expected a range from 2 upwards, found {least} to {most}"));
            }
            _ => {}
        }
        if let Correction::Null { rate } = self.edges.correction
            && !(rate > 0.0 && rate < 1.0)
        {
            return refuse(format!("false discovery rate: expected a share above 0 and below 1, found {rate}"));
        }
        if self.verb.trim().is_empty() {
            return refuse("verb: expected a word such as \"buy\" or \"read\"".into());
        }
        if self.most_categories == 0 || self.most_basket < 2 {
            return refuse("expected at least 1 category and baskets of at least 2 items".into());
        }
        self.split.as_ref().map_or(Ok(()), ItemSplit::validate)
    }
}

/// Builds a dataset from a table of items and a log of interactions, and writes it to `out` with `report.json`. The same
/// input, options and seed give the same bytes, whatever the thread count. `say` is told how far it is.
///
/// Memory: the items, 8 bytes for each interaction (16 while edges are made), and the edges.
///
/// # Errors
/// Tables that cannot be read (with file and line), options that no data can satisfy, a core that leaves nothing, and the
/// file system's.
pub fn build_interactions(
    out: &Path,
    catalogue: &CatalogueOptions,
    log: &LogOptions,
    options: &InteractionOptions,
    say: &(dyn Fn(&str) + Sync),
) -> Result<InteractionReport> {
    options.validate()?;
    let (catalogue, log) = (catalogue.found(say)?, log.found(say)?);
    let (catalogue, bad_items) = read_catalogue(&catalogue)?;
    say(&format!("read {} items", catalogue.items.len()));
    if matches!(options.categories, CategoryKind::Path { .. }) && catalogue.are_sets() {
        say("most categories hold a | and none is a path of several: read them as a set (--set)?");
    }
    let log = read_log(&log, &catalogue.index(), catalogue.items.len(), say)?;
    let info = DatasetInfo { name: Some("interactions".into()), ..DatasetInfo::default() };
    let mut related = relate(catalogue, log, info, options, say)?;
    related.report.bad_items = bad_items;
    related.write(out)
}

#[cfg(test)]
mod tests;
