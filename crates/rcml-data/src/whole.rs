//! Files that are whole or not there.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// Writes a file under a temporary name beside `path` (`<name>.part`) and renames it when `fill` is done: a reader sees the
/// old file or the new one, never half of it, and a failure leaves the old one. Folders on the way are made. A symbolic link
/// stays one, and its target is replaced; what is no file (a pipe, `/dev/null`) is written as it stands, since a rename would
/// put a file in its place.
///
/// # Errors
/// Those of `fill` and of the file system. They name no path: the caller knows which one to name.
pub fn write_whole<T, E: From<io::Error>>(path: &Path, fill: impl FnOnce(&Path) -> Result<T, E>) -> Result<T, E> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.into());
    if path.exists() && !path.is_file() {
        return fill(path);
    }
    let part = part(path);
    let written = fill(&part).and_then(|value| Ok(fs::rename(&part, path).map(|()| value)?));
    if written.is_err() {
        // Best effort: the first failure is the one to report.
        let _ = fs::remove_file(&part);
    }
    written
}

/// Why a file could not be written: the file system, or what was to be written.
pub(crate) enum Wrong {
    Io(io::Error),
    Data(Error),
}

impl From<io::Error> for Wrong {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Error> for Wrong {
    fn from(error: Error) -> Self {
        Self::Data(error)
    }
}

/// As [`write_whole`], by a writer.
pub(crate) fn write_file<T>(path: &Path, fill: impl FnOnce(&mut BufWriter<File>) -> Result<T, Wrong>) -> Result<T> {
    let written = write_whole(path, |part| {
        let mut file = BufWriter::new(File::create(part)?);
        let value = fill(&mut file)?;
        file.flush()?;
        Ok(value)
    });
    written.map_err(|wrong| match wrong {
        Wrong::Io(e) => Error::io(path, e),
        Wrong::Data(e) => e,
    })
}

fn part(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, text: &str) -> io::Result<()> {
        write_whole(path, |part| fs::write(part, text))
    }

    #[test]
    fn a_failure_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/folder/a.txt");
        write(&path, "old").unwrap();
        let failed: io::Result<()> = write_whole(&path, |part| {
            fs::write(part, "half")?;
            Err(io::Error::other("full"))
        });
        assert_eq!(failed.unwrap_err().to_string(), "full");
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        write(&path, "new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn links_stay_links_and_devices_stay_devices() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("a.txt"), folder.path().join("link"));
        write(&file, "old").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        write(&link, "new").unwrap();
        assert!(link.is_symlink());
        assert_eq!(fs::read_to_string(&file).unwrap(), "new");
        // A device of the test's own cannot be made by everybody; a link to one that everybody may write can.
        let null = folder.path().join("null");
        std::os::unix::fs::symlink("/dev/null", &null).unwrap();
        write(&null, "gone").unwrap();
        assert!(null.is_symlink() && !Path::new("/dev/null").is_file());
        assert_eq!(fs::read_to_string(&null).unwrap(), "");
    }
}
