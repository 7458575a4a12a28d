//! Memory that a program gives back and soon asks for again.

#![allow(unsafe_code, reason = "the allocator's settings")]

/// Tells the C library's allocator to keep what is freed for the next request, in blocks of up to 32 MiB: a choice for programs,
/// not for libraries, so call it first thing in `main`.
///
/// Matrices of some megabytes come and go many times a second. By default `malloc` gives each back to the system, which takes every
/// page away from every thread and clears it again for the next one: on two cores a contrastive loss of 1,024 rows took 2.6 times as
/// long (docs/performance/training.md). The price: a process keeps what it once held in such blocks. Where the allocator is another
/// one than that of the GNU C library, nothing happens.
pub fn keep_freed() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        // The most that it takes; larger blocks are mapped on their own.
        const LARGEST: libc::c_int = 32 << 20;
        // SAFETY: both calls set a number in the allocator, which is valid at any time.
        unsafe {
            libc::mallopt(libc::M_MMAP_THRESHOLD, LARGEST);
            libc::mallopt(libc::M_TRIM_THRESHOLD, libc::c_int::MAX);
        }
    }
}
