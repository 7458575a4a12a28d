//! Files as memory.

use std::fs::File;
use std::io;

use memmap2::Mmap;

/// Maps a file into memory, to be read and never written.
#[allow(unsafe_code, reason = "a memory map is only as constant as the file under it")]
pub(super) fn map(file: &File) -> io::Result<Mmap> {
    // SAFETY: the map is only read. A file that another program cuts or changes meanwhile gives wrong bytes or a bus error, as
    // it would with every reader that maps its input.
    unsafe { Mmap::map(file) }
}
