//! One table of methods, and what must hold for every row of it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cases;
mod fixture;
mod oracles;
mod universal;
