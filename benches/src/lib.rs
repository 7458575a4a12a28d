//! What every bench needs to say where its numbers come from: a [`Machine`] and its [`Limits`], a [`Clock`], the memory and time
//! of a [`Process`], a [`Peer`] to compare with, and a [`Table`] that people and programs can read.
//!
//! ```
//! use rcml_benches::Table;
//!
//! let mut table = Table::new(&["edges", "seconds"]);
//! table.row(["10 M", "3.1"]);
//! assert_eq!(table.to_string(), "| edges | seconds |\n|---|---|\n| 10 M | 3.1 |\n");
//! ```

mod arguments;
mod clock;
mod limits;
mod machine;
mod peer;
mod process;
mod report;
mod table;

pub use arguments::Arguments;
pub use clock::Clock;
pub use limits::{Limits, Probe, median};
pub use machine::Machine;
pub use peer::Peer;
pub use process::Process;
pub use report::Report;
pub use table::Table;
