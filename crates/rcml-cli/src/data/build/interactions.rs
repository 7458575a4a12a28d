//! `rcml data build interactions`.

use std::path::PathBuf;

use clap::Args;
use rcml_data::build::{CatalogueOptions, CategoryKind, InteractionOptions, LogOptions, build_interactions};

use super::counting::CountingArguments;
use super::relating::RelatingArguments;
use super::{Built, Target};
use crate::failure::Result;
use crate::output::note;

#[derive(Debug, Args)]
#[command(after_help = "Example:
  rcml data build interactions --items products.csv --log purchases.csv --out shop
  rcml data build interactions --items films.jsonl --id-column film --text-column title,year \\
      --categories-column genres --set --log ratings.parquet --item-column film \\
      --min-rating 4 --verb watch --clusters 8 --out films

Columns that are not named are found by usual names, such as movieId, userId, product_id, title or genres.
Users are grouped by the categories of what they take; each group is described by its statistics, and items
that its users take together are linked. Tables are CSV, JSON lines (plain, .gz, .zst) or Parquet.
What was found is printed and written to report.json; docs/relation-construction.md explains it.")]
pub(crate) struct InteractionArguments {
    #[command(flatten)]
    target: Target,
    /// Table of the items; may be given more than once, or be a folder of files
    #[arg(long, value_name = "FILE", required = true)]
    items: Vec<PathBuf>,
    /// Log of who took what; may be given more than once, or be a folder of files
    #[arg(long, value_name = "FILE", required = true)]
    log: Vec<PathBuf>,
    #[command(flatten)]
    columns: Columns,
    /// Folder that the pictures' paths are relative to; without it items are text alone
    #[arg(long, value_name = "DIR")]
    images: Option<PathBuf>,
    /// Categories are a set of equals, not a path from the general to the particular
    #[arg(long, conflicts_with = "category_level")]
    set: bool,
    /// Level of the path that users are grouped by, from 0 (default: the first one with enough categories)
    #[arg(long, value_name = "L")]
    category_level: Option<usize>,
    #[command(flatten)]
    counting: CountingArguments,
    #[command(flatten)]
    relating: RelatingArguments,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Columns")]
struct Columns {
    /// Of the items: id
    #[arg(long, value_name = "NAME", default_value = "id")]
    id_column: String,
    /// Of the items: texts, joined in this order
    #[arg(long, value_name = "NAMES", default_value = "text", value_delimiter = ',')]
    text_column: Vec<String>,
    /// Of the items: path of the picture
    #[arg(long, value_name = "NAME", default_value = "image")]
    image_column: String,
    /// Of the items: categories, as an array or one text
    #[arg(long, value_name = "NAME", default_value = "categories")]
    categories_column: String,
    /// What stands between categories in one text (default for CSV: >, or | with --set)
    #[arg(long, value_name = "TEXT")]
    category_separator: Option<String>,
    /// Of the items: the further columns to keep as attributes [default: all]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    attributes: Option<Vec<String>>,
    /// Of the log: user
    #[arg(long, value_name = "NAME", default_value = "user")]
    user_column: String,
    /// Of the log: id of the item
    #[arg(long, value_name = "NAME", default_value = "item")]
    item_column: String,
    /// Of the log: rating
    #[arg(long, value_name = "NAME", default_value = "rating")]
    rating_column: String,
    /// Of the log: moment, in seconds or milliseconds since 1970 or as a date
    #[arg(long, value_name = "NAME", default_value = "timestamp")]
    timestamp_column: String,
}

pub(crate) fn run(arguments: &InteractionArguments) -> Result<()> {
    let Columns { id_column, text_column, image_column, categories_column, category_separator, attributes, .. } =
        &arguments.columns;
    let CountingArguments { min_rating, since, until, skip_bad_rows } = arguments.counting;
    let separator = category_separator.clone().unwrap_or_else(|| if arguments.set { "|" } else { ">" }.into());
    let catalogue = CatalogueOptions {
        files: arguments.items.clone(),
        id: id_column.clone(),
        text: text_column.clone(),
        image: image_column.clone(),
        images: arguments.images.clone(),
        categories: categories_column.clone(),
        separator: Some(separator),
        attributes: attributes.clone(),
        skip_bad: skip_bad_rows,
    };
    let Columns { user_column, item_column, rating_column, timestamp_column, .. } = &arguments.columns;
    let log = LogOptions {
        files: arguments.log.clone(),
        user: user_column.clone(),
        item: item_column.clone(),
        rating: rating_column.clone(),
        timestamp: timestamp_column.clone(),
        flag: None,
        min_rating,
        since,
        until,
        skip_bad: skip_bad_rows,
    };
    let level = arguments.category_level;
    let categories = if arguments.set { CategoryKind::Set } else { CategoryKind::Path { level } };
    let options = arguments.relating.apply(InteractionOptions { categories, ..InteractionOptions::default() })?;
    arguments.target.build("interactions", |out| {
        let report = build_interactions(out, &catalogue, &log, &options, &note)?;
        Built::with_report(out, &report)
    })
}
