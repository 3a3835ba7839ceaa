//! Hooks: the owner's commands after an outcome, one at a time and in order.
//!
//! ```text
//! state (a transition makes hooks due) ─events─▶ task ─▶ runner (a process of its own) ─▶ the hook
//!                ▲                                 │         │ lock, log, outcome.json
//!                └────── Running, then its end ────┘ ◀───────┘
//! ```
//! Which hooks a transition makes due is recorded with it (`state/hooks.rs`), so
//! a crash forgets none. `plan.rs` says, purely, what the one hook at a time is to be and what
//! follows its end; `task.rs` is the one task; `run.rs` starts a runner and waits for it;
//! `runner.rs` is that process, which outlives the agent and ends whatever the hook
//! started (`process/tree.rs`).
//!
//! A runner holds a lock on `generations/<n>/hooks/<name>/lock`, taken by the
//! agent before it starts it and handed over without a gap. So whoever comes
//! later can tell, and wait: the lock is held, it runs; it is free and the
//! outcome of that very run is there, it ended; free and no outcome, it
//! did not come to its end and runs again.
//!
//! It may not know the Builder, nor the wire: the generation's JSON is made by
//! a function it is given.

mod plan;
mod run;
mod runner;
mod task;

pub use runner::internal_main;

use crate::config::Hook;
use crate::model::{Generation, HostName};
use crate::state::State;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// What hooks need of the rest.
pub struct Parts {
    pub host: HostName,
    /// In the order they run.
    pub hooks: Vec<Hook>,
    pub state: Arc<State>,
    /// The generation as JSON, for the hooks' standard input.
    pub json: fn(&Generation) -> String,
}

/// Runs hooks as they become due, until `cancel`: a hook that runs then goes
/// on, and the next start learns its outcome.
pub async fn run(parts: Parts, cancel: CancellationToken) {
    let mut task = task::Task::new(parts);
    tokio::select! {
        () = cancel.cancelled() => {}
        () = task.run() => {}
    }
}
