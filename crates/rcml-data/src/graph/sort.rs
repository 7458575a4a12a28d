//! Sorting more than fits into memory.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::PathBuf;

use bytemuck::Pod;
use rayon::prelude::*;

use crate::{Error, Result};

/// Least bytes that a run is read ahead by while runs are merged.
const LEAST_READ: usize = 64 << 10;

/// An external merge sort: values are collected up to a bound, sorted and written away as a run; at the end the runs are
/// merged. Values that are equal in every bit come out once.
///
/// All runs are in one file without a name, which the system removes however the program ends.
#[derive(Debug)]
pub(super) struct ExternalSort<T> {
    folder: PathBuf,
    /// Bytes for the buffer that is sorted, and later for reading the runs.
    memory: usize,
    buffer: Vec<T>,
    file: Option<File>,
    /// Places of the runs in the file, counted in values.
    runs: Vec<Range<u64>>,
}

impl<T: Pod + Ord + Send> ExternalSort<T> {
    /// Sorts in `memory` bytes (at least 64 KiB) and in the folder, where that is not enough.
    pub(super) fn new(folder: PathBuf, memory: usize) -> Self {
        Self { folder, memory: memory.max(LEAST_READ), buffer: Vec::new(), file: None, runs: Vec::new() }
    }

    pub(super) fn push(&mut self, value: T) -> Result<()> {
        let most = self.memory / size_of::<T>();
        if self.buffer.len() == self.buffer.capacity() {
            // Doubling as a vector does it, but never beyond the bound.
            self.buffer.reserve_exact(self.buffer.len().max(1024).min(most - self.buffer.len()));
        }
        self.buffer.push(value);
        if self.buffer.len() == most { self.spill() } else { Ok(()) }
    }

    fn sort(&mut self) {
        self.buffer.par_sort_unstable();
        self.buffer.dedup();
    }

    fn spill(&mut self) -> Result<()> {
        self.sort();
        let mut write = || {
            let file = match &mut self.file {
                Some(file) => file,
                None => self.file.insert(tempfile::tempfile_in(&self.folder)?),
            };
            file.write_all(bytemuck::cast_slice(&self.buffer))
        };
        write().map_err(|e| Error::io(&self.folder, e))?;
        let start = self.runs.last().map_or(0, |run| run.end);
        self.runs.push(start..start + self.buffer.len() as u64);
        self.buffer.clear();
        Ok(())
    }

    /// Number of runs written away so far.
    pub(super) fn runs(&self) -> usize {
        self.runs.len()
    }

    /// Hands all values out in ascending order.
    pub(super) fn merge(mut self, mut each: impl FnMut(T) -> Result<()>) -> Result<()> {
        if self.runs.is_empty() {
            self.sort();
            return self.buffer.into_iter().try_for_each(each);
        }
        if !self.buffer.is_empty() {
            self.spill()?;
        }
        self.buffer = Vec::new();
        let Some(mut file) = self.file else { return Ok(()) };
        let at = |e| Error::io(&self.folder, e);
        // Half of the memory: whoever consumes the values needs some as well.
        let ahead = (self.memory / 2 / self.runs.len()).max(LEAST_READ) / size_of::<T>();
        let mut readers: Vec<Reader<T>> = self.runs.into_iter().map(|rest| Reader::new(rest, ahead)).collect();
        let mut heads = BinaryHeap::with_capacity(readers.len());
        for (run, reader) in readers.iter_mut().enumerate() {
            heads.extend(reader.next(&mut file).map_err(at)?.map(|value| Reverse((value, run))));
        }
        let mut last = None;
        while let Some(mut head) = heads.peek_mut() {
            let Reverse((value, run)) = *head;
            match readers[run].next(&mut file).map_err(at)? {
                Some(next) => *head = Reverse((next, run)),
                None => _ = PeekMut::pop(head),
            }
            if last != Some(value) {
                each(value)?;
                last = Some(value);
            }
        }
        Ok(())
    }
}

/// Reads a run, many values at a time.
struct Reader<T> {
    rest: Range<u64>,
    ahead: usize,
    values: Vec<T>,
    position: usize,
}

impl<T: Pod> Reader<T> {
    fn new(rest: Range<u64>, ahead: usize) -> Self {
        Self { rest, ahead, values: Vec::new(), position: 0 }
    }

    fn next(&mut self, file: &mut File) -> io::Result<Option<T>> {
        if self.position == self.values.len() {
            let count = (self.rest.end - self.rest.start).min(self.ahead as u64);
            self.values.resize(count as usize, T::zeroed());
            file.seek(SeekFrom::Start(self.rest.start * size_of::<T>() as u64))?;
            file.read_exact(bytemuck::cast_slice_mut(&mut self.values))?;
            self.rest.start += count;
            self.position = 0;
        }
        let value = self.values.get(self.position).copied();
        self.position += 1;
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn sorts_as_a_vector_does(mut values in prop::collection::vec(0u64..20_000, 0..40_000), copies in 1usize..4) {
            let mut sort = ExternalSort::new(std::env::temp_dir(), 0);
            for _ in 0..copies {
                values.iter().try_for_each(|&value| sort.push(value)).unwrap();
            }
            // 64 KiB are 8,192 values.
            prop_assert_eq!(sort.runs(), copies * values.len() / 8192);
            let mut sorted = Vec::new();
            sort.merge(|value| { sorted.push(value); Ok(()) }).unwrap();
            values.sort_unstable();
            values.dedup();
            prop_assert_eq!(sorted, values);
        }
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let mut sort = ExternalSort::new("/no/such/folder".into(), 0);
        let error = (0..10_000u64).find_map(|value| sort.push(value).err()).unwrap();
        assert!(error.to_string().contains("/no/such/folder"), "{error}");
    }
}
