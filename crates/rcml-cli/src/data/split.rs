//! `rcml data split`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use rcml_data::{Dataset, Duplicates, Split, SplitConfig, SplitStrategy, Splits};

use crate::failure::Result;
use crate::output::{note, print};

#[derive(Debug, Args)]
#[command(after_help = "Example:
  rcml data split my-folder --strategy communities --out splits.jsonl
  rcml train --data my-folder --out run --set split.file=splits.jsonl

The file settles the split of every item, relation and edge by name; docs/splits-and-batches.md says what the strategies do.")]
pub(crate) struct SplitArguments {
    /// Folder of a dataset
    dir: PathBuf,
    /// File to write
    #[arg(long, value_name = "FILE.jsonl[.zst]")]
    out: PathBuf,
    /// What is disjoint between the splits
    #[arg(long, value_enum, default_value_t = Strategy::Items)]
    strategy: Strategy,
    /// Share held out for testing
    #[arg(long, value_name = "SHARE", default_value_t = SplitConfig::default().test)]
    test: f64,
    /// Share for validation
    #[arg(long, value_name = "SHARE", default_value_t = SplitConfig::default().validation)]
    validation: f64,
    /// Share of the relations that training never sees
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    unseen_relations: f64,
    /// Most training edges of a relation; 0 = all
    #[arg(long, value_name = "K", default_value_t = 0)]
    few_shot: usize,
    /// Draw each label in the same proportion
    #[arg(long)]
    stratify: bool,
    /// Attribute that holds the time of an item
    #[arg(long, value_name = "NAME", default_value = "time")]
    time: String,
    /// Seed of the split
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Strategy {
    /// Items, drawn at random
    Items,
    /// Edges, drawn at random; every split sees every item
    Edges,
    /// The latest items are held out
    ItemTime,
    /// The latest edges are held out; every split sees every item
    EdgeTime,
    /// Connected components, whole
    Components,
    /// Communities: large components are taken apart where few edges hold them
    Communities,
}

pub(crate) fn run(arguments: &SplitArguments) -> Result<()> {
    let dataset = Dataset::open(&arguments.dir)?;
    let config = SplitConfig {
        strategy: match arguments.strategy {
            Strategy::Items => SplitStrategy::Items,
            Strategy::Edges => SplitStrategy::Edges,
            Strategy::ItemTime => SplitStrategy::ItemTime,
            Strategy::EdgeTime => SplitStrategy::EdgeTime,
            Strategy::Components => SplitStrategy::Components,
            Strategy::Communities => SplitStrategy::Communities,
        },
        test: arguments.test,
        validation: arguments.validation,
        unseen_relations: arguments.unseen_relations,
        few_shot: arguments.few_shot,
        stratify: arguments.stratify,
        time: arguments.time.clone(),
        seed: arguments.seed,
        ..SplitConfig::default()
    };
    let splits = Splits::assign(&dataset, &config)?;
    let named = dataset.items.iter().filter(|item| item.split.is_some()).count();
    let named_edges = dataset.edges.iter().filter(|edge| edge.split.is_some()).count();
    if named + named_edges > 0 {
        note(&format!(
            "note: the tables name the split of {named} items and {named_edges} edges, which holds; \
            --strategy is for tables that name none"
        ));
    }
    let parted = if splits.shares_items() { 0 } else { Duplicates::read(&dataset)?.parted(&splits.items) };
    if parted > 0 {
        note(&format!("warning: {parted} groups of duplicates.jsonl lie in several splits"));
    }
    splits.write(&dataset, &arguments.out)?;
    let counts = |of: &dyn Fn(Split) -> usize| {
        let names = [("train", Split::Train), ("validation", Split::Validation), ("test", Split::Test)];
        names.map(|(name, split)| format!("{} {name}", of(split))).join(", ")
    };
    let items = counts(&|split| splits.items.iter().filter(|of| **of == split).count());
    let edges = counts(&|split| splits.edges.iter().filter(|of| **of == Some(split)).count());
    let unseen = splits.relations.iter().filter(|of| **of == Split::Test).count();
    let (out, unused) = (arguments.out.display(), splits.unused_edges());
    print(&format!("{out}: items {items}; edges {edges}, {unused} in no split; {unseen} unseen relations"))
}
