//! Every fused operation against its parts, against finite differences, and against itself with other numbers of threads.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod attention;
mod convolution;
mod linear;
mod norms;
mod probe;
mod rows;
