//! Several datasets about the same items, as one graph.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use super::draft::{Draft, attach};
use super::{Added, PruneOptions, carry};
use crate::build::interactions::slug;
use crate::{Dataset, Duplicates, Error, Relation, Result, Split};

/// How datasets are put together.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ComposeOptions {
    /// What is pruned in the whole; nothing by default.
    pub prune: Option<PruneOptions>,
    /// Whether items without an edge are left out.
    pub drop_isolated: bool,
}

/// Several datasets as one.
#[derive(Debug, Clone, Default)]
pub struct Composed {
    /// The whole, with all relations.
    pub dataset: Dataset,
    /// Its relations, and where the items come from.
    pub added: Added,
    /// Files that are not in the first dataset's folder, by the names that the whole has for them.
    elsewhere: BTreeMap<String, PathBuf>,
    /// Where the datasets come from.
    roots: Vec<PathBuf>,
}

impl Composed {
    /// Writes the whole into `out`, with the pictures and arrays of all datasets.
    ///
    /// # Errors
    /// The file system's, and an `out` that holds the tables in another format.
    pub fn write(&mut self, out: &Path) -> Result<()> {
        carry::files(&self.dataset, &self.elsewhere, out)?;
        Duplicates::carry(&self.dataset, &self.roots, out)?;
        self.dataset.write(out)?;
        self.dataset.root = out.to_path_buf();
        Ok(())
    }
}

/// Puts datasets together: items of one id are one item, with the fields of the first that has them; relations stay apart, and
/// two of one id get the name of their dataset behind it. Equal relations (id, descriptions, symmetry) become one.
///
/// # Errors
/// No datasets; items of one id whose labels or splits differ; two arrays of one name; nothing left.
pub fn compose(datasets: Vec<Dataset>, options: &ComposeOptions) -> Result<Composed> {
    let mut datasets = datasets.into_iter();
    let Some(mut whole) = datasets.next() else { return Err(Error::input("there is no dataset to compose")) };
    let mut index: HashMap<String, u32> =
        whole.items.iter().zip(0..).map(|(item, number)| (item.id.clone(), number)).collect();
    let mut splits = Splits::new();
    let mut drafts = Vec::new();
    for (draft, fixed) in take_drafts(&mut whole) {
        hold(&mut splits, &draft.relation, fixed);
        drafts.push(draft);
    }
    let (mut elsewhere, mut roots) = (BTreeMap::new(), vec![whole.root.clone()]);
    let mut notes = Vec::new();
    for mut other in datasets {
        let (name, root) = (other.name(), other.root.clone());
        roots.push(root.clone());
        let others = take_drafts(&mut other);
        let mut numbers = Vec::with_capacity(other.items.len());
        let known = whole.items.len();
        for (modality, mut info) in std::mem::take(&mut other.info.modalities) {
            if whole.info.modalities.contains_key(&modality) {
                return Err(Error::input(format!(
                    "{name}: there is an array {modality:?} already: rename one of the two"
                )));
            }
            info.file = adopt(&mut elsewhere, &root, &name, &info.file);
            whole.info.modalities.insert(modality, info);
        }
        for mut item in other.items {
            match index.get(&item.id) {
                Some(&number) => {
                    if whole.items[number as usize].image.is_none() {
                        item.image = item.image.map(|image| adopt(&mut elsewhere, &root, &name, &image));
                    }
                    merge(&mut whole.items[number as usize], item, &name)?;
                    numbers.push(number);
                }
                None => {
                    item.image = item.image.map(|image| adopt(&mut elsewhere, &root, &name, &image));
                    let number = whole.items.len() as u32;
                    index.insert(item.id.clone(), number);
                    whole.items.push(item);
                    numbers.push(number);
                }
            }
        }
        notes.push(format!("{name}: {} items, of which {} are new", numbers.len(), whole.items.len() - known));
        for (mut draft, mut fixed) in others {
            let at = |item: u32| numbers[item as usize];
            draft.edges.iter_mut().for_each(|edge| (edge.0, edge.1) = (at(edge.0), at(edge.1)));
            fixed.iter_mut().for_each(|edge| (edge.0, edge.1) = (at(edge.0), at(edge.1)));
            let joined = join(&mut drafts, draft, &name);
            hold(&mut splits, &drafts[joined].relation, fixed);
        }
    }
    let none = PruneOptions { support: 0, degree: 0 };
    let added = attach(&mut whole, drafts, options.prune.as_ref().unwrap_or(&none), notes)?;
    restore(&mut whole, &splits);
    if options.drop_isolated {
        drop_isolated(&mut whole)?;
    }
    Ok(Composed { dataset: whole, added, elsewhere, roots })
}

/// Of each relation, by its id: what its edges say, and the split that a file fixed for that.
type Splits = HashMap<String, HashMap<(u32, u32), Split>>;

/// Edges (source, target) that a file fixed the split of.
type Fixed = Vec<(u32, u32, Split)>;

/// What an edge says, whichever way round a symmetric one is written.
fn said(relation: &Relation, a: u32, b: u32) -> (u32, u32) {
    if relation.symmetric { (a.min(b), a.max(b)) } else { (a, b) }
}

/// Notes the splits of a relation's edges. Of two for one statement, the one that is held out longer counts, as everywhere:
/// what one dataset tests on must not be trained on because another one has it as well.
fn hold(splits: &mut Splits, relation: &Relation, fixed: Fixed) {
    if fixed.is_empty() {
        return;
    }
    let of_relation = splits.entry(relation.id.clone()).or_default();
    for (a, b, split) in fixed {
        let held = of_relation.entry(said(relation, a, b)).or_insert(split);
        *held = split.max(*held);
    }
}

/// A file of another dataset gets a folder of its own: both may have an `images/1.jpg`.
fn adopt(elsewhere: &mut BTreeMap<String, PathBuf>, root: &Path, name: &str, file: &str) -> String {
    let mut place = format!("{}/{file}", slug(name));
    while elsewhere.get(&place).is_some_and(|from| *from != root.join(file)) {
        place.insert(0, '_');
    }
    elsewhere.insert(place.clone(), root.join(file));
    place
}

/// Takes the relations with their edges out of a dataset, and with the splits that are fixed.
fn take_drafts(dataset: &mut Dataset) -> Vec<(Draft, Fixed)> {
    let relations = std::mem::take(&mut dataset.relations);
    let mut drafts: Vec<(Draft, Fixed)> =
        relations.into_iter().map(|relation| (Draft { relation, edges: Vec::new() }, Fixed::new())).collect();
    for edge in std::mem::take(&mut dataset.edges) {
        if let Some((draft, fixed)) = drafts.get_mut(edge.relation as usize) {
            draft.edges.push((edge.source, edge.target, edge.weight));
            fixed.extend(edge.split.map(|split| (edge.source, edge.target, split)));
        }
    }
    drafts
}

/// Puts edges back where they were fixed.
fn restore(dataset: &mut Dataset, splits: &Splits) {
    let of_relations: Vec<_> = dataset.relations.iter().map(|relation| splits.get(&relation.id)).collect();
    for edge in &mut dataset.edges {
        let relation = edge.relation as usize;
        let statement = said(&dataset.relations[relation], edge.source, edge.target);
        edge.split = of_relations[relation].and_then(|fixed| fixed.get(&statement)).copied();
    }
}

/// Appends a draft, or its edges to an equal relation; returns where it is then.
fn join(drafts: &mut Vec<Draft>, mut draft: Draft, name: &str) -> usize {
    match drafts.iter().position(|other| other.relation.id == draft.relation.id) {
        Some(at)
            if drafts[at].relation.descriptions == draft.relation.descriptions
                && drafts[at].relation.symmetric == draft.relation.symmetric =>
        {
            drafts[at].edges.append(&mut draft.edges);
            return at;
        }
        Some(_) => draft.relation.id = format!("{}-{}", draft.relation.id, slug(name)),
        None => {}
    }
    drafts.push(draft);
    drafts.len() - 1
}

fn merge(item: &mut crate::Item, other: crate::Item, name: &str) -> Result<()> {
    let differ = |what: &str, one: &dyn std::fmt::Debug, two: &dyn std::fmt::Debug| {
        Err(Error::input(format!("{name}: item {:?} has the {what} {two:?}, and {one:?} elsewhere", other.id)))
    };
    if let (Some(one), Some(two)) = (&item.split, &other.split)
        && one != two
    {
        return differ("split", one, two);
    }
    if let (Some(one), Some(two)) = (&item.label, &other.label)
        && one != two
    {
        return differ("label", one, two);
    }
    item.split = item.split.or(other.split);
    item.label = item.label.take().or(other.label);
    item.text = item.text.take().or(other.text);
    item.image = item.image.take().or(other.image);
    for (modality, row) in other.features {
        item.features.entry(modality).or_insert(row);
    }
    for (attribute, value) in other.attributes {
        item.attributes.entry(attribute).or_insert(value);
    }
    Ok(())
}

fn drop_isolated(dataset: &mut Dataset) -> Result<()> {
    let mut linked = vec![false; dataset.items.len()];
    dataset.edges.iter().flat_map(|e| [e.source, e.target]).for_each(|item| linked[item as usize] = true);
    let numbers: Vec<u32> = linked
        .iter()
        .scan(0, |next, &linked| {
            let number = *next;
            *next += u32::from(linked);
            Some(number)
        })
        .collect();
    if !linked.contains(&true) {
        return Err(Error::input("no item has an edge"));
    }
    let mut kept = linked.iter();
    dataset.items.retain(|_| kept.next().copied().unwrap_or(false));
    for edge in &mut dataset.edges {
        (edge.source, edge.target) = (numbers[edge.source as usize], numbers[edge.target as usize]);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Edge, Item};

    fn dataset(name: &str, items: &[&str], relation: (&str, &str), edges: &[(u32, u32)]) -> Dataset {
        let mut dataset = Dataset { root: name.into(), ..Dataset::default() };
        dataset.items = items.iter().map(|id| Item::new(*id).text(format!("{id} in {name}"))).collect();
        dataset.relations = vec![Relation::new(relation.0, relation.1)];
        dataset.edges = edges.iter().map(|&(a, b)| Edge::new(0, a, b)).collect();
        dataset
    }

    #[test]
    fn one_graph_of_three() {
        let one = dataset("one", &["a", "b"], ("r", "goes with"), &[(0, 1)]);
        let two = dataset("two", &["b", "c"], ("r", "goes with"), &[(0, 1)]);
        let three = dataset("three", &["c", "d", "a"], ("r", "clashes with"), &[(2, 0)]);
        let Composed { dataset: whole, added, .. } =
            compose(vec![one, two, three], &ComposeOptions::default()).unwrap();
        let ids: Vec<&str> = whole.items.iter().map(|item| item.id.as_str()).collect();
        assert_eq!(ids, ["a", "b", "c", "d"]);
        assert_eq!(whole.items[1].text.as_deref(), Some("b in one"));
        assert_eq!(added.relations, [("r".to_owned(), 2), ("r-three".to_owned(), 1)]);
        let edges: Vec<_> = whole.edges.iter().map(|e| (e.relation, e.source, e.target)).collect();
        assert_eq!(edges, [(0, 0, 1), (0, 1, 2), (1, 0, 2)]);
        assert_eq!(added.notes[1], "three: 3 items, of which 1 are new");
    }

    #[test]
    fn an_edge_that_one_dataset_holds_out_is_held_out_in_the_whole() {
        let fixed = |name: &str, symmetric, edge: (u32, u32), split| {
            let mut data = dataset(name, &["a", "b", "c"], ("r", "goes with"), &[edge]);
            data.relations[0].symmetric = symmetric;
            data.edges[0].split = split;
            data
        };
        let (test, train, validation) = (Some(Split::Test), Some(Split::Train), Some(Split::Validation));
        for (symmetric, back, one, two, expected) in [
            (false, false, test, train, vec![test]),
            (false, false, train, test, vec![test]),
            (true, true, test, train, vec![test]),
            (true, true, train, validation, vec![validation]),
            (true, true, test, None, vec![test]),
            // Of a directed relation, the other direction says something else.
            (false, true, test, train, vec![test, train]),
        ] {
            let other = if back { (1, 0) } else { (0, 1) };
            for swap in [false, true] {
                let mut both = vec![fixed("one", symmetric, (0, 1), one), fixed("two", symmetric, other, two)];
                if swap {
                    both.reverse();
                }
                let whole = compose(both, &ComposeOptions::default()).unwrap().dataset;
                let splits: Vec<_> = whole.edges.iter().map(|edge| edge.split).collect();
                assert_eq!(splits, expected, "{symmetric} {back} {one:?} {two:?} {swap}");
            }
        }
    }

    #[test]
    fn what_contradicts_itself_is_refused_and_the_isolated_can_go() {
        let mut one = dataset("one", &["a", "b", "z"], ("r", "goes with"), &[(0, 1)]);
        let mut two = dataset("two", &["b"], ("s", "goes with"), &[]);
        one.items[1].split = Some(Split::Train);
        two.items[0].split = Some(Split::Test);
        let error = compose(vec![one.clone(), two], &ComposeOptions::default()).unwrap_err().to_string();
        assert!(error.contains("item \"b\" has the split Test, and Train elsewhere"), "{error}");
        let options = ComposeOptions { drop_isolated: true, ..ComposeOptions::default() };
        let whole = compose(vec![one], &options).unwrap().dataset;
        assert_eq!(whole.items.iter().map(|item| item.id.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn pictures_of_both_and_fixed_edges_stay() {
        let dir = tempfile::tempdir().unwrap();
        let with_picture = |name: &str, id: &str| {
            let root = dir.path().join(name);
            std::fs::create_dir_all(root.join("images")).unwrap();
            std::fs::write(root.join("images/1.png"), name).unwrap();
            let pair = format!("{{\"a\":\"shared\",\"b\":\"{id}\"}}\n{{\"a\":\"{id}\",\"b\":\"gone\"}}\n");
            std::fs::write(root.join("duplicates.jsonl"), pair).unwrap();
            let mut data = dataset(name, &["shared", id], ("r", "goes with"), &[(0, 1)]);
            data.root = root;
            data.items[1].image = Some("images/1.png".into());
            data.edges[0].split = Some(Split::Test);
            data
        };
        let both = vec![with_picture("one", "a"), with_picture("two", "b")];
        let mut composed = compose(both, &ComposeOptions::default()).unwrap();
        assert!(composed.dataset.edges.iter().all(|edge| edge.split == Some(Split::Test)));
        let out = dir.path().join("out");
        composed.write(&out).unwrap();
        let picture = |item: usize| {
            let name = composed.dataset.items[item].image.clone().unwrap();
            (std::fs::read_to_string(out.join(&name)).unwrap(), name)
        };
        assert_eq!(picture(1), ("one".into(), "images/1.png".into()));
        assert_eq!(picture(2), ("two".into(), "two/images/1.png".into()));
        let pairs = std::fs::read_to_string(out.join("duplicates.jsonl")).unwrap();
        assert_eq!(pairs.lines().count(), 2, "a pair of each, none about an item that there is not: {pairs}");
    }
}
