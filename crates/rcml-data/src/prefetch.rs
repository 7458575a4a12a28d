//! Work done ahead of time, in order.

use crate::Result;

/// An iterator that computes `make(k)` for k in a range on a background thread, a few results ahead of the consumer. The
/// results come in order whatever the timing, so prefetching never changes a run.
#[derive(Debug)]
pub struct Prefetch<T> {
    _t: std::marker::PhantomData<T>,
}

impl<T: Send + 'static> Prefetch<T> {
    /// Starts computing `make(k)` for `range`, at most `ahead` results ahead. The first error ends the sequence. A panic
    /// of `make` is passed on to the consumer. Dropping it stops the thread.
    pub fn new(_range: std::ops::Range<u64>, _ahead: usize, _make: impl FnMut(u64) -> Result<T> + Send + 'static) -> Self {
        unimplemented!()
    }
}

impl<T: Send + 'static> Iterator for Prefetch<T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Self::Item> {
        unimplemented!()
    }
}
