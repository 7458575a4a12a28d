//! What damaged and unusual files say. Every one gets a message on one line, and nothing panics.

use std::path::Path;

use super::*;

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats").join(name)).unwrap()
}

/// The problems of a folder with these files, as "FILE:LINE: message".
fn problems(files: &[(&str, Vec<u8>)]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    let prefix = format!("{}{}", folder.path().display(), std::path::MAIN_SEPARATOR);
    let found = check(folder.path()).unwrap();
    assert!(!found.is_empty() || read(folder.path()).is_ok(), "no problem, and yet it does not open");
    let found: Vec<String> = found.iter().map(|problem| problem.to_string().replace(&prefix, "")).collect();
    assert!(found.iter().all(|problem| !problem.contains('\n')), "{found:#?}");
    found
}

#[test]
fn one_cause_is_one_line() {
    let parquet = fixture("pandas/items.parquet");
    let tar = fixture("webdataset/train-000000.tar");
    let gzip = fixture("webdataset/test-000000.tar.gz");
    let items = b"{\"id\":\"a\",\"text\":\"x\"}\n{\"id\":\"b\",\"text\":\"y\"}\n".to_vec();
    let zst = zstd::encode_all(&items[..], 3).unwrap();
    let cut = |bytes: &[u8], at: usize| bytes[..at].to_vec();
    let with = |bytes: &[u8], at: usize, byte: u8| {
        let mut bytes = bytes.to_vec();
        bytes[at] ^= byte;
        bytes
    };
    for (name, bytes, start, part) in [
        ("items.parquet", Vec::new(), "items.parquet: is empty", ""),
        ("items.parquet", b"PAR1".to_vec(), "items.parquet: is cut short", ""),
        ("items.parquet", b"hello, I am a text".to_vec(), "items.parquet: is no Parquet file", "PAR1"),
        ("items.parquet", cut(&parquet, parquet.len() / 2), "items.parquet: is cut short", "no PAR1"),
        ("items.parquet", cut(&parquet, parquet.len() - 1), "items.parquet: is cut short", "no PAR1"),
        ("items.parquet", with(&parquet, parquet.len() - 5, 0xFF), "items.parquet: has a damaged footer", ""),
        (
            "items-00000-of-00002.parquet",
            parquet.clone(),
            "items-00000-of-00002.parquet: is one of 2 shards",
            "1 are here",
        ),
        ("items.jsonl.zst", cut(&zst, zst.len() - 4), "items.jsonl.zst:1: cannot be read from here on", ""),
        ("items.jsonl.zst", b"not compressed".to_vec(), "items.jsonl.zst:1: cannot be read from here on", ""),
        ("items.csv", b"id,text:json\na,\"{\"\n".to_vec(), "items.csv:2: column `text:json`: broken JSON", ""),
        ("items.csv", b"id,:json\na,3\n".to_vec(), "items.csv:2: column `:json`: expected an object", "the number 3"),
        ("a.tar", b"nonsense".repeat(100), "a.tar: is cut short, or no tar", ""),
        ("a.tar", cut(&tar, 700), "a.tar: is cut short", "700 bytes"),
        ("a.tar", with(&tar, 130, 0x01), "a.tar:1: cannot be read", "damaged"),
        ("a.tar.gz", cut(&gzip, gzip.len() / 2), "a.tar.gz:", "cannot be read from here on"),
        ("a.tar.gz", b"no gzip".to_vec(), "a.tar.gz:1: cannot be read from here on", ""),
        ("a.tar.zst", b"no zstd".to_vec(), "a.tar.zst:1: cannot be read from here on", ""),
        ("a.tar", Vec::new(), "a.tar: has no items", ""),
        (
            "metadata.csv",
            b"file_name,text\nnone.png,a\n".to_vec(),
            "metadata.csv:2: column `file_name`, taken as `image`: there is no file",
            "none.png",
        ),
    ] {
        let found = problems(&[(name, bytes)]);
        assert_eq!(found.len(), 1, "{name}: {found:#?}");
        assert!(found[0].starts_with(start) && found[0].contains(part), "{name} {start:?} {part:?}\n  {}", found[0]);
    }
}

#[test]
fn no_cut_and_no_flipped_byte_panics() {
    for (from, name) in [
        ("arrow/items-00001-of-00002.parquet", "items.parquet"),
        ("polars/items.parquet", "items.parquet"),
        ("webdataset/train-000000.tar", "a.tar"),
        ("webdataset/test-000000.tar.gz", "a.tar.gz"),
    ] {
        let bytes = fixture(from);
        let step = bytes.len() / 40;
        for at in (0..bytes.len()).step_by(step) {
            let mut flipped = bytes.clone();
            flipped[at] ^= 0x41;
            problems(&[(name, flipped)]);
            problems(&[(name, bytes[..at].to_vec())]);
        }
    }
}

#[test]
fn a_damaged_picture_is_named_where_it_lies() {
    let mut tar = fixture("webdataset/train-000000.tar");
    let at = tar.windows(4).position(|bytes| bytes == b"IDAT").unwrap();
    tar[at + 8] ^= 0xFF;
    let found = problems(&[("a.tar", tar)]);
    assert!(
        found.len() == 1 && found[0].starts_with("a.tar:1: field `image`: \"000000.png\" cannot be decoded"),
        "{found:?}"
    );
}

#[test]
fn a_folder_of_pictures_is_a_dataset() {
    let png = |n: u8| {
        let mut bytes = std::io::Cursor::new(Vec::new());
        image::RgbImage::from_pixel(2, 2, image::Rgb([n; 3])).write_to(&mut bytes, image::ImageFormat::Png).unwrap();
        bytes.into_inner()
    };
    let open = |files: &[(&str, Vec<u8>)]| {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
        assert_eq!(check(folder.path()).unwrap(), []);
        let dataset = read(folder.path()).unwrap();
        let row = |item: &crate::Item| {
            let part = |text: &Option<String>| text.clone().unwrap_or_default();
            let split = item.split.map_or(String::new(), |split| format!("{split:?}"));
            format!("{} {} {} {} {split}", item.id, part(&item.image), part(&item.text), part(&item.label))
        };
        (dataset.items.iter().map(row).collect::<Vec<_>>(), dataset)
    };
    // Hugging Face's imagefolder: a table beside the pictures; two texts of one picture are two items.
    let table = b"file_name,text,price\nb.png,two,2\na.png,one,1\nb.png,again,3\n".to_vec();
    let (rows, dataset) = open(&[("metadata.csv", table), ("a.png", png(1)), ("b.png", png(2))]);
    assert_eq!(rows, ["b.png b.png two  ", "a.png a.png one  ", "b.png#2 b.png again  "]);
    assert_eq!(dataset.items[0].attributes["price"], serde_json::json!("2"));
    // A table for each split, with paths relative to it; lines of JSON.
    let line = |name: &str| format!("{{\"file_name\": \"{name}\", \"caption\": \"c\"}}\n").into_bytes();
    let (rows, _) = open(&[
        ("train/metadata.jsonl", line("x/a.png")),
        ("train/x/a.png", png(1)),
        ("test/metadata.jsonl", line("a.png")),
        ("test/a.png", png(2)),
    ]);
    assert_eq!(rows, ["test/a.png test/a.png c  Test", "train/x/a.png train/x/a.png c  Train"]);
    // Classes as folders, without any table.
    let (rows, _) = open(&[("train/cats/1.png", png(1)), ("validation/dogs/2.jpg", png(2)), ("3.png", png(3))]);
    let expected = [
        "3.png 3.png   ",
        "train/cats/1.png train/cats/1.png  cats Train",
        "validation/dogs/2.jpg validation/dogs/2.jpg  dogs Validation",
    ];
    assert_eq!(rows, expected);
    // Any one table with a column of pictures, ids of its own, relations beside it.
    let (rows, dataset) = open(&[
        ("products.csv", b"id,title,image_path,label\n1,lamp,p/a.png,light\n2,desk,p/b.png,wood\n".to_vec()),
        ("p/a.png", png(1)),
        ("p/b.png", png(2)),
        ("relations.csv", b"id,description\nr,goes with\n".to_vec()),
        ("edges.csv", b"relation,source,target\nr,1,2\n".to_vec()),
    ]);
    assert_eq!(rows, ["1 p/a.png lamp light ", "2 p/b.png desk wood "]);
    assert_eq!(dataset.edges.len(), 1);
}
