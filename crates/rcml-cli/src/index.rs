//! `rcml index`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use rcml_data::Dataset;
use rcml_model::{IndexBuilder, Precision};

use crate::failure::Result;
use crate::output::{check_folder, print};
use crate::progress::Progress;
use crate::run::{PictureArguments, Run, read_items};

#[derive(Debug, Args)]
#[command(after_help = "Example:
  rcml index run --data shop --out shop.index
  rcml search run --index shop.index --item p17 --relation \"goes with it\"

The index holds the items' states, ids and texts; asking needs neither the dataset nor its pictures. Called again after the
catalogue has changed, it encodes what is new and drops what is gone; an interrupted call is continued. An index belongs
to one run: another one, or the same trained again, is encoded anew.")]
pub(crate) struct IndexArguments {
    /// Folder of a finished run
    run: PathBuf,
    /// Folder of the dataset
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Folder of the index
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// How states are kept: f16 is half as large, and moves scores in the fourth digit
    #[arg(long, value_enum, default_value = "f16")]
    precision: PrecisionName,
    #[command(flatten)]
    pictures: PictureArguments,
    /// Where to compute: auto, cpu, and what else this build knows
    #[arg(long, value_name = "D", default_value = "auto")]
    device: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum PrecisionName {
    F16,
    F32,
}

pub(crate) fn run(arguments: &IndexArguments) -> Result<()> {
    check_folder("--out", &arguments.out)?;
    let run = Run::open(&arguments.run, &arguments.pictures)?;
    let dataset = Dataset::open(&arguments.data)?;
    let embedder = run.embedder(&arguments.device)?;
    let precision = match arguments.precision {
        PrecisionName::F16 => Precision::F16,
        PrecisionName::F32 => Precision::F32,
    };
    let builder = IndexBuilder::new(&arguments.out, &embedder, &dataset, precision)?;
    let new = builder.new_items().to_vec();
    let reader = read_items(&embedder, &dataset, &new)?;
    let progress = Progress::new("encoding", new.len());
    let index = builder.finish(&reader, &|done| progress.set(done))?;
    progress.finish();
    let (n, new) = (index.dataset().items.len(), new.len());
    let megabytes = index.bytes() / 1_000_000;
    print(&format!("{}: {n} items, {new} of them new, {megabytes} MB", arguments.out.display()))
}
