//! A file of encoded items.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use burn::tensor::{Device, Tensor, TensorData};
use half::f16;
use half::slice::HalfFloatSliceExt;
use rayon::prelude::*;
use rcml_data::write_whole;
use rcml_encoders::pretrained::Precision;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors, View};
use serde::{Deserialize, Serialize};

use crate::encoded_items::{Chunk, EncodedColumn, EncodedItems};
use crate::stored_tokens::StoredTokens;
use crate::{Error, Result};

/// What an index says of an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// Of its id and of what it is.
    pub(super) print: u64,
    pub(super) id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<String>,
}

/// What stands in the header of a part, beside the names of its tensors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Head {
    /// Of the model and the precision.
    pub(super) model: String,
    pub(super) items: Vec<Entry>,
    /// The rows after which each chunk ends.
    ends: Vec<usize>,
    /// Modalities, and which items have them.
    modalities: Vec<(String, Vec<bool>)>,
}

/// Key of the header's metadata.
const HEAD: &str = "part";

/// Writes encoded items.
///
/// # Errors
/// The file system's, or the device's.
pub(super) fn write(
    path: &Path,
    encoded: &EncodedItems,
    items: Vec<Entry>,
    model: &str,
    precision: Precision,
) -> Result<()> {
    let modalities = encoded.modalities.iter().map(|column| (column.name.clone(), column.present.clone())).collect();
    let head = Head { model: model.into(), items, ends: encoded.ends.clone(), modalities };
    let head = serde_json::to_string(&head).map_err(|error| Error::file(path, error))?;
    let mut arrays = Vec::new();
    for (m, column) in encoded.modalities.iter().enumerate() {
        for (c, tokens) in column.chunks.iter().enumerate() {
            let (tokens, name) = (tokens.tokens(), |part: &str| format!("{m}.{c}.{part}"));
            arrays.push((name("states"), Array::of(tokens.states.clone(), precision)?));
            if let Some(bias) = &tokens.log_bias {
                // Half precision has no number as large as that of padding.
                arrays.push((name("bias"), Array::of(bias.clone(), Precision::F32)?));
            }
        }
    }
    for (c, words) in encoded.words.iter().enumerate() {
        arrays.push((format!("words.{c}"), Array::of(words.clone(), precision)?));
    }
    let metadata = HashMap::from([(HEAD.to_string(), head)]);
    let written = write_whole(path, |part| {
        safetensors::serialize_to_file(arrays, Some(metadata), part).map_err(std::io::Error::other)
    });
    written.map_err(|error| Error::file(path, error))
}

/// What a part says of itself; `None` for a file that is none, or is not whole.
pub(super) fn head(path: &Path) -> Option<Head> {
    // The safetensors library reads a header of a whole file in memory alone; here it is a thousandth of the file.
    let mut file = File::open(path).ok()?;
    let all = file.metadata().ok()?.len();
    let mut length = [0; 8];
    file.read_exact(&mut length).ok()?;
    let length = u64::from_le_bytes(length);
    if length > all {
        return None;
    }
    let mut text = Vec::with_capacity(length as usize);
    file.take(length).read_to_end(&mut text).ok()?;
    let header: serde_json::Value = serde_json::from_slice(&text).ok()?;
    let ends = header.as_object()?.values().filter_map(|tensor| tensor.get("data_offsets")?.get(1)?.as_u64());
    if 8 + length + ends.max().unwrap_or(0) != all {
        return None;
    }
    let head: Head = serde_json::from_str(header.get("__metadata__")?.get(HEAD)?.as_str()?).ok()?;
    let whole = head.ends.last().copied().unwrap_or(0) == head.items.len()
        && head.ends.is_sorted()
        && head.modalities.iter().all(|(_, present)| present.len() == head.items.len());
    whole.then_some(head)
}

/// Reads encoded items, which get the numbers from `first` on.
///
/// # Errors
/// A file that cannot be read, or is not as its head says.
pub(super) fn read(path: &Path, head: &Head, first: u32, texts: bool, device: &Device) -> Result<EncodedItems> {
    let bytes = std::fs::read(path).map_err(|error| Error::file(path, error))?;
    let bytes = Arc::new(bytes);
    let tensors = SafeTensors::deserialize(&bytes).map_err(|error| Error::file(path, error))?;
    let rows = |chunk: usize| head.ends[chunk] - chunk.checked_sub(1).map_or(0, |before| head.ends[before]);
    let chunks = 0..head.ends.len();
    let mut modalities = Vec::with_capacity(head.modalities.len());
    for (m, (modality, present)) in head.modalities.iter().enumerate() {
        let of_chunk = |c: usize| {
            let name = |part: &str| format!("{m}.{c}.{part}");
            let log_bias = match tensors.tensor(&name("bias")) {
                Ok(_) => Some(values(path, &tensors, &name("bias"), rows(c), 2)?.0),
                Err(_) => None,
            };
            let states = found(path, &tensors, &name("states"), rows(c), 3)?;
            let start = states.data().as_ptr() as usize - bytes.as_ptr() as usize;
            let dims = [states.shape()[0], states.shape()[1], states.shape()[2]];
            let (place, half) = (start..start + states.data().len(), states.dtype() == Dtype::F16);
            let stored = StoredTokens::new(bytes.clone(), place, half, dims, log_bias, device);
            stored.map(Chunk::Stored).ok_or_else(|| Error::file(path, format!("{}: damaged", name("states"))))
        };
        let chunks = chunks.clone().map(of_chunk).collect::<Result<_>>()?;
        modalities.push(EncodedColumn { name: modality.clone(), chunks, present: present.clone() });
    }
    let has_words = tensors.tensor("words.0").is_ok();
    let words = chunks.filter(|_| has_words).map(|c| {
        let (values, shape) = values(path, &tensors, &format!("words.{c}"), rows(c), 2)?;
        Ok(Tensor::from_data(TensorData::new(values, shape), device))
    });
    let n = head.items.len() as u32;
    Ok(EncodedItems {
        items: (first..first + n).collect(),
        ends: head.ends.clone(),
        modalities,
        words: words.collect::<Result<_>>()?,
        texts: head.items.iter().filter(|_| texts).map(|item| item.text.clone()).collect(),
    })
}

/// A tensor of so many rows and axes, in half or single precision.
fn found<'a>(path: &Path, tensors: &SafeTensors<'a>, name: &str, rows: usize, axes: usize) -> Result<TensorView<'a>> {
    let found = tensors.tensor(name).map_err(|error| Error::file(path, format!("{name}: {error}")))?;
    let (shape, dtype) = (found.shape(), found.dtype());
    if shape.len() != axes || shape[0] != rows || !matches!(dtype, Dtype::F16 | Dtype::F32) {
        let message = format!("{name}: expected F16 or F32, {rows} rows of {axes} axes, found {dtype:?} {shape:?}");
        return Err(Error::file(path, message));
    }
    Ok(found)
}

/// Its values and its shape.
fn values(path: &Path, tensors: &SafeTensors, name: &str, rows: usize, axes: usize) -> Result<(Vec<f32>, Vec<usize>)> {
    let found = found(path, tensors, name, rows, axes)?;
    let (shape, bytes) = (found.shape().to_vec(), found.data());
    let unaligned = |error: bytemuck::PodCastError| Error::file(path, format!("{name}: {error}"));
    let values = if found.dtype() == Dtype::F16 {
        bytemuck::try_cast_slice::<_, f16>(bytes).map_err(unaligned)?.to_f32_vec()
    } else {
        bytemuck::try_cast_slice(bytes).map_err(unaligned)?.to_vec()
    };
    Ok((values, shape))
}

/// Values on their way to a file.
struct Array {
    bytes: Vec<u8>,
    shape: Vec<usize>,
    dtype: Dtype,
}

impl Array {
    /// Values that half precision cannot hold stay as they are.
    fn of<const D: usize>(tensor: Tensor<D>, precision: Precision) -> Result<Self> {
        let shape = tensor.dims().to_vec();
        let values: Vec<f32> = tensor.try_into_vec_as().map_err(Error::device)?;
        let fits = values.par_iter().all(|value| value.abs() <= f32::from(f16::MAX));
        Ok(if precision == Precision::F16 && fits {
            let bytes = values.par_iter().flat_map_iter(|value| f16::from_f32(*value).to_le_bytes()).collect();
            Self { bytes, shape, dtype: Dtype::F16 }
        } else {
            let bytes = values.par_iter().flat_map_iter(|value| value.to_le_bytes()).collect();
            Self { bytes, shape, dtype: Dtype::F32 }
        })
    }
}

impl View for Array {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes)
    }

    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}
