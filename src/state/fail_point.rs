//! Places where a test may kill this very process, as `kill -9` would: between
//! any two writes of a transition, of the start, of retention.
//!
//! Always compiled, so that what is tested is what is shipped; armed by
//! `kiln internal die-at POINT NTH COMMAND...` alone, never by the environment
//! or a configuration. Not armed, a point costs one load.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

static ARMED: OnceLock<Armed> = OnceLock::new();

struct Armed {
    point: String,
    left: AtomicU32,
}

/// Every point there is, in the order a run comes by them.
pub const POINTS: &[&str] = &[
    "locked",
    "index-checked",
    "index-moved-aside",
    "index-rebuilt",
    "transition-redone",
    "opened",
    "numbered",
    "transition-recorded",
    "file-written",
    "file-replaced",
    "generation-folder",
    "generation-written",
    "link-made",
    "current-moved",
    "suspension-written",
    "baseline-moved",
    "index-written",
    "transition-done",
    "announced",
    "generation-moved-aside",
    "generation-forgotten",
    "compacted",
    "compacted-moved-aside",
    "compacted-in-place",
    "record-forgotten",
    "garbage-forgotten",
    "garbage-moved-away",
    "file-linked",
    "link-renamed",
];

/// This process dies when it comes by `point` the `nth` time (from 1).
///
/// # Errors
/// When there is no such point.
pub fn arm(point: &str, nth: u32) -> Result<(), String> {
    if !POINTS.contains(&point) {
        return Err(format!("there is no point {point:?}: {POINTS:?}"));
    }
    let _ = ARMED.set(Armed {
        point: point.to_owned(),
        left: AtomicU32::new(nth.max(1)),
    });
    Ok(())
}

/// Comes by `point`.
pub(crate) fn reach(point: &'static str) {
    debug_assert!(POINTS.contains(&point), "{point} is not in the list");
    let Some(armed) = ARMED.get() else { return };
    if armed.point == point && armed.left.fetch_sub(1, Ordering::SeqCst) == 1 {
        let _ = nix::sys::signal::raise(nix::sys::signal::Signal::SIGKILL);
    }
}
