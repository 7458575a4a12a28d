use std::io::Write;
use std::path::PathBuf;

use rand::distr::Distribution;
use rand::distr::weighted::WeightedIndex;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::Dataset;

/// Items in categories, with a popularity that falls as 1 / rank.
struct Shop {
    dir: tempfile::TempDir,
    items: usize,
    categories: usize,
}

impl Shop {
    fn new(items: usize, categories: usize) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut file = std::fs::File::create(dir.path().join("items.csv")).unwrap();
        writeln!(file, "id,text,categories").unwrap();
        for i in 0..items {
            writeln!(file, "i{i},thing {i},{}", name(i % categories)).unwrap();
        }
        Self { dir, items, categories }
    }

    fn popularity(&self, item: usize) -> f64 {
        1.0 / (1.0 + (item / self.categories) as f64)
    }

    /// `users` baskets; user u draws from the items by popularity times `taste(u, category)`.
    fn log(&self, users: usize, seed: u64, taste: impl Fn(usize, usize) -> f64) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut file = std::fs::File::create(self.dir.path().join("log.csv")).unwrap();
        writeln!(file, "user,item,rating,timestamp").unwrap();
        for user in 0..users {
            let weight = |item| self.popularity(item) * taste(user, item % self.categories);
            let index = WeightedIndex::new((0..self.items).map(weight)).unwrap();
            for at in 0..rng.random_range(8..25) {
                writeln!(file, "u{user},i{},5,{}", index.sample(&mut rng), 1_600_000_000 + at).unwrap();
            }
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn relate(&self, options: &InteractionOptions) -> Related {
        let options_of = CatalogueOptions { files: vec![self.path("items.csv")], ..CatalogueOptions::default() };
        let (catalogue, _) = catalogue::read(&options_of).unwrap();
        let log = LogOptions { files: vec![self.path("log.csv")], ..LogOptions::default() };
        let log = log::read(&log, &catalogue.index(), catalogue.items.len(), &|_| {}).unwrap();
        relate(catalogue, log, DatasetInfo::default(), options, &|_| {}).unwrap()
    }
}

const NAMES: [&str; 10] =
    ["Feeding", "Bathing", "Nursery", "Toys", "Diapering", "Travel", "Safety", "Clothing", "Gifts", "Health"];

fn name(category: usize) -> &'static str {
    NAMES[category]
}

/// Group g loves category g, likes the next one, and shuns the one after that.
fn planted(group: usize, category: usize, categories: usize) -> f64 {
    match (category + categories - group) % categories {
        0 => 12.0,
        1 => 4.0,
        2 => 0.02,
        _ => 0.7,
    }
}

/// The adjusted Rand index (Hubert and Arabie 1985).
fn adjusted_rand(a: &[u32], b: &[u32]) -> f64 {
    let pairs = |n: f64| n * (n - 1.0) / 2.0;
    let (mut cells, mut rows, mut columns) =
        (BTreeMap::<_, f64>::new(), BTreeMap::<_, f64>::new(), BTreeMap::<_, f64>::new());
    for (&x, &y) in a.iter().zip(b) {
        *cells.entry((x, y)).or_default() += 1.0;
        *rows.entry(x).or_default() += 1.0;
        *columns.entry(y).or_default() += 1.0;
    }
    let sum = |counts: Vec<f64>| counts.into_iter().map(pairs).sum::<f64>();
    let (together, rows) = (sum(cells.into_values().collect()), sum(rows.into_values().collect()));
    let columns = sum(columns.into_values().collect());
    let by_chance = rows * columns / pairs(a.len() as f64);
    (together - by_chance) / ((rows + columns) / 2.0 - by_chance)
}

use std::collections::BTreeMap;

#[test]
fn the_adjusted_rand_index_agrees_with_scikit_learn() {
    // sklearn.metrics.adjusted_rand_score, printed by oracles/interactions.py.
    assert_eq!(adjusted_rand(&[0, 0, 1, 1], &[1, 1, 0, 0]), 1.0);
    let told = adjusted_rand(&[0, 0, 0, 1, 1, 2, 2, 2], &[0, 0, 1, 1, 1, 2, 2, 0]);
    assert!((told - ARI).abs() < 1e-12, "{told}");
}

const ARI: f64 = 0.238_095_238_095_238_08;

#[test]
fn planted_clusters_are_recovered_and_named() {
    let shop = Shop::new(600, 10);
    shop.log(3_000, 1, |user, category| planted(user % 5 * 2, category, 10));
    let related = shop.relate(&InteractionOptions::default());
    let report = &related.report;
    assert_eq!(report.clusters.len(), 5, "chosen by silhouette: {:?}", report.silhouettes);
    let truth: Vec<u32> = (0..related.clusters.len() as u32).map(|user| user % 5).collect();
    assert_eq!(truth.len(), 3_000, "the core keeps every user, in the order of the log");
    let score = adjusted_rand(&related.clusters, &truth);
    assert!(score >= 0.95, "adjusted Rand index {score}");
    for (cluster, of_cluster) in report.clusters.iter().enumerate() {
        // Which planted group the cluster is: of its first user.
        let group = related.clusters.iter().position(|&c| c as usize == cluster).unwrap() % 5 * 2;
        let says = |words: &str| of_cluster.description.contains(words);
        let (loved, liked, shunned) = (name(group), name((group + 1) % 10), name((group + 2) % 10));
        assert!(says(&format!("buy {loved}, along with {liked}")), "{}", of_cluster.description);
        assert!(says(&format!("minimal interest in {shunned}")), "{}", of_cluster.description);
        assert!(of_cluster.edges > 100 && of_cluster.signal.is_there(), "{of_cluster:?}");
        // Its edges are mostly between what it loves and likes.
        let edges: Vec<_> = related.dataset.edges.iter().filter(|e| e.relation as usize == cluster).collect();
        let fitting = |item: u32| {
            let number: usize = related.dataset.items[item as usize].id[1..].parse().unwrap();
            number % 10 == group || number % 10 == (group + 1) % 10
        };
        let share = edges.iter().filter(|e| fitting(e.source) && fitting(e.target)).count() as f64 / edges.len() as f64;
        assert!(share > 0.8, "{share} of the edges of {}", of_cluster.relation);
    }
    assert!(report.beyond_popularity && report.signal.lift() > 2.0, "{:?}", report.signal);
}

#[test]
fn popularity_alone_is_reported_as_no_signal_whatever_the_correction() {
    for seed in 0..3 {
        let shop = Shop::new(600, 10);
        shop.log(3_000, seed, |_, _| 1.0);
        for correction in [Correction::Null { rate: 0.05 }, Correction::Pmi, Correction::None] {
            let edges = EdgeOptions { correction, ..EdgeOptions::default() };
            let options =
                InteractionOptions { clusters: ClusterCount::Exactly(5), edges, ..InteractionOptions::default() };
            let report = shop.relate(&options).report;
            assert!(!report.beyond_popularity, "{correction:?}, seed {seed}: {:?}", report.signal);
            assert!(report.clusters.iter().all(|c| !c.signal.is_there()), "{correction:?}: {report}");
            let edges: usize = report.clusters.iter().map(|cluster| cluster.edges).sum();
            match correction {
                // At most a few by chance of tens of thousands of pairs.
                Correction::Null { .. } => assert!(edges <= 5, "{edges} edges"),
                _ => {
                    assert!(report.to_string().contains("NO SIGNAL BEYOND POPULARITY"), "{report}");
                    let lift = report.signal.lift();
                    assert!(edges > 1_000 && (0.85..1.2).contains(&lift), "{edges}: {:?}", report.signal);
                }
            }
        }
    }
}

#[test]
fn a_signal_in_a_small_log_is_seen_and_chance_is_left_open() {
    // Half of the users would find no pair at all to ask the other half about.
    let shop = Shop::new(200, 8);
    shop.log(400, 2, |user, category| if user % 8 == category { 16.0 } else { 1.0 });
    let options = InteractionOptions { clusters: ClusterCount::Exactly(1), ..InteractionOptions::default() };
    let report = shop.relate(&options).report;
    assert!(report.beyond_popularity && report.clusters[0].edges < 400, "{report}");
    let shop = Shop::new(200, 8);
    shop.log(400, 2, |_, _| 1.0);
    let report = shop.relate(&options).report;
    assert_eq!(report.signal.verdict(), Verdict::Open, "{report}");
    assert!(report.to_string().contains("TOO FEW USERS TO TELL"), "{report}");
}

#[test]
fn the_folder_is_clean_and_the_same_whatever_the_threads() {
    let shop = Shop::new(200, 10);
    shop.log(800, 4, |user, category| planted(user % 3 * 3, category, 10));
    let build = |name: &str, threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let catalogue = CatalogueOptions { files: vec![shop.path("items.csv")], ..CatalogueOptions::default() };
        let log = LogOptions { files: vec![shop.path("log.csv")], ..LogOptions::default() };
        let out = shop.path(name);
        pool.install(|| build_interactions(&out, &catalogue, &log, &InteractionOptions::default(), &|_| {})).unwrap();
        out
    };
    let (one, three) = (build("one", 1), build("three", 3));
    for file in ["items.jsonl", "relations.jsonl", "edges.jsonl", "report.json"] {
        assert!(std::fs::read(one.join(file)).unwrap() == std::fs::read(three.join(file)).unwrap(), "{file} differs");
    }
    assert_eq!(Dataset::check(&one).unwrap(), []);
    let dataset = Dataset::open(&one).unwrap();
    assert!(dataset.relations.iter().all(|r| r.symmetric && r.descriptions.len() == 6));
    assert!(dataset.items.iter().all(|item| item.split.is_some() && item.attributes.contains_key("first_seen")));
    assert!(dataset.edges.iter().all(|edge| edge.weight > 0.0));
}

#[test]
fn columns_may_have_the_names_of_others() {
    let shop = Shop::new(200, 10);
    shop.log(800, 4, |user, category| planted(user % 3 * 3, category, 10));
    let under = |name: &str, from: &str, to: &str| {
        let text = std::fs::read_to_string(shop.path(name)).unwrap();
        let path = shop.path(&format!("foreign-{name}"));
        std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
        path
    };
    let items = under("items.csv", "id,text,categories", "movieId,title,genres");
    let log = under("log.csv", "user,item,rating,timestamp", "userId,movieId,rating,timestamp");
    let build = |name: &str, items: &Path, log: &Path, say: &(dyn Fn(&str) + Sync)| {
        let catalogue = CatalogueOptions { files: vec![items.into()], ..CatalogueOptions::default() };
        let log = LogOptions { files: vec![log.into()], ..LogOptions::default() };
        let out = shop.path(name);
        build_interactions(&out, &catalogue, &log, &InteractionOptions::default(), say).unwrap();
        std::fs::read(out.join("edges.jsonl")).unwrap()
    };
    let said = std::sync::Mutex::new(String::new());
    let say = |line: &str| said.lock().unwrap().push_str(line);
    let usual = build("usual", &shop.path("items.csv"), &shop.path("log.csv"), &|_| {});
    assert!(usual == build("foreign", &items, &log, &say));
    let said = said.into_inner().unwrap();
    for told in ["movieId as id, title as text, genres as categories", "userId as user, movieId as item"] {
        assert!(said.contains(told), "{said}");
    }
}

#[test]
fn settings_that_no_data_can_satisfy_are_refused() {
    let refused = |options: InteractionOptions, words: &str| {
        let error = options.validate().unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    };
    let default = InteractionOptions::default;
    refused(InteractionOptions { clusters: ClusterCount::Exactly(0), ..default() }, "clusters");
    refused(InteractionOptions { clusters: ClusterCount::Silhouette { least: 5, most: 3 }, ..default() }, "5 to 3");
    refused(InteractionOptions { verb: " ".into(), ..default() }, "verb");
    let edges = EdgeOptions { correction: Correction::Null { rate: 1.0 }, ..EdgeOptions::default() };
    refused(InteractionOptions { edges, ..default() }, "false discovery rate");
}

#[test]
fn other_columns_of_the_items_are_kept_unless_some_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("items.jsonl");
    let rows = "{\"id\":\"a\",\"text\":\"x\",\"categories\":\"A\",\"brand\":\"B\",\"label\":\"l\"}\n\
        {\"id\":\"b\",\"text\":\"y\",\"categories\":\"A\",\"size\":[7]}\n";
    std::fs::write(&file, rows).unwrap();
    let said = std::sync::Mutex::new(String::new());
    let attributes = |attributes: Option<Vec<String>>| {
        let options = CatalogueOptions { files: vec![file.clone()], attributes, ..CatalogueOptions::default() };
        let found = options.found(&|line| said.lock().unwrap().push_str(line)).unwrap();
        let (catalogue, _) = catalogue::read(&found).unwrap();
        let names = |item: &crate::Item| item.attributes.keys().cloned().collect::<Vec<_>>().join(",");
        catalogue.items.iter().map(names).collect::<Vec<_>>()
    };
    assert_eq!(attributes(Some(vec!["size".into()])), ["categories", "size,categories"]);
    assert_eq!(attributes(Some(Vec::new())), ["categories", "categories"]);
    let named = Some(vec!["bramd".to_owned()]);
    let named = CatalogueOptions { files: vec![file.clone()], attributes: named, ..CatalogueOptions::default() };
    assert!(catalogue::read(&named).unwrap_err().to_string().contains("bramd"), "what was named must be there");
    assert!(said.lock().unwrap().is_empty());
    assert_eq!(attributes(None), ["brand,categories", "size,categories"]);
    let said = said.lock().unwrap();
    assert!(said.contains("left out, because the format has fields of these names: label"), "{said}");
}

#[test]
fn a_core_that_is_empty_names_its_flag() {
    let shop = Shop::new(20, 10);
    std::fs::write(shop.path("log.csv"), "user,item\nu,i0\nu,i1\n").unwrap();
    let options = CatalogueOptions { files: vec![shop.path("items.csv")], ..CatalogueOptions::default() };
    let log = LogOptions { files: vec![shop.path("log.csv")], ..LogOptions::default() };
    let built = build_interactions(&shop.path("out"), &options, &log, &InteractionOptions::default(), &|_| {});
    let told = built.unwrap_err().to_string();
    assert!(told.starts_with("the 3-core of 2 interactions is empty") && told.contains("lower --core"), "{told}");
}
