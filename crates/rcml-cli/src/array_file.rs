//! Arrays on disk.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use npyz::WriterBuilder;
use serde_json::json;

use crate::failure::{Failure, Result};
use crate::output::write_whole;

/// A file format for a matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ArrayFormat {
    Npy,
    Safetensors,
}

impl ArrayFormat {
    /// The format that a file's ending names.
    pub(crate) fn of(path: &Path) -> Result<Self> {
        let fail = |message: &str| Err(Failure::input(format!("{}: {message}", path.display())));
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("npy") => Ok(Self::Npy),
            Some("safetensors") => Ok(Self::Safetensors),
            Some("parquet") => fail("writing .parquet is not supported yet; use .safetensors or .npy"),
            _ => fail("expected a file name that ends in .safetensors or .npy"),
        }
    }

    /// Writes a row-major `[N, width]` matrix. `metadata` goes into the header of a safetensors file.
    pub(crate) fn write(
        self,
        path: &Path,
        values: &[f32],
        width: usize,
        metadata: &BTreeMap<String, String>,
    ) -> Result<()> {
        let rows = values.len() / width.max(1);
        write_whole(path, |part| match self {
            Self::Npy => {
                let mut file = BufWriter::new(File::create(part)?);
                let options = npyz::WriteOptions::new().default_dtype().shape(&[rows as u64, width as u64]);
                let mut array = options.writer(&mut file).begin_nd()?;
                array.extend(values.iter().copied())?;
                array.finish()?;
                file.flush()
            }
            Self::Safetensors => {
                let mut file = BufWriter::new(File::create(part)?);
                let header = header(&[rows, width], metadata);
                file.write_all(&(header.len() as u64).to_le_bytes())?;
                file.write_all(header.as_bytes())?;
                values.iter().try_for_each(|value| file.write_all(&value.to_le_bytes()))?;
                file.flush()
            }
        })
    }
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

    #[test]
    fn both_formats_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let values = [1.0, -2.0, 0.5, 0.25, 3.0, f32::MIN_POSITIVE];
        let npy = folder.path().join("new/a.npy");
        ArrayFormat::of(&npy).unwrap().write(&npy, &values, 3, &BTreeMap::new()).unwrap();
        let read = npyz::NpyFile::new(File::open(&npy).unwrap()).unwrap();
        assert_eq!(read.shape(), [2, 3]);
        assert_eq!(read.into_vec::<f32>().unwrap(), values);

        let path = folder.path().join("a.safetensors");
        let metadata =
            BTreeMap::from([("ids".to_string(), "[\"ä\",\"b\"]".to_string()), ("view".into(), "fused".into())]);
        ArrayFormat::of(&path).unwrap().write(&path, &values, 2, &metadata).unwrap();
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
    fn other_endings_are_refused() {
        for (name, expected) in
            [("a.parquet", "not supported yet"), ("a", "ends in .safetensors or .npy"), ("a.csv", "a.csv")]
        {
            let Err(Failure::Input(message)) = ArrayFormat::of(Path::new(name)) else { panic!("{name}") };
            assert!(message.contains(expected), "{message}");
        }
    }
}
