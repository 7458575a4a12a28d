//! The settings that every recipe from behaviour shares: how users are grouped, and which pairs become edges.

use clap::{Args, ValueEnum};
use rcml_data::build::{
    ClusterCount, Correction, Describer, EdgeOptions, EdgeWeight, Endpoint, Histogram, InteractionOptions, ItemSplit,
};

use crate::failure::{Failure, Result};

/// What is not given stays as the recipe has it.
#[derive(Debug, Args)]
#[command(next_help_heading = "Relations")]
pub(crate) struct RelatingArguments {
    /// Groups of users: a number, `auto`, or a range such as 2-20 to choose from by silhouette [default: auto, 2-12]
    #[arg(long, value_name = "K", value_parser = parse_clusters)]
    clusters: Option<ClusterCount>,
    /// How much of each category a user takes becomes a position as
    #[arg(long, value_enum)]
    histogram: Option<HistogramName>,
    /// Leave out users and items with fewer partners, until none is left [default: 3; amazon and goodreads: 5]
    #[arg(long, value_name = "N")]
    core: Option<usize>,
    #[command(flatten)]
    edges: EdgeArguments,
    /// Users with more items make no edges [default: 300]
    #[arg(long, value_name = "N")]
    max_basket: Option<usize>,
    /// Categories at most; the rarest are left out [default: 300]
    #[arg(long, value_name = "N")]
    max_categories: Option<usize>,
    /// How people come to have items: buy, read, watch, play, use ...
    #[arg(long, value_name = "VERB")]
    verb: Option<String>,
    /// Have a command describe each group: it gets the statistics as JSON and writes a phrasing a line
    #[arg(long, value_name = "COMMAND", conflicts_with = "describe_endpoint")]
    describe_command: Option<String>,
    /// Have a language model describe each group, at an address that speaks OpenAI's chat completions
    /// (http://localhost:8000/v1); the statistics are sent there, with the key in $RCML_DESCRIBE_KEY if there is one
    #[arg(long, value_name = "URL", requires = "describe_model")]
    describe_endpoint: Option<String>,
    /// Name of that model
    #[arg(long, value_name = "NAME", requires = "describe_endpoint")]
    describe_model: Option<String>,
    /// Share of the items held out as test
    #[arg(long, value_name = "SHARE", conflicts_with = "no_split")]
    test: Option<f64>,
    /// Share of the items for validation
    #[arg(long, value_name = "SHARE", conflicts_with = "no_split")]
    validation: Option<f64>,
    /// Leave the split to the loader
    #[arg(long)]
    no_split: bool,
    /// Seed of the groups and the split
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
}

/// Which pairs become edges.
#[derive(Debug, Args)]
#[command(next_help_heading = "Edges")]
pub(crate) struct EdgeArguments {
    /// Users (of a group) or baskets that must have both items [default: 3; amazon and goodreads with
    /// --protocol rcml-paper: 1]
    #[arg(long, value_name = "N")]
    min_support: Option<u32>,
    /// Edges of an item under one relation at most, the heaviest first; 0 = any number [default: 50;
    /// amazon and goodreads with --protocol rcml-paper: 0]
    #[arg(long, value_name = "N")]
    max_neighbours: Option<usize>,
    /// What keeps popularity from answering every query
    #[arg(long, value_enum)]
    correction: Option<CorrectionName>,
    /// Share of the edges that may be there by chance (with --correction null)
    #[arg(long, value_name = "SHARE")]
    false_discoveries: Option<f64>,
    /// What the weight of an edge says
    #[arg(long, value_enum)]
    weight: Option<WeightName>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum HistogramName {
    /// Square roots of shares
    Hellinger,
    /// Shares, as in the paper
    Shares,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum CorrectionName {
    /// Keep pairs that meet significantly more often than popularity alone would have it
    Null,
    /// Keep pairs that meet more often than that at all
    Pmi,
    /// Keep every pair
    None,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum WeightName {
    /// Pointwise mutual information: ln(observed / expected from popularity)
    Pmi,
    /// Users with both
    Count,
    /// Users with both, over the geometric mean of the users with either
    Cosine,
}

fn parse_clusters(text: &str) -> Result<ClusterCount, String> {
    let number =
        |text: &str| text.trim().parse::<usize>().map_err(|_| format!("{text:?} is no number, `auto` or range"));
    match text.split_once('-') {
        _ if text == "auto" => Ok(ClusterCount::Silhouette { least: 2, most: 12 }),
        Some((least, most)) => Ok(ClusterCount::Silhouette { least: number(least)?, most: number(most)? }),
        None => Ok(ClusterCount::Exactly(number(text)?)),
    }
}

/// What was typed, in place of what the recipe has.
fn set<T: Copy>(option: &mut T, given: Option<T>) {
    if let Some(given) = given {
        *option = given;
    }
}

impl EdgeArguments {
    /// What was typed, in place of what the recipe has.
    pub(crate) fn apply(&self, options: &mut EdgeOptions) -> Result<()> {
        set(&mut options.support, self.min_support);
        set(&mut options.neighbours, self.max_neighbours);
        let correction = self.correction.map(|name| match name {
            CorrectionName::Null => Correction::Null { rate: 0.05 },
            CorrectionName::Pmi => Correction::Pmi,
            CorrectionName::None => Correction::None,
        });
        set(&mut options.correction, correction);
        if let Some(given) = self.false_discoveries {
            let Correction::Null { rate } = &mut options.correction else {
                return Err(Failure::input("--false-discoveries needs --correction null"));
            };
            *rate = given;
        }
        let weight = self.weight.map(|name| match name {
            WeightName::Pmi => EdgeWeight::Pmi,
            WeightName::Count => EdgeWeight::Count,
            WeightName::Cosine => EdgeWeight::Cosine,
        });
        set(&mut options.weight, weight);
        Ok(())
    }
}

impl RelatingArguments {
    /// The options of a recipe, with what was typed in place of its own.
    pub(crate) fn apply(&self, mut options: InteractionOptions) -> Result<InteractionOptions> {
        set(&mut options.clusters, self.clusters);
        let histogram = self.histogram.map(|name| match name {
            HistogramName::Hellinger => Histogram::Hellinger,
            HistogramName::Shares => Histogram::Shares,
        });
        set(&mut options.histogram, histogram);
        set(&mut options.core, self.core);
        set(&mut options.most_basket, self.max_basket);
        set(&mut options.most_categories, self.max_categories);
        self.edges.apply(&mut options.edges)?;
        if let Some(verb) = &self.verb {
            options.verb.clone_from(verb);
        }
        if let Some(command) = &self.describe_command {
            options.describer = Describer::Command(command.clone());
        }
        if let (Some(address), Some(model)) = (&self.describe_endpoint, &self.describe_model) {
            let key = std::env::var("RCML_DESCRIBE_KEY").ok().filter(|key| !key.is_empty());
            options.describer = Describer::Endpoint(Endpoint { key, ..Endpoint::new(address, model) });
        }
        set(&mut options.seed, self.seed);
        if self.no_split {
            options.split = None;
        } else {
            let split = options.split.get_or_insert_with(ItemSplit::default);
            set(&mut split.test, self.test);
            set(&mut split.validation, self.validation);
            set(&mut split.seed, self.seed);
        }
        Ok(options)
    }
}
