use image::{Rgb, RgbImage};
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::Item;

/// A picture of a few coloured blocks; the seed says which.
fn blocks(seed: u64, side: u32) -> RgbImage {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let colours: Vec<[u8; 3]> = (0..25).map(|_| [rng.random(), rng.random(), rng.random()]).collect();
    RgbImage::from_fn(side, side, |x, y| Rgb(colours[(5 * (y * 5 / side) + x * 5 / side) as usize]))
}

fn save(dir: &Path, name: &str, picture: &RgbImage) -> String {
    picture.save(dir.join(name)).unwrap();
    name.into()
}

#[test]
fn the_same_picture_in_another_size_format_and_light_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let lighter = |picture: &RgbImage| {
        let mut copy = picture.clone();
        copy.pixels_mut().for_each(|p| p.0.iter_mut().for_each(|v| *v = v.saturating_add(5)));
        copy
    };
    let mut names = vec![
        save(dir.path(), "a.png", &blocks(0, 200)),
        save(dir.path(), "a-small.png", &blocks(0, 90)),
        save(dir.path(), "a-light.jpg", &lighter(&blocks(0, 200))),
        save(dir.path(), "white1.png", &RgbImage::from_pixel(50, 50, Rgb([255; 3]))),
        save(dir.path(), "white2.png", &RgbImage::from_pixel(70, 50, Rgb([254; 3]))),
    ];
    names.extend((1..60).map(|seed| save(dir.path(), &format!("{seed}.png"), &blocks(seed, 64))));
    let items = names.iter().map(|name| Item::new(name).image(name)).collect();
    let dataset = Dataset { root: dir.path().into(), items, ..Dataset::default() };
    let report = find_duplicates(&dataset, &DuplicateOptions::default()).unwrap();
    let pairs: Vec<(u32, u32)> = report.pairs.iter().map(|pair| (pair.a, pair.b)).collect();
    assert_eq!(report.groups(dataset.items.len())[..5], [0, 0, 0, 3, 4], "{pairs:?}");
    assert!(pairs.iter().all(|&(_, b)| b < 5), "different pictures stay apart: {pairs:?}");
    assert_eq!((report.flat, report.broken.len()), (2, 0));
}

#[test]
fn items_that_share_a_file_are_alike() {
    let dir = tempfile::tempdir().unwrap();
    let shared = save(dir.path(), "a.png", &blocks(0, 64));
    let other = save(dir.path(), "b.png", &blocks(1, 64));
    let white = save(dir.path(), "white.png", &RgbImage::from_pixel(9, 9, Rgb([255; 3])));
    std::fs::write(dir.path().join("broken.png"), "no picture").unwrap();
    let paths: [&str; 8] = [&shared, &other, &shared, &white, "broken.png", &white, &shared, "broken.png"];
    let items = paths.iter().zip(0..).map(|(path, i)| Item::new(format!("{i}")).image(*path)).collect();
    let dataset = Dataset { root: dir.path().into(), items, ..Dataset::default() };
    let report = find_duplicates(&dataset, &DuplicateOptions::default()).unwrap();
    assert_eq!(report.groups(8), [0, 1, 0, 3, 4, 5, 0, 7]);
    assert_eq!(report.flat, 2);
    assert_eq!(report.broken.iter().map(|(item, _)| *item).collect::<Vec<_>>(), [4, 7]);
}

#[test]
fn texts_that_differ_in_little_are_found() {
    let texts = [
        "Munchkin Soft-Tip Infant Spoon, 6 Count, BPA free, for babies from 3 months on",
        "munchkin soft tip infant spoon 6 count BPA Free for babies from 3 months on!",
        "Munchkin Soft-Tip Infant Spoon, 6 Count, BPA free, for babies from 4 months on",
        "Graco Pack and Play playard with bassinet",
        "red heart",
        "blue heart",
        "heart red",
        "Red heart",
        "!!!",
        "!!!",
    ];
    let items = texts.iter().enumerate().map(|(i, text)| Item::new(format!("{i}")).text(*text)).collect();
    let dataset = Dataset { items, ..Dataset::default() };
    let report = find_duplicates(&dataset, &DuplicateOptions::default()).unwrap();
    let pairs: Vec<(u32, u32)> = report.pairs.iter().map(|pair| (pair.a, pair.b)).collect();
    assert_eq!(pairs, [(0, 1), (0, 2), (4, 7), (8, 9)]);
    assert_eq!(report.counts()["text"], 4);
    let strict = DuplicateOptions { text: 1.0, ..DuplicateOptions::default() };
    assert_eq!(find_duplicates(&dataset, &strict).unwrap().pairs.len(), 3);
    assert!(find_duplicates(&dataset, &DuplicateOptions { text: 0.1, ..strict.clone() }).is_err());
    assert!(find_duplicates(&dataset, &DuplicateOptions { bits: 64, ..strict }).is_err());
}

#[test]
fn the_file_says_the_pairs_by_their_ids() {
    let dir = tempfile::tempdir().unwrap();
    let items = ["x", "y"].map(|id| Item::new(id).text("the same")).to_vec();
    let dataset = Dataset { items, ..Dataset::default() };
    let report = find_duplicates(&dataset, &DuplicateOptions::default()).unwrap();
    let path = dir.path().join("duplicates.jsonl");
    report.write(&dataset, &path).unwrap();
    assert_eq!(std::fs::read_to_string(path).unwrap(), "{\"a\":\"x\",\"b\":\"y\",\"kind\":\"text\"}\n");
}

/// Groups by comparing all with all.
fn components(count: usize, is_close: impl Fn(usize, usize) -> bool) -> Vec<u32> {
    let mut forest = Forest::new(count);
    for i in 0..count {
        (i + 1..count).filter(|&j| is_close(i, j)).for_each(|j| _ = forest.join(i as u32, j as u32));
    }
    (0..count as u32).map(|i| forest.root(i)).collect()
}

fn jaccard(a: &str, b: &str) -> f64 {
    let [a, b] = [a, b].map(|text| Shingles::of(text).unwrap());
    let common = a.hashes().iter().filter(|hash| b.hashes().contains(hash)).count();
    common as f64 / (a.hashes().len() + b.hashes().len() - common) as f64
}

fn groups_of(texts: &[String], share: f64) -> Vec<u32> {
    let items = texts.iter().enumerate().map(|(i, text)| Item::new(format!("{i}")).text(text)).collect();
    let dataset = Dataset { items, ..Dataset::default() };
    let report = find_duplicates(&dataset, &DuplicateOptions { text: share, ..DuplicateOptions::default() }).unwrap();
    let groups = report.groups(texts.len());
    let apart = groups.iter().zip(0..).filter(|&(&group, item)| group == item).count();
    assert_eq!(report.pairs.len(), texts.len() - apart, "as many pairs as hold the groups together");
    groups
}

/// Which items are together, whatever the groups are called.
fn together(groups: &[u32], order: &[usize]) -> Vec<Vec<usize>> {
    let mut members: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    groups.iter().zip(order).for_each(|(&group, &item)| members.entry(group).or_default().push(item));
    let mut members: Vec<Vec<usize>> = members.into_values().collect();
    members.iter_mut().for_each(|group| group.sort_unstable());
    members.sort_unstable();
    members
}

#[test]
fn texts_of_a_catalogue_that_share_most_of_their_words_do_not_cost_the_square() {
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let shared: Vec<String> = (0..70).map(|i| format!("shared{i}")).collect();
    let text = |i: usize, words: &mut dyn FnMut() -> u32| {
        let own: Vec<String> = (0..12).map(|_| format!("w{}", words())).collect();
        format!("{} {} {}", own[..6].join(" "), shared.join(" "), own[6..].join(" ")) + &format!(" item{}", i % 7)
    };
    let mut texts: Vec<String> = (0..8000).map(|i| text(i, &mut || rng.random_range(0..50_000))).collect();
    texts[7000] = texts[10].replace("item", "number");
    let start = std::time::Instant::now();
    let groups = groups_of(&texts, 0.8);
    println!("8000 texts: {:?}", start.elapsed());
    // 229 s when all texts of one bucket of hashes were compared.
    assert!(start.elapsed().as_secs() < 30, "{:?}", start.elapsed());
    assert_eq!((groups[7000], groups.iter().zip(0..).filter(|&(&g, i)| g == i).count()), (10, 7999));
}

proptest! {
    #[test]
    fn texts_that_are_alike_end_up_in_one_group_in_any_order(
        texts in prop::collection::vec("([a-d] ){3,14}[a-e]", 1..40), share in prop_oneof![Just(0.5), Just(0.8), Just(1.0)],
        order in prop::collection::vec(any::<u32>(), 40),
    ) {
        let groups = groups_of(&texts, share);
        prop_assert_eq!(&groups, &components(texts.len(), |i, j| jaccard(&texts[i], &texts[j]) >= share));
        let mut items: Vec<usize> = (0..texts.len()).collect();
        items.sort_by_key(|&i| order[i]);
        let moved: Vec<String> = items.iter().map(|&i| texts[i].clone()).collect();
        let all: Vec<usize> = (0..texts.len()).collect();
        prop_assert_eq!(together(&groups_of(&moved, share), &items), together(&groups, &all));
    }

    #[test]
    fn hashes_within_reach_end_up_in_one_group(
        base in prop::collection::vec(any::<u64>(), 1..20), flips in prop::collection::vec((0usize..20, 0u32..64, 0u32..64), 0..40),
        bits in 0u32..6, odd in any::<bool>(),
    ) {
        let mut hashes = base.clone();
        hashes.extend(flips.iter().map(|&(i, x, y)| base[i % base.len()] ^ 1 << x ^ 1 << y));
        let alike = |a: u32, b: u32| !odd || !(a + b).is_multiple_of(3);
        let is_close = |i: usize, j: usize| (hashes[i] ^ hashes[j]).count_ones() <= bits && alike(i as u32, j as u32);
        let (pairs, capped) = candidates::by_hash(&hashes, bits, alike);
        prop_assert!(capped == 0 && pairs.iter().all(|&(a, b)| a < b && is_close(a as usize, b as usize)));
        let mut forest = Forest::new(hashes.len());
        pairs.iter().for_each(|&(a, b)| _ = forest.join(a, b));
        let groups: Vec<u32> = (0..hashes.len() as u32).map(|i| forest.root(i)).collect();
        prop_assert_eq!(groups, components(hashes.len(), is_close));
    }
}
