//! From remotes to a selection: fetches the tracked branches into the bare
//! repository, judges every head, and publishes the commit chosen among them.
//!
//! ```text
//! config ─▶ poller ─▶ fetch ═child═▶ fetch_child (paths, git://, https) ─▶ repository.git
//!   watch ──▲  │ heads                                                        │
//!              └─▶ judge ─▶ select (pure) ◀─ ancestry ◀───────────────────────┘
//!                    │
//! dev (HEAD of a work tree) ─▶ handle: statuses, selection, resolve
//! ```
//! In: configuration, the baseline. Out: [`Selection`]s on a watch and every
//! remote's [`RemoteStatus`]. It knows nothing of generations or the Builder.
//! What a remote sends is met in the child alone; what is read here was
//! checked by its hash. The only state is the bare repository: a remote that
//! does not answer after a restart counts as it was last fetched.

pub mod ancestry;
mod backoff;
mod config;
mod credentials;
pub mod dev;
pub mod fetch;
pub mod fetch_child;
mod handle;
mod https;
mod judge;
pub mod location;
pub mod poller;
pub mod repository;
mod resolve;
pub mod select;
#[cfg(test)]
mod select_tests;
pub mod watch;
mod worktree;

pub use config::{Auth, RemoteConfig, SourceConfig};
pub use dev::{DevError, DevSource};
pub use handle::{EventSink, FetchError, Handle, SourceEvent};
pub use resolve::{ResolveError, Standing};

use crate::model::{BranchName, Commit, Origin, RemoteName};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// The commit chosen among all remotes and branches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    pub commit: Commit,
    pub origin: Origin,
}

/// What the last polls of a remote found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoteStatus {
    pub name: RemoteName,
    /// Without credentials.
    pub url: String,
    /// The last poll succeeded.
    pub reachable: bool,
    #[serde(with = "time::serde::rfc3339::option")]
    pub last_poll: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub last_success: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub next_poll: Option<OffsetDateTime>,
    /// Of the last poll, empty when it succeeded.
    pub error: String,
    pub branches: Vec<Branch>,
}

/// One tracked branch of a remote and what is thought of its head.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Branch {
    pub name: BranchName,
    pub kind: BranchKind,
    /// Commit id; empty when the branch is missing.
    pub head: String,
    pub verdict: Verdict,
    pub message: String,
    pub hint: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BranchKind {
    Main,
    Testing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Selected,
    /// Same commit as the selected.
    Equal,
    /// Acceptable, an ancestor of the chosen main or the selected head.
    Older,
    /// Testing, not on top of the chosen main.
    BehindMain,
    /// Neither the baseline nor a descendant of it, or a line beside the chosen main.
    Diverged,
    TooFar,
    Untrusted,
    Missing,
    Unreadable,
}
