//! Twelve kinds of bad input, given to the real program: one clear line, exit code 2, no panic.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod program;

use program::{Folder, png, rcml};

const ITEMS: &str = "{\"id\":\"a\",\"text\":\"one\"}\n{\"id\":\"b\",\"text\":\"two\"}\n";
const RELATIONS: &str = "{\"id\":\"r\",\"description\":\"goes with\"}\n";
const EDGES: &str = "{\"relation\":\"r\",\"source\":\"a\",\"target\":\"b\"}\n";

fn folder(items: &str, relations: &str, edges: &str) -> Folder {
    let folder = Folder::new();
    folder.write("items.jsonl", items).write("relations.jsonl", relations).write("edges.jsonl", edges);
    folder
}

/// The further line of a table, the place that the message must name, and words that it must contain.
struct Case {
    kind: &'static str,
    item: &'static str,
    edge: &'static str,
    place: &'static str,
    words: &'static str,
}

const CASES: [Case; 10] = [
    Case {
        kind: "missing file",
        item: r#"{"id":"c","image":"none.png"}"#,
        edge: "",
        place: "items.jsonl:3",
        words: "none.png",
    },
    Case { kind: "bad JSON", item: r#"{"id":"c","text":"#, edge: "", place: "items.jsonl:3", words: "" },
    Case {
        kind: "unknown relation",
        item: "",
        edge: r#"{"relation":"zzz","source":"a","target":"b"}"#,
        place: "edges.jsonl:2",
        words: "zzz",
    },
    Case {
        kind: "self loop",
        item: "",
        edge: r#"{"relation":"r","source":"a","target":"a"}"#,
        place: "edges.jsonl:2",
        words: "another item",
    },
    Case {
        kind: "duplicate id",
        item: r#"{"id":"a","text":"again"}"#,
        edge: "",
        place: "items.jsonl:3",
        words: "\"a\"",
    },
    Case {
        kind: "absolute path",
        item: r#"{"id":"c","image":"/x.png"}"#,
        edge: "",
        place: "items.jsonl:3",
        words: "/x.png",
    },
    Case {
        kind: "path outside",
        item: r#"{"id":"c","image":"../../x.png"}"#,
        edge: "",
        place: "items.jsonl:3",
        words: "../../x.png",
    },
    Case { kind: "no modality", item: r#"{"id":"c","text":""}"#, edge: "", place: "items.jsonl:3", words: "" },
    Case {
        kind: "weight not a number",
        item: "",
        edge: r#"{"relation":"r","source":"a","target":"b","weight":NaN}"#,
        place: "edges.jsonl:2",
        words: "",
    },
    Case {
        kind: "wrong split name",
        item: r#"{"id":"c","text":"three","split":"tset"}"#,
        edge: "",
        place: "items.jsonl:3",
        words: "tset",
    },
];

#[test]
fn check_names_every_kind_in_one_line() {
    for case in &CASES {
        let folder = folder(&format!("{ITEMS}{}\n", case.item), RELATIONS, &format!("{EDGES}{}\n", case.edge));
        let shown = rcml(["data", "check", folder.path()]).refused(case.kind);
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines.len(), 2, "{}: one problem and the count: {shown}", case.kind);
        assert!(lines[0].contains(case.place) && lines[0].contains(case.words), "{}: {shown}", case.kind);
        assert!(lines[1].contains("1 problem"), "{}: {shown}", case.kind);
        // Training refuses the folder with the same line.
        let out = folder.join("run");
        let told = rcml(["train", "--data", folder.path(), "--out", &out]).refused(case.kind);
        assert_eq!(told.lines().count(), 1, "{}: {told}", case.kind);
        assert!(told.contains(lines[0]), "{}: {told}", case.kind);
    }
}

#[test]
fn a_truncated_picture_is_named_by_check_and_by_train() {
    let items = format!("{ITEMS}{{\"id\":\"c\",\"image\":\"t.png\"}}\n");
    let folder = folder(&items, RELATIONS, EDGES);
    let whole = png(24, [200, 30, 30]);
    std::fs::write(folder.join("t.png"), &whole[..whole.len() / 2]).unwrap();
    let shown = rcml(["data", "check", folder.path()]).refused("truncated");
    assert!(shown.contains("items.jsonl:3") && shown.contains("t.png") && shown.lines().count() == 2, "{shown}");
    let told = rcml(["train", "--data", folder.path(), "--out", &folder.join("run")]).refused("truncated");
    assert!(told.contains("t.png"), "{told}");
}

#[test]
fn an_unknown_key_is_named_wherever_it_stands() {
    let folder = folder(ITEMS, RELATIONS, EDGES);
    let out = folder.join("run");
    let train = ["train", "--data", folder.path(), "--out", &out];
    let told = rcml(train.iter().chain(&["--set", "no.such.key=1"])).refused("--set");
    assert!(told.contains("no.such.key") && told.lines().count() == 1, "{told}");
    folder.write("bad.toml", "[training]\nstepz = 3\n");
    let bad = folder.join("bad.toml");
    let told = rcml(train.iter().chain(&[bad.as_str()])).refused("file");
    assert!(told.contains("stepz") && told.contains("bad.toml"), "{told}");
    for (setting, words) in
        [("training.steps=many", "training.steps"), ("training.steps=0", "training.steps"), ("seed", "seed")]
    {
        let told = rcml(train.iter().chain(&["--set", setting])).refused(setting);
        assert!(told.contains(words), "{setting}: {told}");
    }
    assert!(!std::path::Path::new(&out).exists(), "a refused configuration leaves no folder");
}

#[test]
fn what_is_wrong_everywhere_is_summed_up() {
    let items: String = (0..12).map(|i| format!("{{\"id\":\"{i}\",\"title\":\"lamp\"}}\n")).collect();
    let folder = folder(&items, RELATIONS, "");
    let shown = rcml(["data", "check", folder.path()]).refused("many");
    let said = "no modality: expected at least one of `text`, `image`, `features`, found `title`";
    assert!(shown.contains(&format!("items.jsonl:12: {said}")), "{shown}");
    assert!(shown.trim_end().ends_with(&format!("12 problems\n  12 times: {said}")), "{shown}");
}

#[test]
fn all_problems_are_listed_and_counted() {
    let items = format!("{ITEMS}{{\"id\":\"a\",\"text\":\"x\"}}\nnonsense\n{{\"id\":\"c\"}}\n");
    let folder = folder(&items, RELATIONS, "{\"relation\":\"q\",\"source\":\"a\",\"target\":\"b\"}\n");
    let shown = rcml(["data", "check", folder.path()]).refused("many");
    for place in ["items.jsonl:3", "items.jsonl:4", "items.jsonl:5", "edges.jsonl:1", "4 problems"] {
        assert!(shown.contains(place), "{place}: {shown}");
    }
}

#[test]
fn wrong_arguments_are_named() {
    let folder = folder(ITEMS, RELATIONS, EDGES);
    let (data, none) = (folder.path(), folder.join("nowhere"));
    let cases: [(&[&str], &str); 13] = [
        (&["data", "check", &none], "nowhere"),
        (&["data", "stats", &none], "nowhere"),
        (&["data", "build", "nonsense", "--out", &none], "nonsense"),
        (&["data", "build", "emoji", "--out", data], "--force"),
        (&["train", "--data", &none, "--out", &folder.join("r")], "nowhere"),
        (&["train", "--data", data, "--out", &folder.join("r"), "--preset", "blip"], "blip"),
        (&["train", "--data", data, "--out", &folder.join("r"), "--device", "abacus"], "abacus"),
        (&["eval", &none, "--data", data], "nowhere"),
        (&["eval", data, "--data", data, "--split", "tset"], "tset"),
        (&["eval", data, "--data", data, "--task", "guessing"], "guessing"),
        (&["eval", data, "--data", data], "config.toml"),
        (&["search", &none, "--data", data, "--item", "a", "--relation", "x"], "nowhere"),
        (&["embed", data, "--data", data, "--out", "x.csv"], "ends in .safetensors, .npy or .parquet"),
    ];
    for (arguments, words) in cases {
        let told = rcml(arguments).refused(words);
        assert!(told.contains(words), "{arguments:?}: {told}");
    }
}

#[test]
fn a_graph_is_built_checked_and_found_damaged() {
    let folder = folder(ITEMS, RELATIONS, EDGES);
    let graph = folder.join("g.rgraph");
    let said = rcml(["data", "graph", folder.path(), "--out", &graph, "--memory", "1"]).done();
    assert!(said.contains("2 items, 1 relations, 1 pairs of 1 edges"), "{said}");
    let said = rcml(["data", "check", &graph]).done();
    assert!(said.contains("no problems in 2 items, 1 relations, 1 pairs"), "{said}");
    let mut bytes = folder.read_bytes("g.rgraph");
    bytes[200] ^= 1;
    folder.write("g.rgraph", &bytes);
    let said = rcml(["data", "check", &graph]).refused("a damaged graph");
    assert!(said.contains("g.rgraph: is damaged: the checksum of its blocks"), "{said}");
    rcml(["data", "graph", folder.path(), "--out", &folder.join("g.bin")]).refused("another ending");
    rcml(["data", "check", &folder.join("none.rgraph")]).refused("no file");
}
