//! Memory for large results.

#![allow(unsafe_code, reason = "advice to the operating system about pages")]

/// `length` zeros. Large ones ask for huge pages: a fresh page costs a fault at its first write, and with pages of 4 KiB the
/// faults of a result of 100 MB take longer than writing it.
pub(crate) fn zeros(length: usize) -> Vec<f32> {
    let mut values = vec![0.0f32; length];
    advise(&mut values);
    values
}

#[cfg(target_os = "linux")]
fn advise(values: &mut [f32]) {
    const HUGE: usize = 2 * 1024 * 1024;
    let (start, bytes) = (values.as_mut_ptr() as usize, size_of_val(values));
    if bytes < 2 * HUGE {
        return;
    }
    let first = start.next_multiple_of(HUGE);
    let length = (start + bytes - first) / HUGE * HUGE;
    // SAFETY: the range lies within the allocation, and MADV_HUGEPAGE changes no value in it.
    unsafe {
        libc::madvise(first as *mut libc::c_void, length, libc::MADV_HUGEPAGE);
    }
}

#[cfg(not(target_os = "linux"))]
fn advise(_: &mut [f32]) {}
