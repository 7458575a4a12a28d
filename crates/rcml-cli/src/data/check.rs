//! `rcml data check`.

use std::path::PathBuf;

use clap::Args;
use rcml_data::Dataset;

use crate::failure::{Failure, Result};
use crate::output::print;

#[derive(Debug, Args)]
#[command(after_help = "Example:
  rcml data check my-folder

Prints one line for each problem, with file and line, and exits with 2 if there are any. Pictures are decoded too.")]
pub(crate) struct CheckArguments {
    /// Folder with items.jsonl, relations.jsonl and edges.jsonl (or .csv, .jsonl.zst)
    dir: PathBuf,
}

pub(crate) fn run(arguments: &CheckArguments) -> Result<()> {
    let problems = Dataset::check(&arguments.dir)?;
    if problems.is_empty() {
        let dataset = Dataset::open(&arguments.dir)?;
        let (items, relations, edges) = (dataset.items.len(), dataset.relations.len(), dataset.edges.len());
        return print(&format!(
            "{}: no problems in {items} items, {relations} relations, {edges} edges",
            arguments.dir.display()
        ));
    }
    let mut lines: String = problems.iter().map(|problem| format!("{problem}\n")).collect();
    let s = if problems.len() == 1 { "" } else { "s" };
    lines.push_str(&format!("{}: {} problem{s}", arguments.dir.display(), problems.len()));
    print(&lines)?;
    Err(Failure::Reported)
}
