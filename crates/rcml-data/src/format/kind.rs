//! The formats that are written.

use std::fmt;
use std::str::FromStr;

/// A format that a dataset can be written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line, pictures as files.
    Jsonl,
    /// The same, compressed with Zstandard.
    JsonlZst,
    /// Comma-separated values, pictures as files.
    Csv,
    /// Parquet with the pictures in it, in the structure `{bytes, path}` that Hugging Face's tools know.
    Parquet,
    /// Tar shards of samples, with their pictures and the edges that begin at them.
    WebDataset,
}

impl Format {
    /// All formats.
    pub const ALL: [Self; 5] = [Self::Jsonl, Self::JsonlZst, Self::Csv, Self::Parquet, Self::WebDataset];

    /// The ending of its tables.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Jsonl => "jsonl",
            Self::JsonlZst => "jsonl.zst",
            Self::Csv => "csv",
            Self::Parquet => "parquet",
            Self::WebDataset => "tar",
        }
    }

    /// Whether pictures stay files of their own.
    pub(crate) fn has_picture_files(self) -> bool {
        matches!(self, Self::Jsonl | Self::JsonlZst | Self::Csv)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Self::WebDataset { "webdataset" } else { self.ending() })
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let known = || Self::ALL.map(|format| format.to_string()).join(", ");
        Self::ALL
            .into_iter()
            .find(|format| format.to_string() == name)
            .ok_or_else(|| format!("expected one of {}", known()))
    }
}
