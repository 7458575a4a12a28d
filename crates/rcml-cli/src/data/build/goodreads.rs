//! `rcml data build goodreads`.

use std::path::PathBuf;

use clap::Args;
use rcml_data::build::{CategoryKind, GoodreadsOptions, InteractionOptions, build_goodreads, paper_protocol};

use super::amazon::Protocol;
use super::relating::RelatingArguments;
use super::{Built, Target};
use crate::failure::Result;
use crate::output::note;

#[derive(Debug, Args)]
#[command(after_help = "Example:
  rcml data build goodreads --books goodreads_books_poetry.json.gz \\
      --interactions goodreads_interactions_poetry.json.gz --download-images --out poetry
  rcml data build goodreads --books goodreads_books.json.gz --interactions goodreads_interactions.csv \\
      --book-ids book_id_map.csv --genres goodreads_book_genres_initial.json.gz --out books

Reads the files as they are downloaded; datasets/goodreads/README.md says where from.")]
pub(crate) struct GoodreadsArguments {
    #[command(flatten)]
    target: Target,
    /// Book file; may be given more than once
    #[arg(long, value_name = "FILE", required = true)]
    books: Vec<PathBuf>,
    /// Interactions, as JSON lines or as CSV (with --book-ids); may be given more than once
    #[arg(long, value_name = "FILE", required = true)]
    interactions: Vec<PathBuf>,
    /// book_id_map.csv, which the CSV of interactions needs
    #[arg(long, value_name = "FILE")]
    book_ids: Option<PathBuf>,
    /// Genres of the books; without them, the shelves that people put them on
    #[arg(long, value_name = "FILE")]
    genres: Option<PathBuf>,
    /// Authors, for their names in the texts
    #[arg(long, value_name = "FILE")]
    authors: Option<PathBuf>,
    /// Count books that were shelved but not read as well
    #[arg(long)]
    shelved: bool,
    /// Interactions with a lower rating, or none, do not count
    #[arg(long, value_name = "R")]
    min_rating: Option<f64>,
    /// Download the covers; books without one are left out
    #[arg(long)]
    download_images: bool,
    /// A published set-up; single settings below still count
    #[arg(long, value_enum)]
    protocol: Option<Protocol>,
    /// Skip and count lines that cannot be read, instead of stopping
    #[arg(long)]
    skip_bad_rows: bool,
    #[command(flatten)]
    relating: RelatingArguments,
}

pub(crate) fn run(arguments: &GoodreadsArguments) -> Result<()> {
    let mut options = GoodreadsOptions::new(arguments.books.clone(), arguments.interactions.clone());
    options.book_ids.clone_from(&arguments.book_ids);
    options.genres.clone_from(&arguments.genres);
    options.authors.clone_from(&arguments.authors);
    (options.shelved, options.min_rating) = (arguments.shelved, arguments.min_rating);
    (options.download_images, options.skip_bad) = (arguments.download_images, arguments.skip_bad_rows);
    if let Some(Protocol::RcmlPaper) = arguments.protocol {
        let verb = options.relations.verb;
        options.relations = InteractionOptions { categories: CategoryKind::Set, verb, ..paper_protocol(8) };
    }
    options.relations = arguments.relating.apply(options.relations)?;
    arguments.target.build("goodreads", |out| {
        let report = build_goodreads(out, &options, &note)?;
        Built::with_report(out, &report)
    })
}
