//! `rcml data graph`.

use std::path::PathBuf;

use clap::Args;
use rcml_data::GraphBuilder;

use crate::failure::{Failure, Result};
use crate::output::print;

#[derive(Debug, Args)]
#[command(after_help = "Example:
  rcml data graph my-folder --out my-folder.rgraph
  rcml data check my-folder.rgraph

Edges are sorted in --memory and beside the graph, so a folder may have more of them than fit into memory. The format is
described in docs/rgraph.md.")]
pub(crate) struct GraphArguments {
    /// Folder of a dataset
    dir: PathBuf,
    /// File to write
    #[arg(long, value_name = "FILE.rgraph")]
    out: PathBuf,
    /// Memory for sorting, in MiB
    #[arg(long, value_name = "MIB", default_value_t = GraphBuilder::MEMORY >> 20, value_parser = memory)]
    memory: usize,
}

fn memory(text: &str) -> std::result::Result<usize, String> {
    match text.parse() {
        Ok(mib @ 1..=1_048_576) => Ok(mib),
        _ => Err("expected a number of MiB from 1 to 1048576".into()),
    }
}

pub(crate) fn run(arguments: &GraphArguments) -> Result<()> {
    let out = &arguments.out;
    if !is_graph(out) {
        return Err(Failure::input(format!("{}: expected a file name that ends in .rgraph", out.display())));
    }
    let (dataset, counts) = GraphBuilder::from_folder(&arguments.dir, out, arguments.memory << 20)?;
    print(&format!(
        "{}: {} items, {} relations, {} pairs of {} edges, {} bytes",
        out.display(),
        dataset.items.len(),
        dataset.relations.len(),
        counts.pairs,
        counts.edges,
        counts.bytes
    ))
}

/// Whether a path names a graph rather than the folder of a dataset.
pub(crate) fn is_graph(path: &std::path::Path) -> bool {
    path.extension().is_some_and(|ending| ending == "rgraph")
}
