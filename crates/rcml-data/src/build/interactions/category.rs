//! The categories of items: which of a path's levels to group people by.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

/// What a list of categories means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum CategoryKind {
    /// A path from the general to the particular ("Baby", "Feeding", "Bottles"); one level of it counts.
    Path {
        /// Level from 0; `None` takes the first one that has as many categories, by effective number, as matter.
        level: Option<usize>,
    },
    /// A set of equals ("fantasy", "young adult"): all count, with equal parts.
    Set,
}

impl Default for CategoryKind {
    fn default() -> Self {
        Self::Path { level: None }
    }
}

/// Effective number of categories (exponential of the entropy of the interactions) from which a level can tell people apart.
const ENOUGH: f64 = 8.0;

/// The category lists of items, with each text stored once.
#[derive(Debug, Clone, Default)]
pub(crate) struct CategoryLists {
    texts: Vec<String>,
    numbers: HashMap<String, u32>,
    lists: Vec<Box<[u32]>>,
}

impl CategoryLists {
    pub(crate) fn push(&mut self, list: &[String]) {
        let number = |text: &String| match self.numbers.get(text) {
            Some(&number) => number,
            None => {
                let number = self.texts.len() as u32;
                self.texts.push(text.clone());
                self.numbers.insert(text.clone(), number);
                number
            }
        };
        let list = list.iter().map(number).collect();
        self.lists.push(list);
    }

    pub(crate) fn select(mut self, numbers: &[u32]) -> Self {
        self.lists = numbers.iter().map(|&number| std::mem::take(&mut self.lists[number as usize])).collect();
        self
    }

    /// The categories that people are grouped by. `popularity` has the number of interactions of each item; beyond `most`
    /// categories, those with the fewest interactions are left out.
    pub(crate) fn resolve(&self, kind: CategoryKind, popularity: &[u32], most: usize) -> Categories {
        let keys: Vec<Vec<&[u32]>> = match kind {
            CategoryKind::Set => self.lists.iter().map(|list| list.chunks(1).collect()).collect(),
            CategoryKind::Path { level: Some(level) } => self.at(level),
            CategoryKind::Path { level: None } => {
                let depth = self.lists.iter().map(|list| list.len()).max().unwrap_or(0);
                let scored = (0..depth).map(|level| (level, effective_number(&self.at(level), popularity)));
                let scored: Vec<(usize, f64)> = scored.collect();
                let enough = scored.iter().find(|(_, number)| *number >= ENOUGH);
                let best = || scored.iter().max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)));
                self.at(enough.or_else(best).map_or(0, |&(level, _)| level))
            }
        };
        self.number(&keys, popularity, most)
    }

    /// The part of each path that leads to `level`, or the whole path where it is shorter.
    fn at(&self, level: usize) -> Vec<Vec<&[u32]>> {
        let prefix = |list: &'_ [u32]| (!list.is_empty()).then(|| list.len().min(level + 1));
        self.lists.iter().map(|list| prefix(list).map(|end| &list[..end]).into_iter().collect()).collect()
    }

    fn number(&self, keys: &[Vec<&[u32]>], popularity: &[u32], most: usize) -> Categories {
        let mut weight: BTreeMap<&[u32], u64> = BTreeMap::new();
        for (keys, &popularity) in keys.iter().zip(popularity) {
            keys.iter().for_each(|&key| *weight.entry(key).or_default() += u64::from(popularity));
        }
        let name = |key: &[u32]| key.last().map_or("", |&last| self.texts[last as usize].as_str());
        let mut ranked: Vec<(&[u32], u64)> = weight.into_iter().collect();
        ranked.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| name(a.0).cmp(name(b.0))).then(a.0.cmp(b.0)));
        let left_out = ranked.len().saturating_sub(most);
        ranked.truncate(most);
        let mut seen: HashMap<&str, usize> = HashMap::new();
        ranked.iter().for_each(|(key, _)| *seen.entry(name(key)).or_default() += 1);
        // Two branches may end in the same word: "Accessories (Cameras)" and "Accessories (Phones)".
        let full = |key: &[u32]| match key {
            [.., parent, _] if seen[name(key)] > 1 => format!("{} ({})", name(key), self.texts[*parent as usize]),
            _ => name(key).to_owned(),
        };
        let names = ranked.iter().map(|(key, _)| full(key)).collect();
        let number: HashMap<&[u32], u32> = ranked.iter().zip(0..).map(|(&(key, _), number)| (key, number)).collect();
        let of_item = |keys: &Vec<&[u32]>| {
            let mut numbers: Vec<u32> = keys.iter().filter_map(|key| number.get(key).copied()).collect();
            numbers.sort_unstable();
            numbers.dedup();
            numbers.into_boxed_slice()
        };
        Categories { names, of_item: keys.iter().map(of_item).collect(), left_out }
    }
}

fn effective_number(keys: &[Vec<&[u32]>], popularity: &[u32]) -> f64 {
    let mut weight: BTreeMap<&[u32], f64> = BTreeMap::new();
    for (keys, &popularity) in keys.iter().zip(popularity) {
        keys.iter().for_each(|&key| *weight.entry(key).or_default() += f64::from(popularity));
    }
    let total: f64 = weight.values().sum();
    let entropy: f64 = weight.values().filter(|&&w| w > 0.0).map(|w| -(w / total) * (w / total).ln()).sum();
    entropy.exp()
}

/// The categories that people are grouped by, the most used first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Categories {
    pub(crate) names: Vec<String>,
    /// Categories of each item, ascending.
    pub(crate) of_item: Vec<Box<[u32]>>,
    /// Categories that were left out because they are too many.
    pub(crate) left_out: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lists(lists: &[&[&str]]) -> CategoryLists {
        let mut all = CategoryLists::default();
        lists.iter().for_each(|list| all.push(&list.iter().map(ToString::to_string).collect::<Vec<_>>()));
        all
    }

    #[test]
    fn a_path_is_cut_at_the_level_that_tells_people_apart() {
        let leaves: Vec<String> = (0..10).map(|i| format!("leaf {i}")).collect();
        let paths: Vec<Vec<&str>> =
            (0..20).map(|i| vec!["Baby", if i < 10 { "A" } else { "B" }, &leaves[i % 10]]).collect();
        let all = lists(&paths.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let categories = all.resolve(CategoryKind::default(), &[1; 20], 100);
        assert_eq!(categories.names.len(), 20);
        assert!(categories.names.contains(&"leaf 3 (A)".into()), "{:?}", categories.names);
        let two = all.resolve(CategoryKind::Path { level: Some(1) }, &[1; 20], 100);
        assert_eq!((two.names, two.of_item[0].as_ref()), (vec!["A".into(), "B".into()], &[0][..]));
        assert_eq!(all.resolve(CategoryKind::default(), &[1; 20], 5).left_out, 15);
    }

    #[test]
    fn short_paths_and_sets() {
        let all = lists(&[&["x", "y"], &["x"], &[], &["y", "x", "x"]]);
        let path = all.resolve(CategoryKind::Path { level: Some(1) }, &[5, 3, 1, 1], 9);
        assert_eq!(path.names, ["y", "x", "x (y)"]);
        assert_eq!(path.of_item.iter().map(|of| of.len()).collect::<Vec<_>>(), [1, 1, 0, 1]);
        let set = all.resolve(CategoryKind::Set, &[5, 3, 1, 1], 9);
        assert_eq!((set.names, set.of_item[3].as_ref()), (vec!["x".into(), "y".into()], &[0, 1][..]));
    }
}
