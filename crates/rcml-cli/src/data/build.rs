//! `rcml data build`.

mod amazon;
mod counting;
mod goodreads;
mod interactions;
mod relating;
mod structure;

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use rcml_data::Dataset;
use rcml_data::build::{EmojiOptions, InteractionReport, SyntheticOptions, build_emoji, build_synthetic};

use crate::failure::{Failure, Result};
use crate::output::{note, print};

#[derive(Debug, Args)]
#[command(after_help = "Example:
  rcml data build emoji --out emoji
  rcml data build synthetic --items 5000 --seed 1 --out synthetic
  rcml data build interactions --items products.csv --log purchases.csv --out shop")]
pub(crate) struct BuildArguments {
    #[command(subcommand)]
    recipe: Recipe,
}

#[derive(Debug, Subcommand)]
enum Recipe {
    /// Emoji with the relations that people's keywords for them make (Twemoji, CC-BY 4.0)
    #[command(after_help = "Example:\n  rcml data build emoji --out emoji")]
    Emoji {
        #[command(flatten)]
        target: Target,
        /// Seed of the splits
        #[arg(long, value_name = "S", default_value_t = 0)]
        seed: u64,
    },
    /// A drawn catalogue whose truth is planted, so that the best possible score is known
    #[command(after_help = "Example:\n  rcml data build synthetic --items 5000 --seed 1 --out synthetic")]
    Synthetic {
        #[command(flatten)]
        target: Target,
        /// Number of items
        #[arg(long, value_name = "N", default_value_t = 5000)]
        items: usize,
        /// Seed of everything
        #[arg(long, value_name = "S", default_value_t = 0)]
        seed: u64,
        /// Write texts alone
        #[arg(long)]
        no_images: bool,
    },
    /// Relations from what people take: a table of items and a log of who took what
    Interactions(Box<interactions::InteractionArguments>),
    /// Products and reviews of the Amazon Reviews data of 2018 or 2023
    Amazon(Box<amazon::AmazonArguments>),
    /// Books and what people read, of the Goodreads data
    Goodreads(Box<goodreads::GoodreadsArguments>),
    /// Relations from attributes that items share: the same brand, another size
    Attributes(Box<structure::AttributeArguments>),
    /// Relations from a taxonomy: is a kind of, siblings, cousins
    Taxonomy(Box<structure::TaxonomyArguments>),
    /// Relations from the nearest neighbours of feature vectors: looks alike
    Neighbours(Box<structure::NeighbourArguments>),
    /// Relations from orders, bundles and sessions: is bought in the same order as
    Baskets(Box<structure::BasketArguments>),
    /// Relations from the statements of a knowledge graph (N-Triples or tab-separated)
    Triples(Box<structure::TripleArguments>),
    /// One graph of several datasets about the same items
    Compose(Box<structure::ComposeArguments>),
}

#[derive(Debug, Args)]
struct Target {
    /// Folder to write
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Write into a folder that holds something else
    #[arg(long)]
    force: bool,
}

pub(crate) fn run(arguments: &BuildArguments) -> Result<()> {
    match &arguments.recipe {
        Recipe::Emoji { target, seed } => target.build("emoji", |out| {
            let dataset = build_emoji(out, &EmojiOptions { seed: *seed, ..EmojiOptions::default() })?;
            if let Some(attribution) = &dataset.info.attribution {
                note(attribution);
            }
            Ok(Built::counts(dataset.items.len(), dataset.relations.len(), dataset.edges.len() as u64))
        }),
        Recipe::Synthetic { target, items, seed, no_images } => target.build("synthetic", |out| {
            let options =
                SyntheticOptions { items: *items, seed: *seed, images: !no_images, ..SyntheticOptions::default() };
            let counts = build_synthetic(out, &options)?;
            Ok(Built::counts(counts.items, counts.relations, counts.edges))
        }),
        Recipe::Interactions(arguments) => interactions::run(arguments),
        Recipe::Amazon(arguments) => amazon::run(arguments),
        Recipe::Goodreads(arguments) => goodreads::run(arguments),
        Recipe::Attributes(arguments) => structure::attributes(arguments),
        Recipe::Taxonomy(arguments) => structure::taxonomy(arguments),
        Recipe::Neighbours(arguments) => structure::neighbours(arguments),
        Recipe::Baskets(arguments) => structure::baskets(arguments),
        Recipe::Triples(arguments) => structure::triples(arguments),
        Recipe::Compose(arguments) => structure::composed(arguments),
    }
}

/// What a recipe wrote.
struct Built {
    items: usize,
    relations: usize,
    edges: u64,
    /// What there is to say beyond the counts.
    report: Option<String>,
}

impl Built {
    fn counts(items: usize, relations: usize, edges: u64) -> Self {
        Self { items, relations, edges, report: None }
    }

    fn of(dataset: &Dataset, report: String) -> Self {
        let counts = Self::counts(dataset.items.len(), dataset.relations.len(), dataset.edges.len() as u64);
        Self { report: Some(report), ..counts }
    }

    /// Counts what stands in the folder: links between items may have joined the relations of the report.
    fn with_report(out: &Path, report: &InteractionReport) -> Result<Self> {
        Ok(Self::of(&Dataset::open(out)?, report.to_string()))
    }
}

/// Stands in a folder while it is built, so that a build that was interrupted can be done again.
const MARK: &str = ".rcml-build";

impl Target {
    /// As [`Self::build`]; the folder may also be the one that the data come from.
    fn build_over(&self, from: &Path, name: &str, build: impl FnOnce(&Path) -> Result<Built>) -> Result<()> {
        let same = matches!((from.canonicalize(), self.out.canonicalize()), (Ok(a), Ok(b)) if a == b);
        Self { out: self.out.clone(), force: self.force || same }.build(name, build)
    }

    fn build(&self, name: &str, build: impl FnOnce(&Path) -> Result<Built>) -> Result<()> {
        let out = &self.out;
        if !self.force {
            may_write(out, name)?;
        }
        let mark = out.join(MARK);
        fs::create_dir_all(out).and_then(|()| fs::write(&mark, name)).map_err(|e| Failure::Runtime(at(out, &e)))?;
        let Built { items, relations, edges, report } = build(out)?;
        fs::remove_file(&mark).map_err(|error| Failure::Runtime(at(&mark, &error)))?;
        if let Some(report) = report {
            print(&report)?;
        }
        print(&format!("{}: {items} items, {relations} relations, {edges} edges", out.display()))
    }
}

fn at(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}

/// A folder is written if it is new or empty, or if this recipe wrote it before.
fn may_write(out: &Path, name: &str) -> Result<()> {
    let entries = match fs::read_dir(out) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
        Err(error) => return Err(Failure::input(at(out, &error))),
    };
    let begun = fs::read_to_string(out.join(MARK)).is_ok_and(|mark| mark == name);
    let line = format!("name = \"{name}\"");
    let done = || fs::read_to_string(out.join("dataset.toml")).is_ok_and(|text| text.lines().any(|l| l.trim() == line));
    if !entries || begun || done() {
        return Ok(());
    }
    Err(Failure::input(format!(
        "{}: the folder holds something other than the {name} dataset; choose another, or --force to write into it",
        out.display()
    )))
}
