//! `rcml data build attributes | taxonomy | neighbours | baskets | triples | compose`.

use std::path::PathBuf;

use clap::Args;
use rcml_data::Dataset;
use rcml_data::build::{
    AttributeOptions, AttributeRule, BasketOptions, ComposeOptions, NeighbourOptions, PruneOptions, TaxonomyOptions,
    TaxonomySource, TripleOptions, add_attributes, add_baskets, add_neighbours, add_taxonomy, add_triples, compose,
    read_phrasings, write_dataset,
};

use super::relating::EdgeArguments;
use super::{Built, Target};
use crate::failure::Result;

/// A dataset that gets further relations.
#[derive(Debug, Args)]
struct Source {
    /// Dataset that gets the relations; --out may be the same folder
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Pruning")]
struct Pruning {
    /// Relations with fewer edges are dropped [default: 2; triples: 5; compose: 0]
    #[arg(long, value_name = "N")]
    min_edges: Option<usize>,
    /// Edges of an item under one relation at most, the heaviest first; 0 = any number [default: 50;
    /// attributes and taxonomy: 20; compose: 0]
    #[arg(long, value_name = "N")]
    max_neighbours: Option<usize>,
}

impl Pruning {
    fn over(&self, default: PruneOptions) -> PruneOptions {
        PruneOptions {
            support: self.min_edges.unwrap_or(default.support),
            degree: self.max_neighbours.unwrap_or(default.degree),
        }
    }
}

impl Source {
    /// Reads, adds and writes.
    fn extend(&self, add: impl FnOnce(&mut Dataset) -> rcml_data::Result<String>) -> Result<()> {
        let mut dataset = Dataset::open(&self.data)?;
        write(&self.target, &mut dataset, add)
    }
}

fn write(
    target: &Target,
    dataset: &mut Dataset,
    add: impl FnOnce(&mut Dataset) -> rcml_data::Result<String>,
) -> Result<()> {
    // The name says to whom a folder belongs that is written again.
    let name = dataset.name();
    dataset.info.name = Some(name.clone());
    let report = add(dataset)?;
    target.build_over(&dataset.root.clone(), &name, |out| {
        write_dataset(dataset, out)?;
        Ok(Built::of(dataset, report))
    })
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  rcml data build attributes --data shop --rule \"brand !size\" --rule \"label\" --out shop-attributes

Items with the same brand but another size are linked as `same-brand-other-size`; `label` is the item's label,
other names are fields of items.jsonl that the format does not know. With --per-value each value is a relation.")]
pub(crate) struct AttributeArguments {
    #[command(flatten)]
    source: Source,
    /// Attributes that both share, and behind ! those that must differ; may be given more than once
    #[arg(long = "rule", value_name = "RULE", required = true)]
    rules: Vec<String>,
    /// Make a relation of each value: "both have the brand Graco"
    #[arg(long)]
    per_value: bool,
    /// What stands between the values of one text, such as ; in "Ann; Bob" [default: a text is one value]
    #[arg(long, value_name = "TEXT")]
    separator: Option<String>,
    /// Leave out values that more than this share of the items has
    #[arg(long, value_name = "SHARE", default_value_t = 0.3)]
    max_share: f64,
    /// Seed of the pairs drawn of large groups
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    pruning: Pruning,
}

pub(crate) fn attributes(arguments: &AttributeArguments) -> Result<()> {
    let default = AttributeOptions::default();
    let options = AttributeOptions {
        rules: arguments.rules.iter().map(|rule| AttributeRule::parse(rule)).collect::<rcml_data::Result<_>>()?,
        per_value: arguments.per_value,
        separator: arguments.separator.clone(),
        most_share: arguments.max_share,
        seed: arguments.seed,
        prune: arguments.pruning.over(default.prune),
    };
    arguments.source.extend(|dataset| Ok(add_attributes(dataset, &options)?.to_string()))
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  rcml data build taxonomy --data animals --tree kinds.csv --out animals-kinds
  rcml data build taxonomy --data shop --attribute categories --out shop-kinds

The table has the columns child and parent; the attribute holds each item's path, as an array or \"A > B > C\".
Makes `is-a`, `sibling` (one parent) and `cousin` (one grandparent). A cycle is an error that names it.")]
pub(crate) struct TaxonomyArguments {
    #[command(flatten)]
    source: Source,
    /// Table of children and parents, named by the ids of items
    #[arg(long, value_name = "FILE", required_unless_present = "attribute", conflicts_with = "attribute")]
    tree: Option<PathBuf>,
    /// Attribute with the path of each item
    #[arg(long, value_name = "NAME")]
    attribute: Option<String>,
    /// Column of the child
    #[arg(long, value_name = "NAME", default_value = "child")]
    child_column: String,
    /// Column of the parent
    #[arg(long, value_name = "NAME", default_value = "parent")]
    parent_column: String,
    /// Steps up that still count as "is a kind of"
    #[arg(long, value_name = "N", default_value_t = 1)]
    ancestors: usize,
    /// Seed of the pairs drawn of large groups
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    pruning: Pruning,
}

pub(crate) fn taxonomy(arguments: &TaxonomyArguments) -> Result<()> {
    let table = |file: &PathBuf| TaxonomySource::Table {
        file: file.clone(),
        child: arguments.child_column.clone(),
        parent: arguments.parent_column.clone(),
    };
    let attribute = || TaxonomySource::Attribute(arguments.attribute.clone().unwrap_or_default());
    let default = TaxonomyOptions::new(arguments.tree.as_ref().map_or_else(attribute, table));
    let prune = arguments.pruning.over(default.prune.clone());
    let options = TaxonomyOptions { ancestors: arguments.ancestors, seed: arguments.seed, prune, ..default };
    arguments.source.extend(|dataset| Ok(add_taxonomy(dataset, &options)?.to_string()))
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  rcml data build neighbours --data shop --modality look -k 10 --min-cosine 0.6 --out shop-looks
  rcml data build neighbours --data songs --modality audio --verb sounds --mutual --out songs-sound

The modality is one that dataset.toml declares. All pairs are compared: exact, at a cost that grows with the
square of the items.")]
pub(crate) struct NeighbourArguments {
    #[command(flatten)]
    source: Source,
    /// Feature modality whose vectors are compared
    #[arg(long, value_name = "NAME")]
    modality: String,
    /// Nearest neighbours of each item
    #[arg(short, value_name = "K", default_value_t = 10)]
    k: usize,
    /// Pairs with a lower cosine are left out
    #[arg(long, value_name = "C", default_value_t = 0.0, allow_negative_numbers = true)]
    min_cosine: f32,
    /// Pairs with a higher cosine are left out, as the same thing twice
    #[arg(long, value_name = "C", default_value_t = 1.0, allow_negative_numbers = true)]
    max_cosine: f32,
    /// Link only items that are both among the nearest of the other
    #[arg(long)]
    mutual: bool,
    /// How they are alike: looks, sounds, reads, feels ...
    #[arg(long, value_name = "VERB", default_value = "looks")]
    verb: String,
    /// Phrasing in place of the usual ones; may be given more than once
    #[arg(long = "phrasing", value_name = "TEXT")]
    phrasings: Vec<String>,
    #[command(flatten)]
    pruning: Pruning,
}

pub(crate) fn neighbours(arguments: &NeighbourArguments) -> Result<()> {
    let default = NeighbourOptions::new(&arguments.modality);
    let options = NeighbourOptions {
        k: arguments.k,
        least: arguments.min_cosine,
        most: arguments.max_cosine,
        mutual: arguments.mutual,
        phrasings: arguments.phrasings.clone(),
        verb: arguments.verb.clone(),
        prune: arguments.pruning.over(default.prune.clone()),
        ..default
    };
    arguments.source.extend(|dataset| Ok(add_neighbours(dataset, &options)?.to_string()))
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  rcml data build baskets --data shop --log orders.csv --basket-column order --out shop-orders
  rcml data build baskets --data films --log views.parquet --basket-column user --session 120 \\
      --relation same-evening --phrasing \"is watched the same evening as\" --out films-evenings

A row has a basket and an item (or an array of items). Columns that are not named are found by usual names, such as
InvoiceNo, session_id or productId. Pairs are corrected for popularity as in `rcml data build interactions`; bundles
that somebody put together are true as they stand: --min-support 1 --correction none.")]
pub(crate) struct BasketArguments {
    #[command(flatten)]
    source: Source,
    /// Table of baskets; may be given more than once, or be a folder of files
    #[arg(long, value_name = "FILE", required = true)]
    log: Vec<PathBuf>,
    /// Column of the basket; of the user with --session
    #[arg(long, value_name = "NAME", default_value = "basket")]
    basket_column: String,
    /// Column of the item's id
    #[arg(long, value_name = "NAME", default_value = "item")]
    item_column: String,
    /// Column of the moment (with --session)
    #[arg(long, value_name = "NAME", default_value = "timestamp")]
    timestamp_column: String,
    /// A pause of more minutes than this begins a new basket of a user
    #[arg(long, value_name = "MINUTES")]
    session: Option<u32>,
    /// Id of the relation
    #[arg(long, value_name = "ID", default_value = "same-basket")]
    relation: String,
    /// Phrasing in place of the usual ones; may be given more than once
    #[arg(long = "phrasing", value_name = "TEXT")]
    phrasings: Vec<String>,
    /// Baskets with more items make no edges
    #[arg(long, value_name = "N", default_value_t = 100)]
    max_basket: usize,
    /// Skip and count rows that cannot be read, instead of stopping
    #[arg(long)]
    skip_bad_rows: bool,
    #[command(flatten)]
    edges: EdgeArguments,
}

pub(crate) fn baskets(arguments: &BasketArguments) -> Result<()> {
    let mut options = BasketOptions::new(arguments.log.clone());
    options.basket.clone_from(&arguments.basket_column);
    options.item.clone_from(&arguments.item_column);
    options.timestamp.clone_from(&arguments.timestamp_column);
    options.session = arguments.session.map(|minutes| i64::from(minutes) * 60);
    options.relation.clone_from(&arguments.relation);
    options.phrasings.clone_from(&arguments.phrasings);
    options.most_basket = arguments.max_basket;
    options.skip_bad = arguments.skip_bad_rows;
    arguments.edges.apply(&mut options.edges)?;
    arguments.source.extend(|dataset| Ok(add_baskets(dataset, &options)?.to_string()))
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  rcml data build triples --triples wordnet.nt.gz --out wordnet
  rcml data build triples --data films --triples facts.tsv --phrasings phrasings.csv --out films-facts

N-Triples (.nt), or lines of subject, predicate and object apart by tabs; also .gz and .zst. Each predicate is
a relation. Without --data, subjects and objects become items; labels (rdfs:label and the like) their texts.
The table of phrasings has the columns predicate and description.")]
pub(crate) struct TripleArguments {
    /// Dataset whose items the triples are about; others are dropped unless --new-items
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    #[command(flatten)]
    target: Target,
    /// File of triples; may be given more than once
    #[arg(long, value_name = "FILE", required = true)]
    triples: Vec<PathBuf>,
    /// Make items of subjects and objects that --data lacks
    #[arg(long, requires = "data")]
    new_items: bool,
    /// Predicate whose objects are texts of items; may be given more than once
    #[arg(long = "label", value_name = "NAME")]
    labels: Vec<String>,
    /// Predicate that holds in both directions; may be given more than once
    #[arg(long = "symmetric", value_name = "NAME")]
    symmetric: Vec<String>,
    /// Language of the texts
    #[arg(long, value_name = "CODE", default_value = "en")]
    language: String,
    /// Table of phrasings
    #[arg(long, value_name = "FILE")]
    phrasings: Option<PathBuf>,
    /// Skip and count lines that cannot be read, instead of stopping
    #[arg(long)]
    skip_bad_rows: bool,
    #[command(flatten)]
    pruning: Pruning,
}

pub(crate) fn triples(arguments: &TripleArguments) -> Result<()> {
    let mut options = TripleOptions::new(arguments.triples.clone());
    if !arguments.labels.is_empty() {
        options.labels.clone_from(&arguments.labels);
    }
    options.symmetric.extend(arguments.symmetric.iter().cloned());
    options.language = arguments.language.to_lowercase();
    options.new_items = arguments.data.is_none() || arguments.new_items;
    options.skip_bad = arguments.skip_bad_rows;
    options.prune = arguments.pruning.over(options.prune);
    if let Some(path) = &arguments.phrasings {
        options.phrasings = read_phrasings(path)?;
    }
    let mut dataset = match &arguments.data {
        Some(data) => Dataset::open(data)?,
        None => {
            let mut dataset = Dataset::default();
            dataset.info.name = Some("triples".into());
            dataset
        }
    };
    write(&arguments.target, &mut dataset, |dataset| Ok(add_triples(dataset, &options)?.to_string()))
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  rcml data build compose --data shop --data shop-orders --data shop-looks --out everything

Items of one id are one item. Relations stay apart; equal ones become one. Pictures and arrays come along.")]
pub(crate) struct ComposeArguments {
    /// Dataset; given at least twice
    #[arg(long, value_name = "DIR", required = true)]
    data: Vec<PathBuf>,
    #[command(flatten)]
    target: Target,
    /// Leave out items without an edge
    #[arg(long)]
    drop_isolated: bool,
    #[command(flatten)]
    pruning: Pruning,
}

pub(crate) fn composed(arguments: &ComposeArguments) -> Result<()> {
    let Pruning { min_edges, max_neighbours } = arguments.pruning;
    let wanted = min_edges.is_some() || max_neighbours.is_some();
    let prune = wanted.then(|| arguments.pruning.over(PruneOptions { support: 0, degree: 0 }));
    let datasets = arguments.data.iter().map(Dataset::open).collect::<rcml_data::Result<Vec<_>>>()?;
    let mut composed = compose(datasets, &ComposeOptions { prune, drop_isolated: arguments.drop_isolated })?;
    composed.dataset.info.name = Some("composed".into());
    arguments.target.build("composed", |out| {
        composed.write(out)?;
        Ok(Built::of(&composed.dataset, composed.added.to_string()))
    })
}
