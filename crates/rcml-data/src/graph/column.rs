//! Numbers that lie in memory or in a mapped file, read in the same way.

use std::marker::PhantomData;
use std::ops::{Deref, Range};
use std::sync::Arc;

use bytemuck::Pod;
use memmap2::Mmap;

/// A slice of `T`, owned or mapped.
#[derive(Debug, Clone)]
pub(super) enum Column<T> {
    Owned(Vec<T>),
    Mapped { map: Arc<Mmap>, bytes: Range<usize>, of: PhantomData<T> },
}

impl<T: Pod> Column<T> {
    /// The part of a file; `None` where it lies outside of it, or does not hold whole, aligned numbers.
    pub(super) fn mapped(map: &Arc<Mmap>, bytes: Range<usize>) -> Option<Self> {
        bytemuck::try_cast_slice::<u8, T>(map.get(bytes.clone())?).ok()?;
        Some(Self::Mapped { map: map.clone(), bytes, of: PhantomData })
    }
}

impl<T> Default for Column<T> {
    fn default() -> Self {
        Self::Owned(Vec::new())
    }
}

impl<T: Pod> Deref for Column<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match self {
            Self::Owned(values) => values,
            // Checked when the column was made: a map never moves.
            Self::Mapped { map, bytes, .. } => {
                map.get(bytes.clone()).and_then(|raw| bytemuck::try_cast_slice(raw).ok()).unwrap_or_default()
            }
        }
    }
}
