//! The files of a table, and their rows in order, parsed in parallel.

use std::convert::Infallible;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;
use serde_json::{Map, Value};

use super::csv::{self, Header};
use super::imagefolder::Picture;
use super::mapped::map;
use super::parquet::{ParquetFile, SharedFile};
use super::webdataset::{self, Shard};
use super::{jsonl, shards};
use crate::lines::{self, Stopped};
use crate::separated::Record;
use crate::{Problem, Split};

/// The files that hold a table: one, or several shards of one format.
pub(super) struct Table {
    /// `items`, `relations` or `edges`.
    pub(super) name: &'static str,
    pub(super) sources: Vec<Source>,
    pub(super) kind: Kind,
    /// Made for something else than this format: names of columns and missing ids are guessed at.
    pub(super) loose: bool,
    /// The pictures of a folder that has no table.
    pictures: Vec<Picture>,
}

/// One file of a table.
pub(super) struct Source {
    /// As the user can open it.
    pub(super) path: PathBuf,
    /// The split that its name says, for rows that name none.
    pub(super) split: Option<Split>,
    /// Begins the ids of rows that have none.
    pub(super) stem: String,
    /// The folder that its paths are relative to, seen from the dataset's; empty where they are the same.
    pub(super) folder: String,
    pub(super) parquet: Option<SharedFile>,
    pub(super) shard: Option<Arc<Shard>>,
}

/// A row: which file, and which line of it, counted from 1. Rows of Parquet and samples of a tar count as lines.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) source: u32,
    pub(super) line: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Jsonl,
    JsonlZst,
    Csv,
    Parquet,
    Tar,
    /// The names of pictures are the table.
    Pictures,
}

/// The endings of tables.
pub(super) const ENDINGS: [(&str, Kind); 4] =
    [("jsonl", Kind::Jsonl), ("jsonl.zst", Kind::JsonlZst), ("csv", Kind::Csv), ("parquet", Kind::Parquet)];

/// A row as it stands in the file.
pub(super) enum Row<'a> {
    Json(&'a [u8]),
    Cells(&'a Header, &'a Record),
    Sample(Sample),
    Picture(&'a Picture),
}

/// A row that is more than a line of text.
#[derive(Default)]
pub(super) struct Sample {
    pub(super) fields: Map<String, Value>,
    /// Where its picture lies in the file.
    pub(super) picture: Option<u64>,
    /// Edges that begin at it.
    pub(super) edges: Vec<Value>,
    pub(super) problems: Vec<String>,
}

impl Row<'_> {
    /// Whether the table has a column of exactly this name.
    pub(super) fn has_column(&self, name: &str, source: &Source) -> bool {
        match (self, &source.parquet) {
            (Self::Cells(header, _), _) => header.has(name),
            (_, Some(file)) => file.has_column(name),
            _ => false,
        }
    }

    /// The fields, or what is wrong with the row as a whole.
    pub(super) fn fields(self) -> Result<Map<String, Value>, String> {
        self.sample().map(|sample| sample.fields)
    }

    /// The fields and what comes with them.
    pub(super) fn sample(self) -> Result<Sample, String> {
        let fields = match self {
            Row::Json(line) => jsonl::fields(line)?,
            Row::Cells(header, cells) => header.fields(cells)?,
            Row::Picture(picture) => picture.fields(),
            Row::Sample(sample) => return Ok(sample),
        };
        Ok(Sample { fields, ..Sample::default() })
    }
}

/// Finds the files of a table by their names: `items.csv`, or shards such as `items-00000-of-00003.parquet`. Two formats
/// for one table are a problem.
pub(super) fn find(dir: &Path, name: &'static str, problems: &mut Vec<Problem>) -> Option<Table> {
    let shards = shards::of(dir, name, problems);
    let path = |ending: &str| dir.join(format!("{name}.{ending}"));
    let single = ENDINGS.iter().map(|&(ending, kind)| (vec![path(ending)], kind)).filter(|(path, _)| path[0].exists());
    let mut found = single.chain(shards);
    let (paths, kind) = found.next()?;
    if let Some((second, _)) = found.next() {
        let second = second[0].file_name().unwrap_or_default().to_string_lossy().into_owned();
        problems.push(Problem::of(&paths[0], format!("there is {second} as well: expected one format for {name}")));
        return None;
    }
    Some(Table::open(name, kind, paths.into_iter().map(|path| (path, None)), false, problems))
}

impl Source {
    pub(super) fn new(path: PathBuf, split: Option<Split>) -> Self {
        let stem = shards::stem(&path);
        Self { path, split, stem, folder: String::new(), parquet: None, shard: None }
    }
}

impl Table {
    /// A table of files of one kind. Files that cannot be opened are problems, and are left out.
    pub(super) fn open(
        name: &'static str,
        kind: Kind,
        files: impl IntoIterator<Item = (PathBuf, Option<Split>)>,
        loose: bool,
        problems: &mut Vec<Problem>,
    ) -> Self {
        let mut table = Self { name, sources: Vec::new(), kind, loose, pictures: Vec::new() };
        for (path, split) in files {
            let mut source = Source::new(path, split);
            let opened = match kind {
                Kind::Parquet => {
                    ParquetFile::open(&source.path, name, loose).map(|file| source.parquet = Some(Arc::new(file)))
                }
                Kind::Tar => Shard::open(&source.path).map(|shard| source.shard = Some(Arc::new(shard))),
                _ => Ok(()),
            };
            match opened {
                Ok(()) => table.sources.push(source),
                Err(message) => problems.push(Problem::of(source.path, message)),
            }
        }
        table
    }

    /// The pictures of a folder, without any file that says more about them.
    pub(super) fn of_pictures(dir: &Path, pictures: Vec<Picture>) -> Self {
        let sources = vec![Source::new(dir.to_path_buf(), None)];
        Self { name: "items", sources, kind: Kind::Pictures, loose: true, pictures }
    }

    /// A problem of a row.
    pub(super) fn problem(&self, place: Place, message: impl Into<String>) -> Problem {
        if let (Some(source), Some(picture)) = (self.sources.first(), self.pictures.get(place.line.saturating_sub(1))) {
            return Problem::of(source.path.join(&picture.path), message);
        }
        match self.sources.get(place.source as usize) {
            Some(source) => Problem::at(&source.path, place.line, message),
            None => Problem::of(self.name, message),
        }
    }

    /// A place in words, as seen from another one.
    pub(super) fn words(&self, place: Place, from: Place) -> String {
        match self.sources.get(place.source as usize) {
            Some(source) if place.source != from.source => format!("{}:{}", source.path.display(), place.line),
            _ => format!("line {}", place.line),
        }
    }

    /// Parses the rows in parallel and hands the results to `sink` with their places, in the order of the files.
    pub(super) fn each<T: Send>(
        &self,
        problems: &mut Vec<Problem>,
        parse: impl Fn(Row<'_>, &Source) -> T + Sync,
        mut sink: impl FnMut(Place, T, &mut Vec<Problem>),
    ) {
        for (index, source) in self.sources.iter().enumerate() {
            let parse = |row: Row<'_>| parse(row, source);
            let mut line = 0;
            let mut counted = |at, result, problems: &mut Vec<Problem>| {
                line = at;
                sink(Place { source: index as u32, line: at }, result, problems);
            };
            let done = match self.kind {
                Kind::Csv => File::open(&source.path).and_then(|file| map(&file)).map(|bytes| {
                    csv::each(&bytes, (&source.path, self.name, self.loose), problems, parse, &mut counted);
                }),
                Kind::Jsonl | Kind::JsonlZst => self.open_file(source).and_then(|file| {
                    let sink = |at, result| -> Result<(), Infallible> {
                        counted(at, result, problems);
                        Ok(())
                    };
                    lines::each(file, |line| parse(Row::Json(line)), sink).map_err(|stopped| match stopped {
                        Stopped::At(_, error) => error,
                    })
                }),
                Kind::Parquet => source.parquet.as_ref().map_or(Ok(()), |file| {
                    each_group(file, parse, |at, result| counted(at, result, problems)).map_err(io::Error::other)
                }),
                Kind::Tar => source.shard.as_ref().map_or(Ok(()), |shard| {
                    webdataset::each(shard, parse, |at, result| counted(at, result, problems)).map_err(io::Error::other)
                }),
                Kind::Pictures => {
                    let parsed: Vec<T> = self.pictures.par_iter().map(|picture| parse(Row::Picture(picture))).collect();
                    parsed.into_iter().zip(1..).for_each(|(result, at)| counted(at, result, problems));
                    Ok(())
                }
            };
            if let Err(e) = done {
                problems.push(Problem::at(&source.path, line + 1, format!("cannot be read from here on: {e}")));
            }
        }
    }

    fn open_file(&self, source: &Source) -> io::Result<Box<dyn Read>> {
        let file = File::open(&source.path)?;
        Ok(match self.kind {
            Kind::JsonlZst => Box::new(zstd::stream::read::Decoder::new(file)?),
            _ => Box::new(file),
        })
    }
}

/// The rows of a Parquet file, some groups at a time.
fn each_group<T: Send>(
    file: &ParquetFile,
    parse: impl Fn(Row<'_>) -> T + Sync,
    mut sink: impl FnMut(usize, T),
) -> Result<(), String> {
    let groups: Vec<usize> = (0..file.groups()).collect();
    for groups in groups.chunks(rayon::current_num_threads().max(1)) {
        let read = |&group: &usize| {
            let start = file.start(group);
            let (rows, wrong) = file.rows(group);
            let sample = |(row, (fields, has_picture)): (usize, (Map<String, Value>, bool))| {
                let picture = has_picture.then_some((start + row) as u64);
                parse(Row::Sample(Sample { fields, picture, ..Sample::default() }))
            };
            // Parsed here, while other threads read other groups.
            let parsed: Vec<T> = rows.into_par_iter().enumerate().map(sample).collect();
            (start, parsed, wrong)
        };
        let read: Vec<(usize, Vec<T>, Option<String>)> = groups.par_iter().map(read).collect();
        for (start, parsed, wrong) in read {
            parsed.into_iter().zip(start + 1..).for_each(|(result, line)| sink(line, result));
            if let Some(wrong) = wrong {
                return Err(wrong);
            }
        }
    }
    Ok(())
}
