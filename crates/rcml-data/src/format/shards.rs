//! Names of tables that are cut into several files.

use std::collections::BTreeMap;
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
            let rest = name.strip_prefix(table).and_then(|rest| rest.strip_suffix(ending));
            let middle = rest.and_then(|rest| rest.strip_suffix('.')?.strip_prefix('-'));
            middle.is_some_and(is_number)
        };
        let shards: Vec<&String> = names.iter().filter(|name| shard(name)).collect();
        if !shards.is_empty() {
            let paths: Vec<PathBuf> = shards.into_iter().map(|name| dir.join(name)).collect();
            problems.extend(missing(&paths));
            found.push((paths, kind));
        }
    }
    found
}

/// `00002-of-00003` or `7`.
fn is_number(text: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.split_once("-of-").map_or_else(|| is_number(text), |(number, total)| is_number(number) && is_number(total))
}

/// Shards that their neighbours' names promise: of `train-00000-of-00003.parquet`, the numbers 0 to 2 must be there, or 1 to 3
/// where somebody counts from 1. Shards without a total promise nothing.
pub(super) fn missing(paths: &[PathBuf]) -> Vec<Problem> {
    // (folder, what stands before the number, total) -> the numbers that are there.
    let mut sets: BTreeMap<(Option<&Path>, String, usize), BTreeMap<usize, &Path>> = BTreeMap::new();
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if let Some((prefix, number, total)) = counted(&name) {
            sets.entry((path.parent(), prefix.to_owned(), total)).or_default().insert(number, path);
        }
    }
    let problem = |((_, _, total), there): (&(Option<&Path>, String, usize), &BTreeMap<usize, &Path>)| {
        let (&least, first) = there.first_key_value()?;
        let is_from_one = least > 0 && there.contains_key(total);
        let from = usize::from(is_from_one);
        let beyond = there.range(total.saturating_add(from)..).next();
        if let Some((number, path)) = beyond {
            return Some(Problem::of(path, format!("is number {number} of {total} shards by its name")));
        }
        // The name may promise billions; what is missing is said by its first numbers.
        let missing: Vec<String> = (from..total.saturating_add(from))
            .filter(|number| !there.contains_key(number))
            .take(5)
            .map(|n| n.to_string())
            .collect();
        let (here, numbers) = (there.len(), missing.join(", "));
        let more = if total - here > missing.len() { ", ..." } else { "" };
        (here < *total).then(|| {
            let message = format!("is one of {total} shards by its name, but {here} are here: missing {numbers}{more}");
            Problem::of(first, message)
        })
    };
    sets.iter().filter_map(problem).collect()
}

/// "train-00002-of-00003-8d7a7b4b.parquet" -> ("train-", 2, 3)
fn counted(name: &str) -> Option<(&str, usize, usize)> {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    name.match_indices("-of-").find_map(|(at, of)| {
        let (before, after) = (&name[..at], &name[at + of.len()..]);
        let prefix = before.trim_end_matches(|c: char| c.is_ascii_digit());
        let number = before[prefix.len()..].parse().ok()?;
        Some((prefix, number, after[..digits(after)].parse().ok()?))
    })
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
    fn shards_that_are_missing_are_named_by_their_numbers() {
        let told = |names: &str| -> Vec<String> {
            let paths: Vec<PathBuf> = names.split(' ').map(PathBuf::from).collect();
            missing(&paths).iter().map(ToString::to_string).collect()
        };
        for whole in [
            "train-00000-of-00002.parquet train-00001-of-00002.parquet test-00000-of-00001.parquet",
            "train-00000-of-00002-8d7a.parquet train-00001-of-00002-41f0.parquet",
            "a/x-1-of-2.tar a/x-2-of-2.tar b/x-0-of-1.tar",
            "train-0.parquet train-2.parquet one-of-many.parquet",
        ] {
            assert!(told(whole).is_empty(), "{whole}: {:?}", told(whole));
        }
        for (names, expected) in [
            ("t-0-of-3.tar t-2-of-3.tar", "t-0-of-3.tar: is one of 3 shards by its name, but 2 are here: missing 1"),
            ("t-00001-of-00002.tar", "t-00001-of-00002.tar: is one of 2 shards by its name, but 1 are here: missing 0"),
            ("a/t-0-of-2.tar b/t-1-of-2.tar", "a/t-0-of-2.tar: is one of 2"),
            ("t-0-of-2.tar t-1-of-2.tar t-5-of-2.tar", "t-5-of-2.tar: is number 5 of 2 shards by its name"),
            ("t-0-of-99999999999.tar", "but 1 are here: missing 1, 2, 3, 4, 5, ..."),
        ] {
            assert!(told(names).iter().any(|problem| problem.contains(expected)), "{names}: {:?}", told(names));
        }
        // As many as there should be, but not the right ones.
        assert_eq!(told("t-0-of-2.tar t-7-of-2.tar").len(), 1);
    }

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
