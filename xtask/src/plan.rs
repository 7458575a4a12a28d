//! Which runs a command trains, and which of them are finished.

use std::path::{Path, PathBuf};

use crate::failure::{Failure, Result};

/// The presets of the compared table, ours first.
pub(crate) const COMPARED: [&str; 5] = ["rcml", "rcml-paper", "gate", "clip-relations", "clip"];

/// Beside the weights: the arguments that they were trained with, one a line.
const ARGUMENTS: &str = "arguments.txt";

/// One run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PlannedRun {
    /// Where it is kept.
    pub(crate) folder: PathBuf,
    /// Arguments of `rcml train` without `--out`.
    pub(crate) arguments: Vec<String>,
}

/// Every preset with every seed from 1 on, in `runs/DATASET-PRESET-sSEED`.
pub(crate) fn runs(dataset: &str, data: &Path, presets: &[&str], seeds: u32, extra: &[String]) -> Vec<PlannedRun> {
    let run = |preset: &str, seed: u32| {
        let (data, seed_text) = (data.display().to_string(), seed.to_string());
        let own = ["--data", &data, "--preset", preset, "--seed", &seed_text];
        PlannedRun {
            folder: Path::new("runs").join(format!("{dataset}-{preset}-s{seed}")),
            arguments: own.into_iter().map(String::from).chain(extra.iter().cloned()).collect(),
        }
    };
    // A seed at a time, so that an early stop leaves whole rounds.
    (1..=seeds).flat_map(|seed| presets.iter().map(move |preset| run(preset, seed))).collect()
}

impl PlannedRun {
    /// Records the arguments; gives whether the run is finished already.
    ///
    /// # Errors
    /// The folder holds a run with other arguments: continuing would mix two runs, and repeating it would lose the first.
    pub(crate) fn begin(&self) -> Result<bool> {
        let (record, now) = (self.folder.join(ARGUMENTS), self.arguments.join("\n"));
        let begun = self.folder.join("config.toml").is_file();
        match std::fs::read_to_string(&record) {
            Ok(found) if found == now => return Ok(self.folder.join("model.safetensors").is_file()),
            Ok(found) if begun => {
                let (folder, found, now) = (self.folder.display(), found.replace('\n', " "), now.replace('\n', " "));
                return Err(Failure::input(format!(
                    "{folder} was begun with `{found}`, now it is `{now}`; move or remove the folder to train anew"
                )));
            }
            // Arguments that were refused, or no record: whatever else is in the folder is for the program to judge.
            _ => {}
        }
        std::fs::create_dir_all(&self.folder).map_err(|error| Failure::file(&self.folder, error))?;
        std::fs::write(&record, now).map_err(|error| Failure::file(&record, error))?;
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_and_seeds_make_runs() {
        let extra = ["--device".to_string(), "cpu".to_string()];
        let runs = runs("emoji", Path::new("d"), &["rcml", "clip"], 2, &extra);
        let folders: Vec<_> = runs.iter().map(|run| run.folder.to_str().unwrap().replace('\\', "/")).collect();
        assert_eq!(folders, ["runs/emoji-rcml-s1", "runs/emoji-clip-s1", "runs/emoji-rcml-s2", "runs/emoji-clip-s2"]);
        assert_eq!(runs[3].arguments.join(" "), "--data d --preset clip --seed 2 --device cpu");
    }

    #[test]
    fn a_run_is_finished_with_its_own_arguments_only() {
        let folder = std::env::temp_dir().join(format!("xtask-plan-{}", std::process::id()));
        let run = |arguments: &[&str]| PlannedRun {
            folder: folder.clone(),
            arguments: arguments.iter().map(|argument| (*argument).to_string()).collect(),
        };
        assert!(!run(&["--sed", "1"]).begin().unwrap(), "refused by the program");
        let ours = run(&["--seed", "1"]);
        assert!(!ours.begin().unwrap());
        std::fs::write(folder.join("config.toml"), "").unwrap();
        assert!(!ours.begin().unwrap(), "interrupted");
        std::fs::write(folder.join("model.safetensors"), "").unwrap();
        assert!(ours.begin().unwrap());
        let message = run(&["--seed", "2"]).begin().unwrap_err().to_string();
        assert!(message.contains("`--seed 1`, now it is `--seed 2`"), "{message}");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
