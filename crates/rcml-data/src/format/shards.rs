//! Names of tables that are cut into several files.

use std::path::{Path, PathBuf};

use super::table::{ENDINGS, Kind};
use crate::{Problem, Split};

/// The shards of a table in a folder, by format: `items-00000-of-00003.parquet`, `items-7.csv`. A shard that is missing is
/// a problem.
pub(super) fn of(dir: &Path, table: &str, problems: &mut Vec<Problem>) -> Vec<(Vec<PathBuf>, Kind)> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let mut names: Vec<String> = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort_by_key(|name| (name.len(), name.clone()));
    let mut found = Vec::new();
    for (ending, kind) in ENDINGS {
        let shard = |name: &str| {
            let middle = name.strip_prefix(table)?.strip_suffix(ending)?.strip_suffix('.')?.strip_prefix('-')?;
            numbers(middle)
        };
        let shards: Vec<(&String, (usize, Option<usize>))> =
            names.iter().filter_map(|name| Some((name, shard(name)?))).collect();
        if let Some((first, (_, Some(total)))) = shards.first()
            && shards.len() != *total
        {
            let message = format!("is one of {total} shards by its name, but {} are here", shards.len());
            problems.push(Problem::of(dir.join(first), message));
        }
        if !shards.is_empty() {
            found.push((shards.into_iter().map(|(name, _)| dir.join(name)).collect(), kind));
        }
    }
    found
}

/// `00002-of-00003` or `7`.
fn numbers(text: &str) -> Option<(usize, Option<usize>)> {
    match text.split_once("-of-") {
        Some((number, total)) => Some((number.parse().ok()?, Some(total.parse().ok()?))),
        None => Some((text.parse().ok()?, None)),
    }
}

/// The name of a file without its endings and the number of its shard.
pub(super) fn stem(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = name.split('.').next().unwrap_or_default();
    let mut stem = name;
    if let Some((rest, total)) = name.rsplit_once("-of-")
        && total.bytes().all(|byte| byte.is_ascii_digit())
    {
        stem = rest;
    }
    let shorter = stem.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches(['-', '_']);
    if shorter.is_empty() { stem.to_string() } else { shorter.to_string() }
}

/// The split that the name of a file or of a folder on its way says: `train-00000-of-00002.parquet`, `test/cats/1.jpg`.
pub(super) fn split(relative: &Path) -> Option<Split> {
    let parts: Vec<String> = relative.iter().map(|part| part.to_string_lossy().to_ascii_lowercase()).collect();
    parts.iter().rev().find_map(|part| {
        let word = part.split(['-', '_', '.']).next().unwrap_or_default();
        super::record::split(word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_stem_and_split() {
        for (path, expected, of) in [
            ("data/train-00000-of-00003.parquet", "train", Some(Split::Train)),
            ("val/0001.tar", "0001", Some(Split::Validation)),
            ("shard_000012.tar.gz", "shard", None),
            ("training.csv", "training", None),
            ("test.parquet", "test", Some(Split::Test)),
            ("train/dev-7.tar", "dev", Some(Split::Validation)),
        ] {
            assert_eq!((stem(Path::new(path)).as_str(), split(Path::new(path))), (expected, of), "{path}");
        }
    }
}
