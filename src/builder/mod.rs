//! The Builder: the actor that owns the one generation in work.
//!
//! ```text
//!            eval / selection                        held back: machine id, suspended, unconfirmed
//!   Idle ────────────────────▶ Evaluating ──evaluated──▶ Waiting ◀──suspend── Building
//!    ▲                          ▲ │  │                   ▲ │ │ resume, submit,    ▲ │
//!    │                          │ │  └── nothing holds it ─│─┼─┴─confirm, time ───┘ │
//!    │                          └─│── next try, in time ───│─┘                      │
//!    │                            └──── failed, transient ─┴────────────────────────┤
//!    │◀── failed, timed out, cancelled, or the outputs were there ──┐               │
//!    └◀─────────────────────────────────────────────────────────────┴───────────────┘
//!   Stopping: something that runs is being ended; commands wait until it is gone.
//! ```
//! Beside it: suspension `None ⇄ Some{since, until, by, reason}`, hold `None ⇄
//! Some{since, until, by}`, and, where builds are let finish, the one newer
//! generation that waits: `None ─eval─▶ Some ─newer eval─▶ Some ─build ended─▶ None`.
//!
//! In: [`Selection`](crate::source::Selection)s and commands through a cloneable [`Handle`]. Out: a watch
//! of its [`BuilderState`], durable transitions in the state, events. It knows
//! neither where selections come from nor who calls. `machine.rs` says what may
//! follow what, `retry.rs` when a failure is tried again,
//! `actor.rs` is the loop, `commands.rs` what callers ask for, `work.rs` what
//! follows by itself, `timers.rs` what time brings, `environment.rs` what is asked of the surroundings,
//! `newer.rs` how a newer generation takes over, `startup.rs` what a start finds, `room.rs` what waits for space, `interruption.rs` stop and
//! suspension, `sink.rs` takes what a backend reports.

mod actor;
mod commands;
mod environment;
mod handle;
mod interruption;
mod machine;
mod newer;
mod retry;
mod room;
mod sink;
mod startup;
mod timers;
mod work;

pub use environment::{Clock, Lineage};
pub use handle::{Handle, HoldFor};
pub use machine::Illegal;
pub use room::Room;

use crate::backend::Backend;
use crate::model::{
    CommitId, Confirmation, Generation, GenerationNumber, Hold, HostName, Preemption, RetryPolicy,
    Suspension, clock,
};
use crate::state::{State, StateError};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// What the Builder is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Idle,
    Evaluating,
    /// A build or a next try waits (see `blocked`).
    Waiting,
    Building,
    /// Something that runs is being ended.
    Stopping,
}

/// What the Builder publishes of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuilderState {
    pub phase: Phase,
    /// The generation in work, else the latest.
    pub generation: Option<GenerationNumber>,
    pub suspension: Option<Suspension>,
    pub hold: Option<Hold>,
}

/// What a selection led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selected {
    /// A new generation.
    New(Generation),
    /// This generation is that selection already.
    Unchanged(Generation),
    /// Nothing yet: the selection does not take over.
    Held(Hold),
}

/// What stays the same as long as the agent runs.
#[derive(Debug, Clone)]
pub struct BuilderConfig {
    pub host: HostName,
    /// Where backends read commits from.
    pub repository: PathBuf,
    pub subdir: String,
    /// This machine's id, for the machine-id guard.
    pub machine_id: Option<String>,
    /// What is for another machine is built too: nothing is applied here.
    pub any_machine: bool,
    /// `kiln dev` follows HEAD wherever it goes and has no baseline.
    pub has_baseline: bool,
    pub eval_timeout: Duration,
    /// Bytes of address space; `None`: what the backend takes for enough.
    pub eval_memory: Option<u64>,
    pub build_timeout: Duration,
    pub silence_timeout: Duration,
    pub preemption: Preemption,
    pub confirmation: Confirmation,
    pub retry: RetryPolicy,
    /// No suspension lasts longer.
    pub max_suspend: Option<Duration>,
    pub lineage: Lineage,
    pub clock: Clock,
}

/// The limits that may change while the agent runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    pub eval_timeout: Duration,
    /// Bytes of address space; `None`: what the backend takes for enough.
    pub eval_memory: Option<u64>,
    pub build_timeout: Duration,
    pub silence_timeout: Duration,
}

/// Why a command was refused: each its own, for people and for gRPC codes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("there is no generation {0}")]
    UnknownGeneration(GenerationNumber),
    #[error("there is no generation yet")]
    NoGeneration,
    #[error("generation {in_work} is in work, not {asked}")]
    AnotherInWork {
        asked: GenerationNumber,
        in_work: GenerationNumber,
    },
    #[error("generation {0} is not evaluated")]
    NotEvaluated(GenerationNumber),
    #[error("generation {number} is for machine id {wanted}, this machine has {found}")]
    MachineIdDiffers {
        number: GenerationNumber,
        wanted: String,
        found: String,
    },
    #[error("generation {0} is being built already")]
    AlreadyBuilding(GenerationNumber),
    #[error("generation {0} is built already")]
    AlreadyBuilt(GenerationNumber),
    #[error("generation {number} has the input of generation {failed}, which failed")]
    FailedBefore {
        number: GenerationNumber,
        failed: GenerationNumber,
    },
    #[error("generation {0} does not wait for confirmation")]
    NothingToConfirm(GenerationNumber),
    #[error("builds are suspended already, since {} {}", clock(.0.since), .0.by_whom())]
    AlreadySuspended(Suspension),
    #[error("builds are not suspended")]
    NotSuspended,
    #[error("kiln dev follows HEAD wherever it goes: there is no baseline to move")]
    NoBaseline,
    #[error("the baseline is {0} already")]
    BaselineAlready(CommitId),
    #[error("the agent is stopping")]
    ShuttingDown,
    /// The state could not be written; nothing was changed.
    #[error("the state cannot be written: {0}")]
    State(String),
}

/// Starts the Builder; what a crash or a shutdown interrupted is taken up.
/// Nothing begins while `room` has too little space. The task ends after
/// [`Handle::shutdown`].
///
/// # Errors
/// When the state cannot be read.
pub fn start(
    config: BuilderConfig,
    backend: Arc<dyn Backend>,
    state: Arc<State>,
    room: Arc<dyn Room>,
) -> Result<(Handle, JoinHandle<()>), StateError> {
    actor::start(config, backend, state, room)
}
