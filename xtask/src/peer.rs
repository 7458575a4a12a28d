//! Python environments that a bench compares with.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::run as run_command;
use crate::failure::{Failure, Result};
use crate::program::target_folder;

/// What PyTorch needs at run time on a CPU: named one by one, since its own list would bring gigabytes of CUDA.
const TORCH: [&str; 10] = [
    "torch",
    "numpy",
    "filelock",
    "typing_extensions",
    "sympy",
    "mpmath",
    "networkx",
    "jinja2",
    "markupsafe",
    "fsspec",
];

/// The Python of an environment with PyTorch, made in the target folder if it is not there.
pub(crate) fn torch() -> Result<PathBuf> {
    environment("torch", &[])
}

/// The same with torchvision and Pillow.
pub(crate) fn torchvision() -> Result<PathBuf> {
    environment("torchvision", &["torchvision", "pillow"])
}

/// The environment that has PyTorch, with more packages where they are missing.
fn environment(module: &str, more: &[&str]) -> Result<PathBuf> {
    let folder = target_folder()?.join("peer-torch");
    let python = folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    if imports(&python, module) {
        return Ok(python);
    }
    run_command(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
    let mut install = Command::new(&python);
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "setuptools"]);
    run_command(install.args(TORCH).args(more))?;
    if !imports(&python, module) {
        // Some builds ask for CUDA's libraries even to be imported.
        let mut install = Command::new(&python);
        install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
        run_command(install.args(&TORCH[..1]).args(more))?;
    }
    if imports(&python, module) {
        Ok(python)
    } else {
        Err(Failure::file(&python, format!("{module} was installed and cannot be imported")))
    }
}

fn imports(python: &Path, module: &str) -> bool {
    let output = Command::new(python).args(["-c", &format!("import {module}")]).output();
    output.is_ok_and(|output| output.status.success())
}
