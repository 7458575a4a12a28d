//! Training: a run is a folder, made from a configuration and a dataset, that can be interrupted at any moment.
//!
//! The nouns: a [`RunConfig`] is the whole run as data, made from a preset, a file and single settings; [`train`] turns it
//! into a run folder (`config.toml`, `model.safetensors`, `tokenizer.json`, `metrics.jsonl`, `training.json`, `checkpoints/`)
//! and tells an [`Observer`] how it goes. Called again on an unfinished folder it continues, bit for bit as if it had never
//! stopped (on CPU with the same number of threads).
//!
//! ```
//! use rcml_train::RunConfig;
//!
//! let config = RunConfig::resolve(Some("rcml"), None, &["sampler.items=64".into(), "seed=7".into()], None)?;
//! assert_eq!((config.sampler.items, config.seed), (64, 7));
//! let error = RunConfig::resolve(None, None, &["no.such.key=1".into()], None).unwrap_err();
//! assert!(error.to_string().contains("no.such.key"));
//! # Ok::<(), rcml_train::Error>(())
//! ```

mod alike;
mod checkpoint;
mod clip;
mod config;
mod data;
mod encoders;
mod error;
mod events;
mod exact_words;
mod generated;
mod log;
mod momentum;
mod optimizer;
mod pictures;
mod preset;
mod resolve;
mod run;
mod schedule;
mod start;
mod step;
mod steps;
mod teacher;
mod validation;

pub use config::{OptimizerConfig, RunConfig, TrainingConfig};
pub use encoders::encoder_settings;
pub use error::{Error, Result};
pub use events::{Event, Observer, Silent};
pub use optimizer::{AdamW, GradientScale};
pub use preset::preset_names;
pub use rcml_encoders::pretrained::ParameterCount;
pub use run::{Outcome, TrainOptions, train};
pub use steps::{Interval, Steps};

/// The examples of the README run as tests, too.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
