//! Tokens of many items in a file, read where they lie.

#![allow(unsafe_code, reason = "memory-mapped files, and advice about their pages")]

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use half::{bf16, f16};
use memmap2::{Mmap, UncheckedAdvice};
use rcml_kernels::{LengthError, TokenView};
use safetensors::{Dtype, SafeTensors};

use crate::PreparedRelations;

/// A store that cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{}: {reason}", path.display())]
pub struct StoreError {
    path: PathBuf,
    reason: String,
}

impl StoreError {
    fn new(path: &Path, reason: impl ToString) -> Self {
        Self { path: path.into(), reason: reason.to_string() }
    }
}

/// How tokens are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenType {
    /// 4 bytes a value.
    F32,
    /// 2 bytes, 11 significant bits.
    F16,
    /// 2 bytes, 8 significant bits.
    Bf16,
}

impl TokenType {
    fn name(self) -> &'static str {
        match self {
            Self::F32 => "F32",
            Self::F16 => "F16",
            Self::Bf16 => "BF16",
        }
    }

    fn bytes(self) -> usize {
        if self == Self::F32 { 4 } else { 2 }
    }
}

/// The tensor `tokens` `[N, T, D]` (F32, F16 or BF16, an item's summary first) of a safetensors file, mapped into memory.
#[derive(Debug)]
pub struct TokenStore {
    path: PathBuf,
    map: Mmap,
    start: usize,
    kind: TokenType,
    dims: [usize; 3],
}

/// Bytes of tokens that are conditioned at a time.
const BLOCK: usize = 16 << 20;

impl TokenStore {
    /// Opens a store.
    ///
    /// # Errors
    /// A file that cannot be read, or holds no such tensor.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref();
        let fail = |reason: String| StoreError::new(path, reason);
        let file = File::open(path).map_err(|error| fail(error.to_string()))?;
        // SAFETY: as with every mapped file, nobody may shorten it while it is open.
        let map = unsafe { Mmap::map(&file) }.map_err(|error| fail(error.to_string()))?;
        let tensors = SafeTensors::deserialize(&map).map_err(|error| fail(format!("not safetensors: {error}")))?;
        let tokens = tensors.tensor("tokens").map_err(|_| fail("expected a tensor `tokens`, found none".into()))?;
        let kind = match tokens.dtype() {
            Dtype::F32 => TokenType::F32,
            Dtype::F16 => TokenType::F16,
            Dtype::BF16 => TokenType::Bf16,
            other => return Err(fail(format!("tokens: expected F32, F16 or BF16, found {other:?}"))),
        };
        let &[n, t, d] = tokens.shape() else {
            return Err(fail(format!("tokens: expected the shape [N, T, D], found {:?}", tokens.shape())));
        };
        let start = tokens.data().as_ptr() as usize - map.as_ptr() as usize;
        if !start.is_multiple_of(kind.bytes()) {
            return Err(fail(format!("tokens: expected values aligned to {} bytes", kind.bytes())));
        }
        Ok(Self { path: path.into(), start, kind, dims: [n, t, d], map })
    }

    /// N, T, D.
    pub fn dims(&self) -> [usize; 3] {
        self.dims
    }

    /// The tokens of items `first..first + count`.
    ///
    /// # Errors
    /// Items that the store does not have.
    pub fn items(&self, first: usize, count: usize) -> Result<TokenView<'_>, StoreError> {
        let [n, t, d] = self.dims;
        if first + count > n {
            let reason = format!("expected items below {n}, found {first}..{}", first + count);
            return Err(StoreError::new(&self.path, reason));
        }
        let (bytes, width) = (&self.map[self.start..], t * d * self.kind.bytes());
        let bytes = &bytes[first * width..(first + count) * width];
        let cast = |error: bytemuck::PodCastError| StoreError::new(&self.path, error);
        Ok(match self.kind {
            TokenType::F32 => TokenView::F32(bytemuck::try_cast_slice(bytes).map_err(cast)?),
            TokenType::F16 => TokenView::F16(bytemuck::try_cast_slice::<_, f16>(bytes).map_err(cast)?),
            TokenType::Bf16 => TokenView::Bf16(bytemuck::try_cast_slice::<_, bf16>(bytes).map_err(cast)?),
        })
    }

    /// Embeds every item under every relation, a block at a time: `sink` gets the number of the block's first item and its
    /// `[block, R, D]` embeddings. Memory does not grow with N: pages that were read are given back.
    ///
    /// # Errors
    /// The sink's, or relations of another width than the tokens.
    pub fn condition<E: From<StoreError>>(
        &self,
        relations: &PreparedRelations,
        mut sink: impl FnMut(usize, &[f32]) -> Result<(), E>,
    ) -> Result<(), E> {
        let ([n, t, d], [r, width]) = (self.dims, relations.dims());
        if d != width {
            let reason = format!("expected tokens of the relations' width {width}, found {d}");
            return Err(StoreError::new(&self.path, reason).into());
        }
        let per_block = (BLOCK / (t * d * self.kind.bytes()).max(1)).max(1);
        let mut out = vec![0.0f32; per_block.min(n) * r * d];
        for first in (0..n).step_by(per_block) {
            let count = per_block.min(n - first);
            let out = &mut out[..count * r * d];
            let fits = |error: LengthError| StoreError::new(&self.path, error);
            relations.condition(self.items(first, count)?, count, t, None, out).map_err(fits)?;
            sink(first, out)?;
            self.forget(first, count);
        }
        Ok(())
    }

    /// Tells the system that the pages of these items are not needed soon.
    fn forget(&self, first: usize, count: usize) {
        let [_, t, d] = self.dims;
        let width = t * d * self.kind.bytes();
        // SAFETY: the map is of a file and read-only: pages that are dropped are read again when they are touched.
        let _ = unsafe {
            self.map.unchecked_advise_range(UncheckedAdvice::DontNeed, self.start + first * width, count * width)
        };
    }
}

/// Writes a store item by item: to a temporary name, renamed when it is complete, removed when it never is.
#[derive(Debug)]
pub struct TokenStoreWriter {
    path: PathBuf,
    partial: PathBuf,
    file: BufWriter<File>,
    kind: TokenType,
    dims: [usize; 3],
    written: usize,
}

impl TokenStoreWriter {
    /// Begins a store of N items of T tokens of width D.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn create(path: impl AsRef<Path>, dims: [usize; 3], kind: TokenType) -> Result<Self, StoreError> {
        let path = path.as_ref();
        let partial = path.with_extension("partial");
        let file = File::create(&partial).map_err(|error| StoreError::new(&partial, error))?;
        let file = BufWriter::with_capacity(1 << 20, file);
        let mut writer = Self { path: path.into(), partial, file, kind, dims, written: 0 };
        let [n, t, d] = dims;
        let bytes = n * t * d * kind.bytes();
        let mut header =
            format!(r#"{{"tokens":{{"dtype":"{}","shape":[{n},{t},{d}],"data_offsets":[0,{bytes}]}}}}"#, kind.name());
        header.push_str(&" ".repeat(header.len().next_multiple_of(64) - header.len()));
        let length = (header.len() as u64).to_le_bytes();
        let begun = writer.file.write_all(&length).and_then(|()| writer.file.write_all(header.as_bytes()));
        begun.map_err(|error| StoreError::new(&writer.partial, error))?;
        Ok(writer)
    }

    /// Adds items: any number of tokens of width D, the summary of an item first.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn push(&mut self, tokens: &[f32]) -> Result<(), StoreError> {
        self.written += tokens.len();
        let bytes: Vec<u8> = match self.kind {
            TokenType::F32 => tokens.iter().flat_map(|x| x.to_le_bytes()).collect(),
            TokenType::F16 => tokens.iter().flat_map(|x| f16::from_f32(*x).to_le_bytes()).collect(),
            TokenType::Bf16 => tokens.iter().flat_map(|x| bf16::from_f32(*x).to_le_bytes()).collect(),
        };
        self.file.write_all(&bytes).map_err(|error| StoreError::new(&self.partial, error))
    }

    /// Completes the store.
    ///
    /// # Errors
    /// Another number of values than was announced, or a file that cannot be written.
    pub fn finish(mut self) -> Result<(), StoreError> {
        let expected: usize = self.dims.iter().product();
        if self.written != expected {
            let reason = format!("expected {expected} values, found {}", self.written);
            return Err(StoreError::new(&self.partial, reason));
        }
        let done = self.file.flush().and_then(|()| std::fs::rename(&self.partial, &self.path));
        done.map_err(|error| StoreError::new(&self.path, error))
    }
}

impl Drop for TokenStoreWriter {
    fn drop(&mut self) {
        // A complete store has its own name by now: nothing is left under this one.
        let _ = std::fs::remove_file(&self.partial);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ConditionerConfig, Tokens};
    use burn::tensor::{Distribution, Tensor};

    #[test]
    fn a_store_gives_what_tensors_give() {
        let device = rcml_kernels::device::parse("cpu").unwrap();
        device.seed(5);
        let folder = tempfile::tempdir().unwrap();
        let (n, t, d, r) = (53, 6, 16, 2);
        let states = Tensor::<3>::random([n, t, d], Distribution::Normal(0.0, 1.0), &device);
        let relations = Tensor::<2>::random([r, d], Distribution::Normal(0.0, 1.0), &device);
        let values: Vec<f32> = states.clone().try_into_vec_as().unwrap();
        let mut config = ConditionerConfig::default();
        config.attention.residual_init = 0.5;
        let module = config.init(d, &device);
        let expected: Vec<f32> =
            module.forward(&Tokens::with_summary_first(states, None), relations.clone()).try_into_vec_as().unwrap();
        let prepared = module.prepare(relations).unwrap();
        for (kind, tolerance) in [(TokenType::F32, 1e-5), (TokenType::F16, 2e-3), (TokenType::Bf16, 2e-2)] {
            let path = folder.path().join("tokens.safetensors");
            let mut writer = TokenStoreWriter::create(&path, [n, t, d], kind).unwrap();
            values.chunks(t * d).for_each(|item| writer.push(item).unwrap());
            writer.finish().unwrap();
            let store = TokenStore::open(&path).unwrap();
            assert_eq!(store.dims(), [n, t, d]);
            let mut found = vec![];
            store
                .condition::<StoreError>(&prepared, |first, block| {
                    assert_eq!(first * r * d, found.len());
                    found.extend_from_slice(block);
                    Ok(())
                })
                .unwrap();
            assert_eq!(found.len(), expected.len());
            let worst = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst < tolerance, "{kind:?}: off by {worst}");
            assert!(store.items(n, 1).is_err());
        }
    }

    #[test]
    fn bad_stores_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.safetensors");
        std::fs::write(&path, b"no").unwrap();
        let message = TokenStore::open(&path).unwrap_err().to_string();
        assert!(message.contains("x.safetensors: not safetensors"), "{message}");
        let mut writer = TokenStoreWriter::create(&path, [1, 2, 3], TokenType::F16).unwrap();
        writer.push(&[0.0; 5]).unwrap();
        let message = writer.finish().unwrap_err().to_string();
        assert!(message.contains("expected 6 values, found 5"), "{message}");
    }

    #[test]
    fn a_store_that_is_never_complete_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer =
            TokenStoreWriter::create(folder.path().join("x.safetensors"), [2, 1, 4], TokenType::F32).unwrap();
        writer.push(&[0.0; 4]).unwrap();
        assert!(writer.finish().unwrap_err().to_string().contains("expected 8 values, found 4"));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
