//! The words every other part speaks: names parsed once, and a generation
//! whose state is a type. Nothing here does I/O or knows the wire or the disk.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;
use time::{OffsetDateTime, UtcOffset};

mod failure;
mod generation;
mod hook;
mod names;
mod policy;
mod remote;

pub use failure::{Failure, FailureKind, Location};
pub use generation::{
    AfterFailure, Blocked, BlockedReason, Build, BuildReason, CancelledBy, Commit, Evaluation,
    Generation, Origin, Span, Steps,
};
pub use hook::{Hook, HookPlan, HookStatus, Occasion};
pub use names::{
    BranchName, CommitId, GenerationNumber, HookName, HostName, InvalidName, RemoteName,
};
pub use policy::{Confirmation, Preemption, RetryPolicy};
pub use remote::{Auth, RemoteConfig};

/// The current time, in UTC. The one place that reads the wall clock for records.
pub fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

/// `2026-11-21 09:00:12 UTC`: a time as messages say it.
pub fn clock(at: OffsetDateTime) -> String {
    let at = at.to_offset(UtcOffset::UTC);
    let (date, (hour, minute, second)) = (at.date(), at.time().as_hms());
    format!("{date} {hour:02}:{minute:02}:{second:02} UTC")
}

/// How commits are evaluated and built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BackendKind {
    /// kiln's own evaluator, sandbox and store.
    Native,
    /// Flakes, by an installed Nix.
    NixFlake,
    /// Plain Nix files, by an installed Nix.
    Nix,
}

impl fmt::Display for BackendKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BackendKind::Native => "native",
            BackendKind::NixFlake => "nix-flake",
            BackendKind::Nix => "nix",
        })
    }
}

/// What an evaluation found: the same for every backend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evaluated {
    /// The root of the derivation graph, as the backend writes it.
    pub drv_path: String,
    /// Where the backend knows it before the build.
    pub out_path: Option<String>,
    /// The machine the configuration is meant for, when it says so.
    pub machine_id: Option<String>,
    /// Names of the secrets the result refers to; never values.
    pub secrets: Vec<String>,
    /// What Nix was asked for; `None` of another backend, or of an older kiln's record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nix: Option<Box<NixInputs>>,
    /// The record in a binary cache that all this was taken from: nothing was
    /// evaluated on this host, which has no derivation of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<String>,
}

/// What decides an evaluation by Nix, beside commit, host and backend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NixInputs {
    /// Folder inside the commit's tree; `.` for the tree itself.
    pub subdir: String,
    /// What is built, with the host's name filled in: `nixosConfigurations."web-1"`.
    pub attribute: String,
    pub submodules: bool,
    /// The file that is imported; of a flake none.
    pub file: Option<String>,
}

/// What a build left behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Built {
    /// As written in the store, whatever folder holds the store.
    pub out_path: String,
    /// Where it lies on this host.
    pub real_path: PathBuf,
}

/// Builds are held back until somebody resumes, or until a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspension {
    #[serde(with = "time::serde::rfc3339")]
    pub since: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option", default)]
    pub until: Option<OffsetDateTime>,
    pub reason: String,
    /// Who asked for it.
    pub by: String,
}

impl Suspension {
    /// Who asked for it, and why where that was said: `by root: the disk is changed`.
    pub fn by_whom(&self) -> String {
        match self.reason.as_str() {
            "" => format!("by {}", self.by),
            reason => format!("by {}: {reason}", self.by),
        }
    }
}

/// The selection does not take over until somebody evaluates again, or until a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    #[serde(with = "time::serde::rfc3339")]
    pub since: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option", default)]
    pub until: Option<OffsetDateTime>,
    pub by: String,
}
