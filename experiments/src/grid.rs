//! Which cells there are, and in which order.

use std::path::PathBuf;

use crate::cell::Cell;
use crate::method::{MAIN, METHODS, Method, slug};
use crate::source::Source;
use crate::transfer::Transfer;

/// What a grid is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) out: PathBuf,
    pub(crate) quick: bool,
    pub(crate) seeds: u32,
    /// Pretrained encoders, as `rcml train --encoders` takes them.
    pub(crate) encoders: Option<String>,
    /// Factors on the learning rate that every preset is tried with.
    pub(crate) rates: Vec<String>,
    /// Further settings of every run.
    pub(crate) settings: Vec<String>,
}

/// What `--quick` trains: small heads on frozen encoders whose states are read from a cache.
const QUICK: [&str; 5] = [
    "training.steps=100",
    "training.validate_every=20",
    "training.checkpoint_every=0",
    "model.width=128",
    "sampler.items=64",
];

/// The dataset that `--quick` makes all ablations on: the one whose truth is planted.
const PLANTED: &str = "synthetic";

/// Methods whose models are taken to other data.
const TRAVELLERS: [&str; 3] = ["rcml", "clip-relations", "clip"];

impl Options {
    /// Settings of every run of the grid.
    pub(crate) fn common(&self) -> Vec<String> {
        let budget = QUICK.iter().filter(|_| self.quick).map(ToString::to_string);
        budget.chain(self.settings.iter().cloned()).collect()
    }

    /// The presets first, seed by seed, so that an early stop leaves whole rounds; then what changes one thing of them, for which
    /// their learning rate is taken.
    pub(crate) fn cells(&self, sources: &[Source]) -> Vec<Cell> {
        let mut cells = Vec::new();
        for main in [true, false] {
            for seed in 1..=self.seeds {
                for source in sources {
                    let all = !self.quick || source.name == PLANTED || sources.len() == 1;
                    let wanted = METHODS.iter().filter(|method| (method.table == MAIN) == main && (main || all));
                    let pretrained = self.encoders.is_some();
                    let left_out = |method: &&Method| {
                        pretrained && (method.freezes() || method.rereads() || method.starts_words())
                    };
                    for method in wanted.filter(|method| !left_out(method)) {
                        let folder = format!("{}-s{seed}", slug(method.name));
                        cells.push(Cell {
                            source: source.clone(),
                            method: *method,
                            seed,
                            folder: self.out.join("cells").join(slug(&source.name)).join(folder),
                        });
                    }
                }
            }
        }
        cells
    }

    /// Models of one dataset on another.
    pub(crate) fn transfers(&self, cells: &[Cell], sources: &[Source]) -> Vec<Transfer> {
        let mut transfers = Vec::new();
        for cell in cells.iter().filter(|cell| TRAVELLERS.contains(&cell.method.name)) {
            for to in sources.iter().filter(|to| **to != cell.source) {
                let name = format!("{}-{}-s{}", slug(&cell.source.name), slug(cell.method.name), cell.seed);
                let folder = self.out.join("transfers").join(slug(&to.name)).join(name);
                transfers.push(Transfer { cell: cell.clone(), to: to.clone(), folder });
            }
        }
        transfers
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn options(quick: bool) -> Options {
        let (rates, settings) = (vec!["1".into()], vec!["sampler.items=16".into()]);
        Options { out: "out".into(), quick, seeds: 2, encoders: quick.then(|| "minilm".into()), rates, settings }
    }

    #[test]
    fn every_cell_has_a_folder_of_its_own() {
        let sources: Vec<Source> =
            ["emoji", "synthetic"].map(|name| Source::find(name, true, std::path::Path::new("out")).unwrap()).into();
        let whole = options(false);
        let cells = whole.cells(&sources);
        let folders: HashSet<_> = cells.iter().map(|cell| &cell.folder).collect();
        assert_eq!((cells.len(), folders.len()), (4 * METHODS.len(), 4 * METHODS.len()));
        let first = cells.iter().position(|cell| cell.method.table != MAIN).unwrap();
        assert!(cells[first..].iter().all(|cell| cell.method.table != MAIN), "ablations need the presets' rate");
        let transfers = whole.transfers(&cells, &sources);
        assert_eq!(transfers.len(), 2 * 2 * TRAVELLERS.len());

        let quick = options(true).cells(&sources);
        assert!(quick.iter().all(|cell| cell.method.table == MAIN || cell.source.name == "synthetic"));
        let left_out = |cell: &Cell| {
            let method = cell.method;
            method.freezes() || method.rereads() || method.starts_words()
        };
        assert!(!quick.iter().any(left_out) && cells.iter().any(left_out), "of pretrained encoders alone");
        assert_eq!(options(true).common().last().unwrap(), "sampler.items=16");
    }
}
