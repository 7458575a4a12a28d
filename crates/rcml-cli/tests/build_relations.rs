//! Relations built by the real program from small tables, and what it says when they are wrong.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod program;

use program::{Folder, rcml};

/// Sixty things in four kinds, bought by people of whom each half prefers one kind.
fn shop() -> Folder {
    let folder = Folder::new();
    let kinds = ["Feeding", "Bathing", "Toys", "Travel"];
    let mut items = String::from("sku,title,path,brand\n");
    for i in 0..60 {
        items += &format!("p{i},thing number {i} for {0},Baby > {0},b{1}\n", kinds[i % 4], i % 5);
    }
    let mut log = String::from("customer,sku,date\n");
    let mut state = 1_u64;
    let mut random = move |most: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % most
    };
    for user in 0..400 {
        for _ in 0..12 {
            let kind = if random(10) < 8 { user % 2 } else { random(4) };
            log += &format!("u{user},p{},2024-02-{:02}\n", 4 * random(15) + kind, 1 + random(28));
        }
    }
    folder.write("items.csv", items).write("log.csv", log);
    folder
}

const COLUMNS: &str = "--id-column sku --text-column title --categories-column path --attributes brand --user-column \
    customer --item-column sku --timestamp-column date";

fn build(folder: &Folder, more: &str) -> program::Ended {
    let line =
        format!("data build interactions --items {0}/items.csv --log {0}/log.csv {COLUMNS} {more}", folder.path());
    rcml(line.split_whitespace())
}

fn lines(folder: &Folder, file: &str) -> Vec<serde_json::Value> {
    folder.read(file).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_log_becomes_a_dataset_that_is_clean_and_grows() {
    let folder = shop();
    let out = folder.join("shop");
    let said = build(&folder, &format!("--out {out} --clusters 2")).done();
    assert!(said.contains("together-feeding") && said.contains("together-bathing"), "{said}");
    assert!(said.contains("60 items, 2 relations"), "{said}");
    rcml(["data", "check", &out]).done();
    let relations = lines(&folder, "shop/relations.jsonl");
    let canonical = relations[0]["descriptions"][0].as_str().unwrap();
    assert!(canonical.starts_with("co-purchased by people who "), "{canonical}");
    let report: serde_json::Value = serde_json::from_str(&folder.read("shop/report.json")).unwrap();
    assert_eq!(report["beyond_popularity"], true, "{said}");

    let attributes = ["data", "build", "attributes", "--data", &out, "--rule", "brand", "--out", &out];
    assert!(rcml(attributes).done().contains("same-brand"));
    let taxonomy = ["data", "build", "taxonomy", "--data", &out, "--attribute", "categories", "--out", &out];
    assert!(rcml(taxonomy).done().contains("sibling"));
    let other = folder.join("orders");
    let baskets = ["--log", &folder.join("log.csv"), "--basket-column", "customer", "--item-column", "sku"];
    let line = [&["data", "build", "baskets", "--data", &out, "--out", &other][..], &baskets].concat();
    assert!(rcml(line).done().contains("lift over popularity"));
    let whole = folder.join("whole");
    let said = rcml(["data", "build", "compose", "--data", &out, "--data", &other, "--out", &whole]).done();
    assert!(said.contains("60 items"), "{said}");
    rcml(["data", "check", &whole]).done();
    assert_eq!(lines(&folder, "whole/relations.jsonl").len(), 6, "{said}");
}

#[test]
fn near_duplicates_are_written_and_counted() {
    let folder = Folder::new();
    let item = |id: &str, text: &str| format!("{{\"id\":\"{id}\",\"text\":\"{text}\"}}\n");
    folder.write("items.jsonl", item("a", "A red lamp!") + &item("b", "a red lamp") + &item("c", "a desk"));
    let said = rcml(["data", "duplicates", folder.path(), "--json"]).done();
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!((&said["pairs"], &said["kinds"]["text"]), (&1.into(), &1.into()));
    assert_eq!(folder.read("duplicates.jsonl"), "{\"a\":\"a\",\"b\":\"b\",\"kind\":\"text\"}\n");
    let stats = rcml(["data", "stats", folder.path(), "--json"]).done();
    let stats: serde_json::Value = serde_json::from_str(&stats).unwrap();
    assert_eq!(stats["near_duplicates"], 1);
}

#[test]
fn wrong_tables_and_settings_are_refused() {
    let folder = shop();
    let out = folder.join("shop");
    let refused = |more: &str, words: &str| {
        let said = build(&folder, &format!("--out {out} {more}")).refused(more);
        assert!(said.contains(words), "{more}: {said}");
    };
    refused("--core 1000", "1000-core");
    refused("--rating-column stars --min-rating 3", "has no column \"stars\"");
    refused("--clusters 0", "at least 1");
    refused("--clusters x", "no number");
    refused("--correction pmi --false-discoveries 0.1", "needs --correction null");
    refused("--since yesterday", "no date");
    folder.write("log.csv", "customer,sku,date\nu1,p1,soon\n");
    refused("", "log.csv:2");
    let folder = Folder::new();
    folder.write("kinds.csv", "child,parent\na,b\nb,a\n");
    folder.write("items.jsonl", "{\"id\":\"a\",\"text\":\"x\"}\n{\"id\":\"b\",\"text\":\"y\"}\n");
    let tree = folder.join("kinds.csv");
    let line = ["data", "build", "taxonomy", "--data", folder.path(), "--tree", &tree, "--out", &out];
    let said = rcml(line).refused("a cycle");
    assert!(said.contains("a is a b is a a"), "{said}");
}

#[test]
fn limits_are_told_with_their_defaults() {
    for (recipe, limit, default) in [
        ("attributes", "--min-edges", "[default: 2;"),
        ("attributes", "--max-neighbours", "attributes and taxonomy: 20"),
        ("interactions", "--core", "[default: 3;"),
        ("baskets", "--min-support", "[default: 3;"),
        ("interactions", "--max-neighbours", "[default: 50;"),
    ] {
        let help = rcml(["data", "build", recipe, "--help"]).done();
        let told = help.split(limit).nth(1).unwrap_or_default();
        // Help is wrapped at the width of the terminal.
        let told = told.split_whitespace().take(40).collect::<Vec<_>>().join(" ");
        assert!(told.contains(default), "{recipe} {limit}: {told}");
    }
}

#[test]
fn nothing_that_was_built_is_bad_input() {
    let folder = Folder::new();
    folder.write("items.csv", "id,text,brand\na,one,x\nb,two,x\nc,three,x\nd,four,x\n");
    let (data, out) = (folder.path().to_owned(), folder.join("out"));
    let line = ["data", "build", "attributes", "--data", &data, "--rule", "brand", "--out", &out];
    let said = rcml(line).refused("nothing built");
    assert!(said.contains("no relation is left") && said.contains("--max-share"), "{said}");
}
