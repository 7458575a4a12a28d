//! Relation conditioning: one item, a different embedding under each relation.
//!
//! The nouns: [`Tokens`] are an encoder's output (token states, mask, summary); a [`Conditioner`] turns tokens and
//! relation embeddings into one unit vector per item and relation, in two independent steps: *pool* (which tokens speak:
//! the summary, or [`RelationAttention`]) and *modulate* (which channels speak: nothing, a [`Gate`], a [`LowRank`] map, or
//! both). [`ConditionerConfig`] names the combination. [`Relations`] may bring a vector besides that is added to what comes out.
//! For serving, [`PreparedRelations`] hold all that depends on relations
//! alone, and a [`TokenStore`] is a file of tokens that may be larger than memory.
//!
//! ```
//! use burn::tensor::{Distribution, Tensor};
//! use rcml_attention::{ConditionerConfig, Modulate, Pool, Tokens};
//!
//! let device = rcml_kernels::device::parse("cpu").unwrap();
//! let states = Tensor::<3>::random([4, 7, 16], Distribution::Default, &device);
//! let tokens = Tokens::with_summary_first(states, None);
//! let relations = Tensor::<2>::random([3, 16], Distribution::Default, &device);
//!
//! // Nothing conditions: every relation sees the same embedding (CLIP).
//! let clip = ConditionerConfig { pool: Pool::Summary, modulate: Modulate::None, ..Default::default() };
//! let z = clip.init(16, &device).forward(&tokens, relations.clone());
//! assert_eq!(z.dims(), [4, 3, 16]);
//! let spread = (z.clone().narrow(1, 0, 1) - z.narrow(1, 1, 1)).abs().max().into_scalar::<f32>();
//! assert_eq!(spread, 0.0);
//! ```

mod attention;
mod conditioner;
mod form;
mod gate;
mod low_rank;
mod prepared;
mod relations;
mod store;
mod tall;
pub use rcml_kernels::Tokens;

pub use attention::{AttentionConfig, AttentionInit, RelationAttention, SummaryBias};
pub use conditioner::{Conditioner, ConditionerConfig, Modulate, Pool};
pub use form::Form;
pub use gate::Gate;
pub use low_rank::LowRank;
pub use prepared::PreparedRelations;
pub use relations::Relations;
pub use store::{StoreError, TokenStore, TokenStoreWriter, TokenType};

/// The examples of the README run as tests, too.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
