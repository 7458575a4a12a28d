use serde_json::json;

use super::*;
use crate::{Dataset, Split};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/amazon").join(name)
}

fn options(year: u32) -> AmazonOptions {
    let ending = if year == 2018 { "json" } else { "jsonl" };
    let file = |kind: &str| vec![fixture(&format!("{kind}_{year}.{ending}.gz"))];
    let mut options = AmazonOptions::new(file("meta"), file("reviews"));
    // Ninety people are few: no pair of things can be significant.
    options.relations.clusters = ClusterCount::Exactly(3);
    options.relations.edges.correction = Correction::Pmi;
    options.relations.categories = CategoryKind::Path { level: Some(1) };
    options
}

fn built(options: &AmazonOptions) -> (tempfile::TempDir, Dataset, InteractionReport) {
    let dir = tempfile::tempdir().unwrap();
    let report = build_amazon(dir.path(), options, &|_| {}).unwrap();
    assert_eq!(Dataset::check(dir.path()).unwrap(), []);
    let dataset = Dataset::open(dir.path()).unwrap();
    (dir, dataset, report)
}

fn item<'a>(dataset: &'a Dataset, id: &str) -> &'a crate::Item {
    &dataset.items[dataset.find_item(id).unwrap() as usize]
}

#[test]
fn the_release_of_2023() {
    let (_dir, dataset, report) = built(&options(2023));
    assert_eq!((dataset.items.len(), report.users), (48, 90));
    assert_eq!(report.log.unknown_items, 1);
    assert!(dataset.relations.iter().all(|r| r.family.as_deref() == Some("co-consumption")));
    let mut primary: Vec<&str> = dataset.relations.iter().map(|r| r.id.as_str()).collect();
    primary.sort_unstable();
    assert_eq!(primary, ["together-bathing", "together-feeding", "together-toys"]);
    assert_eq!(item(&dataset, "B000000003").text.as_deref(), Some("Soft & Safe Toys Set, Size 3"));
    assert_eq!(item(&dataset, "B000000007").text.as_deref(), Some("Rainforest® Toys Piece 7"));
    let one = item(&dataset, "B000000001");
    assert_eq!((&one.attributes["brand"], &one.attributes["main_category"]), (&json!("Munchkin"), &json!("Baby")));
    assert_eq!(one.label.as_deref(), Some("Bathing Basics"));
    // Milliseconds became seconds.
    assert!(one.attributes["first_seen"].as_i64().unwrap() < 1_700_000_000);
    assert!(!one.attributes.contains_key("price") && item(&dataset, "B000000002").attributes["price"].is_number());
    assert!(dataset.items.iter().any(|item| item.split == Some(Split::Test)));
    // Reviews of other variants of a product count for it.
    assert!(item(&dataset, "B000000010").attributes["interactions"].as_u64() > Some(0));
}

#[test]
fn the_release_of_2018_with_its_links() {
    let (_dir, dataset, _) = built(&options(2018));
    assert_eq!(dataset.items.len(), 48, "a repeated product and a script count once and never");
    let index = dataset.relation_index();
    let (bought, viewed) = (index["also-bought"], index["also-viewed"]);
    let edges = |relation| dataset.edges.iter().filter(|edge| edge.relation == relation).count();
    assert_eq!(edges(bought), 48 * 3, "links to other shops lead nowhere");
    assert!((30..48).contains(&edges(viewed)), "some lack the field, none links to itself: {}", edges(viewed));
    assert!(!dataset.relations[bought as usize].symmetric && dataset.relations[bought as usize].descriptions.len() > 2);
    let brands: std::collections::BTreeSet<&str> =
        dataset.items.iter().filter_map(|item| item.attributes.get("brand")?.as_str()).collect();
    assert_eq!(brands.into_iter().collect::<Vec<_>>(), ["Graco", "Munchkin & Co"]);
    let prices: std::collections::BTreeSet<String> =
        dataset.items.iter().filter_map(|item| Some(item.attributes.get("price")?.to_string())).collect();
    assert_eq!(prices.into_iter().collect::<Vec<_>>(), ["12.99", "5.99"]);
}

#[test]
fn a_folder_of_pictures_decides_which_items_there_are() {
    let folder = tempfile::tempdir().unwrap();
    for n in 0..40 {
        std::fs::write(folder.path().join(format!("B{n:09}.png")), crate::build::download::tests::png()).unwrap();
    }
    let images = AmazonImages::Folder(folder.path().into());
    let (dir, dataset, _) = built(&AmazonOptions { images, ..options(2023) });
    assert!(dataset.items.len() <= 40 && dataset.items.iter().all(|item| item.image.is_some()));
    assert!(dir.path().join(dataset.items[0].image.as_deref().unwrap()).is_file());
}

#[test]
fn the_papers_protocol_links_every_pair_of_a_cluster() {
    let options = AmazonOptions { relations: paper_protocol(3), ..options(2023) };
    let (_dir, dataset, report) = built(&options);
    assert_eq!(report.clusters.len(), 3);
    assert_eq!(dataset.edges.len(), report.supported_pairs, "nothing is corrected or cut");
    assert!(dataset.edges.iter().all(|edge| edge.weight >= 1.0 && edge.weight.fract() == 0.0));
    assert!(report.clusters.iter().all(|c| c.description.starts_with("co-purchased by people who ")), "{report}");
}

#[test]
fn the_main_picture_in_its_largest_size() {
    let picture = |line: &str| release2023::product(line.as_bytes()).unwrap().picture;
    let image = |variant: &str, hi: &str| {
        format!(
            r#"{{"thumb":"https://x/t.jpg","large":"https://x/{variant}.jpg","variant":"{variant}","hi_res":{hi}}}"#
        )
    };
    let product = |images: &str| format!(r#"{{"parent_asin":"B","title":"t","images":{images}}}"#);
    let both = format!("[{},{}]", image("PT01", "\"https://x/no.jpg\""), image("MAIN", "null"));
    assert_eq!(picture(&product(&both)).as_deref(), Some("https://x/MAIN.jpg"));
    let high = format!("[{}]", image("PT01", "\"https://x/hi._AC_SL1500_.jpg\""));
    assert_eq!(picture(&product(&high)).as_deref(), Some("https://x/hi.jpg"));
    let columns = r#"{"variant":["PT01","MAIN"],"hi_res":["https://x/1.jpg",null],"large":["https://x/2.jpg","https://x/3.jpg"]}"#;
    assert_eq!(picture(&product(columns)).as_deref(), Some("https://x/3.jpg"));
    assert_eq!(picture(&product("[]")), None);
}

#[test]
fn wrong_files_are_told_apart() {
    let refused = |meta: PathBuf, reviews: PathBuf, words: &str| {
        let dir = tempfile::tempdir().unwrap();
        let error = build_amazon(dir.path(), &AmazonOptions::new(vec![meta], vec![reviews]), &|_| {}).unwrap_err();
        assert!(error.is_input() && error.to_string().contains(words), "{error}");
    };
    let (meta, reviews) = (|| fixture("meta_2023.jsonl.gz"), || fixture("reviews_2023.jsonl.gz"));
    refused(reviews(), meta(), "found a review, expected a product");
    refused(meta(), meta(), "has no column \"user_id\"; its columns are main_category, title");
    refused(meta(), fixture("none.jsonl.gz"), "none.jsonl.gz");
    let dir = tempfile::tempdir().unwrap();
    let broken = dir.path().join("meta.jsonl");
    std::fs::write(&broken, "{\"parent_asin\":\"B\",\"title\":\"t\"}\n{\"parent_asin\":\n{\"title\":\"x\"}\n").unwrap();
    refused(broken.clone(), reviews(), "meta.jsonl:2: broken JSON");
    refused(broken, reviews(), "meta.jsonl:3: field `parent_asin` is missing");
}
