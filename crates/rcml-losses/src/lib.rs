//! Contrastive objectives for many-to-many, relation-conditioned training: every related pair is a positive under its own
//! relation, and every candidate is conditioned on the anchor's relation.
//!
//! The nouns: [`PairTargets`] says, for the anchors of each relation of a batch ([`AnchorRow`]s), which candidates are
//! positives and which are negatives; [`info_nce`] scores that with one kernel whose options give the paper's loss, CLIP's and the decoupled
//! one; [`Objective`] composes inter-modal, intra-modal and fused terms from [`ConditionedModality`]s; a [`Temperature`]
//! is fixed or learned within bounds.
//!
//! [`contrast`] is the kernel that nearly every published loss is a composition of, from four sockets: a scorer, candidates, targets
//! and a divergence. [`methods`] has these losses under their own names, [`METHODS`] lists them for runs and documentation, and a
//! [`TermConfig`] adds one to an objective.
//!
//! ```
//! use burn::tensor::Tensor;
//! use rcml_losses::{Denominator, PairTargets, clip_loss, info_nce};
//!
//! let device = rcml_kernels::device::parse("cpu").unwrap();
//! let x = Tensor::<2>::from_floats([[1.0, 0.0], [0.0, 1.0]], &device);
//! let y = Tensor::<2>::from_floats([[0.8, 0.6], [-0.6, 0.8]], &device);
//! // CLIP is the case of one relation ("the same item") in which each row's positive is its own counterpart ...
//! let targets = PairTargets::same_item(2);
//! let loss = |a: &Tensor<2>, b: &Tensor<2>| {
//!     let logits = a.clone().matmul(b.clone().transpose()).mul_scalar(10.0).unsqueeze::<3>();
//!     info_nce(logits, &targets.weigh(Default::default(), &[], &[]), Denominator::Joint).unwrap().into_scalar::<f32>()
//! };
//! // ... averaged over both directions.
//! let clip = clip_loss(x.clone(), y.clone(), Tensor::from_floats([10.0], &device)).into_scalar::<f32>();
//! assert!(((loss(&x, &y) + loss(&y, &x)) / 2.0 - clip).abs() < 1e-6);
//! ```

mod across;
mod catalogue;
mod clip;
mod config;
pub mod contrast;
mod extra;
mod info_nce;
pub mod methods;
mod modality;
mod objective;
mod targets;
mod temperature;
mod term_config;

pub use catalogue::{METHODS, MethodInfo, Parameter, Place, Provenance, method};
pub use clip::clip_loss;
pub use config::{ObjectiveConfig, TemperatureConfig};
pub use info_nce::{Denominator, info_nce};
pub use methods::tree_similarity;
pub use modality::{ConditionedModality, Followed, Generated, Weighed};
pub use objective::{Objective, Term};
pub use targets::{AnchorRow, Average, PairTargets, WeightedPairs};
pub use temperature::Temperature;
pub use term_config::{Between, Over, TermConfig};

/// The examples of the README run as tests, too.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
