//! `rcml data check`.

use std::path::{Path, PathBuf};

use clap::Args;
use rcml_data::{Dataset, RelationGraph};

use super::graph::is_graph;
use crate::failure::{Failure, Result};
use crate::output::print;

#[derive(Debug, Args)]
#[command(after_help = "Example:
  rcml data check my-folder

Prints one line for each problem, with file and line, and exits with 2 if there are any. Pictures are decoded too. Of a
.rgraph file, every checksum and every list is checked.")]
pub(crate) struct CheckArguments {
    /// Folder with items.jsonl, relations.jsonl and edges.jsonl (or .csv, .jsonl.zst), or a .rgraph file
    dir: PathBuf,
}

pub(crate) fn run(arguments: &CheckArguments) -> Result<()> {
    if is_graph(&arguments.dir) && !arguments.dir.is_dir() {
        return check_graph(&arguments.dir);
    }
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

fn check_graph(path: &Path) -> Result<()> {
    match RelationGraph::verify(path) {
        Ok(graph) => {
            let (items, relations) = (graph.items(), graph.relations());
            let pairs: usize = (0..relations as u32).map(|relation| graph.pairs(relation)).sum();
            print(&format!("{}: no problems in {items} items, {relations} relations, {pairs} pairs", path.display()))
        }
        Err(error) if !error.list().is_empty() => {
            print(&format!("{error}\n{}: 1 problem", path.display()))?;
            Err(Failure::Reported)
        }
        Err(error) => Err(error.into()),
    }
}
