//! The numbers of all finished cells of one dataset.

use rcml_eval::{Column, Comparison, EvalReport, ResultTable, compare};

use crate::cell::Cell;
use crate::columns;
use crate::failure::Result;
use crate::grid::Options;
use crate::method::{BETA, MAIN, METHODS, OURS, PAPER, PARTS};
use crate::source::Source;

/// Bootstrap samples of a comparison.
const RESAMPLES: usize = 5_000;

/// Reports of one dataset, seed by seed: the presets' first, then what stands beside the first of them, then ablations.
pub(crate) struct Results {
    pub(crate) source: Source,
    pub(crate) main: Vec<EvalReport>,
    pub(crate) baselines: Vec<EvalReport>,
    pub(crate) ablations: Vec<EvalReport>,
}

impl Results {
    pub(crate) fn of(source: &Source, cells: &[Cell], options: &Options) -> Result<Self> {
        let mut results =
            Self { source: source.clone(), main: Vec::new(), baselines: Vec::new(), ablations: Vec::new() };
        for cell in cells.iter().filter(|cell| cell.source == *source && cell.is_done(options)) {
            let mut reports = cell.reports()?.into_iter();
            let own = if cell.method.table == MAIN { &mut results.main } else { &mut results.ablations };
            own.extend(reports.next());
            results.baselines.extend(reports);
        }
        Ok(results)
    }

    /// Trained methods and baselines.
    pub(crate) fn methods(&self) -> Vec<EvalReport> {
        self.main.iter().chain(&self.baselines).cloned().collect()
    }

    /// All trained methods, ablations as well.
    pub(crate) fn trained(&self) -> Vec<EvalReport> {
        self.main.iter().chain(&self.ablations).cloned().collect()
    }

    fn table(&self, title: &str, columns: &[Column]) -> Option<ResultTable> {
        with_numbers(ResultTable::new(format!("{}: {title}", self.source.name), &self.methods(), columns))
    }

    pub(crate) fn headline(&self) -> Option<ResultTable> {
        self.table("retrieval, relation type and validity", &columns::headline())
    }

    pub(crate) fn views(&self) -> Option<ResultTable> {
        self.table("Hit@5, 21-way, by view", &columns::views())
    }

    pub(crate) fn novelty(&self) -> Option<ResultTable> {
        let unseen = |report: &EvalReport| report.results.iter().any(|row| row.relations.starts_with("unseen"));
        let any = self.main.iter().any(unseen);
        self.table("what is new to the model, MRR over the full corpus", &columns::novelty()).filter(|_| any)
    }

    pub(crate) fn composed(&self) -> Option<ResultTable> {
        self.table("two relations at once, MRR over the full corpus", &columns::composed())
    }

    pub(crate) fn kept(&self) -> Option<ResultTable> {
        self.table("plain abilities, before (`frozen`) and after", &columns::kept())
    }

    /// `rcml` against every other method, query by query; nothing before it is trained.
    pub(crate) fn differences(&self) -> Vec<Comparison> {
        let mut methods = self.methods();
        // The first is what all others are compared with.
        methods.sort_by_key(|report| report.method != "rcml");
        if methods.first().is_none_or(|first| first.method != "rcml") {
            return Vec::new();
        }
        compare(&methods, &columns::compared(), RESAMPLES, 0)
    }

    /// The tables of ablations, each with the preset that they change in front.
    pub(crate) fn ablation_tables(&self) -> Vec<(&'static str, ResultTable)> {
        let tables = [PAPER, BETA, OURS, PARTS].map(|title| {
            let members = || METHODS.iter().filter(|method| method.table == title);
            let base = members().next().map_or("", |method| method.preset);
            let of = |report: &&EvalReport| {
                let combination = title == OURS && report.method == "gate";
                report.method == base || combination || members().any(|method| method.name == report.method)
            };
            let reports: Vec<EvalReport> = self.trained().iter().filter(of).cloned().collect();
            let some = reports.iter().any(|report| report.method != base);
            let table = ResultTable::new(format!("{}: {title}", self.source.name), &reports, &columns::ablation());
            with_numbers(table).filter(|_| some).map(|table| (title, table))
        });
        tables.into_iter().flatten().collect()
    }
}

/// A table without columns of numbers is none.
pub(crate) fn with_numbers(table: ResultTable) -> Option<ResultTable> {
    (table.header.len() > 1).then_some(table)
}

/// (mean, standard deviation over seeds) of a method in one number, in percent.
pub(crate) fn number(reports: &[EvalReport], method: &str, column: &Column) -> Option<(f64, Option<f64>)> {
    let of = |report: &EvalReport| {
        let row = report.find(&column.task, &column.protocol, &column.relations, &column.view, &column.metric);
        row.map(|row| 100.0 * row.value)
    };
    let values: Vec<f64> = reports.iter().filter(|report| report.method == method).filter_map(of).collect();
    let found = rcml_eval::metrics::mean_std(&values)?;
    Some((found.mean, found.std))
}
