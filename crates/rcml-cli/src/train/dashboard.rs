//! Training on burn-train's terminal dashboard.

use std::io::IsTerminal;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use burn_train::Interrupter;
use burn_train::metric::{
    MetricAttributes, MetricDefinition, MetricEntry, MetricId, NumericAttributes, NumericEntry, SerializedEntry,
};
use burn_train::renderer::tui::TuiMetricsRendererWrapper;
use burn_train::renderer::{MetricState, MetricsRenderer};
use rcml_train::{Event, Observer};

use super::lines::Lines;
use crate::failure::{Failure, Result};

const LOSS: &str = "loss";
const RATE: &str = "learning rate";
const SPEED: &str = "items per second";

/// Curves and progress on the whole terminal. Before it opens and after it is closed, lines.
pub(super) struct Dashboard {
    renderer: Option<Box<dyn MetricsRenderer>>,
    /// Raised by the dashboard's own way to quit.
    quit: Interrupter,
    interrupt: Arc<AtomicBool>,
    steps: usize,
    validated: bool,
    lines: Lines,
    /// What is said once the terminal is given back.
    said: Vec<Event>,
}

impl Dashboard {
    pub(super) fn open(interrupt: Arc<AtomicBool>) -> Result<Self> {
        if !std::io::stdout().is_terminal() {
            return Err(Failure::input("--dashboard: standard output is no terminal"));
        }
        let quit = Interrupter::new();
        Ok(Self {
            renderer: None,
            quit,
            interrupt,
            steps: 0,
            validated: false,
            lines: Lines::default(),
            said: Vec::new(),
        })
    }

    /// Hands the renderer to `act`. It panics where the user asks it to end at once: the run then stops after its step, with
    /// a checkpoint.
    fn draw(&mut self, act: impl FnOnce(&mut dyn MetricsRenderer)) {
        let Some(renderer) = &mut self.renderer else { return };
        if catch_unwind(AssertUnwindSafe(|| act(renderer.as_mut()))).is_err() {
            self.renderer = None;
            self.interrupt.store(true, Ordering::SeqCst);
        }
        if self.quit.should_stop() {
            self.interrupt.store(true, Ordering::SeqCst);
        }
    }

    fn begin(&mut self, steps: u64, done: u64) {
        self.steps = usize::try_from(steps).unwrap_or(usize::MAX);
        self.renderer = Some(Box::new(TuiMetricsRendererWrapper::new(self.quit.clone(), None)));
        let (steps, done) = (self.steps, usize::try_from(done).unwrap_or(usize::MAX));
        self.draw(|renderer| {
            for (name, higher_is_better) in [(LOSS, false), (RATE, true), (SPEED, true)] {
                renderer.register_metric(definition(name, higher_is_better));
            }
            renderer.start(1, 1, Some(steps), None);
            renderer.start_split("train", steps);
            renderer.update_split(done);
        });
    }
}

impl Observer for Dashboard {
    fn event(&mut self, event: &Event) {
        match event {
            Event::Started { steps, resumed_at, .. } => {
                self.lines.event(event);
                // Its bar would be drawn over the dashboard.
                self.lines = Lines::default();
                self.begin(*steps, *resumed_at);
            }
            Event::Step { step, loss, learning_rate, items_per_second, .. } => {
                let done = usize::try_from(*step).unwrap_or(usize::MAX);
                let loss = loss.map(|loss| (LOSS, f64::from(loss)));
                let values = [(RATE, *learning_rate), (SPEED, *items_per_second)];
                self.draw(|renderer| {
                    loss.into_iter().chain(values).for_each(|(name, value)| renderer.update_train(state(name, value)));
                    renderer.update_split(done);
                });
            }
            Event::Validation { metric, value, .. } => {
                let first = !std::mem::replace(&mut self.validated, true);
                self.draw(|renderer| {
                    if first {
                        renderer.register_metric(definition(metric, true));
                    }
                    renderer.update_valid(state(metric, *value));
                });
                self.said.push(event.clone());
            }
            _ if self.renderer.is_some() => self.said.push(event.clone()),
            _ => self.lines.event(event),
        }
    }
}

impl Drop for Dashboard {
    fn drop(&mut self) {
        self.renderer = None;
        self.said.iter().for_each(|event| self.lines.event(event));
    }
}

fn id(name: &str) -> MetricId {
    MetricId::new(Arc::new(name.to_string()))
}

fn definition(name: &str, higher_is_better: bool) -> MetricDefinition {
    MetricDefinition {
        metric_id: id(name),
        name: Arc::new(name.to_string()),
        description: None,
        attributes: MetricAttributes::Numeric(NumericAttributes { unit: None, higher_is_better }),
    }
}

fn state(name: &str, value: f64) -> MetricState {
    let words = if value.abs() < 0.01 { format!("{value:.2e}") } else { format!("{value:.4}") };
    let entry = MetricEntry::new(id(name), SerializedEntry::new(words, value.to_string()));
    MetricState::Numeric(entry, Some(NumericEntry::Value(value)))
}
