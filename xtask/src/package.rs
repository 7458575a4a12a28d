//! `cargo xtask package`.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::command::{cargo, run as run_command};
use crate::failure::{Failure, Result};
use crate::program::target_folder;
use crate::steps::Steps;

#[derive(Args)]
#[command(after_help = "Examples:
  cargo xtask package            # everything; compiles Burn again for the crate that is used alone
  cargo xtask package --quick    # metadata and contents of the archives, nothing is compiled")]
pub(crate) struct PackageArgs {
    /// Compile nothing
    #[arg(long)]
    quick: bool,
    /// Package uncommitted changes as well
    #[arg(long)]
    allow_dirty: bool,
}

/// The crate that is built outside the workspace, to show that a user gets it without the others.
const ALONE: &str = "rcml-losses";

pub(crate) fn run(args: &PackageArgs) -> Result<()> {
    let mut steps = Steps::new(false);
    steps.run("archives", || {
        let mut package = cargo(["package", "--workspace", "--exclude", "xtask", "--exclude", "rcml-benches"]);
        package.args(args.quick.then_some("--no-verify")).args(args.allow_dirty.then_some("--allow-dirty"));
        // Without a folder that is named, each crate is verified in one of its own and compiles Burn for itself.
        package.arg("--target-dir").arg(target_root()?);
        run_command(&mut package)
    });
    if !args.quick {
        steps.run("one crate alone", alone);
    }
    steps.finish()
}

/// A crate outside the workspace that depends on one of ours by path and runs the example of its README.
fn alone() -> Result<()> {
    let folder = target_folder()?.join("package-alone");
    let krate =
        std::path::absolute(Path::new("crates").join(ALONE)).map_err(|error| Failure::new(error.to_string()))?;
    let readme = read(&krate.join("README.md"))?;
    let example = example(&readme).ok_or_else(|| Failure::file(&krate.join("README.md"), "no Rust example"))?;
    let main = if example.contains("fn main") { example } else { format!("fn main() {{\n{example}}}\n") };
    write(&folder, "src/main.rs", &main)?;
    write(&folder, "Cargo.toml", &manifest(&krate, &read(Path::new("Cargo.toml"))?))?;
    // The same versions and, in the same target folder, every dependency that has the same features.
    write(&folder, "Cargo.lock", &read(Path::new("Cargo.lock"))?)?;
    let mut run = cargo(["run", "--release", "--manifest-path"]);
    run_command(run.arg(folder.join("Cargo.toml")).arg("--target-dir").arg(target_root()?))
}

fn target_root() -> Result<PathBuf> {
    let release = target_folder()?;
    Ok(release.parent().map_or_else(|| release.clone(), PathBuf::from))
}

/// A manifest with the workspace's profile and version of Burn.
fn manifest(krate: &Path, workspace: &str) -> String {
    let burn = workspace.lines().find(|line| line.starts_with("burn = ")).unwrap_or("burn = \"*\"");
    let profile = workspace.find("[profile.").map_or("", |start| &workspace[start..]);
    let path = krate.display().to_string();
    format!(
        "[package]\nname = \"alone\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
         [dependencies]\n{burn}\n{ALONE} = {{ path = {path:?} }}\n\n{profile}"
    )
}

/// The first Rust example of a README, without the `# ` that hides lines from readers.
fn example(readme: &str) -> Option<String> {
    let (_, rest) = readme.split_once("```rust")?;
    let (_, rest) = rest.split_once('\n')?;
    let (code, _) = rest.split_once("```")?;
    let shown = |line: &str| format!("{}\n", line.strip_prefix("# ").unwrap_or(if line == "#" { "" } else { line }));
    Some(code.lines().map(shown).collect())
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|error| Failure::file(path, error))
}

fn write(folder: &Path, name: &str, text: &str) -> Result<()> {
    let path = folder.join(name);
    let parent = path.parent().map_or_else(PathBuf::new, PathBuf::from);
    std::fs::create_dir_all(&parent).map_err(|error| Failure::file(&parent, error))?;
    std::fs::write(&path, text).map_err(|error| Failure::file(&path, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_example_becomes_a_program() {
        let readme = "# x\n```text\nno\n```\n```rust,no_run\n# fn main() {\n#\nlet a = 1;\n# }\n```\n```rust\nb\n```\n";
        assert_eq!(example(readme).unwrap(), "fn main() {\n\nlet a = 1;\n}\n");
        assert!(example("no code").is_none());
    }

    #[test]
    fn the_manifest_shares_profile_and_burn() {
        let workspace = "[workspace]\nburn = { version = \"=1\" }\n\n[profile.release]\nopt-level = 3\n";
        let manifest = manifest(Path::new("/w/crates/rcml-losses"), workspace);
        assert!(
            manifest.contains("\nburn = { version = \"=1\" }\nrcml-losses = { path = \"/w/crates/rcml-losses\" }\n")
        );
        assert!(manifest.ends_with("[profile.release]\nopt-level = 3\n"));
    }
}
