use super::*;
use crate::Dataset;
use crate::build::interactions::{ClusterCount, Correction};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/goodreads").join(name)
}

fn options(log: &str) -> GoodreadsOptions {
    let mut options = GoodreadsOptions::new(vec![fixture("books.json.gz")], vec![fixture(log)]);
    options.relations.clusters = ClusterCount::Exactly(3);
    options.relations.edges.correction = Correction::Pmi;
    options
}

fn built(options: &GoodreadsOptions) -> (Dataset, InteractionReport) {
    let dir = tempfile::tempdir().unwrap();
    let report = build_goodreads(dir.path(), options, &|_| {}).unwrap();
    assert_eq!(Dataset::check(dir.path()).unwrap(), []);
    (Dataset::open(dir.path()).unwrap(), report)
}

#[test]
fn books_by_their_shelves() {
    let (dataset, report) = built(&options("interactions.json.gz"));
    assert!(report.log.filtered > 0, "books that were shelved but not read do not count");
    assert!(dataset.items.iter().all(|item| !item.id.ends_with('9')), "these were only shelved");
    let book = &dataset.items[dataset.find_item("1001").unwrap() as usize];
    assert_eq!(book.text.as_deref(), Some("Bathing thing number 1"));
    assert_eq!(book.attributes["categories"], serde_json::json!(["romance", "my favourite romance"]));
    assert_eq!(
        (book.attributes["num_pages"].as_i64(), book.attributes["publisher"].as_str()),
        (Some(101), Some("Scribner & Sons"))
    );
    assert!(report.clusters.iter().all(|c| c.description.starts_with("read together by people who ")), "{report}");
    let similar = dataset.relation_index()["similar-books"];
    assert!(dataset.edges.iter().filter(|edge| edge.relation == similar).count() > 80);
}

#[test]
fn the_csv_of_interactions_says_the_same_as_the_lines() {
    let with = |log: &str, numbers: Option<&str>| {
        let (genres, authors) = (Some(fixture("genres.json.gz")), Some(fixture("authors.json.gz")));
        built(&GoodreadsOptions { genres, authors, book_ids: numbers.map(fixture), ..options(log) })
    };
    let (lines, _) = with("interactions.json.gz", None);
    let (csv, _) = with("interactions.csv", Some("book_id_map.csv"));
    let pairs = |dataset: &Dataset| dataset.edges.iter().map(|e| (e.relation, e.source, e.target)).collect::<Vec<_>>();
    assert_eq!(pairs(&lines), pairs(&csv));
    assert_eq!(lines.items.len(), csv.items.len());
    let book = &csv.items[csv.find_item("1001").unwrap() as usize];
    assert_eq!(
        book.text.as_deref(),
        Some("Bathing thing number 1 by Author No. 60"),
        "the illustrator did not write it"
    );
    assert_eq!(book.label.as_deref(), Some("romance"));
}

#[test]
fn shelved_books_count_where_they_are_wanted() {
    let read = built(&options("interactions.json.gz")).1;
    let shelved = built(&GoodreadsOptions { shelved: true, ..options("interactions.json.gz") }).1;
    assert!(shelved.interactions > read.interactions && shelved.log.filtered == 0);
}
