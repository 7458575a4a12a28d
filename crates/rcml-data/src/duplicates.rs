//! Items that are nearly the same thing.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::{Dataset, Error, Problem, Result, Split};

/// Groups of items that are nearly the same: two pictures of one product, two listings of one book. They must not be each
/// other's negatives, nor lie in different splits.
///
/// A folder says so in `duplicates.jsonl`, a pair a line: `{"a": "item id", "b": "item id"}`. What is a duplicate of a duplicate
/// is in one group with both.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Duplicates {
    /// The group of each item that has a duplicate, named by its first item.
    groups: HashMap<u32, u32>,
}

#[derive(Deserialize)]
struct Line {
    a: String,
    b: String,
}

impl Duplicates {
    /// Name of the file in a dataset's folder.
    pub const FILE: &str = "duplicates.jsonl";

    /// Reads the file of a dataset's folder; none is as good as an empty one.
    ///
    /// # Errors
    /// ALL lines that are not of the form, or name items that do not exist.
    pub fn read(dataset: &Dataset) -> Result<Self> {
        let (duplicates, problems) = Self::load(dataset)?;
        if problems.is_empty() { Ok(duplicates) } else { Err(Error::problems(problems)) }
    }

    /// What can be read, and everything that is wrong with the rest.
    pub(crate) fn load(dataset: &Dataset) -> Result<(Self, Vec<Problem>)> {
        let path = dataset.root.join(Self::FILE);
        let file = match File::open(&path) {
            Ok(file) => BufReader::new(file),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()).map(|d| (d, Vec::new())),
            Err(e) => return Err(Error::io(path, e)),
        };
        let index = dataset.item_index();
        let (mut pairs, mut problems) = (Vec::new(), Vec::new());
        for (line, text) in (1..).zip(file.split(b'\n')) {
            let text = text.map_err(|e| Error::io(&path, e))?;
            if text.trim_ascii().is_empty() {
                continue;
            }
            let mut say = |message: String| problems.push(Problem::at(&path, line, message));
            let found: Line = match serde_json::from_slice(&text) {
                Ok(found) => found,
                Err(e) => {
                    say(format!("expected {{\"a\": id, \"b\": id}}: {e}"));
                    continue;
                }
            };
            let mut find = |field: &str, id: &str| {
                let item = index.get(id).copied();
                if item.is_none() {
                    say(format!("field `{field}`: no item has the id {id:?}"));
                }
                item
            };
            let (a, b) = (find("a", &found.a), find("b", &found.b));
            pairs.extend(a.zip(b));
        }
        Ok((Self::of_pairs(pairs), problems))
    }

    /// Brings the pairs that the folders of other datasets name to where `dataset` is written, as far as it has both items.
    ///
    /// # Errors
    /// The file system's.
    pub(crate) fn carry(dataset: &Dataset, roots: &[PathBuf], out: &Path) -> Result<()> {
        let ids = dataset.item_index();
        let known = |line: &str| {
            let pair: serde_json::Value = serde_json::from_str(line).ok()?;
            Some(["a", "b"].iter().all(|end| pair[end].as_str().is_some_and(|id| ids.contains_key(id))))
        };
        let mut lines = BTreeSet::new();
        for root in roots.iter().filter(|root| !root.as_os_str().is_empty()) {
            match std::fs::read_to_string(root.join(Self::FILE)) {
                Ok(text) => lines.extend(text.lines().filter(|line| known(line) == Some(true)).map(str::to_owned)),
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
                Err(e) => return Err(Error::io(root.join(Self::FILE), e)),
            }
        }
        if lines.is_empty() {
            return Ok(());
        }
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let path = out.join(Self::FILE);
        std::fs::write(&path, text).map_err(|e| Error::io(&path, e))
    }

    /// Groups of pairs.
    pub fn of_pairs(pairs: impl IntoIterator<Item = (u32, u32)>) -> Self {
        let mut parents: HashMap<u32, u32> = HashMap::new();
        for (a, b) in pairs {
            let (a, b) = (root(&mut parents, a), root(&mut parents, b));
            if a != b {
                parents.insert(a.max(b), a.min(b));
            }
        }
        let mut members: Vec<u32> = parents.keys().copied().collect();
        members.sort_unstable();
        let groups: HashMap<u32, u32> = members.into_iter().map(|item| (item, root(&mut parents, item))).collect();
        // An item that was paired with itself alone has no duplicate.
        let mut sizes: HashMap<u32, u32> = HashMap::new();
        groups.values().for_each(|&group| *sizes.entry(group).or_default() += 1);
        Self { groups: groups.into_iter().filter(|(_, group)| sizes[group] > 1).collect() }
    }

    /// The group of an item, named by its first member; `None` for an item without duplicates.
    pub fn group(&self, item: u32) -> Option<u32> {
        if self.groups.is_empty() { None } else { self.groups.get(&item).copied() }
    }

    /// Whether two items are duplicates of each other.
    pub fn same(&self, a: u32, b: u32) -> bool {
        a != b && self.group(a).is_some_and(|group| self.group(b) == Some(group))
    }

    /// Whether no item has a duplicate.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// Every item that has a duplicate, with its group; group after group, each ascending.
    pub fn members(&self) -> Vec<(u32, u32)> {
        let mut members: Vec<(u32, u32)> = self.groups.iter().map(|(&item, &group)| (item, group)).collect();
        members.sort_unstable_by_key(|&(item, group)| (group, item));
        members
    }

    /// Groups that do not lie in one split, where `splits` has that of each item: what is trained on stands among what is held
    /// out.
    pub fn parted(&self, splits: &[Split]) -> usize {
        let members = self.members();
        let of = |&(item, _): &(u32, u32)| splits.get(item as usize);
        members
            .chunk_by(|a, b| a.1 == b.1)
            .filter(|group| group.iter().any(|member| of(member) != of(&group[0])))
            .count()
    }
}

/// The first member of an item's group, with the path to it halved.
fn root(parents: &mut HashMap<u32, u32>, item: u32) -> u32 {
    let mut at = item;
    loop {
        let parent = *parents.entry(at).or_insert(at);
        if parent == at {
            return at;
        }
        let grandparent = *parents.entry(parent).or_insert(parent);
        parents.insert(at, grandparent);
        at = grandparent;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Item;

    #[test]
    fn pairs_join_into_groups() {
        let duplicates = Duplicates::of_pairs([(7, 5), (1, 2), (9, 7), (3, 3), (2, 1)]);
        assert_eq!(duplicates.members(), [(1, 1), (2, 1), (5, 5), (7, 5), (9, 5)]);
        assert!(duplicates.same(5, 9) && !duplicates.same(1, 5) && !duplicates.same(5, 5) && !duplicates.same(3, 4));
        assert!(Duplicates::of_pairs([(4, 4)]).is_empty());
    }

    #[test]
    fn a_file_is_read_and_all_its_problems_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let items = ["x", "y", "z"].map(Item::new).to_vec();
        let dataset = Dataset { root: folder.path().into(), items, ..Dataset::default() };
        assert!(Duplicates::read(&dataset).unwrap().is_empty());
        let write = |text: &str| std::fs::write(folder.path().join(Duplicates::FILE), text).unwrap();
        write("{\"a\":\"z\",\"b\":\"x\",\"distance\":3}\r\n\n");
        assert!(Duplicates::read(&dataset).unwrap().same(0, 2));
        write("{\"a\":\"z\",\"b\":\"q\"}\nnonsense\n{\"a\":\"z\"}\n{\"a\":\"x\",\"b\":\"y\"}");
        let error = Duplicates::read(&dataset).unwrap_err();
        let lines: Vec<_> = error.list().iter().filter_map(|problem| problem.line).collect();
        assert_eq!(lines, [1, 2, 3], "{error}");
        assert!(error.to_string().contains("no item has the id \"q\""), "{error}");
    }
}
