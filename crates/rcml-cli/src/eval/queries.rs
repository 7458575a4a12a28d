//! What each query scored, for statistics elsewhere.

use std::io::{BufWriter, Write};
use std::path::Path;

use rcml_eval::{EvalReport, QueryValues};
use serde::Serialize;

use crate::failure::Result;
use crate::output::write_whole;

/// One line of the file.
#[derive(Serialize)]
struct Line<'a> {
    method: &'a str,
    seed: u64,
    #[serde(flatten)]
    queries: &'a QueryValues,
}

/// Writes the queries of all methods, one JSON object a line.
pub(super) fn write(path: &Path, reports: &[EvalReport]) -> Result<()> {
    write_whole(path, |part| {
        let mut out = BufWriter::new(std::fs::File::create(part)?);
        for report in reports {
            for queries in &report.queries {
                serde_json::to_writer(&mut out, &Line { method: &report.method, seed: report.seed, queries })?;
                out.write_all(b"\n")?;
            }
        }
        out.flush()
    })
}
