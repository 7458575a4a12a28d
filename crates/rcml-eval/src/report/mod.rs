//! Results as data, as tables and as a page.

mod bars;
mod case_study;
mod comparison;
mod curve;
mod figure;
mod map;
mod page;
mod query_values;
mod result;
mod run_report;
mod table;

pub use bars::{Bar, Bars};
pub use case_study::{Answer, CaseItem, CaseStudy};
pub use comparison::{Comparison, compare};
pub use curve::{Curve, Series, read_curves};
pub use figure::Figure;
pub use map::{Map, Panel};
pub use page::Page;
pub use query_values::QueryValues;
pub use result::{EvalReport, ResultRow};
pub use run_report::ReportData;
pub use table::{Column, ResultTable};
