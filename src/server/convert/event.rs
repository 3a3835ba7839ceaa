//! What happened.

use super::generation::{commit, generation, steps, text};
use super::hook::hook;
use super::{remote_status, suspension, time};
use crate::backend::StepEnd;
use crate::events::{Event, EventKind};
use crate::model;
use crate::pb;

/// Wire form of an event.
pub fn event(event: &Event) -> pb::Event {
    pb::Event {
        seq: event.seq,
        time: Some(time(event.time)),
        durable: event.durable,
        event: Some(event_kind(&event.kind)),
    }
}

fn event_kind(kind: &EventKind) -> pb::event::Event {
    use pb::event::Event as E;
    let whole = |wanted: &model::Generation| Some(generation(wanted));
    match kind {
        EventKind::Fetched { remote } => E::Fetched(pb::Fetched {
            remote: Some(remote_status(remote)),
        }),
        EventKind::Selected {
            origin,
            commit: chosen,
        } => E::Selected(pb::Selected {
            remote: text(origin.remote.as_ref()),
            branch: text(origin.branch.as_ref()),
            testing: origin.testing,
            commit: Some(commit(chosen)),
        }),
        EventKind::EvalStarted { generation } => E::EvalStarted(pb::EvalStarted {
            generation: whole(generation),
        }),
        EventKind::EvalFinished { generation } => E::EvalFinished(pb::EvalFinished {
            generation: whole(generation),
        }),
        EventKind::BuildStarted { generation } => E::BuildStarted(pb::BuildStarted {
            generation: whole(generation),
        }),
        EventKind::BuildFinished { generation } => E::BuildFinished(pb::BuildFinished {
            generation: whole(generation),
        }),
        EventKind::StepStarted {
            number,
            derivation,
            steps: counts,
        } => E::StepStarted(pb::StepStarted {
            generation_number: number.0,
            derivation: derivation.clone(),
            steps: Some(steps(*counts)),
        }),
        EventKind::StepFinished {
            number,
            derivation,
            end,
            duration,
            steps: counts,
        } => E::StepFinished(pb::StepFinished {
            generation_number: number.0,
            derivation: derivation.clone(),
            status: step_status(*end).into(),
            duration: Some((*duration).into()),
            reused: *end == StepEnd::Reused,
            substituted: *end == StepEnd::Substituted,
            steps: Some(steps(*counts)),
        }),
        EventKind::HookFinished {
            number,
            hook: ended,
        } => E::HookFinished(pb::HookFinished {
            generation_number: number.0,
            hook: Some(hook(ended)),
        }),
        EventKind::Suspended { suspension: held } => E::Suspended(pb::Suspended {
            suspension: Some(suspension(held)),
        }),
        EventKind::Resumed { by } => E::Resumed(pb::Resumed { by: by.clone() }),
        EventKind::BaselineMoved { from, to, reason } => E::BaselineMoved(pb::BaselineMoved {
            from: from.clone().unwrap_or_default(),
            to: to.clone(),
            reason: reason.clone(),
        }),
        EventKind::ConfigurationReloaded {
            error,
            needs_restart,
        } => E::ConfigurationReloaded(pb::ConfigurationReloaded {
            error: error.clone(),
            needs_restart: needs_restart.clone(),
        }),
        EventKind::StateRecovered { message, kept_at } => E::StateRecovered(pb::StateRecovered {
            message: message.clone(),
            kept_at: kept_at.clone(),
        }),
    }
}

pub(super) fn step_status(end: StepEnd) -> pb::BuildStatus {
    match end {
        StepEnd::Built | StepEnd::Reused | StepEnd::Substituted => pb::BuildStatus::Succeeded,
        StepEnd::Failed => pb::BuildStatus::Failed,
        StepEnd::TimedOut => pb::BuildStatus::TimedOut,
        StepEnd::Cancelled => pb::BuildStatus::Cancelled,
    }
}
