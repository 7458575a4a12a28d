//! One table of methods, and what must hold for every row of it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod by_name;
mod cases;
mod documentation;
mod fixture;
mod oracles;
mod parts;
mod relations;
mod streaming;
mod toys;
mod universal;
