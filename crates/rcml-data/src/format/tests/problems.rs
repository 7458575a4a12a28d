//! What is wrong is named, all of it, with its place.

use super::*;

/// Every problem: what is added to which table (or put into a file), and the start and a part of the message.
#[test]
fn every_problem_is_named_with_its_place() {
    let bad: &[(&str, &str, &str, &str)] = &[
        ("items", r#"{"id":"c","text":"#, "items.jsonl:3: broken JSON at column 17", "EOF"),
        ("items", r#"{"id":"c" "text":"x"}"#, "items.jsonl:3: broken JSON at column 11", "found ..."),
        ("items", r#"["c"]"#, "items.jsonl:3: expected an object", "an array of 1"),
        ("items", r#"{"text":"x"}"#, "items.jsonl:3: field `id` is missing", ""),
        ("items", r#"{"id":"","text":"x"}"#, "items.jsonl:3: field `id` is empty", ""),
        ("items", r#"{"id":"c","text":5}"#, "items.jsonl:3: field `text`: expected a string", "the number 5"),
        ("items", r#"{"id":"c","text":"x","label":[1]}"#, "items.jsonl:3: field `label`", "an array of 1"),
        ("items", r#"{"id":"alpha","text":"x"}"#, "items.jsonl:3: id \"alpha\" is taken", "line 1"),
        ("items", r#"{"id":"c"}"#, "items.jsonl:3: no modality", "`text`"),
        ("items", r#"{"id":"c","text":" "}"#, "items.jsonl:3: field `text` is empty", ""),
        ("items", r#"{"id":"c","image":"/x.png"}"#, "items.jsonl:3: field `image`", "absolute"),
        ("items", r#"{"id":"c","image":"C:\\x.png"}"#, "items.jsonl:3: field `image`", "absolute"),
        ("items", r#"{"id":"c","image":"a/../../x.png"}"#, "items.jsonl:3: field `image`", "leaves the folder"),
        (
            "items",
            r#"{"id":"c","image":"images/none.png"}"#,
            "items.jsonl:3: field `image`: there is no file",
            "none.png",
        ),
        ("items", r#"{"id":"c","image":"https://x/y.png"}"#, "items.jsonl:3: field `image`", "address"),
        ("items", r#"{"id":"c","image":""}"#, "items.jsonl:3: field `image`", "empty"),
        ("items", r#"{"id":"c","image":"."}"#, "items.jsonl:3: field `image`", "is a folder"),
        ("items", r#"{"id":"c","text":"x","split":"Test"}"#, "items.jsonl:3: field `split`", "train, validation"),
        (
            "items",
            r#"{"id":"c","features":{"audio":0}}"#,
            "items.jsonl:3: field `features.audio`",
            "[modalities.audio]",
        ),
        ("items", r#"{"id":"c","features":{"audio":"0"}}"#, "items.jsonl:3: field `features.audio`", "row number"),
        ("items", r#"{"id":"c","features":3}"#, "items.jsonl:3: field `features`", "an object"),
        ("relations", r#"{"id":"r"}"#, "relations.jsonl:2: field `description` is missing", ""),
        ("relations", r#"{"id":"r","description":""}"#, "relations.jsonl:2: a description is empty", ""),
        (
            "relations",
            r#"{"id":"r","descriptions":["x",3]}"#,
            "relations.jsonl:2: field `descriptions`",
            "the number 3",
        ),
        ("relations", r#"{"id":"goes","description":"x"}"#, "relations.jsonl:2: id \"goes\" is taken", "line 1"),
        (
            "relations",
            r#"{"id":"r","description":"x","symmetric":"no"}"#,
            "relations.jsonl:2: field `symmetric`",
            "true or false",
        ),
        (
            "relations",
            r#"{"id":"r","description":"x","split":"val"}"#,
            "relations.jsonl:2: field `split`",
            "train (seen)",
        ),
        (
            "edges",
            r#"{"relation":"gos","source":"alpha","target":"beta"}"#,
            "edges.jsonl:2: field `relation`: no relation",
            "did you mean \"goes\"",
        ),
        (
            "edges",
            r#"{"relation":"goes","source":"alpa","target":"beta"}"#,
            "edges.jsonl:2: field `source`: no item",
            "did you mean \"alpha\"",
        ),
        (
            "edges",
            r#"{"relation":"goes","source":"alpha","target":"nobody"}"#,
            "edges.jsonl:2: field `target`: no item",
            "\"nobody\"",
        ),
        ("edges", r#"{"relation":"goes","source":"alpha"}"#, "edges.jsonl:2: field `target` is missing", ""),
        (
            "edges",
            r#"{"relation":"goes","source":"alpha","target":"alpha"}"#,
            "edges.jsonl:2: field `target`",
            "another item",
        ),
        (
            "edges",
            r#"{"relation":"goes","source":"alpha","target":"beta","weight":"heavy"}"#,
            "edges.jsonl:2: field `weight`",
            "a number",
        ),
        (
            "edges",
            r#"{"relation":"goes","source":"alpha","target":"beta","weight":-1}"#,
            "edges.jsonl:2: field `weight`",
            "at least 0",
        ),
        (
            "edges",
            r#"{"relation":"goes","source":"alpha","target":"beta","weight":1e99}"#,
            "edges.jsonl:2: field `weight`",
            "finite",
        ),
        (
            "edges",
            r#"{"relation":"goes","source":"alpha","target":"beta","weight":NaN}"#,
            "edges.jsonl:2: broken JSON",
            "",
        ),
        (
            "edges",
            r#"{"relation":"goes","source":"alpha","target":"beta","split":"tset"}"#,
            "edges.jsonl:2: field `split`",
            "train, validation",
        ),
        ("dataset.toml", "name = \"x\"\nnmae = 3\n", "dataset.toml:2: unknown field", "nmae"),
        ("dataset.toml", "name = \n", "dataset.toml:1: ", ""),
        (
            "dataset.toml",
            "[modalities.audio]\nfile = \"a.npy\"\n",
            "dataset.toml: [modalities.audio]: file: there is no file",
            "a.npy",
        ),
        (
            "dataset.toml",
            "[modalities.text]\nfile = \"a.npy\"\n",
            "dataset.toml: [modalities.text]",
            "cannot be the name",
        ),
        ("items.csv", "id,text\n", "items.jsonl: there is items.csv as well", ""),
        ("edges.parquet", "", "edges.jsonl: there is edges.parquet as well", ""),
    ];
    for (place, text, start, part) in bad {
        let folder = Folder::new(&[("items.jsonl", ITEMS), ("relations.jsonl", RELATIONS), ("edges.jsonl", EDGES)]);
        match *place {
            "items" => folder.put("items.jsonl", format!("{ITEMS}{text}\n")),
            "relations" => folder.put("relations.jsonl", format!("{RELATIONS}{text}\n")),
            "edges" => folder.put("edges.jsonl", format!("{EDGES}{text}\n")),
            file => folder.put(file, text),
        }
        let problems = folder.problems();
        assert_eq!(problems.len(), 1, "{text}: {problems:#?}");
        assert!(problems[0].starts_with(start) && problems[0].contains(part), "{text}\n  {}", problems[0]);
        let error = folder.read().unwrap_err();
        assert!(error.is_input() && error.list().len() == 1, "{text}");
    }
}

#[test]
fn problems_of_whole_files() {
    let nowhere = check(Path::new("/nowhere/at/all")).unwrap_err();
    assert!(nowhere.is_input() && nowhere.to_string().contains("/nowhere/at/all"));
    let folder = Folder::new(&[("relations.jsonl", RELATIONS)]);
    assert!(folder.problems()[0].contains("has no table of items"));
    let folder = Folder::new(&[("items.parquet", "")]);
    assert!(folder.problems()[0].starts_with("items.parquet: is empty"));
    let folder = Folder::new(&[("items.jsonl", "\n")]);
    assert_eq!(folder.problems(), ["items.jsonl: has no items"]);
    let folder = Folder::new(&[("items.jsonl", ITEMS), ("edges.jsonl", EDGES)]);
    assert!(folder.problems()[0].contains("no relations table"));
    let folder = Folder::new(&[("items.jsonl", [ITEMS.as_bytes(), b"{\"id\":\"\xff\"}\n"].concat())]);
    assert_eq!(folder.problems(), ["items.jsonl:3: column 8: found the byte 0xFF, expected UTF-8"]);
}

#[test]
fn all_problems_are_listed_and_one_cause_is_one_problem() {
    let folder = Folder::new(&[
        ("items.jsonl", format!("{ITEMS}{{\"id\":\"alpha\",\"text\":\"x\"}}\nnonsense\n{{\"id\":\"c\"}}\n")),
        ("relations.jsonl", RELATIONS.into()),
        // The second edge names the item whose own line is a problem: it is there all the same.
        ("edges.jsonl", format!("{}{}", EDGES.replace("goes", "q"), EDGES.replace("beta", "c"))),
    ]);
    let problems = folder.problems();
    let places = ["items.jsonl:3:", "items.jsonl:4:", "items.jsonl:5:", "edges.jsonl:1:"];
    assert_eq!(problems.len(), 4, "{problems:#?}");
    places.iter().zip(&problems).for_each(|(place, problem)| assert!(problem.starts_with(place), "{problem}"));
}

#[test]
fn a_shard_that_is_missing_is_noticed_whatever_the_table_is_called() {
    let shard = |dir: &Path, name: &str| {
        let data = Dataset { items: vec![Item::new(name).text("x")], ..Dataset::default() };
        let out = tempfile::tempdir().unwrap();
        data.convert(out.path(), Format::Parquet, &|_| {}).unwrap();
        std::fs::create_dir_all(dir).unwrap();
        std::fs::copy(out.path().join("items.parquet"), dir.join(name)).unwrap();
    };
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    for name in ["train-00000-of-00003.parquet", "train-00002-of-00003.parquet", "test-00000-of-00001.parquet"] {
        shard(&data, name);
    }
    let problems = check(folder.path()).unwrap();
    assert!(problems.len() == 1 && problems[0].to_string().contains("but 2 are here: missing 1"), "{problems:?}");
    shard(&data, "train-00001-of-00003.parquet");
    assert_eq!(check(folder.path()).unwrap(), []);
}

#[test]
fn a_quote_that_is_never_closed_does_not_swallow_the_rest() {
    let folder = Folder::new(&[("items.csv", "id,text\na,foo\n\nb,\"12 inch lamp\nc,desk\nd,chair\n")]);
    assert_eq!(folder.problems(), ["items.csv:4: the quote that opens here is never closed"]);
    let folder = Folder::new(&[("items.csv", "id,text\na,foo\nb,\"12\"\" lamp\"")]);
    assert!(folder.problems().is_empty(), "a last line without a newline");
}

#[test]
fn a_feature_row_must_exist() {
    let folder = Folder::new(&[
        ("items.jsonl", "{\"id\":\"a\",\"features\":{\"audio\":2}}\n{\"id\":\"b\",\"features\":{\"audoi\":0}}\n"),
        ("dataset.toml", "[modalities.audio]\nfile = \"audio.npy\"\nshape = [2, 1]\n"),
    ]);
    let header = format!("{:<117}\n", "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), }");
    folder.put("audio.npy", [b"\x93NUMPY\x01\x00v\x00".as_slice(), header.as_bytes(), &[0; 8]].concat());
    let problems = folder.problems();
    assert_eq!(
        problems[0],
        "items.jsonl:1: field `features.audio`: found row 2, but the array has 2 rows (counted from 0)"
    );
    assert!(problems[1].ends_with("did you mean \"audio\"?") && problems.len() == 2, "{problems:#?}");
}

#[test]
fn pictures_that_cannot_be_decoded_are_named_once() {
    let line = |id: &str, image: &str| format!("{{\"id\":\"{id}\",\"image\":\"{image}\"}}\n");
    let names = ["good.png", "cut.png", "good.jpg", "cut.jpg", "text.png", "cut.png"];
    let items: String = names.iter().enumerate().map(|(i, name)| line(&format!("i{i}"), name)).collect();
    let folder = Folder::new(&[("items.jsonl", items)]);
    let (png, jpeg) = (png(32), encoded(32, image::ImageFormat::Jpeg));
    folder.put("good.png", &png);
    folder.put("cut.png", &png[..png.len() / 2]);
    folder.put("good.jpg", &jpeg);
    folder.put("cut.jpg", &jpeg[..jpeg.len() * 3 / 4]);
    folder.put("text.png", "not a picture");
    let problems = folder.problems();
    assert!(folder.read().is_ok(), "reading does not decode");
    let expected = [("items.jsonl:2:", "cut.png"), ("items.jsonl:4:", "cut.jpg"), ("items.jsonl:5:", "text.png")];
    assert_eq!(problems.len(), 3, "{problems:#?}");
    assert!(expected.iter().zip(&problems).all(|((place, name), p)| p.starts_with(place) && p.contains(name)));
}

#[test]
fn lines_are_numbered_across_chunks() {
    // Three chunks, one line of them longer than a chunk.
    let mut items = String::new();
    for i in 0..60_000 {
        let text = if i == 30_000 { "x".repeat(9 << 20) } else { "x".repeat(150) };
        items += &format!("{{\"id\":\"i{i}\",\"text\":\"{text}\"}}\n");
    }
    let folder = Folder::new(&[("items.jsonl", items + "{\"text\":\"x\"}")]);
    let problems = folder.problems();
    assert_eq!(problems.len(), 1);
    assert!(problems[0].starts_with("items.jsonl:60001: field `id` is missing"), "{}", problems[0]);
}
