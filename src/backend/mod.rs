//! How a commit is evaluated and built: the seam between the Builder and
//! whatever does the work.
//!
//! In: a commit's tree, a host, a roots folder. Out: an [`EvaluationOutcome`],
//! a [`BuildOutcome`]. A backend knows no generation numbers, no events, no
//! suspension; the Builder knows no graph, no store, no sandbox.

pub mod again;
pub mod choice;
pub mod inspect;
pub mod native;
pub mod nix;
pub mod redacted;

use crate::model::{BackendKind, BlockedReason, Built, Evaluated, Failure, HostName, Steps};
use async_trait::async_trait;
use inspect::{DerivationGraph, Files};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// kiln or its host is broken; a repository cannot cause it.
#[derive(Debug, thiserror::Error)]
#[error("{attempted}: {source}")]
pub struct BackendError {
    /// What was attempted, with the path or the program.
    pub attempted: String,
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// The files of one commit, as the evaluator sees them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// A Git repository (bare, or the `.git` of a work tree) holding the objects.
    pub repository: PathBuf,
    /// The commit's id, for `commit()` and messages.
    pub commit: crate::model::Commit,
    /// Folder inside the tree that counts as the root; `.` for the tree itself.
    pub subdir: String,
}

/// Where progress goes. Calls must not block: they are made from hot loops.
pub trait Sink: Send + Sync + 'static {
    /// Bytes of a step's log; `derivation` is `None` for the evaluation's own log.
    fn log(&self, derivation: Option<&str>, bytes: &[u8]);
    /// A step began or ended.
    fn step(&self, event: StepEvent);
}

/// A step's begin or end, with the counts after it.
#[derive(Debug, Clone)]
pub enum StepEvent {
    Started {
        derivation: String,
        steps: Steps,
    },
    Finished {
        derivation: String,
        end: StepEnd,
        duration: Duration,
        steps: Steps,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepEnd {
    Built,
    /// The output was there already.
    Reused,
    /// The output came from a binary cache.
    Substituted,
    Failed,
    TimedOut,
    Cancelled,
}

pub struct EvaluateRequest {
    pub source: Source,
    pub host: HostName,
    /// Folder for garbage-collection roots; what the outcome names is rooted
    /// beneath it before the call returns.
    pub roots: PathBuf,
    /// Wall-clock limit of the whole evaluation.
    pub timeout: Duration,
    /// Address-space limit of the evaluator, in bytes; `None`: what the backend
    /// takes for enough.
    pub memory: Option<u64>,
    /// It is evaluated once more for its build: what was taken from elsewhere
    /// instead of evaluating is of no use.
    pub again: bool,
    pub sink: Arc<dyn Sink>,
    pub cancel: CancellationToken,
}

#[derive(Debug)]
pub enum EvaluationOutcome {
    Succeeded(Evaluated),
    Failed(Failure),
    TimedOut(Failure),
    Cancelled,
    /// Nothing is wrong, but what is asked elsewhere instead of evaluating is not
    /// there yet: asked again after a while.
    Blocked {
        reason: BlockedReason,
        message: String,
    },
}

#[derive(Clone)]
pub struct BuildRequest {
    pub evaluated: Evaluated,
    pub host: HostName,
    pub roots: PathBuf,
    /// Wall-clock limit of the whole build.
    pub timeout: Duration,
    /// A step that prints nothing for this long is ended.
    pub silence: Duration,
    pub sink: Arc<dyn Sink>,
    pub cancel: CancellationToken,
}

#[derive(Debug)]
pub enum BuildOutcome {
    Succeeded {
        built: Built,
        steps: Steps,
    },
    Failed {
        failure: Failure,
        steps: Steps,
    },
    TimedOut {
        failure: Failure,
        steps: Steps,
    },
    Cancelled {
        steps: Steps,
    },
    /// What the evaluation left is gone: it has to be evaluated again first
    /// (see [`again::build`]).
    NotEvaluated {
        steps: Steps,
    },
    /// Nothing is wrong, but what is missing cannot be had now: tried again
    /// after a while.
    Blocked {
        reason: BlockedReason,
        message: String,
        steps: Steps,
    },
}

/// Evaluates and builds commits.
///
/// - Outcomes are data; `Err` means kiln or its host is broken.
/// - When a call returns, or its future is dropped after `cancel` fired, no
///   process it started is left.
/// - After `cancel` fires a call returns `Cancelled` within the grace time.
/// - Every store path an outcome names is rooted in the request's `roots`.
/// - Calls may run at the same time for different roots folders.
#[async_trait]
pub trait Backend: Send + Sync + 'static {
    /// How this commit is evaluated and built: the same for the same tree,
    /// subdirectory and settings.
    async fn kind(&self, source: &Source) -> BackendKind;

    async fn evaluate(&self, request: EvaluateRequest) -> Result<EvaluationOutcome, BackendError>;

    /// Its own settings that an evaluation depends on, as text: with another
    /// text the same commit may evaluate to something else, or by another kind.
    fn settings(&self) -> String;

    /// Whether what the evaluation left for its build is still there; roots it.
    async fn is_evaluated(
        &self,
        evaluated: &Evaluated,
        roots: &std::path::Path,
        cancel: &CancellationToken,
    ) -> Result<bool, BackendError>;

    /// The result, when every output is there already; roots it.
    async fn is_built(
        &self,
        evaluated: &Evaluated,
        host: &HostName,
        roots: &std::path::Path,
        cancel: &CancellationToken,
    ) -> Result<Option<Built>, BackendError>;

    async fn build(&self, request: BuildRequest) -> Result<BuildOutcome, BackendError>;

    /// The graph of an evaluation, to be looked at.
    async fn graph(&self, evaluated: &Evaluated) -> Result<DerivationGraph, BackendError>;

    /// The files its result has, as far as they are known without building.
    async fn files(&self, evaluated: &Evaluated) -> Result<Files, BackendError>;
}
