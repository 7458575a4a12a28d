//! `rcml data check`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use rcml_data::{Dataset, Inspection, Problem, RelationGraph, list_problems};

use super::graph::is_graph;
use crate::failure::{Failure, Result};
use crate::output::print;

#[derive(Debug, Args)]
#[command(after_help = "Example:
  rcml data check my-folder

Prints one line for each problem, with file and line (of each kind, 20 and the number of the others), then what is wrong in
many lines in the same way, and exits with 2 if there are any. Columns that were found by other names than the format's are
told; a warning is no problem. Pictures are decoded too. Of a .rgraph file, every checksum and every list is checked.")]
pub(crate) struct CheckArguments {
    /// Folder with items.jsonl, relations.jsonl and edges.jsonl (or .csv, .jsonl.zst), or a .rgraph file
    dir: PathBuf,
}

pub(crate) fn run(arguments: &CheckArguments) -> Result<()> {
    if is_graph(&arguments.dir) && !arguments.dir.is_dir() {
        return check_graph(&arguments.dir);
    }
    let Inspection { dataset, problems, warnings } = Dataset::inspect(&arguments.dir)?;
    let mut lines = String::new();
    if !dataset.columns.is_empty() {
        lines.push_str(&format!("{}: {}\n", arguments.dir.display(), dataset.columns));
    }
    lines.extend(warnings.iter().map(|warning| format!("warning: {warning}\n")));
    if problems.is_empty() {
        let (items, relations, edges) = (dataset.items.len(), dataset.relations.len(), dataset.edges.len());
        return print(&format!(
            "{lines}{}: no problems in {items} items, {relations} relations, {edges} edges",
            arguments.dir.display()
        ));
    }
    lines.push_str(&list_problems(&problems));
    let s = if problems.len() == 1 { "" } else { "s" };
    lines.push_str(&format!("\n{}: {} problem{s}", arguments.dir.display(), problems.len()));
    lines.extend(most_frequent(&problems).iter().map(|(message, times)| format!("\n  {times} times: {message}")));
    print(&lines)?;
    Err(Failure::Reported)
}

/// What is wrong in many lines in the same way, the most frequent first: one cause, as a rule, whatever the length of the list.
fn most_frequent(problems: &[Problem]) -> Vec<(&str, usize)> {
    const MANY: usize = 10;
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    for problem in problems {
        *times.entry(&problem.message).or_default() += 1;
    }
    let mut frequent: Vec<(&str, usize)> = times.into_iter().filter(|&(_, times)| times >= MANY).collect();
    frequent.sort_by_key(|&(_, times)| std::cmp::Reverse(times));
    frequent.truncate(MANY);
    frequent
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
