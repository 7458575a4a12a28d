//! The tensors of a pretrained encoder, each asked for by name and shape.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor, TensorData};
use half::{bf16, f16};
use memmap2::Mmap;
use safetensors::tensor::{Metadata, SafeTensors};
use safetensors::{Dtype, SafeTensorError};

use crate::Result;
use crate::error::ErrorKind;

/// Longest header that the format allows.
const LONGEST_HEADER: u64 = 100_000_000;

/// Safetensors files of a folder, memory-mapped. A tensor is taken once; what nobody takes is an error at the end, so that a
/// file of another architecture cannot pass for the right one.
#[derive(Debug)]
pub(crate) struct Weights {
    files: Vec<WeightFile>,
    /// Tensor -> its file.
    index: BTreeMap<String, usize>,
    taken: BTreeSet<String>,
    prefix: String,
    device: Device,
}

#[derive(Debug)]
struct WeightFile {
    path: PathBuf,
    map: Mmap,
    metadata: Metadata,
    /// Where the tensors' bytes begin.
    begin: usize,
}

impl Weights {
    /// Opens files; a tensor may stand in one of them only.
    ///
    /// # Errors
    /// A file that is missing, cut short or no safetensors file.
    pub(crate) fn open(paths: &[PathBuf], device: &Device) -> Result<Self> {
        let files: Vec<WeightFile> = paths.iter().map(|path| WeightFile::open(path)).collect::<Result<_>>()?;
        let mut index = BTreeMap::new();
        for (number, file) in files.iter().enumerate() {
            for name in file.metadata.offset_keys() {
                if let Some(other) = index.insert(name.clone(), number) {
                    let other = files[other].path.display();
                    return Err(file.fail(format!("tensor {name:?} stands in {other} as well")));
                }
            }
        }
        Ok(Self { files, index, taken: BTreeSet::new(), prefix: String::new(), device: device.clone() })
    }

    /// Whether a tensor is there.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.index.contains_key(&format!("{}{name}", self.prefix))
    }

    /// Names are looked up behind `prefix` from here on, if there is any tensor with it. (Models saved with a task's head put
    /// their trunk's name before every tensor of the trunk.)
    pub(crate) fn enter(&mut self, prefix: &str) {
        if self.index.keys().any(|name| name.starts_with(prefix)) {
            self.prefix = prefix.into();
        }
    }

    /// Leaves the prefix.
    pub(crate) fn leave(&mut self) {
        self.prefix.clear();
    }

    /// Counts tensors as used that are not needed: heads of other tasks, buffers.
    pub(crate) fn ignore(&mut self, unneeded: impl Fn(&str) -> bool) {
        self.taken.extend(self.index.keys().filter(|name| unneeded(name)).cloned());
    }

    /// A tensor as f32 values, checked.
    ///
    /// # Errors
    /// A tensor that is missing, has another shape or type, or holds a value that is not finite: names the tensor, and both
    /// shapes.
    pub(crate) fn values(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let name = format!("{}{name}", self.prefix);
        let Some(file) = self.index.get(&name).map(|number| &self.files[*number]) else {
            let nearest = self.nearest(&name);
            let first = &self.files[0];
            return Err(first.fail(format!("tensor {name:?} of shape {shape:?} is missing{nearest}")));
        };
        let (found, dtype, bytes) = file.tensor(&name)?;
        // A scalar of PyTorch has no dimension; Burn's smallest has one.
        if found != shape && !(found.is_empty() && shape == [1]) {
            return Err(file.fail(format!("tensor {name:?}: expected shape {shape:?}, found {found:?}")));
        }
        let values = floats(dtype, bytes).ok_or_else(|| {
            file.fail(format!("tensor {name:?}: expected values of type F32, F16 or BF16, found {dtype:?}"))
        })?;
        if let Some(position) = values.iter().position(|value| !value.is_finite()) {
            let value = values[position];
            return Err(file.fail(format!("tensor {name:?} of shape {found:?}: value {position} is {value}")));
        }
        self.taken.insert(name);
        Ok(values)
    }

    /// A tensor; see [`Self::values`].
    pub(crate) fn tensor<const D: usize>(&mut self, name: &str, shape: [usize; D]) -> Result<Tensor<D>> {
        let values = self.values(name, &shape)?;
        Ok(Tensor::from_data(TensorData::new(values, shape), &self.device))
    }

    /// The shape of a tensor, where there is one of the name.
    pub(crate) fn shape(&self, name: &str) -> Option<&[usize]> {
        let name = format!("{}{name}", self.prefix);
        let file = &self.files[*self.index.get(&name)?];
        file.metadata.info(&name).map(|info| info.shape.as_slice())
    }

    /// Where tensors are put.
    pub(crate) fn device(&self) -> &Device {
        &self.device
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// Tensors that nobody took, with their shapes.
    pub(crate) fn finish(self) -> Result<()> {
        let left: Vec<&String> = self.index.keys().filter(|name| !self.taken.contains(*name)).collect();
        let Some(first) = left.first() else { return Ok(()) };
        let file = &self.files[self.index[*first]];
        let shown = left.iter().take(5).map(|name| {
            let info = self.files[self.index[*name]].metadata.info(name);
            format!("{name:?} {:?}", info.map(|info| info.shape.as_slice()).unwrap_or_default())
        });
        let shown: Vec<String> = shown.collect();
        let more = if left.len() > 5 { format!(" and {} more", left.len() - 5) } else { String::new() };
        Err(file.fail(format!("tensors that config.json's architecture does not have: {}{more}", shown.join(", "))))
    }

    /// A hint for a name that is not there: one that ends alike.
    fn nearest(&self, name: &str) -> String {
        let tail: Vec<&str> = name.rsplit('.').take(2).collect();
        let alike = self.index.keys().find(|other| {
            let mut parts = other.rsplit('.');
            tail.iter().all(|part| parts.next() == Some(part)) && !self.taken.contains(*other)
        });
        alike.map_or_else(String::new, |other| format!(" (there is {other:?})"))
    }
}

impl WeightFile {
    fn open(path: &Path) -> Result<Self> {
        let fail = |message: String| ErrorKind::File { path: path.to_path_buf(), message };
        let file = File::open(path).map_err(|error| fail(error.to_string()))?;
        // SAFETY: the map is read only. Another program that cut the file while it is read could end this one with a bus
        // error, as with every memory-mapped file; weights are written once and renamed into place.
        #[allow(unsafe_code, reason = "memory-mapping is unsafe by nature")]
        let map = unsafe { Mmap::map(&file) }.map_err(|error| fail(error.to_string()))?;
        if let Some(claimed) = map.get(..8).and_then(|bytes| bytes.try_into().ok()).map(u64::from_le_bytes)
            && claimed > LONGEST_HEADER.min(map.len() as u64)
        {
            return Err(fail(format!(
                "not a safetensors file, or cut short: its first bytes claim a header of {claimed} bytes, the file has {}",
                map.len()
            ))
            .into());
        }
        let (header, metadata) = SafeTensors::read_metadata(&map).map_err(|error| {
            fail(match error {
                SafeTensorError::MetadataIncompleteBuffer => {
                    format!("cut short or damaged: its header describes tensors of another total size than the {} bytes found", map.len())
                }
                other => format!("not a safetensors file: {other}"),
            })
        })?;
        Ok(Self { path: path.to_path_buf(), map, metadata, begin: 8 + header })
    }

    fn fail(&self, message: String) -> crate::Error {
        ErrorKind::File { path: self.path.clone(), message }.into()
    }

    fn tensor(&self, name: &str) -> Result<(&[usize], Dtype, &[u8])> {
        let info = self.metadata.info(name).ok_or_else(|| self.fail(format!("tensor {name:?} is missing")))?;
        let (start, end) = info.data_offsets;
        let bytes = self.map.get(self.begin + start..self.begin + end);
        let bytes = bytes.ok_or_else(|| self.fail(format!("tensor {name:?} lies beyond the end of the file")))?;
        Ok((&info.shape, info.dtype, bytes))
    }
}

fn floats(dtype: Dtype, bytes: &[u8]) -> Option<Vec<f32>> {
    let pairs = || bytes.chunks_exact(2).map(|b| [b[0], b[1]]);
    match dtype {
        Dtype::F32 => Some(bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()),
        Dtype::F16 => Some(pairs().map(|b| f16::from_le_bytes(b).to_f32()).collect()),
        Dtype::BF16 => Some(pairs().map(|b| bf16::from_le_bytes(b).to_f32()).collect()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use safetensors::tensor::TensorView;

    use super::*;

    fn device() -> Device {
        rcml_kernels::device::parse("cpu").unwrap()
    }

    fn write(path: &Path, tensors: &[(&str, Dtype, Vec<usize>, Vec<u8>)]) {
        let views = tensors.iter().map(|(name, dtype, shape, bytes)| {
            (name.to_string(), TensorView::new(*dtype, shape.clone(), bytes).unwrap())
        });
        safetensors::serialize_to_file(views.collect::<HashMap<_, _>>(), None, path).unwrap();
    }

    fn bytes(values: &[f32]) -> Vec<u8> {
        values.iter().flat_map(|value| value.to_le_bytes()).collect()
    }

    #[test]
    fn every_type_of_float_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.safetensors");
        let halves = |of: fn(f32) -> [u8; 2]| [1.5f32, -0.25].into_iter().flat_map(of).collect::<Vec<u8>>();
        write(
            &path,
            &[
                ("full", Dtype::F32, vec![2], bytes(&[1.5, -0.25])),
                ("half", Dtype::F16, vec![2], halves(|v| f16::from_f32(v).to_le_bytes())),
                ("brain", Dtype::BF16, vec![2], halves(|v| bf16::from_f32(v).to_le_bytes())),
                ("scalar", Dtype::F32, vec![], bytes(&[3.0])),
                ("count", Dtype::I64, vec![1], vec![0; 8]),
            ],
        );
        let mut weights = Weights::open(&[path], &device()).unwrap();
        for name in ["full", "half", "brain"] {
            assert_eq!(weights.values(name, &[2]).unwrap(), [1.5, -0.25], "{name}");
        }
        assert_eq!(weights.values("scalar", &[1]).unwrap(), [3.0]);
        let message = weights.values("count", &[1]).unwrap_err().to_string();
        assert!(message.contains("\"count\"") && message.contains("I64"), "{message}");
        let message = weights.finish().unwrap_err().to_string();
        assert!(message.contains("\"count\" [1]") && message.contains("a.safetensors"), "{message}");
    }

    #[test]
    fn what_is_wrong_is_named_with_both_shapes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.safetensors");
        let bad = bytes(&[0.0, f32::NAN, 0.0, f32::INFINITY]);
        write(&path, &[("x.w", Dtype::F32, vec![2, 2], bytes(&[0.0; 4])), ("bad", Dtype::F32, vec![2, 2], bad)]);
        let mut weights = Weights::open(&[path], &device()).unwrap();
        for (name, shape, words) in [
            ("x.w", vec![4, 1], vec!["\"x.w\"", "expected shape [4, 1]", "found [2, 2]"]),
            ("y.x.w", vec![3], vec!["\"y.x.w\"", "[3]", "missing", "there is \"x.w\""]),
            ("bad", vec![2, 2], vec!["\"bad\"", "value 1 is NaN"]),
        ] {
            let message = weights.values(name, &shape).unwrap_err().to_string();
            assert!(words.iter().all(|word| message.contains(word)), "{message}");
        }
    }

    #[test]
    fn damaged_files_are_one_clear_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.safetensors");
        write(&path, &[("w", Dtype::F32, vec![64], bytes(&[1.0; 64]))]);
        let whole = std::fs::read(&path).unwrap();
        let mut huge = whole.clone();
        huge[..8].copy_from_slice(&(1u64 << 60).to_le_bytes());
        for (name, content, word) in [
            ("cut", whole[..whole.len() - 9].to_vec(), "cut short"),
            ("cut in the header", whole[..20].to_vec(), "cut short"),
            ("huge", huge, "claim a header of 1152921504606846976 bytes"),
            ("empty", vec![], "a.safetensors"),
            ("text", b"version https://git-lfs.github.com/spec/v1".to_vec(), "not a safetensors file"),
        ] {
            std::fs::write(&path, content).unwrap();
            let message = Weights::open(std::slice::from_ref(&path), &device()).unwrap_err().to_string();
            assert!(message.contains(word) && message.contains("a.safetensors"), "{name}: {message}");
        }
    }
}
