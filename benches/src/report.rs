//! What a bench found, for people and for programs.

use serde_json::{Value, json};

use crate::{Arguments, Machine, Table};

/// The results of one bench in one run.
#[derive(Debug, Clone)]
pub struct Report {
    /// Name of the bench.
    pub bench: &'static str,
    /// What ran: threads, and what it was compared with.
    pub setting: String,
    /// Every number, an object a row.
    pub results: Vec<Value>,
    /// What is shown of them.
    pub table: Table,
}

impl Report {
    /// Prints the table below the machine it was measured on, and writes the files of `--json` and `--markdown`.
    ///
    /// # Errors
    /// The file system's.
    pub fn publish(&self, arguments: &Arguments) -> Result<(), String> {
        let Self { bench, setting, results, table } = self;
        let machine = Machine::this().to_string();
        let text = format!("{machine}; {setting}\n\n{table}");
        println!("\n{text}");
        let json = json!({"bench": bench, "machine": machine, "setting": setting, "results": results});
        arguments.write("--json", &format!("{json:#}"))?;
        arguments.write("--markdown", &text)
    }
}
