//! "Has the same brand as it, but another size": relations from attributes that items share.

mod phrasing;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

use super::draft::{Draft, attach, distinct_ids};
use super::words::list;
use super::{Added, PruneOptions, ring};
use crate::{Dataset, Error, Item, Result};
use phrasing::{Named, of_rule, of_value};

/// What two items must have in common, and what must differ.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AttributeRule {
    /// Attributes with equal values (with a common one, where an item has several); at least one.
    pub same: Vec<String>,
    /// Attributes that both have, with values of which none is common.
    pub differ: Vec<String>,
}

impl AttributeRule {
    /// Reads "brand category !size": names apart by blanks, `!` before those that must differ. `label` is the item's label;
    /// `a.b` looks into an object.
    ///
    /// # Errors
    /// A rule without an attribute to share.
    pub fn parse(text: &str) -> Result<Self> {
        let mut rule = Self::default();
        for word in text.split_whitespace() {
            match word.strip_prefix('!') {
                Some("") => return Err(Error::input(format!("rule {text:?}: expected a name right behind each !"))),
                Some(name) => rule.differ.push(name.into()),
                None => rule.same.push(word.into()),
            }
        }
        if rule.same.is_empty() {
            return Err(Error::input(format!("rule {text:?}: expected at least one attribute that items share")));
        }
        Ok(rule)
    }
}

/// How relations are made from attributes.
#[derive(Debug, Clone, PartialEq)]
pub struct AttributeOptions {
    /// Each makes a relation.
    pub rules: Vec<AttributeRule>,
    /// Whether each value makes a relation of its own: "the brand of both is Graco".
    pub per_value: bool,
    /// What stands between the values of one text, such as `;`; without it a text is one value.
    pub separator: Option<String>,
    /// A value that more than this share of the items has says nothing and is left out.
    pub most_share: f64,
    /// Seed of the pairs that are drawn of large groups.
    pub seed: u64,
    /// Edges of an item, and of a relation.
    pub prune: PruneOptions,
}

impl Default for AttributeOptions {
    fn default() -> Self {
        let prune = PruneOptions { degree: 20, ..PruneOptions::default() };
        Self { rules: Vec::new(), per_value: false, separator: None, most_share: 0.3, seed: 0, prune }
    }
}

/// Adds the relations of the rules. Of a group with more members than an item may have edges, pairs are drawn.
///
/// # Errors
/// No rules, a share outside (0, 1], an empty separator, an attribute that no item has, a relation that is there already; no
/// relation to add.
pub fn add_attributes(dataset: &mut Dataset, options: &AttributeOptions) -> Result<Added> {
    if options.rules.is_empty() {
        return Err(Error::input("there is no rule: expected at least one, such as \"brand !size\""));
    }
    if !(options.most_share > 0.0 && options.most_share <= 1.0) {
        let found = options.most_share;
        return Err(Error::input(format!("--max-share: expected above 0 and at most 1, found {found}")));
    }
    if options.separator.as_ref().is_some_and(String::is_empty) {
        return Err(Error::input("separator: expected what stands between values, such as \";\", found nothing"));
    }
    let (mut drafts, mut notes) = (Vec::new(), Vec::new());
    for (number, rule) in options.rules.iter().enumerate() {
        let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
        rng.set_stream(number as u64);
        drafts.extend(draft(dataset, rule, options, &mut rng, &mut notes)?);
    }
    attach(dataset, drafts, &options.prune, notes)?.or_nothing(&options.prune)
}

fn draft(
    dataset: &Dataset,
    rule: &AttributeRule,
    options: &AttributeOptions,
    rng: &mut ChaCha8Rng,
    notes: &mut Vec<String>,
) -> Result<Vec<Draft>> {
    let values = |item: &Item, name: &str| values(item, name, options.separator.as_deref());
    for name in rule.same.iter().chain(&rule.differ) {
        if !dataset.items.iter().any(|item| !values(item, name).is_empty()) {
            let known: BTreeSet<&str> =
                dataset.items.iter().flat_map(|item| item.attributes.keys()).map(String::as_str).collect();
            let known = known.into_iter().collect::<Vec<_>>().join(", ");
            return Err(Error::input(format!("no item has the attribute {name:?}; there are label, {known}")));
        }
    }
    let mut groups: BTreeMap<Vec<String>, Vec<u32>> = BTreeMap::new();
    for (item, number) in dataset.items.iter().zip(0..) {
        for key in keys(&rule.same, |name| values(item, name)) {
            groups.entry(key).or_default().push(number);
        }
    }
    let most = (options.most_share * dataset.items.len() as f64).floor() as usize;
    let before = groups.len();
    groups.retain(|_, members| members.len() <= most.max(2));
    if groups.len() < before {
        let names = list(&rule.same);
        let (left_out, percent) = (before - groups.len(), options.most_share * 100.0);
        notes.push(format!(
            "{names}: {left_out} values that more than {percent} % of the items have are left out (--max-share)"
        ));
    }
    let differing: Vec<Vec<BTreeSet<String>>> = rule
        .differ
        .iter()
        .map(|name| dataset.items.iter().map(|item| values(item, name).into_iter().collect()).collect())
        .collect();
    let differ = |a: u32, b: u32| {
        differing.iter().all(|of| {
            let (a, b) = (&of[a as usize], &of[b as usize]);
            !a.is_empty() && !b.is_empty() && a.is_disjoint(b)
        })
    };
    // Only an item that has all of them differs from another one in them.
    let has_all = |item: u32| differing.iter().all(|of| !of[item as usize].is_empty());
    let mut numbers: HashMap<Vec<&BTreeSet<String>>, u32> = HashMap::new();
    let kinds: Vec<Option<u32>> = (0..dataset.items.len())
        .map(|item| {
            let next = numbers.len() as u32;
            let kind: Vec<_> = differing.iter().map(|of| &of[item]).collect();
            (!kind.is_empty()).then(|| *numbers.entry(kind).or_insert(next))
        })
        .collect();
    let is_list = |name: &str| dataset.items.iter().any(|item| values(item, name).len() > 1);
    let named = |name: &String| Named::new(name, is_list(name));
    let same: Vec<Named> = rule.same.iter().map(named).collect();
    let other: Vec<Named> = rule.differ.iter().map(named).collect();
    let mut whole = Draft { relation: of_rule(&same, &other), edges: Vec::new() };
    let mut drafts = Vec::new();
    let mut cut = 0;
    for (key, members) in groups.iter_mut().filter(|(_, members)| members.len() > 1) {
        members.retain(|&member| has_all(member));
        let drawn = ring::pairs(members, options.prune.degree, rng, |item| kinds[item as usize], differ);
        cut += usize::from(drawn.is_cut);
        let edges = drawn.pairs.into_iter().map(|(a, b)| (a, b, 1.0));
        if options.per_value {
            drafts.push(Draft { relation: of_value(&same, &other, key), edges: edges.collect() });
        } else {
            whole.edges.extend(edges);
        }
    }
    if cut > 0 {
        let names = list(&rule.same);
        notes.push(format!("{names}: of {cut} values that many items have, some pairs were not looked at"));
    }
    if !options.per_value {
        drafts.push(whole);
    }
    distinct_ids(&mut drafts);
    Ok(drafts)
}

/// The values of an attribute; texts without regard to case and blanks around them, parted at the separator.
fn values(item: &Item, name: &str, separator: Option<&str>) -> Vec<String> {
    let parted = |text: &str| -> Vec<String> {
        let parts: Vec<&str> = separator.map_or_else(|| vec![text], |separator| text.split(separator).collect());
        // Dashes stand for no value.
        let is_value = |part: &String| !part.chars().all(|c| matches!(c, '-' | '–' | '—'));
        parts.into_iter().map(|part| part.trim().to_lowercase()).filter(is_value).collect()
    };
    fn flat(value: &Value, parted: &dyn Fn(&str) -> Vec<String>) -> Vec<String> {
        match value {
            Value::String(text) => parted(text),
            Value::Number(number) => vec![number.to_string()],
            Value::Bool(flag) => vec![flag.to_string()],
            Value::Array(values) => values.iter().flat_map(|value| flat(value, parted)).collect(),
            _ => Vec::new(),
        }
    }
    if name == "label" {
        return item.label.iter().flat_map(|label| parted(label)).collect();
    }
    let direct = item.attributes.get(name);
    let nested = || {
        let mut parts = name.split('.');
        let first = item.attributes.get(parts.next()?)?;
        parts.try_fold(first, |value, part| value.get(part))
    };
    direct.or_else(nested).map(|value| flat(value, &parted)).unwrap_or_default()
}

/// Every combination of values of the attributes.
fn keys(names: &[String], values: impl Fn(&str) -> Vec<String>) -> BTreeSet<Vec<String>> {
    let mut keys = BTreeSet::from([Vec::new()]);
    for name in names {
        let values = values(name);
        let longer = |key: &Vec<String>| {
            values.iter().map(|value| [key.as_slice(), std::slice::from_ref(value)].concat()).collect::<Vec<_>>()
        };
        keys = keys.iter().flat_map(longer).collect();
    }
    keys
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Relation;

    fn shop() -> Dataset {
        let item = |(id, brand, size, tags): (&str, &str, &str, Value)| {
            let mut item = Item::new(id).text(id);
            item.attributes.insert("brand".into(), json!(brand));
            item.attributes.insert("packSize".into(), json!(size));
            item.attributes.insert("tags".into(), tags);
            item
        };
        let items = [
            ("a", "Graco", "S", json!(["x", "y"])),
            ("b", "graco ", "M", json!(["y"])),
            ("c", "Graco", "S", json!(["z"])),
            ("d", "Munchkin", "M", json!([])),
            ("e", "Munchkin", "L", json!(["x"])),
            ("f", "", "S", json!(null)),
        ];
        Dataset { items: items.map(item).to_vec(), ..Dataset::default() }
    }

    fn built(rule: &str, per_value: bool) -> Result<(Dataset, Added)> {
        let mut dataset = shop();
        let options = AttributeOptions {
            rules: vec![AttributeRule::parse(rule)?],
            per_value,
            most_share: 0.6,
            prune: PruneOptions { support: 1, degree: 10 },
            ..AttributeOptions::default()
        };
        let added = add_attributes(&mut dataset, &options)?;
        Ok((dataset, added))
    }

    fn edges(dataset: &Dataset) -> Vec<(u32, u32, u32)> {
        dataset.edges.iter().map(|e| (e.relation, e.source, e.target)).collect()
    }

    #[test]
    fn same_brand_other_size() {
        let (dataset, _) = built("brand !packSize", false).unwrap();
        assert_eq!(edges(&dataset), [(0, 0, 1), (0, 1, 2), (0, 3, 4)]);
        let relation = &dataset.relations[0];
        assert_eq!((relation.id.as_str(), relation.symmetric), ("same-brand-other-pack-size", true));
        assert_eq!(relation.description(), "has the same brand as it, but another pack size");
        assert_eq!(relation.descriptions.len(), 4);
        let (dataset, _) = built("brand packSize", false).unwrap();
        assert_eq!(
            (edges(&dataset), dataset.relations[0].description()),
            (vec![(0, 0, 2)], "has the same brand and pack size as it")
        );
    }

    #[test]
    fn what_few_items_have_is_not_looked_for_in_all() {
        let item = |i: u32| {
            let mut item = Item::new(format!("{i}")).text("x");
            item.attributes.insert("category".into(), json!("lamp"));
            if i.is_multiple_of(20) {
                item.attributes.insert("size".into(), json!(if i.is_multiple_of(200) { "large" } else { "small" }));
            }
            item
        };
        let mut dataset = Dataset { items: (0..20_000).map(item).collect(), ..Dataset::default() };
        let options = AttributeOptions {
            rules: vec![AttributeRule::parse("category !size").unwrap()],
            most_share: 1.0,
            ..AttributeOptions::default()
        };
        let start = std::time::Instant::now();
        add_attributes(&mut dataset, &options).unwrap();
        println!("20000 items of one category: {:?}", start.elapsed());
        // Every one of the 100 large ones has the 20 small ones that it may have.
        assert_eq!(dataset.edges.len(), 2000);
        assert!(start.elapsed().as_secs() < 10, "{:?}", start.elapsed());
    }

    #[test]
    fn several_values_and_a_relation_for_each() {
        let (dataset, _) = built("tags", true).unwrap();
        assert_eq!(edges(&dataset), [(0, 0, 4), (1, 0, 1)]);
        assert_eq!(dataset.relations[1].description(), "both have the tag y");
    }

    #[test]
    fn of_several_values_one_is_shared() {
        let said = |rule: &str| built(rule, false).unwrap().0.relations[0].descriptions.clone();
        assert_eq!(
            said("tags"),
            [
                "has one of the same tags as it",
                "shares one of its tags",
                "is linked to it by a common tag",
                "what they have in common is the tag"
            ]
        );
        assert_eq!(said("brand tags")[0], "has the same brand and one of the same tags as it");
        assert_eq!(said("packSize !tags")[1], "shares its pack size, but no common tag");
    }

    #[test]
    fn a_text_is_parted_at_a_separator() {
        let mut dataset = shop();
        for (item, makers) in dataset.items.iter_mut().zip(["Ann; Bob", "bob;Cy", "Cy ;; Ann", "Dee; -", "-", ";"]) {
            item.attributes.insert("makers".into(), json!(makers));
        }
        let options = AttributeOptions {
            rules: vec![AttributeRule::parse("makers").unwrap()],
            separator: Some(";".into()),
            prune: PruneOptions { support: 1, degree: 10 },
            ..AttributeOptions::default()
        };
        let mut whole = dataset.clone();
        add_attributes(&mut whole, &AttributeOptions { most_share: 0.5, ..options.clone() }).unwrap();
        assert_eq!(edges(&whole), [(0, 0, 1), (0, 0, 2), (0, 1, 2)]);
        assert_eq!(whole.relations[0].description(), "has one of the same makers as it");
        let mut apart = dataset.clone();
        let nothing = add_attributes(&mut apart, &AttributeOptions { separator: None, ..options.clone() });
        let nothing = nothing.unwrap_err();
        assert!(nothing.is_input() && apart.edges.is_empty(), "no two texts are the same");
        let expected = "no relation is left: no two items are alike";
        assert_eq!(nothing.to_string(), expected);
        let error = add_attributes(&mut dataset, &AttributeOptions { separator: Some(String::new()), ..options });
        assert!(error.unwrap_err().to_string().starts_with("separator: expected"));
    }

    #[test]
    fn nothing_to_add_is_an_error_that_names_what_left_it_out() {
        let mut dataset = shop();
        dataset.items.truncate(3);
        let rules = vec![AttributeRule::parse("brand").unwrap()];
        let error =
            add_attributes(&mut dataset, &AttributeOptions { rules, ..AttributeOptions::default() }).unwrap_err();
        let expected = "no relation is left: brand: 1 values that more than 30 % of the items have are left out \
                        (--max-share); 1 relations have fewer than 2 edges (--min-edges)";
        assert_eq!(error.to_string(), expected);
        assert!(error.is_input() && dataset.relations.is_empty());
    }

    #[test]
    fn values_that_differ_in_signs_alone_stay_apart() {
        let mut dataset = shop();
        for (item, tag) in dataset.items.iter_mut().zip(["c", "c++", "c", "c++", "c 2", "c 2"]) {
            item.attributes.insert("tags".into(), json!(tag));
        }
        let options = AttributeOptions {
            rules: vec![AttributeRule::parse("tags").unwrap()],
            per_value: true,
            most_share: 0.5,
            prune: PruneOptions { support: 1, degree: 10 },
            ..AttributeOptions::default()
        };
        let added = add_attributes(&mut dataset, &options).unwrap();
        let ids: Vec<&str> = added.relations.iter().map(|(id, _)| id.as_str()).collect();
        assert_eq!(ids, ["tags-c", "tags-c-2", "tags-c-3"]);
        let said: Vec<&str> = dataset.relations.iter().map(Relation::description).collect();
        assert_eq!(said, ["both have the tags c", "both have the tags c 2", "both have the tags c++"]);
        assert_eq!(edges(&dataset), [(0, 0, 2), (1, 4, 5), (2, 1, 3)]);
    }

    #[test]
    fn what_cannot_be_is_said() {
        let message = |rule: &str| built(rule, false).unwrap_err().to_string();
        assert!(message("colour").contains("no item has the attribute \"colour\"; there are label, brand"));
        assert!(message("!brand").contains("at least one attribute"));
        let mut dataset = built("brand", false).unwrap().0;
        let options = AttributeOptions {
            rules: vec![AttributeRule::parse("brand").unwrap()],
            most_share: 0.6,
            ..AttributeOptions::default()
        };
        assert!(add_attributes(&mut dataset, &options).unwrap_err().to_string().contains("\"same-brand\" already"));
        assert!(add_attributes(&mut shop(), &AttributeOptions { most_share: 0.0, ..options }).is_err());
    }
}
