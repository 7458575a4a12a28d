//! `rcml data convert`.

use std::path::PathBuf;

use clap::Args;
use rcml_data::{Dataset, Format};

use crate::failure::Result;
use crate::output::print;
use crate::progress::Progress;

#[derive(Debug, Args)]
#[command(after_help = "Example:
  rcml data convert my-pictures my-folder                  # pictures and a CSV -> the neutral format
  rcml data convert emoji emoji-parquet --to parquet       # for datasets, pandas, polars
  rcml data convert train-000000.tar unpacked --to csv

Keeps every item, relation, edge, attribute, split and byte of a picture. What can be read: folders with items.jsonl,
.jsonl.zst, .csv or .parquet; Parquet files of the datasets library; WebDataset shards; folders of pictures with
metadata.csv or with one folder per class; one such file alone.")]
pub(crate) struct ConvertArguments {
    /// Dataset: a folder or a file
    #[arg(value_name = "IN")]
    input: PathBuf,
    /// Folder to write, new or empty
    #[arg(value_name = "OUT")]
    output: PathBuf,
    /// jsonl, jsonl.zst, csv, parquet or webdataset
    #[arg(long, value_name = "FORMAT", default_value = "jsonl")]
    to: Format,
}

pub(crate) fn run(arguments: &ConvertArguments) -> Result<()> {
    let ConvertArguments { input, output, to } = arguments;
    let dataset = Dataset::open(input)?;
    let progress = Progress::new("converting", dataset.items.len());
    dataset.convert(output, *to, &|done| progress.set(done))?;
    progress.finish();
    let pictures = dataset.items.iter().filter(|item| item.image.is_some()).count();
    let (items, relations, edges) = (dataset.items.len(), dataset.relations.len(), dataset.edges.len());
    print(&format!(
        "{}: {items} items ({pictures} with a picture), {relations} relations, {edges} edges",
        output.display()
    ))
}
