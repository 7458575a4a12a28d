//! What a run tells whoever watches it.

use rcml_encoders::pretrained::ParameterCount;

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A line worth showing.
    Message(String),
    /// Pictures are being decoded.
    Images {
        /// Pictures done.
        done: usize,
        /// Pictures in all.
        total: usize,
    },
    /// How many values of each part of the model are trained.
    Parameters(Vec<ParameterCount>),
    /// Training starts.
    Started {
        /// Steps of the whole run.
        steps: u64,
        /// Steps that an earlier, interrupted call has done.
        resumed_at: u64,
        /// Trained values.
        parameters: usize,
        /// Items that may be trained on.
        items: usize,
        /// (source, target) pairs that may be trained on.
        pairs: usize,
        /// Relations that may be trained on.
        relations: usize,
    },
    /// A step is done.
    Step {
        /// Number of the step, from 1.
        step: u64,
        /// Steps of the whole run.
        steps: u64,
        /// The loss; none where the batch has nothing to compare.
        loss: Option<f32>,
        /// The learning rate of the step.
        learning_rate: f64,
        /// Items encoded per second, smoothed.
        items_per_second: f64,
        /// Seconds that the remaining steps will take.
        eta_seconds: f64,
    },
    /// The validation metric was measured.
    Validation {
        /// After this step.
        step: u64,
        /// Its name.
        metric: &'static str,
        /// Its value, a fraction.
        value: f64,
        /// Whether it is the best so far.
        best: bool,
    },
    /// Training is over and the run folder is complete.
    Finished {
        /// Steps done.
        steps: u64,
        /// Seconds of this call.
        seconds: f64,
        /// The step whose weights were kept.
        best_step: u64,
        /// Whether it stopped before the last step for want of improvement.
        early: bool,
    },
    /// Training was asked to stop; a checkpoint was written.
    Interrupted {
        /// Steps done.
        step: u64,
    },
}

/// Watches a run.
pub trait Observer {
    /// Called from the training thread.
    fn event(&mut self, event: &Event);
}

/// Watches nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {
    fn event(&mut self, _event: &Event) {}
}
