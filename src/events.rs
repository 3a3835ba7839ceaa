//! The event log: what happened, numbered without gaps as long as the state
//! lives. Durable events are in the index before anyone sees them; step events
//! are progress. Who lags behind is told so and starts from a snapshot.

use crate::backend::StepEnd;
use crate::model::{Generation, GenerationNumber, Hook, Origin, Steps, Suspension};
use crate::source::RemoteStatus;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use time::OffsetDateTime;

mod log;

pub(crate) use log::BLOCK;
pub use log::{EventLog, Item, Subscription};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    pub seq: u64,
    #[serde(with = "time::serde::rfc3339")]
    pub time: OffsetDateTime,
    /// Survives a crash once it was sent.
    pub durable: bool,
    pub kind: EventKind,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum EventKind {
    Fetched {
        remote: RemoteStatus,
    },
    Selected {
        origin: Origin,
        commit: crate::model::Commit,
    },
    EvalStarted {
        generation: Generation,
    },
    EvalFinished {
        generation: Generation,
    },
    BuildStarted {
        generation: Generation,
    },
    StepStarted {
        number: GenerationNumber,
        derivation: String,
        steps: Steps,
    },
    StepFinished {
        number: GenerationNumber,
        derivation: String,
        end: StepEnd,
        duration: Duration,
        steps: Steps,
    },
    BuildFinished {
        generation: Generation,
    },
    HookFinished {
        number: GenerationNumber,
        hook: Hook,
    },
    Suspended {
        suspension: Suspension,
    },
    Resumed {
        by: String,
    },
    BaselineMoved {
        from: Option<String>,
        to: String,
        reason: String,
    },
    ConfigurationReloaded {
        /// Why it was not; empty when it was.
        error: String,
        needs_restart: Vec<String>,
    },
    StateRecovered {
        message: String,
        kept_at: String,
    },
}
