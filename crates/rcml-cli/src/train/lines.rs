//! Training as lines.

use std::time::Duration;

use rcml_train::{Event, Observer, ParameterCount};

use crate::output::note;
use crate::progress::Progress;

/// Shows how training goes as lines, and as a bar on a terminal.
#[derive(Default)]
pub(super) struct Lines {
    progress: Option<Progress>,
}

impl Lines {
    fn line(&self, text: &str) {
        match &self.progress {
            Some(progress) => progress.line(text),
            None => note(text),
        }
    }
}

impl Observer for Lines {
    fn event(&mut self, event: &Event) {
        match event {
            Event::Message(text) => self.line(text),
            Event::Images { done, total } => {
                let progress = self.progress.get_or_insert_with(|| Progress::new("reading pictures", *total));
                progress.set(*done);
                if done == total {
                    self.progress = None;
                }
            }
            Event::Parameters(counts) => {
                let listed = |whole: bool| -> Vec<String> {
                    let chosen = counts.iter().filter(|count| (count.trainable == count.total) == whole);
                    chosen
                        .map(|ParameterCount { group, trainable, total }| {
                            if whole { format!("{group}: {total}") } else { format!("{group}: {trainable} of {total}") }
                        })
                        .collect()
                };
                self.line(&format!("parameters that are trained: {}", listed(true).join(", ")));
                let rest = listed(false);
                if !rest.is_empty() {
                    self.line(&format!("parameters trained in part or not at all: {}", rest.join(", ")));
                }
            }
            Event::Started { steps, resumed_at, parameters, items, pairs, relations } => {
                self.progress = None;
                let from = if *resumed_at > 0 { format!(", continued after step {resumed_at}") } else { String::new() };
                note(&format!(
                    "{items} items, {relations} relations, {pairs} related pairs; {parameters} trained parameters; {steps} steps{from}"
                ));
                self.progress = Some(Progress::new("step", *steps as usize));
            }
            Event::Step { step, loss, learning_rate, items_per_second, eta_seconds, .. } => {
                if let Some(progress) = &self.progress {
                    let left = duration(*eta_seconds);
                    let loss = loss.map_or("no pairs".into(), |loss| format!("loss {loss:.4}"));
                    let words = format!("{loss}  rate {learning_rate:.1e}  {items_per_second:.0} items/s  {left} left");
                    progress.say(*step as usize, &words);
                }
            }
            Event::Validation { step, metric, value, best } => {
                let best = if *best { "  (best so far)" } else { "" };
                self.line(&format!("step {step}: {metric} {value:.4}{best}"));
            }
            Event::Finished { steps, best_step, early, .. } => {
                if *early {
                    self.line(&format!("stopped early at step {steps}: nothing better since step {best_step}"));
                }
                self.progress = None;
            }
            Event::Interrupted { .. } => self.progress = None,
        }
    }
}

/// `1:02:03`, or `2:03` below an hour.
fn duration(seconds: f64) -> String {
    let seconds = Duration::try_from_secs_f64(seconds.ceil()).map_or(0, |duration| duration.as_secs());
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_well() {
        for (seconds, text) in [(0.0, "0:00"), (59.2, "1:00"), (3723.0, "1:02:03"), (f64::NAN, "0:00"), (-1.0, "0:00")]
        {
            assert_eq!(duration(seconds), text, "{seconds}");
        }
    }
}
