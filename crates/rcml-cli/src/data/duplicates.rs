//! `rcml data duplicates`.

use std::path::PathBuf;

use clap::Args;
use rcml_data::{Dataset, DuplicateOptions, find_duplicates};
use serde_json::json;

use crate::failure::{Failure, Result};
use crate::output::{note, print, print_json};

#[derive(Debug, Args)]
#[command(after_help = "Example:
  rcml data duplicates my-folder
  rcml data duplicates my-folder --text 0.9 --dry-run

Finds items that are nearly the same, by a difference hash and small copies of their pictures and by the words
of their texts, and writes the pairs to duplicates.jsonl in the folder: training then keeps them out of each
other's negatives.")]
pub(crate) struct DuplicateArguments {
    /// Folder of a dataset
    dir: PathBuf,
    /// Bits of 64 in which the hashes of two pictures may differ
    #[arg(long, value_name = "N", default_value_t = DuplicateOptions::default().bits)]
    bits: u32,
    /// Mean difference, of 255, that small grey copies of two pictures may have
    #[arg(long, value_name = "D", default_value_t = DuplicateOptions::default().difference)]
    difference: f32,
    /// Share of words and pairs of words that two texts must have in common
    #[arg(long, value_name = "SHARE", default_value_t = DuplicateOptions::default().text)]
    text: f64,
    /// Write nothing
    #[arg(long)]
    dry_run: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Pairs that are shown.
const SHOWN: usize = 10;

pub(crate) fn run(arguments: &DuplicateArguments) -> Result<()> {
    let dataset = Dataset::open(&arguments.dir)?;
    let &DuplicateArguments { bits, difference, text, .. } = arguments;
    let report = find_duplicates(&dataset, &DuplicateOptions { bits, difference, text })?;
    for (item, message) in &report.broken {
        let item = &dataset.items[*item as usize];
        note(&format!("{}: picture {}: {message}", item.id, item.image.as_deref().unwrap_or_default()));
    }
    if report.capped > 0 {
        let capped = report.capped;
        note(&format!("note: {capped} pictures and texts were not compared with all that they share something with"));
    }
    let path = arguments.dir.join("duplicates.jsonl");
    if !arguments.dry_run {
        report.write(&dataset, &path)?;
    }
    let groups = report.groups(dataset.items.len());
    let extra = groups.iter().zip(0..).filter(|&(&group, item)| group != item).count();
    let counts = report.counts();
    if arguments.json {
        return print_json(&json!({
            "items": dataset.items.len(), "pairs": report.pairs.len(), "kinds": counts, "items_to_spare": extra,
            "blank_pictures": report.flat, "broken_pictures": report.broken.len(),
            "capped": report.capped,
        }));
    }
    let (image, by_text, both) = (counts["image"], counts["text"], counts["both"]);
    let mut text = format!("{}: {} pairs of near-duplicates", arguments.dir.display(), report.pairs.len());
    text.push_str(&format!(" ({image} by picture, {by_text} by text, {both} by both); {extra} items to spare\n"));
    for pair in report.pairs.iter().take(SHOWN) {
        let [a, b] = [pair.a, pair.b].map(|item| &dataset.items[item as usize]);
        let kind = serde_json::to_value(pair.kind).map_err(Failure::from)?;
        let kind = kind.as_str().unwrap_or_default().to_owned();
        let words =
            |item: &rcml_data::Item| item.text.as_deref().unwrap_or("(no text)").chars().take(60).collect::<String>();
        text.push_str(&format!("  {kind:<5}  {}  {:?}\n         {}  {:?}\n", a.id, words(a), b.id, words(b)));
    }
    if report.pairs.len() > SHOWN {
        text.push_str(&format!("  ... and {} more\n", report.pairs.len() - SHOWN));
    }
    if !arguments.dry_run {
        text.push_str(&format!("written to {}\n", path.display()));
    }
    print(&text)
}
