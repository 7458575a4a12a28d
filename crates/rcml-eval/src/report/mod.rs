//! Results as data and as tables.

mod result;
mod table;

pub use result::{EvalReport, ResultRow};
pub use table::{Column, ResultTable};
