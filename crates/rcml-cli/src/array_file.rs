//! Embeddings on disk.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use npyz::WriterBuilder;
use parquet::data_type::{ByteArray, ByteArrayType, FloatType};
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use serde_json::json;

use crate::failure::{Failure, Result};
use crate::output::write_whole;

/// A file format for a matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ArrayFormat {
    Npy,
    Safetensors,
    /// A table of ids and lists: what pandas, polars and `datasets` open.
    Parquet,
}

impl ArrayFormat {
    /// The format that a file's ending names.
    pub(crate) fn of(path: &Path) -> Result<Self> {
        let fail = |message: &str| Err(Failure::input(format!("{}: {message}", path.display())));
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("npy") => Ok(Self::Npy),
            Some("safetensors") => Ok(Self::Safetensors),
            Some("parquet") => Ok(Self::Parquet),
            _ => fail("expected a file name that ends in .safetensors, .npy or .parquet"),
        }
    }

    /// Whether the file says which row belongs to which item.
    pub(crate) fn holds_ids(self) -> bool {
        self == Self::Parquet
    }

    /// Writes a row-major `[N, width]` matrix piece by piece, N being the number of ids: `next` gives some whole rows, and nothing
    /// at the end. `metadata` goes into the header of a safetensors file and the footer of a Parquet file; the ids into a column
    /// of the latter.
    pub(crate) fn write(
        self,
        path: &Path,
        ids: &[&str],
        width: usize,
        metadata: &BTreeMap<String, String>,
        next: &mut dyn FnMut() -> Option<Vec<f32>>,
    ) -> Result<()> {
        let rows = ids.len();
        write_whole(path, |part| match self {
            Self::Npy => {
                let mut file = BufWriter::new(File::create(part)?);
                let options = npyz::WriteOptions::new().default_dtype().shape(&[rows as u64, width as u64]);
                let mut array = options.writer(&mut file).begin_nd()?;
                while let Some(values) = next() {
                    array.extend(values)?;
                }
                array.finish()?;
                file.flush()
            }
            Self::Safetensors => {
                let mut file = BufWriter::new(File::create(part)?);
                let header = header(&[rows, width], metadata);
                file.write_all(&(header.len() as u64).to_le_bytes())?;
                file.write_all(header.as_bytes())?;
                let mut missing = rows * width;
                while let Some(values) = next() {
                    values.iter().try_for_each(|value| file.write_all(&value.to_le_bytes()))?;
                    missing = missing.saturating_sub(values.len());
                }
                // A file that is not whole does not take its place.
                if missing > 0 {
                    return Err(std::io::ErrorKind::UnexpectedEof.into());
                }
                file.flush()
            }
            Self::Parquet => {
                let file = BufWriter::new(File::create(part)?);
                write_parquet(file, ids, width, metadata, next).map_err(|e| std::io::Error::other(e.to_string()))
            }
        })
    }
}

/// A column `id` and a column `embedding`, a list of numbers a row; what comes at once is read at once.
fn write_parquet(
    file: BufWriter<File>,
    mut ids: &[&str],
    width: usize,
    metadata: &BTreeMap<String, String>,
    next: &mut dyn FnMut() -> Option<Vec<f32>>,
) -> ParquetResult<()> {
    let schema = "message embeddings {
        required binary id (STRING);
        required group embedding (LIST) { repeated group list { required float element; } }
    }";
    // The ids have a column.
    let pairs = metadata.iter().filter(|(key, _)| *key != "ids");
    let pairs = pairs.map(|(key, value)| KeyValue::new(key.clone(), value.clone())).collect();
    let properties = WriterProperties::builder()
        .set_created_by(concat!("rcml ", env!("CARGO_PKG_VERSION")).into())
        .set_key_value_metadata(Some(pairs))
        // Embeddings do not repeat and do not compress.
        .set_dictionary_enabled(false);
    let schema = Arc::new(parse_message_type(schema)?);
    let mut writer = SerializedFileWriter::new(file, schema, Arc::new(properties.build()))?;
    while let Some(values) = next() {
        let (own, rest) = ids.split_at((values.len() / width.max(1)).min(ids.len()));
        ids = rest;
        let mut group = writer.next_row_group()?;
        if let Some(mut column) = group.next_column()? {
            let ids: Vec<ByteArray> = own.iter().map(|id| ByteArray::from(id.as_bytes().to_vec())).collect();
            column.typed::<ByteArrayType>().write_batch(&ids, None, None)?;
            column.close()?;
        }
        if let Some(mut column) = group.next_column()? {
            let definitions = vec![1; values.len()];
            let repetitions: Vec<i16> = (0..values.len()).map(|at| i16::from(at % width != 0)).collect();
            column.typed::<FloatType>().write_batch(&values, Some(&definitions), Some(&repetitions))?;
            column.close()?;
        }
        group.close()?;
    }
    if !ids.is_empty() {
        return Err(ParquetError::General(format!("{} rows are missing", ids.len())));
    }
    writer.close().map(|_| ())
}

/// The header of a safetensors file with the one tensor `embeddings`. The crate of that name writes metadata in the random
/// order of a hash map, and the same embeddings would be different files.
fn header(shape: &[usize], metadata: &BTreeMap<String, String>) -> String {
    let bytes = shape.iter().product::<usize>() * size_of::<f32>();
    let tensor = json!({"dtype": "F32", "shape": shape, "data_offsets": [0, bytes]});
    let mut header = json!({"__metadata__": metadata, "embeddings": tensor}).to_string();
    // The values begin at a multiple of eight.
    let padding = header.len().next_multiple_of(8) - header.len();
    header.push_str(&" ".repeat(padding));
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hands values out, so many at a time.
    fn pieces(values: &[f32], size: usize) -> impl FnMut() -> Option<Vec<f32>> {
        let mut pieces: Vec<Vec<f32>> = values.chunks(size).map(<[f32]>::to_vec).rev().collect();
        move || pieces.pop()
    }

    #[test]
    fn both_formats_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let values = [1.0, -2.0, 0.5, 0.25, 3.0, f32::MIN_POSITIVE];
        let npy = folder.path().join("new/a.npy");
        let none = BTreeMap::new();
        ArrayFormat::of(&npy).unwrap().write(&npy, &["a", "b"], 3, &none, &mut pieces(&values, 3)).unwrap();
        let read = npyz::NpyFile::new(File::open(&npy).unwrap()).unwrap();
        assert_eq!(read.shape(), [2, 3]);
        assert_eq!(read.into_vec::<f32>().unwrap(), values);

        let path = folder.path().join("a.safetensors");
        let metadata =
            BTreeMap::from([("ids".to_string(), "[\"ä\",\"b\"]".to_string()), ("view".into(), "fused".into())]);
        let ids = ["a", "b", "c"];
        ArrayFormat::of(&path).unwrap().write(&path, &ids, 2, &metadata, &mut pieces(&values, 4)).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
        let read: BTreeMap<_, _> = header.metadata().clone().unwrap().into_iter().collect();
        assert_eq!(read, metadata);
        let read = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        let tensor = read.tensor("embeddings").unwrap();
        assert_eq!(tensor.shape(), [3, 2]);
        assert_eq!(tensor.data()[4..8], (-2.0f32).to_le_bytes());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn parquet_is_a_table_of_ids_and_lists() {
        use parquet::file::reader::{FileReader, SerializedFileReader};
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.parquet");
        const GROUP: usize = 40;
        let ids: Vec<String> = (0..GROUP + 3).map(|i| format!("i{i}")).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let values: Vec<f32> = (0..2 * ids.len()).map(|i| i as f32 / 8.0).collect();
        let metadata = BTreeMap::from([("view".to_string(), "fused".to_string()), ("ids".into(), "x".into())]);
        ArrayFormat::of(&path).unwrap().write(&path, &ids, 2, &metadata, &mut pieces(&values, 2 * GROUP)).unwrap();
        let reader = SerializedFileReader::new(File::open(&path).unwrap()).unwrap();
        assert_eq!(reader.num_row_groups(), 2);
        let pairs = reader.metadata().file_metadata().key_value_metadata().unwrap();
        assert_eq!(pairs, &[KeyValue::new("view".into(), "fused".to_string())]);
        let rows: Vec<String> = reader.get_row_iter(None).unwrap().map(|row| row.unwrap().to_string()).collect();
        assert_eq!((rows.len(), rows[0].as_str()), (ids.len(), "{id: \"i0\", embedding: [0E0, 0.125]}"));
        assert_eq!(rows[GROUP + 2], "{id: \"i42\", embedding: [10.5, 10.625]}");
    }

    #[test]
    fn other_endings_are_refused() {
        for (name, expected) in [("a", "ends in .safetensors, .npy or .parquet"), ("a.csv", "a.csv")] {
            let Err(Failure::Input(message)) = ArrayFormat::of(Path::new(name)) else { panic!("{name}") };
            assert!(message.contains(expected), "{message}");
        }
    }
}
