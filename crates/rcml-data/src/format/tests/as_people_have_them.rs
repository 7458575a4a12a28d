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
    assert_eq!(
        folder.problems(),
        ["products.csv:2: column `Filename`, taken as `image`: there is no file \"none.png\" in the folder"]
    );
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

const MUSEUM: &str = "object_number,title,maker,path,photo\n1880.1,a ring,Ann,jewellery > ring,a.png\n\
    1880.2,a cup,Bob,silver > cup,b.png\n";

#[test]
fn a_museum_s_columns_are_known_and_told() {
    let folder = Folder::new(&[("objects.csv", MUSEUM)]);
    folder.put("photos/a.png", png(2));
    folder.put("photos/b.png", png(3));
    let found = inspect(folder.0.path()).unwrap();
    assert!(found.problems.is_empty() && found.warnings.is_empty(), "{:?} {:?}", found.problems, found.warnings);
    let items = &found.dataset.items;
    assert_eq!((items[0].id.as_str(), items[0].image.as_deref()), ("1880.1", Some("photos/a.png")));
    assert_eq!(items[1].attributes["path"], json!("silver > cup"));
    assert!(!items[0].attributes.contains_key("object_number"));
    let expected = "object_number as id, title as text, photo as image; other columns are attributes: maker, path";
    assert_eq!(found.dataset.columns.to_string(), expected);
    // The format's own names need no telling.
    let own = Folder::new(&[("items.csv", "id,text,sku\na,one,7\n")]);
    assert!(own.read().unwrap().columns.is_empty() && own.read().unwrap().items[0].id == "a");
}

#[test]
fn what_does_not_tell_items_apart_is_no_id() {
    for (table, ids, why) in [
        ("product_id,sku,title\n1,x,a\n1,y,b\n", ["x", "y"], "product_id is no id: line 3 has \"1\", as line 2 has"),
        ("sku,title,code\n,a,1\n7,b,2\n", ["1", "2"], "sku is no id: line 2 has none"),
        ("asin,title\n1,a\n1,b\n", ["t-0", "t-1"], "no column as id (the first item is called t-0)"),
        ("id,sku,title\n5,1,a\n6,1,b\n", ["5", "6"], "title as text"),
        ("id,sku,title\n5,1,a\n,2,b\n", ["5", "t-1"], "title as text"),
    ] {
        let folder = Folder::new(&[("t.csv", table)]);
        let data = folder.read().unwrap();
        assert_eq!(data.items.iter().map(|item| item.id.as_str()).collect::<Vec<_>>(), ids, "{table}");
        assert!(data.columns.to_string().contains(why), "{}", data.columns);
    }
}

#[test]
fn pictures_that_no_item_names_are_a_warning() {
    let folder = Folder::new(&[("objects.csv", "object_number,title,view\n1,a ring,front\n")]);
    assert!(inspect(folder.0.path()).unwrap().warnings.is_empty());
    folder.put("views/1.jpg", png(2));
    folder.put("views/2.jpg", png(2));
    let found = inspect(folder.0.path()).unwrap();
    assert!(found.problems.is_empty());
    assert!(found.warnings[0].message.starts_with("is the first of 2 pictures that no item names"), "{found:?}");
    assert!(
        inspect(&folder.path("objects.csv")).unwrap().warnings.is_empty(),
        "beside a file lies what is not its own"
    );
}

#[test]
fn messages_name_the_column() {
    let folder = Folder::new(&[("objects.csv", MUSEUM)]);
    folder.put("photos/a.png", "no picture");
    assert_eq!(
        folder.problems()[0],
        "objects.csv:3: column `photo`, taken as `image`: there is no file \"b.png\" in the folder"
    );
    folder.put("b.png", png(2));
    let problems = folder.problems();
    assert!(
        problems[0].contains("column `photo`, taken as `image`: \"photos/a.png\" cannot be decoded"),
        "{problems:?}"
    );
}
