use std::io::Write;
use std::sync::Arc;

use parquet::data_type::{ByteArray, ByteArrayType, Int32Type, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use super::*;

/// User, rating and the line of each row.
fn rows(path: &Path) -> Result<Vec<(usize, String, Option<f64>)>> {
    let columns = [Column::required("user"), Column::optional("rating")];
    let mut rows = Vec::new();
    let parse = |cells: &mut [Value]| (text(&cells[0]).unwrap_or_default(), number(&cells[1]));
    each_row(path, &columns, parse, |line, row| {
        let (user, rating) = row.map_err(|message| Error::problems(vec![Problem::at(path, line, message)]))?;
        rows.push((line, user, rating));
        Ok(())
    })?;
    Ok(rows)
}

fn expected() -> Vec<(String, Option<f64>)> {
    vec![("u1".into(), Some(4.0)), ("u2".into(), None), ("ü3".into(), Some(2.5))]
}

fn told(path: &Path) -> Vec<(String, Option<f64>)> {
    rows(path).unwrap().into_iter().map(|(_, user, rating)| (user, rating)).collect()
}

const JSONL: &str = "\u{feff}{\"rating\": 4.0, \"text\": {\"long\": [1, 2]}, \"user\": \"u1\"}\n\n\
                     {\"user\": \"u2\"}\r\n{\"user\":\"\\u00fc3\",\"rating\":\"2.5\"}";

#[test]
fn every_format_and_packing_gives_the_same_rows() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let gzip = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let half = JSONL.find("{\"user\": \"u2\"").unwrap();
    let members = [gzip(&JSONL.as_bytes()[..half]), gzip(&JSONL.as_bytes()[half..])].concat();
    for path in [
        write("a.jsonl", JSONL.as_bytes()),
        write("a.jsonl.gz", &members),
        write("a.json", &members),
        write("a.jsonl.zst", &zstd::encode_all(JSONL.as_bytes(), 3).unwrap()),
        write("a.csv", "user,note,rating\nu1,\"two\nlines, here\",4\nu2,,\nü3,x,2.5\n".as_bytes()),
        write("a.tsv.gz", &gzip("rating\tuser\n4\tu1\n\tu2\n2.5\tü3\n".as_bytes())),
        write("b.csv", "user;rating\nu1;4\nu2;\nü3;2.5\n".as_bytes()),
        parquet(&dir.path().join("a.parquet")),
    ] {
        assert_eq!(told(&path), expected(), "{}", path.display());
    }
    let lines: Vec<usize> = rows(&dir.path().join("a.csv")).unwrap().iter().map(|row| row.0).collect();
    assert_eq!(lines, [2, 4, 5]);
    assert_eq!(rows(&dir.path().join("a.jsonl")).unwrap().iter().map(|row| row.0).collect::<Vec<_>>(), [1, 3, 4]);
}

fn parquet(path: &Path) -> std::path::PathBuf {
    let schema = parse_message_type(
        "message log { required binary user (UTF8); optional int64 other; optional binary rating (UTF8); }",
    );
    let file = std::fs::File::create(path).unwrap();
    let mut writer =
        SerializedFileWriter::new(file, Arc::new(schema.unwrap()), Arc::new(WriterProperties::default())).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let bytes = |texts: &[&str]| texts.iter().map(|text| ByteArray::from(*text)).collect::<Vec<_>>();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<ByteArrayType>().write_batch(&bytes(&["u1", "u2", "ü3"]), None, None).unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<Int64Type>().write_batch(&[7], Some(&[1, 0, 0]), None).unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<ByteArrayType>().write_batch(&bytes(&["4", "2.5"]), Some(&[1, 0, 1]), None).unwrap();
    column.close().unwrap();
    group.close().unwrap();
    writer.close().unwrap();
    path.to_path_buf()
}

#[test]
fn parquet_says_the_same_here_as_in_the_tables_of_a_dataset() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.parquet");
    let schema = parse_message_type(
        "message log { required int32 price (DECIMAL(9,2)); required int32 day (DATE); required int64 at (TIMESTAMP_MILLIS); }",
    );
    let file = std::fs::File::create(&path).unwrap();
    let mut writer =
        SerializedFileWriter::new(file, Arc::new(schema.unwrap()), Arc::new(WriterProperties::default())).unwrap();
    let mut group = writer.next_row_group().unwrap();
    for value in [1250, 19_782] {
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<Int32Type>().write_batch(&[value], None, None).unwrap();
        column.close().unwrap();
    }
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<Int64Type>().write_batch(&[1_709_209_800_000], None, None).unwrap();
    column.close().unwrap();
    group.close().unwrap();
    writer.close().unwrap();
    let columns = ["price", "day", "at"].map(Column::required);
    let mut found = Vec::new();
    each_row(
        &path,
        &columns,
        |cells| cells.to_vec(),
        |_, row| {
            found.push(row.unwrap());
            Ok(())
        },
    )
    .unwrap();
    assert_eq!(found, [["12.50", "2024-02-29", "2024-02-29T12:30:00"].map(Value::from)]);
    assert_eq!((number(&found[0][0]), seconds(&found[0][2])), (Some(12.5), Some(1_709_209_800)));
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let refused = |name: &str, bytes: &[u8], words: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let error = rows(&path).unwrap_err();
        assert!(error.is_input() && error.to_string().contains(words), "{name}: {error}");
    };
    refused("a.jsonl", b"{\"user\":\"a\"}\n{\"user\":", "a.jsonl:2: no JSON object");
    refused("c.jsonl", b"{\"name\":\"a\"}\n{}", "has no column \"user\"; its columns are name");
    refused("b.jsonl", b"[1]", "b.jsonl:1: no JSON object: invalid type");
    refused("a.csv", b"name,rating\na,1\n", "has no column \"user\"; its columns are name, rating");
    refused("b.csv", b"user,rating\na,1,2\n", "b.csv:2: found 3 cells, expected 2");
    refused("c.csv", b"", "is empty");
    refused("d.csv", b"user,rating\nu1,4\n\nu2,\"5\nu3,4\n", "d.csv:4: the quote that opens here is never closed");
    refused("e.csv", b"\xFF\xFEu\0s\0e\0r\0\n\0", "e.csv:1: is UTF-16 text: expected UTF-8");
    refused("f.csv", b"user,rating\n\nu1,4\n\r\n\nu2,4,5\n", "f.csv:6: found 3 cells");
    refused("a.parquet", b"PAR1 nonsense", "no readable Parquet");
    refused("a.txt", b"x", "the ending does not say");
    let whole = zstd::encode_all(JSONL.as_bytes(), 3).unwrap();
    refused("cut.jsonl.zst", &whole[..whole.len() - 9], "cannot be read from here on");
    assert!(rows(&dir.path().join("missing.csv")).unwrap_err().is_input());
}
