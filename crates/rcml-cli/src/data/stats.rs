//! `rcml data stats`.

use std::path::PathBuf;

use clap::Args;
use rcml_data::{Dataset, DatasetStats, SplitConfig, Splits};

use crate::failure::Result;
use crate::output::{print, print_json};

#[derive(Debug, Args)]
#[command(after_help = "Example:
  rcml data stats my-folder --json

What the files leave open is split as `rcml train` splits it by default.")]
pub(crate) struct StatsArguments {
    /// Folder of a dataset
    dir: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &StatsArguments) -> Result<()> {
    let dataset = Dataset::open(&arguments.dir)?;
    let splits = Splits::assign(&dataset, &SplitConfig::default())?;
    let stats = DatasetStats::of(&dataset, &splits);
    if arguments.json {
        return print_json(&stats);
    }
    let columns = if dataset.columns.is_empty() { String::new() } else { format!("columns: {}\n\n", dataset.columns) };
    print(&format!("{columns}{stats}"))
}
