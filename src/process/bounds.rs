//! What ends a program beside its caller: time, silence, output.

use super::End;
use std::time::Duration;
use tokio::time::Instant;

/// What a program may do; `None` is no limit.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    pub timeout: Option<Duration>,
    /// Ended when nothing is printed for this long.
    pub silence: Option<Duration>,
    /// Bytes after which it is ended.
    pub output_limit: Option<u64>,
}

/// What is left of them.
#[derive(Debug)]
pub(super) struct Left {
    timeout: Option<Instant>,
    silence: Option<Duration>,
    last_output: Instant,
    output: u64,
}

impl From<Bounds> for Left {
    /// From now on.
    fn from(bounds: Bounds) -> Self {
        let now = Instant::now();
        Left {
            // A time beyond what the clock can count to is no limit.
            timeout: bounds.timeout.and_then(|limit| now.checked_add(limit)),
            silence: bounds.silence,
            last_output: now,
            output: bounds.output_limit.unwrap_or(u64::MAX),
        }
    }
}

impl Left {
    /// The next limit of time, and how the program then ended.
    pub fn deadline(&self) -> Option<(Instant, End)> {
        let silent = self
            .silence
            .and_then(|limit| self.last_output.checked_add(limit));
        let limits = [
            self.timeout.map(|at| (at, End::TimedOut)),
            silent.map(|at| (at, End::Silent)),
        ];
        limits.into_iter().flatten().min_by_key(|(at, _)| *at)
    }

    /// What of this output is within the limit.
    pub fn heard<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        self.last_output = Instant::now();
        let heard = usize::try_from(self.output).map_or(bytes.len(), |left| left.min(bytes.len()));
        self.output -= heard as u64;
        &bytes[..heard]
    }
}
