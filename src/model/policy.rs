//! How the owner of a host wants builds to follow each other.

use std::time::Duration;

/// What a newer commit does to a build that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preemption {
    /// The newest wins at once.
    Always,
    /// The build ends first; after this many in a row the newest wins once.
    FinishBuild(u32),
}

/// Whether a build waits for somebody's consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Confirmation {
    #[default]
    None,
    /// It begins by itself after this long, unless confirmed, or cancelled, before.
    Auto(Duration),
    Manual,
}

/// Transient failures: how often, and how long between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// The first included; 1 retries nothing.
    pub attempts: u32,
    pub first_delay: Duration,
    pub max_delay: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        RetryPolicy {
            attempts: 5,
            first_delay: Duration::from_secs(10),
            max_delay: Duration::from_secs(600),
        }
    }
}
