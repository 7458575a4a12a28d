//! Results as data, as tables and as a page.

mod case_study;
mod comparison;
mod curve;
mod page;
mod query_values;
mod result;
mod table;

pub use case_study::{Answer, CaseItem, CaseStudy};
pub use comparison::{Comparison, compare};
pub use curve::{Curve, Series, read_curves};
pub use page::ReportData;
pub use query_values::QueryValues;
pub use result::{EvalReport, ResultRow};
pub use table::{Column, ResultTable};
