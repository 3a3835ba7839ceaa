//! The Builder: the actor that owns the one generation in work.
//!
//! In: [`Selection`]s and commands through a cloneable [`Handle`]. Out: a watch
//! of its [`BuilderState`], durable transitions in the state, events. It knows
//! neither where selections come from nor who calls.

use crate::model::{Generation, GenerationNumber, Hold, Suspension};
use crate::source::Selection;
use std::time::Duration;

/// What the Builder is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Idle,
    Evaluating,
    /// A build waits (see its `blocked`).
    Waiting,
    Building,
    /// Something that runs is being ended.
    Stopping,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuilderState {
    pub phase: Phase,
    /// The generation in work, else the latest.
    pub generation: Option<GenerationNumber>,
    pub suspension: Option<Suspension>,
    pub hold: Option<Hold>,
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
    #[error("builds are suspended already, since {} by {}: {}", .0.since, .0.by, .0.reason)]
    AlreadySuspended(Suspension),
    #[error("builds are not suspended")]
    NotSuspended,
    #[error("the agent is stopping")]
    ShuttingDown,
    /// The state could not be written; nothing was changed.
    #[error("the state cannot be written: {0}")]
    State(String),
}

/// Sends commands to the Builder. Dropping a call does not undo it.
#[derive(Clone)]
pub struct Handle {}

impl Handle {
    /// Evaluates `selection` as a new generation; what runs is stopped first.
    /// Answers once the generation is recorded.
    pub async fn eval(&self, _selection: Selection) -> Result<Generation, Refusal> {
        todo!()
    }
    /// Submits a generation (default: the latest) for building.
    pub async fn submit_build(
        &self,
        _number: Option<GenerationNumber>,
        _retry: bool,
    ) -> Result<Generation, Refusal> {
        todo!()
    }
    /// Stops a running build and holds builds back; `duration` `None`: until [`Handle::resume`].
    pub async fn suspend(
        &self,
        _reason: String,
        _duration: Option<Duration>,
        _by: String,
    ) -> Result<BuilderState, Refusal> {
        todo!()
    }
    /// Ends a suspension; what is evaluated and not built is built.
    pub async fn resume(&self, _by: String) -> Result<BuilderState, Refusal> {
        todo!()
    }
    /// Cancels what runs; answers once its processes are gone.
    pub async fn stop(&self) -> Result<BuilderState, Refusal> {
        todo!()
    }
    /// What it is doing now; never waits.
    pub fn state(&self) -> BuilderState {
        todo!()
    }
    /// Wakes at every change of the state.
    pub fn watch(&self) -> tokio::sync::watch::Receiver<BuilderState> {
        todo!()
    }
}
