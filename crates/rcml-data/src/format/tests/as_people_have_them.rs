//! Tables as spreadsheets and shops export them.

use super::*;

#[test]
fn separators_of_spreadsheets_are_seen() {
    for separator in [";", "\t", "|", ","] {
        let table = |text: &str| text.replace('~', separator);
        let folder = Folder::new(&[
            ("items.csv", table("id~text~price\r\na~\"one, \"\"two\"\"; |three\"~3\r\nb~two~\r\n")),
            ("relations.csv", table("id~description\nr~goes with\n")),
            ("edges.csv", table("relation~source~target~weight\nr~a~b~0.5\n")),
        ]);
        let data = folder.read().unwrap();
        assert_eq!(data.items[0].text.as_deref(), Some("one, \"two\"; |three"));
        assert_eq!((&data.items[0].attributes["price"], data.edges[0].weight), (&json!("3"), 0.5));
    }
    // A header with a comma is comma-separated, whatever else is in it.
    let folder = Folder::new(&[("items.csv", "id,text;a;b;c\nx,one;two\n")]);
    assert!(folder.problems()[0].contains("no modality"));
}

#[test]
fn names_are_known_with_capitals_and_pictures_in_the_folder_beside() {
    let folder =
        Folder::new(&[("products.csv", "ID,Title,Filename,Label\n1,lamp,a.png,light\n2,desk,images/b.png,wood\n")]);
    folder.put("images/a.png", png(2));
    folder.put("images/b.png", png(3));
    assert_eq!(folder.problems(), [] as [&str; 0]);
    let data = folder.read().unwrap();
    let lamp = Item::new("1").text("lamp").image("images/a.png").label("light");
    assert_eq!(data.items, [lamp, Item::new("2").text("desk").image("images/b.png").label("wood")]);
    // What lies where the table says is taken from there; what lies nowhere is named as the table has it.
    folder.put("a.png", png(2));
    assert_eq!(folder.read().unwrap().items[0].image.as_deref(), Some("a.png"));
    folder.put("products.csv", "Title,Filename\nlamp,none.png\n");
    assert_eq!(folder.problems(), ["products.csv:2: field `image`: there is no file \"none.png\" in the folder"]);
}

#[test]
fn one_table_of_any_name_is_enough() {
    let papers = "ID,Title,Abstract,Authors\np1,On lamps,\"They shine, mostly.\",Ann; Bob\np2,Why?,,Cy\n";
    let folder = Folder::new(&[("papers.csv", papers)]);
    assert_eq!(folder.problems(), [] as [&str; 0]);
    let data = folder.read().unwrap();
    let texts: Vec<_> = data.items.iter().map(|item| (item.id.as_str(), item.text.as_deref().unwrap())).collect();
    assert_eq!(texts, [("p1", "On lamps. They shine, mostly."), ("p2", "Why?")]);
    assert_eq!(data.items[0].attributes["Authors"], json!("Ann; Bob"));
    // Relations and edges may lie beside; of two other tables, neither is chosen.
    folder.put("relations.csv", "id,description\nr,cites\n");
    folder.put("edges.csv", "relation,source,target\nr,p1,p2\n");
    assert_eq!(folder.read().unwrap().edges.len(), 1);
    folder.put("authors.csv", "name\nAnn\n");
    assert!(folder.problems()[0].contains("has no table of items"));
}

#[test]
fn what_is_no_table_says_what_it_is() {
    for (name, bytes, expected) in [
        ("items.csv", b"\xFF\xFEi\0d\0".to_vec(), "items.csv:1: is UTF-16 text: expected UTF-8"),
        (
            "items.csv",
            b"name:text\na:x\n".to_vec(),
            "items.csv:1: the header lacks the column `id`, found \"name:text\"",
        ),
        ("items.jsonl", b"[\n".to_vec(), "items.jsonl:1: expected a whole object on one line, found \"[\""),
        ("items.tsv", b"id\ttext\n".to_vec(), "or pictures, found items.tsv"),
        ("Items.JSONL", ITEMS.into(), "or pictures, found Items.JSONL"),
        ("metadata.csv", b"colour,price\nred,3\n".to_vec(), "or `file_name`, found `colour`, `price`"),
    ] {
        let problems = Folder::new(&[(name, bytes)]).problems();
        assert!(problems.len() == 1 && problems[0].contains(expected), "{expected} in\n{problems:#?}");
    }
}
