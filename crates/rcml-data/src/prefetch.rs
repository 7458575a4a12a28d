//! Work done ahead of time, in order.

use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{Builder, JoinHandle};

use crate::{Error, Result};

/// An iterator that computes `make(k)` for k in a range on a background thread, a few results ahead of the consumer. The
/// results come in order whatever the timing, so prefetching never changes a run.
#[derive(Debug)]
pub struct Prefetch<T> {
    /// `None` once the sequence has ended.
    results: Option<Receiver<Result<T>>>,
    worker: Option<JoinHandle<()>>,
}

impl<T: Send + 'static> Prefetch<T> {
    /// Starts computing `make(k)` for `range`, at most `ahead` results ahead (at least one). The first error ends the
    /// sequence. A panic of `make` is passed on to the consumer. Dropping it stops the thread, after the result at hand.
    pub fn new(
        range: std::ops::Range<u64>,
        ahead: usize,
        mut make: impl FnMut(u64) -> Result<T> + Send + 'static,
    ) -> Self {
        // One result is in the worker's hands while it waits for room, so the channel holds one less.
        let (sender, results) = sync_channel(ahead.max(1) - 1);
        let worker = Builder::new().name("prefetch".into()).spawn(move || {
            for k in range {
                let result = make(k);
                let last = result.is_err();
                if sender.send(result).is_err() || last {
                    break;
                }
            }
        });
        match worker {
            Ok(worker) => Self { results: Some(results), worker: Some(worker) },
            Err(error) => {
                // The worker's channel went with it: a fresh one carries the error.
                let (sender, results) = sync_channel(1);
                let _ = sender.send(Err(Error::io("prefetch thread", error)));
                Self { results: Some(results), worker: None }
            }
        }
    }
}

impl<T: Send + 'static> Iterator for Prefetch<T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Ok(result) = self.results.as_ref()?.recv() {
            return Some(result);
        }
        self.results = None;
        match self.worker.take()?.join() {
            Ok(()) => None,
            Err(panic) => resume_unwind(panic),
        }
    }
}

impl<T> Drop for Prefetch<T> {
    fn drop(&mut self) {
        // Without a receiver the worker's next send fails, which ends it.
        self.results = None;
        if let Some(worker) = self.worker.take() {
            let _ = worker.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use super::*;

    #[test]
    fn results_come_in_order_for_any_lead() {
        for ahead in [0, 1, 2, 7, 1000] {
            let results: Vec<u64> = Prefetch::new(3..60, ahead, |k| {
                std::thread::sleep(Duration::from_micros(k * 7919 % 50));
                Ok(k * k)
            })
            .map(|r| r.unwrap())
            .collect();
            assert_eq!(results, (3..60).map(|k| k * k).collect::<Vec<_>>(), "ahead {ahead}");
        }
    }

    #[test]
    fn it_runs_only_so_far_ahead_and_stops_when_dropped() {
        let made = Arc::new(AtomicU64::new(0));
        let counter = made.clone();
        let mut prefetch = Prefetch::new(0..u64::MAX, 3, move |k| {
            counter.fetch_add(1, Ordering::SeqCst);
            Ok(k)
        });
        std::thread::sleep(Duration::from_millis(100));
        assert_eq!(made.load(Ordering::SeqCst), 3);
        assert_eq!(prefetch.next().unwrap().unwrap(), 0);
        std::thread::sleep(Duration::from_millis(100));
        assert_eq!(made.load(Ordering::SeqCst), 4);
        drop(prefetch);
        let at_drop = made.load(Ordering::SeqCst);
        assert!(at_drop <= 5);
        assert_eq!(Arc::strong_count(&made), 1, "the worker is gone, with what it owned");
    }

    #[test]
    fn the_first_error_ends_the_sequence() {
        let mut prefetch = Prefetch::new(0..10, 4, |k| if k == 2 { Err(Error::input("no more")) } else { Ok(k) });
        assert_eq!(prefetch.next().unwrap().unwrap(), 0);
        assert_eq!(prefetch.next().unwrap().unwrap(), 1);
        assert_eq!(prefetch.next().unwrap().unwrap_err().to_string(), "no more");
        assert!(prefetch.next().is_none() && prefetch.next().is_none());
    }

    #[test]
    fn a_panic_reaches_the_consumer_after_the_results_before_it() {
        let mut prefetch = Prefetch::new(0..10, 4, |k| {
            assert!(k != 2, "boom");
            Ok(k)
        });
        assert_eq!((&mut prefetch).take(2).map(|r| r.unwrap()).collect::<Vec<_>>(), [0, 1]);
        let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| prefetch.next())).unwrap_err();
        assert!(panic.downcast_ref::<&str>().is_some_and(|m| m.contains("boom")));
    }
}
