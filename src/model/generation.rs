//! A generation: a number bound to one commit, its evaluation and its build.
//!
//! ```text
//! Evaluation   Pending ─▶ Running ─┬▶ Succeeded{build}
//!                 ▲                ├▶ Failed
//!                 │ next attempt   ├▶ TimedOut
//!                 └────────────────┴▶ Cancelled
//!
//! Build        Pending ─▶ Running ─┬▶ Succeeded
//!                 ▲                ├▶ Failed
//!                 │ next attempt   ├▶ TimedOut
//!                 └────────────────┴▶ Cancelled
//! ```
//! The next attempt follows by itself where [`AfterFailure`] says so. A build exists only inside a succeeded evaluation, so "built but never
//! evaluated" cannot be written down.

use super::{
    BackendKind, BranchName, Built, CommitId, Evaluated, Failure, GenerationNumber, Hook, HostName,
    RemoteName,
};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// The commit a generation is bound to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    pub id: CommitId,
    /// The root tree: what is evaluated. Differs from the commit's own tree
    /// only when `dirty`.
    pub tree: String,
    /// First line of the message.
    pub summary: String,
    pub author: String,
    #[serde(with = "time::serde::rfc3339")]
    pub time: OffsetDateTime,
    /// Uncommitted files of a work tree are part of `tree`.
    pub dirty: bool,
}

/// Where the selection found the commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    pub remote: Option<RemoteName>,
    pub branch: Option<BranchName>,
    pub testing: bool,
}

/// One attempt that ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    pub attempt: u32,
    #[serde(with = "time::serde::rfc3339")]
    pub started_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub ended_at: OffsetDateTime,
}

impl Span {
    /// An attempt that took no time: nothing ran.
    pub fn at(attempt: u32, now: OffsetDateTime) -> Self {
        Span {
            attempt,
            started_at: now,
            ended_at: now,
        }
    }
}

/// Why an attempt was cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelledBy {
    /// A newer generation took its place.
    Superseded(GenerationNumber),
    Stop,
    Suspend,
    Shutdown,
}

/// Why something that could run does not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blocked {
    pub reason: BlockedReason,
    #[serde(with = "time::serde::rfc3339")]
    pub since: OffsetDateTime,
    pub message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BlockedReason {
    Suspended,
    Confirmation,
    MachineId,
    Retry,
    /// Nothing is built or evaluated here, and no cache has what is missing.
    Cache,
    Space,
    Platform,
    /// The build of the generation before it is let finish.
    Building,
}

/// What follows a failure by itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AfterFailure {
    #[default]
    Nothing,
    /// A transient one: after `tries` in a row the next comes then.
    Retry {
        tries: u32,
        #[serde(with = "time::serde::rfc3339")]
        next_at: OffsetDateTime,
    },
    /// A transient one: there is no next try.
    GivenUp { tries: u32 },
    /// A transient one: something else took the place of its next try.
    Left { tries: u32, by: CancelledBy },
    /// A certain one of this earlier generation, whose input was the same:
    /// nothing was tried again.
    Remembered(GenerationNumber),
}

/// Counts of a build's steps; `done` includes `reused` and not `failed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Steps {
    pub total: u32,
    pub done: u32,
    pub running: u32,
    pub failed: u32,
    pub reused: u32,
    /// Of a running build, from what steps took before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_remaining: Option<std::time::Duration>,
}

/// Why a build succeeded without, or had to do, work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BuildReason {
    AlreadyBuilt,
    NeedsBuild,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Evaluation {
    Pending {
        attempt: u32,
        /// Transient failures in a row before it.
        #[serde(default)]
        tries: u32,
        #[serde(default)]
        blocked: Option<Blocked>,
        /// Somebody asked for it, or it was found to be needed: it is evaluated,
        /// whatever is known of its commit.
        #[serde(default)]
        anew: bool,
        /// How often this attempt has asked for a record of it in vain.
        #[serde(default)]
        asked: u32,
    },
    Running {
        attempt: u32,
        #[serde(default)]
        tries: u32,
        /// As while it is pending.
        #[serde(default)]
        asked: u32,
        #[serde(with = "time::serde::rfc3339")]
        started_at: OffsetDateTime,
    },
    Succeeded {
        span: Span,
        evaluated: Box<Evaluated>,
        /// Taken over from an earlier generation of the same commit.
        cached: bool,
        build: Build,
    },
    Failed {
        span: Span,
        failure: Failure,
        #[serde(default)]
        then: AfterFailure,
    },
    TimedOut {
        span: Span,
        failure: Failure,
    },
    Cancelled {
        span: Span,
        by: CancelledBy,
        /// Transient failures in a row before it: the budget of what goes on after
        /// a restart or a resume.
        #[serde(default)]
        tries: u32,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Build {
    Pending {
        attempt: u32,
        #[serde(default)]
        tries: u32,
        /// Somebody consented to it, or asked for it.
        #[serde(default)]
        confirmed: bool,
        blocked: Option<Blocked>,
        /// How often this attempt has asked the caches in vain.
        #[serde(default)]
        asked: u32,
    },
    Running {
        attempt: u32,
        #[serde(default)]
        tries: u32,
        /// As while it is pending.
        #[serde(default)]
        asked: u32,
        #[serde(with = "time::serde::rfc3339")]
        started_at: OffsetDateTime,
        steps: Steps,
    },
    Succeeded {
        span: Span,
        reason: BuildReason,
        built: Built,
        steps: Steps,
    },
    Failed {
        span: Span,
        failure: Failure,
        #[serde(default)]
        then: AfterFailure,
        steps: Steps,
    },
    TimedOut {
        span: Span,
        failure: Failure,
        steps: Steps,
    },
    Cancelled {
        span: Span,
        by: CancelledBy,
        /// Transient failures in a row before it: the budget of what goes on after
        /// a restart or a resume.
        #[serde(default)]
        tries: u32,
        steps: Steps,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generation {
    pub number: GenerationNumber,
    pub uuid: String,
    pub host: HostName,
    pub backend: BackendKind,
    pub commit: Commit,
    pub origin: Origin,
    /// Asked for with a revision: it moves no baseline, and the next change of
    /// the selection takes over.
    #[serde(default)]
    pub by_hand: bool,
    /// Digest of the settings that its evaluation depends on beside commit and
    /// host; empty where it is not known: an older kiln wrote the record.
    #[serde(default)]
    pub settings: String,
    /// Builds that finished in a row before it while a newer generation waited.
    #[serde(default)]
    pub in_a_row: u32,
    pub evaluation: Evaluation,
    /// Written by [`State`](crate::state::State) alone: it makes them due, and
    /// the hooks' task records what becomes of them.
    #[serde(default)]
    pub hooks: Vec<Hook>,
}

impl Generation {
    /// A hook of it waits or runs.
    pub fn has_open_hooks(&self) -> bool {
        self.hooks.iter().any(Hook::is_open)
    }

    /// The build, once there is an evaluation to build.
    pub fn build(&self) -> Option<&Build> {
        match &self.evaluation {
            Evaluation::Succeeded { build, .. } => Some(build),
            _ => None,
        }
    }

    /// What a succeeded evaluation found.
    pub fn evaluated(&self) -> Option<&Evaluated> {
        match &self.evaluation {
            Evaluation::Succeeded { evaluated, .. } => Some(evaluated),
            _ => None,
        }
    }

    /// What a succeeded build left behind.
    pub fn built(&self) -> Option<&Built> {
        match self.build() {
            Some(Build::Succeeded { built, .. }) => Some(built),
            _ => None,
        }
    }

    /// The failure of the newest attempt, evaluation or build.
    pub fn failure(&self) -> Option<&Failure> {
        match (&self.evaluation, self.build()) {
            (Evaluation::Failed { failure, .. } | Evaluation::TimedOut { failure, .. }, _) => {
                Some(failure)
            }
            (_, Some(Build::Failed { failure, .. } | Build::TimedOut { failure, .. })) => {
                Some(failure)
            }
            _ => None,
        }
    }

    /// What follows the failure of the newest attempt.
    pub fn after_failure(&self) -> Option<&AfterFailure> {
        match (&self.evaluation, self.build()) {
            (Evaluation::Failed { then, .. }, _) | (_, Some(Build::Failed { then, .. })) => {
                Some(then)
            }
            _ => None,
        }
    }

    /// When a transient failure is tried again.
    pub fn next_try(&self) -> Option<OffsetDateTime> {
        match self.after_failure()? {
            AfterFailure::Retry { next_at, .. } => Some(*next_at),
            AfterFailure::Nothing
            | AfterFailure::GivenUp { .. }
            | AfterFailure::Left { .. }
            | AfterFailure::Remembered(_) => None,
        }
    }

    /// What holds the evaluation or build that is next back.
    pub fn blocked(&self) -> Option<&Blocked> {
        match (&self.evaluation, self.build()) {
            (Evaluation::Pending { blocked, .. }, _)
            | (_, Some(Build::Pending { blocked, .. })) => blocked.as_ref(),
            _ => None,
        }
    }

    /// Nothing will happen to it any more without somebody asking.
    pub fn is_ended(&self) -> bool {
        if self.next_try().is_some() {
            return false;
        }
        match &self.evaluation {
            Evaluation::Pending { .. } | Evaluation::Running { .. } => false,
            Evaluation::Succeeded { build, .. } => {
                !matches!(build, Build::Pending { .. } | Build::Running { .. })
            }
            Evaluation::Failed { .. }
            | Evaluation::TimedOut { .. }
            | Evaluation::Cancelled { .. } => true,
        }
    }
}
