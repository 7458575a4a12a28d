//! `rcml train`.

#[cfg(feature = "dashboard")]
mod dashboard;
mod lines;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Args;
use rcml_kernels::device;
use rcml_train::{Observer, RunConfig, TrainOptions, encoder_settings, preset_names, train};
use serde_json::json;

use crate::failure::{Failure, Result};
use crate::output::{note, print, print_json};
use crate::run::PictureArguments;

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
    #[command(flatten)]
    pictures: PictureArguments,
    /// Where to compute: auto, cpu, and what else this build knows
    #[arg(long, value_name = "D", default_value = "auto")]
    device: String,
    /// Seed of weights and batches
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Show curves and progress on the whole terminal
    #[cfg(feature = "dashboard")]
    #[arg(long)]
    dashboard: bool,
    /// Print the outcome as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &TrainArguments) -> Result<()> {
    let config = arguments.resolve()?;
    let device = device::parse(&arguments.device)?;
    let interrupt = watch_interrupts()?;
    let mut observer = arguments.observer(&interrupt)?;
    let (data, out) = (arguments.data.as_path(), arguments.out.as_path());
    let outcome = train(TrainOptions { data, out, config, device, interrupt, observer: observer.as_mut() });
    // Gives the terminal back before anything else is said.
    drop(observer);
    let outcome = outcome?;
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
    let best = match outcome.best_value {
        Some(value) => format!("; kept step {} with {} {value:.4}", outcome.best_step, outcome.metric),
        None => String::new(),
    };
    print(&format!("{run}: {} steps, {:.0} s in this call{best}", outcome.steps, outcome.seconds))
}

impl TrainArguments {
    #[cfg(feature = "dashboard")]
    fn observer(&self, interrupt: &Arc<AtomicBool>) -> Result<Box<dyn Observer>> {
        if self.dashboard {
            return Ok(Box::new(dashboard::Dashboard::open(interrupt.clone())?));
        }
        Ok(Box::new(lines::Lines::default()))
    }

    #[cfg(not(feature = "dashboard"))]
    #[expect(clippy::unnecessary_wraps, reason = "the one with a dashboard can fail")]
    fn observer(&self, _interrupt: &Arc<AtomicBool>) -> Result<Box<dyn Observer>> {
        Ok(Box::new(lines::Lines::default()))
    }

    /// An unfinished run continues as it was begun unless something else is asked for.
    fn resolve(&self) -> Result<RunConfig> {
        let asks = self.config.is_some()
            || self.preset.is_some()
            || self.encoders.is_some()
            || !self.set.is_empty()
            || self.pictures.skip_corrupt
            || self.seed.is_some();
        if !asks && self.out.join("config.toml").is_file() {
            return Ok(RunConfig::load(&self.out)?);
        }
        let mut set = self.encoders.as_deref().map(encoder_settings).transpose()?.unwrap_or_default();
        set.extend(self.set.iter().cloned());
        set.extend(self.pictures.skip_corrupt.then(|| "image.on_corrupt=skip".into()));
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
