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
    environment("peer-torch", "torch", &[&["setuptools"], &TORCH[..]].concat())
}

/// The same with torchvision and Pillow.
pub(crate) fn torchvision() -> Result<PathBuf> {
    environment("peer-torch", "torchvision", &[&["setuptools"], &TORCH[..], &["torchvision", "pillow"]].concat())
}

/// The Python of an environment with faiss.
pub(crate) fn faiss() -> Result<PathBuf> {
    environment("peer-faiss", "faiss", &["faiss-cpu", "numpy", "packaging"])
}

/// The environment of a name, with packages where the module is missing.
fn environment(name: &str, module: &str, packages: &[&str]) -> Result<PathBuf> {
    let folder = target_folder()?.join(name);
    let python = folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    if imports(&python, module) {
        return Ok(python);
    }
    run_command(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
    let install = |more: &[&str]| {
        let mut install = Command::new(&python);
        run_command(install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(more))
    };
    install(&[&["--no-deps"], packages].concat())?;
    if !imports(&python, module) {
        // Some builds of PyTorch ask for CUDA's libraries even to be imported.
        install(packages)?;
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
