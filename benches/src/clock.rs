//! What a second is.

use std::time::Instant;

/// How time is taken, on both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// The wall's: what a user waits. For a machine of one's own.
    Wall,
    /// Processor time of all threads: for a machine that others use as well, with one thread.
    Processor,
}

impl Clock {
    /// By its name.
    ///
    /// # Errors
    /// What was expected.
    pub fn parse(name: &str) -> Result<Self, String> {
        match name {
            "wall" => Ok(Self::Wall),
            "processor" => Ok(Self::Processor),
            _ => Err(format!("--clock: expected wall or processor, found {name:?}")),
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Wall => "wall",
            Self::Processor => "processor",
        }
    }

    /// Seconds that `f` takes.
    pub fn time(self, f: impl FnOnce()) -> f64 {
        match self {
            Self::Wall => {
                let start = Instant::now();
                f();
                start.elapsed().as_secs_f64()
            }
            Self::Processor => {
                let start = processor_seconds();
                f();
                processor_seconds() - start
            }
        }
    }
}

#[cfg(unix)]
fn processor_seconds() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call writes one timespec.
    #[allow(unsafe_code, reason = "the standard library has no clock for processor time")]
    unsafe {
        libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time);
    }
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

#[cfg(not(unix))]
fn processor_seconds() -> f64 {
    f64::NAN
}
