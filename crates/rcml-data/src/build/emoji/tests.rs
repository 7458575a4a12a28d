use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::Split;

fn built(options: &EmojiOptions) -> (tempfile::TempDir, Dataset) {
    let dir = tempfile::tempdir().unwrap();
    let dataset = build_emoji(dir.path(), options).unwrap();
    (dir, dataset)
}

fn assembled(options: &EmojiOptions) -> Dataset {
    assemble(Path::new(""), options).unwrap().0
}

fn item(dataset: &Dataset, id: &str) -> u32 {
    *dataset.item_index().get(id).unwrap_or_else(|| panic!("no item {id}"))
}

fn holds(dataset: &Dataset, relation: &str, a: &str, b: &str) -> bool {
    let relation = dataset.relation_index()[relation];
    let (a, b) = (item(dataset, a), item(dataset, b));
    dataset.edges.iter().any(|e| e.relation == relation && (e.source, e.target) == (a, b))
}

#[test]
fn it_is_complete_and_clean() {
    let (dir, dataset) = built(&EmojiOptions::default());
    let base = dataset.items.iter().filter(|i| !i.attributes.contains_key("base")).count();
    assert_eq!(base, 1914);
    let of = |family: &str| {
        let members: BTreeSet<u32> = (0u32..)
            .zip(&dataset.relations)
            .filter(|(_, r)| r.family.as_deref() == Some(family))
            .map(|(i, _)| i)
            .collect();
        (members.len(), dataset.edges.iter().filter(|e| members.contains(&e.relation)).count())
    };
    let ((seen, a), (lexical, b)) = (of("keyword"), of("keyword-lexical"));
    assert!((540..600).contains(&(seen + lexical)) && (30_000..34_000).contains(&(a + b)), "{seen} {lexical} {a} {b}");
    assert!(lexical > 50 && seen > 250, "{seen} {lexical}");
    assert!((90..110).contains(&of("kind").0));
    assert_eq!(of("person").0, 3);
    assert!(of("person").1 > 500);
    assert_eq!(of("skin-tone").0, 6);
    assert_eq!(dataset.item_index().len(), dataset.items.len(), "ids are unique");
    assert_eq!(dataset.relation_index().len(), dataset.relations.len());
    for relation in &dataset.relations {
        let distinct: BTreeSet<_> = relation.descriptions.iter().collect();
        assert!(distinct.len() >= 4 && distinct.len() == relation.descriptions.len(), "{}", relation.id);
    }
    for item in &dataset.items {
        assert!(item.text.as_ref().is_some_and(|t| !t.is_empty()) && item.label.is_some());
        assert!(item.id.is_ascii() || item.id.chars().all(|c| c.is_alphanumeric() || c == '-'), "{}", item.id);
    }
    assert!(Dataset::check(dir.path()).unwrap().is_empty(), "every picture decodes");
    assert!(std::fs::read_to_string(dir.path().join("ATTRIBUTION.txt")).unwrap().contains("CC-BY 4.0"));
    let read = Dataset::open(dir.path()).unwrap();
    assert_eq!((read.items, read.relations, read.edges), (dataset.items, dataset.relations, dataset.edges));
}

#[test]
fn relations_say_what_they_mean() {
    let dataset = assembled(&EmojiOptions { tones: 5, ..EmojiOptions::default() });
    assert!(holds(&dataset, "kind-animal", "dog-face", "octopus"));
    assert!(holds(&dataset, "kind-mammal", "dog-face", "cat"));
    assert!(!holds(&dataset, "kind-mammal", "dog-face", "octopus"));
    assert!(holds(&dataset, "person-as-woman", "man-farmer", "woman-farmer"));
    assert!(!holds(&dataset, "person-as-woman", "woman-farmer", "man-farmer"));
    assert!(holds(&dataset, "person-as-person", "princess", "person-with-crown"));
    assert!(holds(&dataset, "tone-dark", "waving-hand", "waving-hand-dark-skin-tone"));
    assert!(!holds(&dataset, "tone-dark", "waving-hand-dark-skin-tone", "waving-hand"));
    let love = &dataset.relations[dataset.relation_index()["keyword-love"] as usize];
    assert_eq!((love.description(), love.symmetric), ("both are about love", true));
}

#[test]
fn near_duplicates_share_a_split() {
    let (dataset, entries) = assemble(Path::new(""), &EmojiOptions::default()).unwrap();
    let index = dataset.item_index();
    let mut pictures = BTreeMap::new();
    for (item, entry) in dataset.items.iter().zip(&entries) {
        if let Some(base) = item.attributes.get("base").and_then(|v| v.as_str()) {
            assert_eq!(item.split, dataset.items[index[base] as usize].split, "{}", item.id);
        }
        assert_eq!(*pictures.entry(entry.png).or_insert(item.split), item.split, "{}", item.id);
    }
    let mut edges = BTreeMap::new();
    for edge in &dataset.edges {
        let (a, b) = (&dataset.items[edge.source as usize], &dataset.items[edge.target as usize]);
        let relation = &dataset.relations[edge.relation as usize];
        if matches!(relation.family.as_deref(), Some("person" | "skin-tone")) {
            assert_eq!(a.split, b.split, "{} {}", a.id, b.id);
        }
        if a.split == b.split {
            *edges.entry((relation.family.clone(), a.split)).or_insert(0) += 1;
        }
    }
    for family in ["keyword", "keyword-lexical", "kind", "person", "skin-tone"] {
        for split in [Split::Train, Split::Validation, Split::Test] {
            assert!(edges.get(&(Some(family.into()), Some(split))).is_some_and(|n| *n > 10), "{family} {split:?}");
        }
    }
    let share =
        |split| dataset.items.iter().filter(|i| i.split == Some(split)).count() as f64 / dataset.items.len() as f64;
    assert!((share(Split::Test) - 0.2).abs() < 0.005 && (share(Split::Validation) - 0.08).abs() < 0.005);
}

#[test]
fn unseen_keywords_were_not_seen_under_another_name() {
    let dataset = assembled(&EmojiOptions::default());
    let keywords = dataset.relations.iter().filter(|r| r.id.starts_with("keyword-"));
    let (unseen, seen): (Vec<_>, Vec<_>) = keywords.partition(|r| r.split == Some(Split::Test));
    let share = unseen.len() as f64 / (unseen.len() + seen.len()) as f64;
    assert!((share - 0.15).abs() < 0.01, "{share}");
    assert!(dataset.relations.iter().all(|r| r.id.starts_with("keyword-") || r.split != Some(Split::Test)));
    for relation in unseen {
        let word = relation.id.trim_start_matches("keyword-");
        for other in &dataset.relations {
            let says = other.split != Some(Split::Test) && other.description().split(' ').any(|w| w == word);
            assert!(!says, "{word} is unseen, but '{}' is seen", other.description());
        }
    }
}

#[test]
fn the_same_options_give_the_same_bytes() {
    let files = |dir: &Path| {
        ["items.jsonl", "relations.jsonl", "edges.jsonl", "dataset.toml", "ATTRIBUTION.txt"]
            .map(|f| std::fs::read(dir.join(f)).unwrap())
    };
    let (a, _) = built(&EmojiOptions::default());
    let (b, _) = built(&EmojiOptions::default());
    let (c, _) = built(&EmojiOptions { seed: 1, ..EmojiOptions::default() });
    assert_eq!(files(a.path()), files(b.path()));
    assert_ne!(files(a.path())[0], files(c.path())[0]);
}

#[test]
fn nonsense_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    for options in [
        EmojiOptions { test: 1.0, ..EmojiOptions::default() },
        EmojiOptions { validation: f64::NAN, ..EmojiOptions::default() },
        EmojiOptions { tones: 6, ..EmojiOptions::default() },
    ] {
        assert!(build_emoji(dir.path(), &options).unwrap_err().is_input());
    }
}
