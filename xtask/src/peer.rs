//! Python environments that a bench compares with.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::run as run_command;
use crate::failure::{Failure, Result};
use crate::program::target_folder;

/// PyTorch, with what it asks for to compile.
const TORCH: [&str; 3] = ["torch", "numpy", "setuptools"];

/// The Python of an environment with PyTorch, made in the target folder if it is not there: some gigabytes on Linux, whose
/// wheels bring CUDA and do not load without it.
pub(crate) fn torch() -> Result<PathBuf> {
    environment("peer-torch", "torch", &TORCH)
}

/// The same with torchvision and Pillow.
pub(crate) fn torchvision() -> Result<PathBuf> {
    environment("peer-torch", "torchvision", &[&TORCH[..], &["torchvision", "pillow"]].concat())
}

/// The Python of an environment with faiss.
pub(crate) fn faiss() -> Result<PathBuf> {
    environment("peer-faiss", "faiss", &["faiss-cpu"])
}

/// The environment of a name, with packages where the module is missing.
fn environment(name: &str, module: &str, packages: &[&str]) -> Result<PathBuf> {
    let folder = target_folder()?.join(name);
    let python = folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    if imports(&python, module) {
        return Ok(python);
    }
    run_command(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
    let mut install = Command::new(&python);
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    run_command(install.args(packages))?;
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
