//! Named steps with their durations.

use std::time::{Duration, Instant};

use crate::command::interrupted;
use crate::failure::{Failure, Result};

/// Steps that were run, for the summary.
pub(crate) struct Steps {
    fail_fast: bool,
    done: Vec<Step>,
}

struct Step {
    name: String,
    /// `None` if the step was not run.
    took: Option<Duration>,
    failure: Option<String>,
}

impl Steps {
    /// `fail_fast`: steps after one that failed are not run.
    pub(crate) fn new(fail_fast: bool) -> Self {
        Self { fail_fast, done: Vec::new() }
    }

    /// Runs a step; gives its value unless it failed.
    pub(crate) fn run<T>(&mut self, name: &str, step: impl FnOnce() -> Result<T>) -> Option<T> {
        if interrupted() || (self.fail_fast && self.failed() > 0) {
            self.skip(name);
            return None;
        }
        println!("\n==> {name}");
        let start = Instant::now();
        let result = step();
        let took = start.elapsed();
        let (value, failure) = match result {
            Ok(value) => (Some(value), None),
            Err(failure) => (None, Some(failure.to_string())),
        };
        match &failure {
            None => println!("==> {name}: ok, {}", duration(took)),
            Some(failure) => println!("==> {name}: FAILED after {}: {failure}", duration(took)),
        }
        self.done.push(Step { name: name.into(), took: Some(took), failure });
        value
    }

    /// Notes a step that could not be run.
    pub(crate) fn skip(&mut self, name: &str) {
        self.done.push(Step { name: name.into(), took: None, failure: None });
    }

    fn failed(&self) -> usize {
        self.done.iter().filter(|step| step.failure.is_some()).count()
    }

    /// Prints the summary.
    pub(crate) fn finish(self) -> Result<()> {
        println!();
        for step in &self.done {
            match (step.took, &step.failure) {
                (None, _) => println!("  not run            {}", step.name),
                (Some(took), None) => println!("  ok     {:>11} {}", duration(took), step.name),
                (Some(took), Some(failure)) => println!("  FAILED {:>11} {}: {failure}", duration(took), step.name),
            }
        }
        let not_run = self.done.iter().filter(|step| step.took.is_none()).count();
        let failed = self.failed();
        println!("{} passed, {failed} failed", self.done.len() - failed - not_run);
        match (interrupted(), failed + not_run) {
            (true, _) => Err(Failure::interrupted()),
            (false, 0) => Ok(()),
            (false, _) => Err(Failure::new(format!("{failed} of {} steps failed", self.done.len()))),
        }
    }
}

/// For people: `0.4 s`, `2 min 5 s`.
fn duration(took: Duration) -> String {
    match took.as_secs() {
        0..10 => format!("{:.1} s", took.as_secs_f64()),
        seconds @ 10..60 => format!("{seconds} s"),
        seconds => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failure_leaves_the_others_running_unless_told() {
        for fail_fast in [false, true] {
            let mut steps = Steps::new(fail_fast);
            assert_eq!(steps.run("a", || Ok(1)), Some(1));
            assert_eq!(steps.run("b", || Err::<i32, _>(Failure::new("broken"))), None);
            assert_eq!(steps.run("c", || Ok(3)), (!fail_fast).then_some(3));
            let failure = steps.finish().unwrap_err();
            assert_eq!((failure.to_string().as_str(), failure.code()), ("1 of 3 steps failed", 1));
        }
    }

    #[test]
    fn durations_are_readable() {
        assert_eq!(duration(Duration::from_millis(1240)), "1.2 s");
        assert_eq!(duration(Duration::from_secs(125)), "2 min 5 s");
    }
}
