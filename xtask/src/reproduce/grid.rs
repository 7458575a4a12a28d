//! Which cells a grid has.

use std::path::{Path, PathBuf};

/// A method: a preset with settings, under a name of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Method {
    pub(super) name: &'static str,
    pub(super) preset: &'static str,
    pub(super) settings: &'static [&'static str],
    /// The table that it stands in, beside the presets' own.
    pub(super) table: &'static str,
}

/// The main table, and every table's first row.
pub(super) const MAIN: &str = "Methods";

const fn preset(name: &'static str) -> Method {
    Method { name, preset: name, settings: &[], table: MAIN }
}

const fn variant(
    table: &'static str,
    name: &'static str,
    preset: &'static str,
    settings: &'static [&'static str],
) -> Method {
    Method { name, preset, settings, table }
}

const PAPER: &str = "Ablations of the paper's method";
const OURS: &str = "Pool x modulate";
const BETA: &str = "Beta of the paper's method";
const PARTS: &str = "Parts of rcml, taken away one at a time";

/// All methods. An ablation changes one thing of its preset.
pub(super) const METHODS: &[Method] = &[
    preset("rcml"),
    preset("rcml-paper"),
    preset("gate"),
    preset("clip-relations"),
    preset("clip"),
    variant(PAPER, "paper, no inter-item edges", "rcml-paper", &["objective.related=0.0"]),
    variant(PAPER, "paper, no intra-modal terms", "rcml-paper", &["objective.intra=0.0"]),
    variant(PAPER, "paper, identity at the start", "rcml-paper", &["model.conditioner.attention.init=identity"]),
    variant(PAPER, "paper, learned temperature", "rcml-paper", &["objective.temperature.learned=true"]),
    variant(PAPER, "paper, wrong-relation negatives", "rcml-paper", &["objective.relation_specific_negatives=true"]),
    variant(BETA, "paper, beta 0", "rcml-paper", &["model.conditioner.attention.beta=0.0"]),
    variant(BETA, "paper, beta 0.3", "rcml-paper", &["model.conditioner.attention.beta=0.3"]),
    variant(BETA, "paper, beta 0.9", "rcml-paper", &["model.conditioner.attention.beta=0.9"]),
    variant(BETA, "paper, beta 1", "rcml-paper", &["model.conditioner.attention.beta=1.0"]),
    variant(OURS, "summary, none", "rcml", &["model.conditioner.pool=summary", "model.conditioner.modulate=none"]),
    variant(OURS, "summary, gate", "rcml", &["model.conditioner.pool=summary", "model.conditioner.modulate=gate"]),
    variant(
        OURS,
        "summary, low-rank",
        "rcml",
        &["model.conditioner.pool=summary", "model.conditioner.modulate=low-rank"],
    ),
    variant(OURS, "summary, low-rank-gate", "rcml", &["model.conditioner.pool=summary"]),
    variant(OURS, "attention, none", "rcml", &["model.conditioner.modulate=none"]),
    variant(OURS, "attention, gate", "rcml", &["model.conditioner.modulate=gate"]),
    variant(OURS, "attention, low-rank", "rcml", &["model.conditioner.modulate=low-rank"]),
    variant(PARTS, "rcml, query side alone", "rcml", &["model.side=query"]),
    variant(PARTS, "rcml, no roles", "rcml", &["model.roles=none"]),
    variant(PARTS, "rcml, no intra-modal terms", "rcml", &["objective.intra=0.0"]),
    variant(PARTS, "rcml, no inter-modal terms", "rcml", &["objective.inter=0.0"]),
    variant(PARTS, "rcml, no inter-item edges", "rcml", &["objective.related=0.0"]),
    variant(PARTS, "rcml, no wrong-relation negatives", "rcml", &["objective.relation_specific_negatives=false"]),
    variant(PARTS, "rcml, 4 relations a batch", "rcml", &["sampler.relations=4"]),
    variant(PARTS, "rcml, not centred", "rcml", &["model.center=false"]),
];

/// What `--quick` trains: enough to see that everything runs, not to conclude from.
pub(super) const QUICK: &str = "training.steps=60";

/// One cell: a method on a dataset with a seed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PlannedCell {
    pub(super) dataset: String,
    pub(super) data: PathBuf,
    pub(super) method: Method,
    pub(super) seed: u32,
    /// Where it is kept.
    pub(super) folder: PathBuf,
    /// Settings for `rcml train --set`.
    pub(super) settings: Vec<String>,
    /// Whether the baselines are evaluated with it: once a dataset.
    pub(super) baselines: bool,
}

/// Every method with every seed on every dataset; a seed at a time, so that an early stop leaves whole rounds.
pub(super) fn cells(
    out: &Path,
    datasets: &[(String, PathBuf)],
    seeds: u32,
    quick: bool,
    extra: &[String],
) -> Vec<PlannedCell> {
    let mut cells = Vec::new();
    for seed in 1..=seeds {
        for (dataset, data) in datasets {
            for method in METHODS.iter().filter(|method| !quick || method.table == MAIN || method.table == PAPER) {
                let own = method.settings.iter().map(ToString::to_string);
                let budget = quick.then(|| QUICK.to_string());
                let folder = format!("{}-s{seed}", slug(method.name));
                cells.push(PlannedCell {
                    dataset: dataset.clone(),
                    data: data.clone(),
                    method: *method,
                    seed,
                    folder: out.join("cells").join(dataset).join(folder),
                    settings: own.chain(budget).chain(extra.iter().cloned()).collect(),
                    baselines: seed == 1 && method.name == METHODS[0].name,
                });
            }
        }
    }
    cells
}

/// A name as part of a path.
pub(super) fn slug(name: &str) -> String {
    let words: String = name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect();
    words.split('-').filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_cell_has_a_folder_of_its_own() {
        let datasets = [("emoji".to_string(), PathBuf::from("e")), ("synthetic".to_string(), PathBuf::from("s"))];
        let all = cells(Path::new("out"), &datasets, 2, false, &[]);
        let folders: HashSet<_> = all.iter().map(|cell| &cell.folder).collect();
        assert_eq!((all.len(), folders.len()), (4 * METHODS.len(), 4 * METHODS.len()));
        assert_eq!(all.iter().filter(|cell| cell.baselines).count(), 2);
        let quick = cells(Path::new("out"), &datasets, 1, true, &["sampler.items=16".into()]);
        assert!(quick.len() < all.len() / 2 && quick.iter().all(|cell| cell.settings.contains(&QUICK.to_string())));
        assert!(quick.iter().all(|cell| cell.settings.last().unwrap() == "sampler.items=16"));
    }

    #[test]
    fn an_ablation_of_pooling_names_it() {
        assert_eq!(slug("paper, beta 0.3"), "paper-beta-0.3");
        let summary = METHODS.iter().filter(|m| m.name.starts_with("summary"));
        assert!(summary.into_iter().all(|m| m.settings.iter().any(|s| s.starts_with("model.conditioner.pool="))));
    }
}
