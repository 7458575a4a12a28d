//! What every bench needs to say where its numbers come from: a [`Machine`], the memory and time of a [`Process`], and a
//! [`Table`] that people and programs can read.
//!
//! ```
//! use rcml_benches::Table;
//!
//! let mut table = Table::new(&["edges", "seconds"]);
//! table.row(["10 M", "3.1"]);
//! assert_eq!(table.to_string(), "| edges | seconds |\n|---|---|\n| 10 M | 3.1 |\n");
//! ```

mod machine;
mod process;
mod table;

pub use machine::Machine;
pub use process::Process;
pub use table::Table;
