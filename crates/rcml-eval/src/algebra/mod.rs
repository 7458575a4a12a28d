//! The little linear algebra that metrics and closed-form baselines need, in f64 and independent of the thread count.

mod cholesky;
mod dot;
mod eigenvalues;
mod gram;

pub(crate) use cholesky::Cholesky;
pub(crate) use dot::dot;
pub(crate) use eigenvalues::symmetric_eigenvalues;
pub(crate) use gram::cross_products;
