//! The event log: what happened, numbered without gaps as long as the state
//! lives. Durable events are in the index before anyone sees them; step events
//! are progress. Who lags behind is told so and starts from a snapshot.

use crate::backend::StepEnd;
use crate::model::{Generation, GenerationNumber, Origin, Steps, Suspension};
use crate::source::RemoteStatus;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use time::OffsetDateTime;

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
    StateRecovered {
        message: String,
        kept_at: String,
    },
}

// SKELETON: replaced by the event log itself.

/// The event log; cheap to clone.
#[derive(Clone)]
pub struct EventLog {}

/// One reader's place in the event log.
pub struct Subscription {}

/// What a reader gets next.
pub enum Item {
    Event(Arc<Event>),
    /// Events were skipped because the reader was too slow.
    Lagged,
}

impl EventLog {
    /// Events with a sequence number above `after`, then live ones.
    pub fn subscribe(&self, _after: u64) -> Subscription {
        todo!()
    }
    /// The newest sequence number given out.
    pub fn last_seq(&self) -> u64 {
        todo!()
    }
}

impl Subscription {
    /// The next item; `None` once the log is closed.
    pub async fn next(&mut self) -> Option<Item> {
        todo!()
    }
}
