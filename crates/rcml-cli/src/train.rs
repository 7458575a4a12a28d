//! `rcml train`.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Args;
use rcml_kernels::device;
use rcml_train::{Event, Observer, RunConfig, TrainOptions, encoder_settings, preset_names, train};
use serde_json::json;

use crate::failure::{Failure, Result};
use crate::output::{note, print, print_json};
use crate::progress::Progress;

#[derive(Debug, Args)]
#[command(after_help = format!("Example:
  rcml train --data emoji --out run --seed 1
  rcml train my.toml --data emoji --out run --set optimizer.learning_rate=5e-4 --set training.steps=200
  rcml train --data emoji --out run --encoders minilm+efficientnet-lite0

Presets: {}. The configuration is the preset, then the file, then each --set; RUN/config.toml holds all of it.
Ctrl-C stops after the step at hand with a checkpoint; the same command continues the run.", preset_names().join(", ")))]
pub(crate) struct TrainArguments {
    /// Settings, in TOML
    #[arg(value_name = "CONFIG.toml")]
    config: Option<PathBuf>,
    /// Folder of the dataset
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Folder of the run: a new one, or an unfinished one to continue
    #[arg(long, value_name = "RUN")]
    out: PathBuf,
    /// Settings to start from [default: the file's, else rcml]
    #[arg(long, value_name = "NAME")]
    preset: Option<String>,
    /// Pretrained encoders instead of ones from scratch, frozen: names, hub ids or folders with a `+` between them
    #[arg(long, value_name = "NAMES")]
    encoders: Option<String>,
    /// One setting, with the dotted key of RUN/config.toml
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Where to compute: auto, cpu, and what else this build knows
    #[arg(long, value_name = "D", default_value = "auto")]
    device: String,
    /// Seed of weights and batches
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Print the outcome as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &TrainArguments) -> Result<()> {
    let config = arguments.resolve()?;
    let device = device::parse(&arguments.device)?;
    let interrupt = watch_interrupts()?;
    let mut watcher = Watcher { metric: None, progress: None };
    let (data, out) = (arguments.data.as_path(), arguments.out.as_path());
    let outcome = train(TrainOptions { data, out, config, device, interrupt, observer: &mut watcher })?;
    drop(watcher.progress.take());
    if outcome.interrupted {
        return Err(Failure::Runtime(format!(
            "interrupted after step {}; the same command continues from there",
            outcome.steps
        )));
    }
    let run = out.display();
    if arguments.json {
        return print_json(&json!({
            "run": run.to_string(),
            "steps": outcome.steps,
            "seconds": outcome.seconds,
            "best_step": outcome.best_step,
            "best_value": outcome.best_value,
        }));
    }
    let best = match (watcher.metric, outcome.best_value) {
        (Some(metric), Some(value)) => format!("; kept step {} with {metric} {value:.4}", outcome.best_step),
        _ => String::new(),
    };
    print(&format!("{run}: {} steps, {:.0} s in this call{best}", outcome.steps, outcome.seconds))
}

impl TrainArguments {
    /// An unfinished run continues as it was begun unless something else is asked for.
    fn resolve(&self) -> Result<RunConfig> {
        let asks = self.config.is_some()
            || self.preset.is_some()
            || self.encoders.is_some()
            || !self.set.is_empty()
            || self.seed.is_some();
        if !asks && self.out.join("config.toml").is_file() {
            return Ok(RunConfig::load(&self.out)?);
        }
        let mut set = self.encoders.as_deref().map(encoder_settings).transpose()?.unwrap_or_default();
        set.extend(self.set.iter().cloned());
        Ok(RunConfig::resolve(self.preset.as_deref(), self.config.as_deref(), &set, self.seed)?)
    }
}

/// A flag that the first Ctrl-C raises; the second ends the program at once.
fn watch_interrupts() -> Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    let raised = flag.clone();
    let handler = move || {
        if raised.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
        note("stopping after this step; Ctrl-C again stops at once and loses the steps since the last checkpoint");
    };
    ctrlc::set_handler(handler).map_err(|error| Failure::Runtime(format!("cannot watch for Ctrl-C: {error}")))?;
    Ok(flag)
}

/// Shows how training goes.
struct Watcher {
    metric: Option<&'static str>,
    progress: Option<Progress>,
}

impl Watcher {
    fn line(&self, text: &str) {
        match &self.progress {
            Some(progress) => progress.line(text),
            None => note(text),
        }
    }
}

impl Observer for Watcher {
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
            Event::Started { steps, resumed_at, parameters, items, pairs, relations } => {
                self.progress = None;
                let from = if *resumed_at > 0 { format!(", continued after step {resumed_at}") } else { String::new() };
                note(&format!(
                    "{items} items, {relations} relations, {pairs} related pairs; {parameters} parameters; {steps} steps{from}"
                ));
                self.progress = Some(Progress::new("step", *steps as usize));
            }
            Event::Step { step, loss, learning_rate, items_per_second, eta_seconds, .. } => {
                if let Some(progress) = &self.progress {
                    let left = duration(*eta_seconds);
                    let words =
                        format!("loss {loss:.4}  rate {learning_rate:.1e}  {items_per_second:.0} items/s  {left} left");
                    progress.say(*step as usize, &words);
                }
            }
            Event::Validation { step, metric, value, best } => {
                self.metric = Some(metric);
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
