//! The training loop: reads top to bottom.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use burn::lr_scheduler::module_lr_scheduler::ModuleLearningRate;
use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};
use rcml_data::{Prefetch, write_whole};
use rcml_encoders::pretrained::{count_parameters, parameter_names};
use rcml_eval::metrics::mean;
use rcml_losses::{Objective, Term};
use rcml_model::{Rcml, save_weights};

use crate::checkpoint::{Checkpoints, Progress};
use crate::clip;
use crate::data::RunData;
use crate::error::ErrorKind;
use crate::exact_words::exact_words;
use crate::log::MetricsLog;
use crate::momentum::Momentum;
use crate::optimizer::{GradientScale, optimizer};
use crate::schedule::Rates;
use crate::start::{Start, start_share};
use crate::step::{Forward, forward};
use crate::validation::{METRIC, Validation, is_as_good};
use crate::{Error, Event, Observer, Result, RunConfig};

/// Batches in a row without anything to learn from, after which a run gives up.
const MOST_BARREN: u64 = 50;

/// What to train, on what, where.
pub struct TrainOptions<'a> {
    /// Folder of the dataset.
    pub data: &'a Path,
    /// Folder of the run: new, or of an unfinished run of the same configuration.
    pub out: &'a Path,
    /// The configuration.
    pub config: RunConfig,
    /// Where to compute.
    pub device: Device,
    /// Set from outside, stops after the step at hand, with a checkpoint.
    pub interrupt: Arc<AtomicBool>,
    /// Told how it goes.
    pub observer: &'a mut dyn Observer,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Steps done.
    pub steps: u64,
    /// Seconds of this call.
    pub seconds: f64,
    /// The step whose weights were kept.
    pub best_step: u64,
    /// Name of the validation metric.
    pub metric: &'static str,
    /// The validation metric at that step, where there was one.
    pub best_value: Option<f64>,
    /// Whether it was asked to stop before its end.
    pub interrupted: bool,
}

/// Trains, or continues an unfinished run.
///
/// # Errors
/// Bad data or configuration; a run folder that is finished or belongs to another configuration or other data; a loss that
/// is not finite.
pub fn train(options: TrainOptions<'_>) -> Result<Outcome> {
    let TrainOptions { data: path, out, mut config, device, interrupt, observer } = options;
    let begun = Instant::now();
    std::fs::create_dir_all(out).map_err(|error| Error::io(out, error))?;
    if out.join("model.safetensors").is_file() {
        return Err(Error::file(out, "this run is finished; choose another folder or remove it"));
    }
    // The configuration may be that of another run.
    config.model.exact_words.decided = None;
    let data = Arc::new(RunData::open(path, out, &mut config, &device, observer)?);

    // Two trainings that begin at the same time in one process would draw from each other's stream.
    let mut device = device.autodiff();
    if config.training.gradient_checkpointing {
        device = device.gradient_checkpointing();
    }
    device.seed(config.seed);
    let model = config.model.init(&config.objective.temperature, &data.words, &device);
    let towers = data.texts.towers();
    let model = towers.adapt(model, &device)?;
    model.draw();
    let start = Start::new(&model, start_share(config.training.start_share, &config.model));
    for part in config.optimizer.idle_rates(&parameter_names(&model))? {
        let message = format!("optimizer.rates.{part} changes nothing: this model has no such part");
        observer.event(&Event::Message(message));
    }
    let rates = Rates::new(&config.optimizer, towers.rates()?)?;
    write_start(out, &config, &data)?;
    let counts = count_parameters(&model);
    let parameters = counts.iter().map(|count| count.trainable).sum();
    let encoders =
        if config.model.pretrained.is_set() { config.model.pretrained.fingerprints() } else { String::new() };
    let checkpoints = Checkpoints::new(out, config.training.keep_checkpoints, encoders);
    let scale = GradientScale::default();
    let optimizer = optimizer(&config.optimizer, &scale)?;
    let (mut model, mut optimizer, mut progress) = checkpoints.latest(model, optimizer, &device)?;
    let objective = Objective::new(config.objective.clone());
    let momentum = objective.momentum().map(|settings| Momentum::new(&model, &config.model, settings));
    let mut momentum = checkpoints.latest_momentum(momentum, &config.model, &device)?;
    let mut log = MetricsLog::open(out, progress.step)?;

    let validation = Validation::new(&data, config.training.validation_queries);
    let reason = if validation.is_none() { "no validation pairs" } else { "training.validate_every is 0" };
    let (training, items) = (config.training.clone(), data.splits.items_of(rcml_data::Split::Train).len());
    let steps = training.steps.count(items, data.pairs(), config.sampler.items);
    let interval = training.validate_every.of(steps);
    let validation = validation.filter(|_| interval > 0);
    if validation.is_none() {
        observer.event(&Event::Message(format!("{reason}: the last step's weights are kept")));
    }
    observer.event(&Event::Parameters(counts));
    observer.event(&Event::Started {
        steps,
        resumed_at: progress.step,
        parameters,
        items,
        pairs: data.pairs(),
        relations: data.relations(),
    });

    let source = data.clone();
    let out_of_patience = |progress: &Progress| {
        training.patience > 0 && progress.since_best >= training.patience && progress.step < steps
    };
    // A call that was killed between its last checkpoint and its weights may have had no step left to do.
    let mut early = out_of_patience(&progress);
    let first = if early { steps } else { progress.step };
    // An error of ours travels as a value; the loader's own errors end the sequence.
    let batches = Prefetch::new(first..steps, training.prefetch, move |step| Ok(source.step(step)));
    let mut rate = Rate::default();
    let mut barren = 0;
    for batch in batches {
        let started = Instant::now();
        let input = batch??;
        let learning_rate = config.optimizer.rate(progress.step, steps);
        let Forward { terms, means, seen } =
            forward(&model, &config.model, &objective, momentum.as_ref(), &input, &device);
        let (clip, of_parts) = ((config.optimizer.clip_norm, &scale), rates.at(learning_rate)?);
        let (next, mut values) = update(model, &mut optimizer, of_parts, clip, terms, progress.step + 1)?;
        model = next.follow(&config.model, means);
        if let Some(momentum) = &mut momentum {
            momentum.advance(&model, &config.model, &input.ids, seen);
        }
        progress.step += 1;
        // A sparse graph may leave a batch without a pair; a run of such batches means that there is nothing to learn from.
        barren = if values.is_empty() { barren + 1 } else { 0 };
        if barren == steps.min(MOST_BARREN) {
            return Err(Error::input(
                "nothing to train on: no batch has a pair of related items with a negative, or two items with two modalities",
            ));
        }

        let items_per_second = rate.add(input.items.items, started.elapsed().as_secs_f64());
        let eta_seconds = rate.seconds_left(progress.step, steps, interval);
        let loss = values.iter().find(|(name, _)| name == "loss").map(|(_, value)| *value as f32);
        if !values.is_empty() {
            values.push(("learning_rate".into(), learning_rate));
            values.push(("relations".into(), input.slots.len() as f64));
            log.write(progress.step, "train", &values)?;
        }
        observer.event(&Event::Step { step: progress.step, steps, loss, learning_rate, items_per_second, eta_seconds });

        let last = progress.step == steps;
        if let Some(validation) = &validation
            && (last || progress.step.is_multiple_of(interval))
        {
            let begun = Instant::now();
            let kept = start.kept(&model);
            let found = validation.measure(&kept, &config.model, &config.image, &data, None)?;
            let value = mean(&found).unwrap_or_default();
            rate.validation = begun.elapsed().as_secs_f64();
            let best = progress.best_value.is_none_or(|best| value > best);
            log.write(progress.step, "validation", &[(METRIC.into(), value)])?;
            observer.event(&Event::Validation { step: progress.step, metric: METRIC, value, best });
            if best {
                progress = Progress { best_value: Some(value), best_step: progress.step, since_best: 0, ..progress };
                checkpoints.save_best(&kept)?;
            } else {
                progress.since_best += 1;
                early = out_of_patience(&progress);
            }
        }
        let due = training.checkpoint_every > 0 && progress.step.is_multiple_of(training.checkpoint_every);
        // Who is asked to stop when there is nothing left to do finishes instead.
        let stop = interrupt.load(Ordering::Relaxed) && !last && !early;
        if due || stop {
            let kept = momentum.as_ref().map(|momentum| momentum.kept(&config.model, &device));
            checkpoints.save(&model, &optimizer, &progress, kept)?;
        }
        if stop {
            observer.event(&Event::Interrupted { step: progress.step });
            return Ok(outcome(&progress, begun, true));
        }
        if early {
            break;
        }
    }

    if validation.is_none() {
        progress.best_step = progress.step;
    }
    let last = start.kept(&model);
    let mut best = checkpoints.load_best(last.clone(), &device)?;
    if let Some(validation) = validation.as_ref().filter(|_| !early && progress.best_step < progress.step) {
        let measure = |model: &Rcml| validation.measure(model, &config.model, &config.image, &data, None);
        let (of_last, of_best) = (measure(&last)?, measure(&best)?);
        if is_as_good(&of_last, &of_best) {
            observer.event(&Event::Message(format!(
                "step {} is kept: chance alone tells it from step {}",
                progress.step, progress.best_step
            )));
            progress = Progress { best_value: mean(&of_last), best_step: progress.step, ..progress };
            best = last;
        }
    }
    let (words, value) = exact_words(&best, &config, &data, validation.as_ref(), observer)?;
    progress.best_value = value.or(progress.best_value);
    if let Some(words) = &words {
        words.save(out)?;
    }
    save_weights(&best.valid(), &config.model.pretrained, out.join("model.safetensors"))?;
    // Who opens the run is told what belongs to it. The run counts as finished by now.
    config.model.exact_words.decided = words.map(|words| words.share());
    write_config(out, &config)?;
    let outcome = outcome(&progress, begun, false);
    let (steps, seconds, best_step) = (outcome.steps, outcome.seconds, outcome.best_step);
    observer.event(&Event::Finished { steps, seconds, best_step, early });
    Ok(outcome)
}

/// Backward pass, clipping, optimiser step; values for the log, none where the batch has no term. Stops where a term is not finite, before it reaches a weight.
fn update(
    model: Rcml,
    optimizer: &mut burn::optim::ModuleOptimizer,
    rates: ModuleLearningRate,
    (max_norm, scale): (f64, &GradientScale),
    terms: Vec<Term>,
    step: u64,
) -> Result<(Rcml, Vec<(String, f64)>)> {
    let read = |value: &Tensor<1>| value.clone().try_into_scalar::<f32>().map_err(Error::device);
    let mut values = Vec::with_capacity(terms.len() + 4);
    let Some(loss) = Objective::sum(&terms) else { return Ok((model, values)) };
    for term in &terms {
        let value = read(&term.value)?;
        if !value.is_finite() {
            return Err(ErrorKind::NotFinite { step, term: term.name.clone(), value }.into());
        }
        values.push((term.name.clone(), f64::from(value)));
    }
    values.insert(0, ("loss".into(), f64::from(read(&loss)?)));
    let gradients = GradientsParams::from_grads(loss.backward(), &model);
    let norm = clip::common_norm(&model, &gradients);
    if !norm.is_finite() {
        return Err(ErrorKind::NotFinite { step, term: "the gradient's norm".into(), value: norm }.into());
    }
    scale.set(clip::scale(norm, max_norm));
    let mut model = optimizer.step(rates, model, gradients);
    model.temperature = model.temperature.clamped();
    let temperature = 1.0 / model.temperature.scale().try_into_scalar::<f32>().map_err(Error::device)?;
    values.push(("gradient_norm".into(), f64::from(norm)));
    values.push(("temperature".into(), f64::from(temperature)));
    Ok((model, values))
}

/// Writes what belongs to a run before its first step, or checks it when the run continues.
fn write_start(out: &Path, config: &RunConfig, data: &RunData) -> Result<()> {
    let path = out.join("config.toml");
    let text = toml::to_string(config).map_err(|error| Error::file(&path, error))?;
    if let Ok(found) = std::fs::read_to_string(&path)
        && found != text
    {
        let other = found.lines().zip(text.lines()).find(|(found, now)| found != now);
        let (found, now) = other.unwrap_or(("", "another number of lines"));
        return Err(Error::file(
            &path,
            format!(
                "the folder holds an unfinished run of another configuration: it has `{found}`, asked for is `{now}`"
            ),
        ));
    }
    write_config(out, config)?;
    let path = out.join("training.json");
    let text = serde_json::to_string(&data.record).map_err(|error| Error::file(&path, error))?;
    // The record must name everything that the weights have seen, or an evaluation could not tell what leaked.
    if std::fs::read_to_string(&path).is_ok_and(|found| found != text) {
        return Err(Error::file(
            &path,
            "the folder holds an unfinished run on other training data; choose another folder",
        ));
    }
    write(&path, &text)
}

fn write_config(out: &Path, config: &RunConfig) -> Result<()> {
    let path = out.join("config.toml");
    let text = toml::to_string(config).map_err(|error| Error::file(&path, error))?;
    write(&path, &text)
}

fn write(path: &Path, text: &str) -> Result<()> {
    write_whole(path, |part| std::fs::write(part, text)).map_err(|error| Error::io(path, error))
}

fn outcome(progress: &Progress, begun: Instant, interrupted: bool) -> Outcome {
    Outcome {
        steps: progress.step,
        seconds: begun.elapsed().as_secs_f64(),
        best_step: progress.best_step,
        metric: METRIC,
        best_value: progress.best_value,
        interrupted,
    }
}

/// Exponentially smoothed speed.
#[derive(Default)]
struct Rate {
    items_per_second: Option<f64>,
    seconds_per_step: Option<f64>,
    /// Seconds that the last validation took.
    validation: f64,
}

impl Rate {
    fn add(&mut self, items: usize, seconds: f64) -> f64 {
        let smooth = |old: Option<f64>, new: f64| Some(old.map_or(new, |old| 0.9 * old + 0.1 * new));
        self.items_per_second = smooth(self.items_per_second, items as f64 / seconds.max(1e-9));
        self.seconds_per_step = smooth(self.seconds_per_step, seconds);
        self.items_per_second.unwrap_or(0.0)
    }

    /// Seconds from `step` to the last of `steps`, validated every `interval` of them.
    fn seconds_left(&self, step: u64, steps: u64, interval: u64) -> f64 {
        let validations = steps.div_ceil(interval.max(1)) - step.saturating_sub(1) / interval.max(1);
        self.seconds_per_step.unwrap_or(0.0) * (steps - step) as f64 + self.validation * validations as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_counts_validations() {
        let rate = Rate { seconds_per_step: Some(2.0), validation: 5.0, ..Rate::default() };
        // After steps 40, 50 and 100.
        assert_eq!(
            [39, 40, 50, 51, 99, 100].map(|step| rate.seconds_left(step, 100, 50)),
            [132.0, 130.0, 110.0, 103.0, 7.0, 5.0]
        );
        assert_eq!(rate.seconds_left(90, 100, 40), 25.0, "the last step is validated as well");
        assert_eq!(Rate { validation: 0.0, ..rate }.seconds_left(90, 100, 0), 20.0);
    }
}
