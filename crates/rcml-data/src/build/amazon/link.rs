//! Relations that the products name themselves.

use std::collections::HashMap;

use super::product::Links;
use crate::build::interactions::add_links;
use crate::{Dataset, Relation};

/// Adds the links between items of the dataset as directed relations. Links to anything else lead nowhere and are dropped.
pub(super) fn add(dataset: &mut Dataset, links: &mut HashMap<String, Links>) {
    for (kind, phrasings) in [
        ("also-bought", ALSO_BOUGHT.as_slice()),
        ("also-viewed", ALSO_VIEWED.as_slice()),
        ("bought-together", BOUGHT_TOGETHER.as_slice()),
    ] {
        let relation = Relation {
            id: kind.into(),
            descriptions: phrasings.iter().map(ToString::to_string).collect(),
            family: Some("shop".into()),
            ..Relation::default()
        };
        add_links(dataset, relation, |id| links.get_mut(id).and_then(|links| links.remove(kind)).unwrap_or_default());
    }
}

const ALSO_BOUGHT: [&str; 4] = [
    "customers who bought it also bought this",
    "is also bought by those who buy it",
    "people buying it often end up with this too",
    "is another purchase of its buyers",
];

const ALSO_VIEWED: [&str; 4] = [
    "customers who looked at it also looked at this",
    "is also viewed by those who view it",
    "is considered by people who consider it",
    "comes up when people browse for it",
];

const BOUGHT_TOGETHER: [&str; 3] =
    ["is frequently bought together with it", "goes into the same order as it", "completes a purchase of it"];
