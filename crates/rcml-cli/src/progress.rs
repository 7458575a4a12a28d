//! How far long work is: a bar on a terminal, a plain line now and then otherwise.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::output::note;

/// Time between plain lines.
const PAUSE: Duration = Duration::from_secs(10);

/// Progress of one piece of work, on standard error.
pub(crate) struct Progress {
    label: String,
    bar: ProgressBar,
    last: Mutex<Instant>,
}

impl Progress {
    pub(crate) fn new(label: impl Into<String>, total: usize) -> Self {
        let label = label.into();
        let bar = ProgressBar::with_draw_target(Some(total as u64), ProgressDrawTarget::stderr_with_hz(8));
        // The template is a constant, and the default is a bar as well.
        if let Ok(style) = ProgressStyle::with_template("{prefix} [{bar:30}] {pos}/{len}  {msg}") {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_prefix(label.clone());
        Self { label, bar, last: Mutex::new(Instant::now()) }
    }

    /// Reports that `done` of the total are done. Called from any thread.
    pub(crate) fn set(&self, done: usize) {
        self.bar.set_position(done as u64);
        if self.is_due() {
            note(&format!("{}: {done} of {}", self.label, self.bar.length().unwrap_or(0)));
        }
    }

    /// As [`Self::set`], with words: behind the bar, or as the plain line.
    pub(crate) fn say(&self, done: usize, words: &str) {
        self.bar.set_message(words.to_string());
        self.bar.set_position(done as u64);
        if self.is_due() {
            note(&format!("{} {done} of {}: {words}", self.label, self.bar.length().unwrap_or(0)));
        }
    }

    /// Prints a line that stays.
    pub(crate) fn line(&self, text: &str) {
        self.bar.suspend(|| note(text));
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn is_due(&self) -> bool {
        if !self.bar.is_hidden() {
            return false;
        }
        let Ok(mut last) = self.last.lock() else { return false };
        let due = last.elapsed() >= PAUSE;
        if due {
            *last = Instant::now();
        }
        due
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}
