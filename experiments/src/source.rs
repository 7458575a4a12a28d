//! The data that a grid is made on.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::failure::{Failure, Result};
use crate::program::Program;

/// A dataset by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
    /// What it asks for beside the defaults.
    pub(crate) config: Option<PathBuf>,
    /// Arguments of `rcml data build`, where it is made and not found.
    build: Vec<String>,
}

/// Items of `synthetic` with `--quick`, and without.
const SYNTHETIC: (&str, &str) = ("1500", "5000");

impl Source {
    /// `emoji` and `synthetic` are built, anything else is a folder in the neutral format.
    pub(crate) fn find(name: &str, quick: bool, out: &Path) -> Result<Self> {
        let built = |folder: PathBuf, build: &[&str]| Self {
            name: name.into(),
            folder,
            config: None,
            build: build.iter().map(ToString::to_string).collect(),
        };
        match name {
            "emoji" => Ok(built(["datasets", "emoji", "built"].iter().collect(), &["emoji"])),
            "synthetic" => {
                let items = if quick { SYNTHETIC.0 } else { SYNTHETIC.1 };
                let folder = out.join("data").join(format!("synthetic-{items}"));
                // Not the seed that its settings were found on.
                let mut source = built(folder, &["synthetic", "--items", items, "--seed", "3"]);
                source.config = (!quick).then(|| ["datasets", "synthetic", "config.toml"].iter().collect());
                Ok(source)
            }
            _ => {
                let folder = std::path::absolute(name).map_err(|error| Failure::file(Path::new(name), error))?;
                let own = folder.file_name().and_then(|own| own.to_str());
                match own.filter(|_| folder.is_dir()) {
                    Some(own) => Ok(Self { name: own.into(), folder: folder.clone(), config: None, build: vec![] }),
                    None => Err(Failure::Input(format!(
                        "--dataset: expected emoji, synthetic or a folder in the neutral format, found {name:?}"
                    ))),
                }
            }
        }
    }

    /// Builds it unless it is there, complete.
    pub(crate) fn prepare(&self, program: &Program) -> Result<()> {
        let mut check = program.call(["data", "check"]);
        check.arg(&self.folder).stdout(Stdio::null()).stderr(Stdio::null());
        // The writer of a dataset puts dataset.toml last.
        let complete = self.folder.join("dataset.toml").is_file();
        if self.build.is_empty() || (complete && check.status().is_ok_and(|status| status.success())) {
            return Ok(());
        }
        program.run(program.call(["data", "build"]).args(&self.build).arg("--out").arg(&self.folder), None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_folders() {
        let folder = tempfile::tempdir().unwrap();
        let of = |name: &str| Source::find(name, true, Path::new("out"));
        let named = folder.path().file_name().and_then(|name| name.to_str()).unwrap();
        assert_eq!(of(folder.path().to_str().unwrap()).unwrap().name, named);
        assert!(of("synthetic").unwrap().folder.ends_with("synthetic-1500"));
        let failure = of("no-such-folder").unwrap_err();
        assert!(failure.code() == 2 && failure.to_string().contains("no-such-folder"));
    }
}
