//! Devices and numeric kernels of relation-conditioned learning, each with a portable form made of Burn operations.
//!
//! The nouns: a [`device`] name becomes a Burn device in exactly one place; [`relation_pool`] pools an item's tokens once
//! per relation without ever projecting them; [`Tokens`] is what an encoder hands over; [`attention`], [`linear`],
//! [`pick_rows`], [`layer_norm`] and [`gelu`] are what a transformer is made of, [`convolution`] and [`picture_norm`] what a stem
//! before it is, [`row_logsumexp`], [`contrast_log_sum_exp`] (without the matrix of scores) and [`l2_normalize`] what contrastive losses
//! are; [`row_products`] and [`largest_products`] are what searching is. This is
//! the only crate of the workspace that names a backend.
//!
//! ```
//! use burn::tensor::Tensor;
//! use rcml_kernels::{device, relation_pool};
//!
//! let device = device::parse("cpu").unwrap();
//! // one item with two tokens, one relation whose query singles out the second token
//! let tokens = Tensor::<3>::from_floats([[[1.0, 0.0], [0.0, 1.0]]], &device);
//! let query = Tensor::<3>::from_floats([[[0.0, 50.0]]], &device);
//! let pooled = relation_pool(tokens, None, query);
//! assert_eq!(pooled.dims(), [1, 1, 1, 2]);
//! assert!(pooled.try_into_vec_as::<f32>().unwrap()[1] > 0.999);
//! ```

mod adamw;
mod attention;
mod by_rows;
mod contrast;
mod convolution;
mod cpu;
pub mod device;
mod flex;
mod fused;
mod lanes;
mod linear;
mod matrix;
pub mod memory;
#[cfg(feature = "ndarray")]
mod ndarray;
mod pair_list;
mod relation_pool;
mod row_products;
mod rows;
mod simd;
mod sparse_rows;
mod tokens;

pub use adamw::{AdamWBackend, AdamWStep, adamw, squared_norm};
pub use attention::{AttentionBackend, Heads, attention};
pub use contrast::{ContrastBackend, ContrastPlan, contrast_log_sum_exp, contrast_pairs, has_contrast_kernel};
pub use convolution::{ConvolutionBackend, Window, convolution};
pub use cpu::{Algorithm, LengthError, Needs, TokenView, pool_slices, quantize_tokens};
pub use fused::{FusedBackend, add_layer_norm, gelu, layer_norm, picture_norm};
pub use linear::{Activation, LinearBackend, LinearNeeds, linear};
pub use pair_list::{PairError, PairList};
pub use relation_pool::{PoolBackend, relation_pool, relation_pool_lse, relation_pool_pairs, relation_pool_with};
pub use row_products::{largest_products, row_products};
pub use rows::{RowIds, RowsBackend, l2_normalize, pick_rows, row_logsumexp};
pub use sparse_rows::SparseRows;
pub use tokens::{TokenMap, Tokens};

/// The examples of the README run as tests, too.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
