//! Results as data, as tables and as a page.

mod case_study;
mod curve;
mod page;
mod result;
mod table;

pub use case_study::{Answer, CaseItem, CaseStudy};
pub use curve::{Curve, Series, read_curves};
pub use page::ReportData;
pub use result::{EvalReport, ResultRow};
pub use table::{Column, ResultTable};
