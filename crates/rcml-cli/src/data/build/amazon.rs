//! `rcml data build amazon`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use rcml_data::build::{AmazonImages, AmazonOptions, AmazonRelease, build_amazon, paper_protocol};

use super::counting::CountingArguments;
use super::relating::RelatingArguments;
use super::{Built, Target};
use crate::failure::Result;
use crate::output::note;

#[derive(Debug, Args)]
#[command(after_help = "Example:
  rcml data build amazon --meta meta_Baby_Products.jsonl.gz --reviews Baby_Products.jsonl.gz \\
      --download-images --out baby
  rcml data build amazon --meta meta_Baby_Products.jsonl.gz --reviews Baby_Products.jsonl.gz \\
      --images pictures --protocol rcml-paper --out baby-paper

Reads the releases of 2018 and 2023 as they are downloaded; datasets/amazon/README.md says where from.")]
pub(crate) struct AmazonArguments {
    #[command(flatten)]
    target: Target,
    /// Product file; may be given more than once
    #[arg(long, value_name = "FILE", required = true)]
    meta: Vec<PathBuf>,
    /// Review file, or the ratings as CSV with a header line; may be given more than once
    #[arg(long, value_name = "FILE", required = true)]
    reviews: Vec<PathBuf>,
    /// Shape of the files
    #[arg(long, value_enum, default_value = "auto")]
    release: Release,
    /// Folder with a picture of each item, named by its id (B00X.jpg); items without one are left out
    #[arg(long, value_name = "DIR", conflicts_with = "download_images")]
    images: Option<PathBuf>,
    /// Download one picture of each item; what is there already is not fetched again
    #[arg(long)]
    download_images: bool,
    /// A published set-up; single settings below still count
    #[arg(long, value_enum)]
    protocol: Option<Protocol>,
    #[command(flatten)]
    counting: CountingArguments,
    #[command(flatten)]
    relating: RelatingArguments,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Release {
    /// Told by the first product
    Auto,
    /// asin, also_buy, reviewerID
    #[value(name = "2018")]
    Y2018,
    /// parent_asin, user_id
    #[value(name = "2023")]
    Y2023,
}

/// Set-ups of papers.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Protocol {
    /// 10 groups of users (8 for Goodreads), every pair that one of them takes linked, nothing corrected
    RcmlPaper,
}

pub(crate) fn run(arguments: &AmazonArguments) -> Result<()> {
    let mut options = AmazonOptions::new(arguments.meta.clone(), arguments.reviews.clone());
    options.release = match arguments.release {
        Release::Auto => AmazonRelease::Auto,
        Release::Y2018 => AmazonRelease::Y2018,
        Release::Y2023 => AmazonRelease::Y2023,
    };
    options.images = match &arguments.images {
        Some(folder) => AmazonImages::Folder(folder.clone()),
        None if arguments.download_images => AmazonImages::Download,
        None => AmazonImages::None,
    };
    let CountingArguments { min_rating, since, until, skip_bad_rows } = arguments.counting;
    (options.min_rating, options.since, options.until, options.skip_bad) = (min_rating, since, until, skip_bad_rows);
    if let Some(Protocol::RcmlPaper) = arguments.protocol {
        if options.images == AmazonImages::None {
            note(
                "the paper's items have a title and a picture: without --images or --download-images they are text alone",
            );
        }
        options.relations = paper_protocol(10);
    }
    options.relations = arguments.relating.apply(options.relations)?;
    arguments.target.build("amazon", |out| {
        let report = build_amazon(out, &options, &note)?;
        Built::with_report(out, &report)
    })
}
