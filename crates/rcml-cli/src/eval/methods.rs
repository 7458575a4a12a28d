//! Which runs are seeds of one method.

use std::fs;

use rcml_data::TrainingRecord;
use rcml_train::RunConfig;

use crate::failure::{Failure, Result};
use crate::run::Run;

/// The method of each run: runs of one configuration that were trained on the same data are its seeds.
///
/// # Errors
/// A folder that is given twice, and two runs of one method with one seed: both would count one training twice.
pub(super) fn of_runs(runs: &[Run], records: &[TrainingRecord]) -> Result<Vec<usize>> {
    let settings: Vec<RunConfig> = runs.iter().map(|run| settings(&run.config)).collect();
    let is_same = |a: usize, b: usize| settings[a] == settings[b] && trained_on_the_same(&records[a], &records[b]);
    let mut methods: Vec<usize> = Vec::with_capacity(runs.len());
    for (at, run) in runs.iter().enumerate() {
        let place = fs::canonicalize(&run.folder).map_err(|error| Failure::file(&run.folder, &error))?;
        for (before, other) in runs[..at].iter().enumerate() {
            if fs::canonicalize(&other.folder).is_ok_and(|other| other == place) {
                return Err(Failure::input(format!("{}: the same run is given twice", run.folder.display())));
            }
            if run.config.seed == other.config.seed && is_same(before, at) {
                return Err(Failure::input(format!(
                    "{} and {} are runs of the same configuration with the same seed, {}: expected seeds that differ",
                    other.folder.display(),
                    run.folder.display(),
                    run.config.seed
                )));
            }
        }
        let known = (0..at).find(|before| is_same(*before, at));
        let new = methods.iter().max().map_or(0, |most| most + 1);
        methods.push(known.map_or(new, |before| methods[before]));
    }
    Ok(methods)
}

/// A name for each run's method: what `bases` call the runs, with the folder of the method's first run where that name is taken.
pub(super) fn names(runs: &[Run], methods: &[usize], bases: &[String]) -> Vec<String> {
    let mut names: Vec<String> = Vec::with_capacity(runs.len());
    for (at, run) in runs.iter().enumerate() {
        if let Some(before) = methods[..at].iter().position(|method| *method == methods[at]) {
            names.push(names[before].clone());
            continue;
        }
        let folder = run.folder.file_name().map(|name| name.to_string_lossy().into_owned());
        let choices = [Some(bases[at].clone()), folder.map(|folder| format!("{} ({folder})", bases[at]))];
        let free = choices.into_iter().flatten().find(|name| !names.contains(name));
        names.push(free.unwrap_or_else(|| format!("{} ({})", bases[at], run.folder.display())));
    }
    names
}

/// A configuration without its seed, where things lay on the machine at hand, and what training found.
fn settings(config: &RunConfig) -> RunConfig {
    let mut settings = config.clone();
    settings.seed = 0;
    settings.model.exact_words.decided = None;
    for encoder in [&mut settings.model.pretrained.text, &mut settings.model.pretrained.image] {
        encoder.folder.clear();
        encoder.fingerprint.clear();
    }
    settings
}

fn trained_on_the_same(a: &TrainingRecord, b: &TrainingRecord) -> bool {
    (&a.items, &a.relations, &a.edges) == (&b.items, &b.relations, &b.edges)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(folder: &std::path::Path, name: &str, seed: u64, encoder: &str) -> Run {
        let folder = folder.join(name);
        fs::create_dir_all(&folder).unwrap();
        let mut config = RunConfig { seed, preset: "rcml".into(), ..RunConfig::default() };
        config.model.pretrained.text.source = encoder.into();
        config.model.pretrained.text.folder = format!("/somewhere/{name}");
        config.model.exact_words.decided = Some(seed as f64 / 10.0);
        Run { folder, config }
    }

    #[test]
    fn seeds_share_a_method_and_other_settings_do_not() {
        let folder = tempfile::tempdir().unwrap();
        let of = |name, seed, encoder| run(folder.path(), name, seed, encoder);
        let runs = [of("a", 1, ""), of("b", 2, ""), of("c", 1, "minilm"), of("d", 3, ""), of("e", 1, "")];
        let mut records = vec![TrainingRecord::default(); 5];
        // The last was trained on other items.
        records[4].items = vec![1];
        let methods = of_runs(&runs, &records).unwrap();
        assert_eq!(methods, [0, 0, 1, 0, 2]);
        let names = names(&runs, &methods, &vec!["rcml".to_string(); 5]);
        assert_eq!(names, ["rcml", "rcml", "rcml (c)", "rcml", "rcml (e)"]);
    }

    #[test]
    fn one_training_does_not_count_twice() {
        let folder = tempfile::tempdir().unwrap();
        let of = |name, seed| run(folder.path(), name, seed, "");
        let records = vec![TrainingRecord::default(); 2];
        let message = |runs: [Run; 2]| match of_runs(&runs, &records) {
            Err(Failure::Input(message)) => message,
            other => format!("{other:?}"),
        };
        assert!(message([of("a", 1), of("b/../a", 1)]).contains("given twice"));
        let same = message([of("a", 1), of("b", 1)]);
        assert!(same.contains("the same seed, 1") && same.contains('a') && same.contains("/b"), "{same}");
    }
}
