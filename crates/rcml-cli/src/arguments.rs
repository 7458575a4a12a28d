//! What the user typed, as plain data: parsing touches no file.

use clap::{Parser, Subcommand};

/// Multimodal embeddings conditioned on relations written in natural language.
#[derive(Debug, Parser)]
#[command(
    name = "rcml",
    version,
    arg_required_else_help = true,
    max_term_width = 100,
    after_help = "Example:
  rcml data build emoji --out emoji
  rcml train --data emoji --out run
  rcml eval run --data emoji --baselines --report
  rcml search run --data emoji --item red-heart --relation \"both are about love\"

Exit code: 0 done, 1 failure at run time, 2 bad input or usage."
)]
pub(crate) struct Rcml {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check, describe or build a dataset
    #[command(subcommand, after_help = "Example:\n  rcml data check my-folder")]
    Data(DataCommand),
    /// Train a model, or continue an unfinished run
    Train(crate::train::TrainArguments),
    /// Evaluate runs on held-out data, beside methods that need no training
    Eval(crate::eval::EvalArguments),
    /// Write the embeddings of all items to a file
    Embed(crate::embed::EmbedArguments),
    /// Encode all items once, to be searched and embedded under any relation
    Index(crate::index::IndexArguments),
    /// Find the items that relate to an item in a way put into words
    Search(crate::search::SearchArguments),
}

#[derive(Debug, Subcommand)]
pub(crate) enum DataCommand {
    /// List everything that is wrong with a folder
    Check(crate::data::check::CheckArguments),
    /// Count items, relations, edges and splits
    Stats(crate::data::stats::StatsArguments),
    /// Find items that are nearly the same
    Duplicates(crate::data::duplicates::DuplicateArguments),
    /// Make a dataset, or add relations to one
    Build(crate::data::build::BuildArguments),
    /// Write a dataset in another format
    Convert(crate::data::convert::ConvertArguments),
    /// Write the graph of a folder to a file that is mapped, not read
    Graph(crate::data::graph::GraphArguments),
    /// Split a folder and write the splits to a file
    Split(crate::data::split::SplitArguments),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent_and_every_command_shows_an_example() {
        Rcml::command().debug_assert();
        fn walk(command: &clap::Command) {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("rcml "), "`{}` has no example", command.get_name());
            command.get_subcommands().for_each(walk);
        }
        walk(&Rcml::command());
    }

    #[test]
    fn wrong_usage_is_refused() {
        for line in [
            "rcml",
            "rcml frobnicate",
            "rcml train --data d",
            "rcml eval --data d",
            "rcml eval r --data d --split tset",
            "rcml search r --data d --item i --relation x -k 0",
            "rcml embed r --data d --out f.npy --role target",
        ] {
            assert!(Rcml::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
    }
}
