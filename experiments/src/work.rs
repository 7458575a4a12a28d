//! Cells are worked through, several at a time, with a view of how far it is.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use crate::cell::Cell;
use crate::failure::Result;
use crate::grid::Options;
use crate::program::{Program, interrupted};
use crate::transfer::Transfer;

/// Something that takes a while and leaves its result in a folder.
pub(crate) enum Job<'a> {
    Cell(&'a Cell),
    Transfer(&'a Transfer),
}

impl Job<'_> {
    fn name(&self) -> String {
        match self {
            Self::Cell(cell) => cell.name(),
            Self::Transfer(transfer) => transfer.name(),
        }
    }

    pub(crate) fn is_done(&self, options: &Options) -> bool {
        match self {
            Self::Cell(cell) => cell.is_done(options),
            Self::Transfer(transfer) => transfer.is_done(options),
        }
    }

    fn run(&self, program: &Program, options: &Options, environment: &Value) -> Result<()> {
        match self {
            Self::Cell(cell) => cell.run(program, options, environment),
            Self::Transfer(transfer) => transfer.run(program, options),
        }
    }
}

/// Runs what is not finished, `at_once` at a time; gives what broke. A broken one does not stop the others.
pub(crate) fn work(
    jobs: &[Job<'_>],
    at_once: usize,
    program: &Program,
    options: &Options,
    environment: &Value,
    bar: &ProgressBar,
) -> Vec<String> {
    let open: Vec<&Job<'_>> = jobs.iter().filter(|job| !job.is_done(options)).collect();
    let (next, failures) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let worker = || {
        while let Some(job) = open.get(next.fetch_add(1, Ordering::Relaxed)).filter(|_| !interrupted()) {
            let start = Instant::now();
            let done = job.run(program, options, environment);
            if interrupted() {
                return;
            }
            bar.inc(1);
            let left = match bar.length() {
                Some(all) if all > bar.position() => format!("; about {} left", duration(bar.eta())),
                _ => String::new(),
            };
            let (name, took) = (job.name(), duration(start.elapsed()));
            match done {
                Ok(()) => {
                    say(bar, &format!("{name}: {took} ({} of {}{left})", bar.position(), bar.length().unwrap_or(0)))
                }
                Err(failure) => {
                    say(bar, &format!("{name}: FAILED after {took}: {failure}"));
                    failures
                        .lock()
                        .unwrap_or_else(std::sync::PoisonError::into_inner)
                        .push(format!("{name}: {failure}"));
                }
            }
        }
    };
    std::thread::scope(|scope| {
        (1..at_once).for_each(|_| drop(scope.spawn(worker)));
        worker();
    });
    failures.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// A bar on a terminal.
pub(crate) fn bar(open: usize) -> ProgressBar {
    let bar = ProgressBar::new(open as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} cells, {elapsed} gone, {eta} left") {
        bar.set_style(style);
    }
    bar
}

/// A line above the bar, or a plain line without a terminal.
fn say(bar: &ProgressBar, line: &str) {
    if bar.is_hidden() {
        println!("{line}");
    } else {
        bar.println(line);
    }
}

pub(crate) fn duration(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds @ 60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        seconds => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_readable() {
        assert_eq!(duration(Duration::from_secs(59)), "59 s");
        assert_eq!(duration(Duration::from_secs(61)), "1 min 1 s");
        assert_eq!(duration(Duration::from_secs(3720)), "1 h 2 min");
    }
}
