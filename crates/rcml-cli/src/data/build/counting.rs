//! Which rows of a log of behaviour count.

use clap::Args;

/// Limits that every recipe with moments and ratings shares.
#[derive(Debug, Args)]
pub(crate) struct CountingArguments {
    /// Rows of the log with a lower rating, or none, do not count
    #[arg(long, value_name = "R")]
    pub(crate) min_rating: Option<f64>,
    /// Rows of the log before this date do not count
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub(crate) since: Option<i64>,
    /// Rows of the log from this date on do not count
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub(crate) until: Option<i64>,
    /// Skip and count lines that cannot be read, instead of stopping
    #[arg(long)]
    pub(crate) skip_bad_rows: bool,
}

/// A date in seconds since 1970.
fn date(text: &str) -> Result<i64, String> {
    let expected = || format!("{text:?} is no date: expected YYYY-MM-DD, or seconds since 1970");
    rcml_data::build::read_moment(text).ok_or_else(expected)
}
