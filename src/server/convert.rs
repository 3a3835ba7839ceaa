//! From the model's words to the wire's: exhaustive, without a catch-all arm,
//! so that a new state cannot be forgotten here.

use crate::builder::{BuilderState, Phase};
use crate::model;
use crate::pb;
use crate::source;
use pbjson_types::Timestamp;
use time::OffsetDateTime;

mod event;
mod generation;
mod hook;
pub mod inspect;
pub mod store;

pub use event::event;
pub use generation::{failure, generation, location};

/// Wire form of a point in time.
pub fn time(at: OffsetDateTime) -> Timestamp {
    Timestamp {
        seconds: at.unix_timestamp(),
        nanos: i32::try_from(at.nanosecond()).unwrap_or_default(),
    }
}

/// Wire form of what the Builder is doing.
pub fn builder_state(state: &BuilderState) -> pb::BuilderState {
    let phase = match state.phase {
        Phase::Idle => pb::Phase::Idle,
        Phase::Evaluating => pb::Phase::Evaluating,
        Phase::Waiting => pb::Phase::Waiting,
        Phase::Building => pb::Phase::Building,
        Phase::Stopping => pb::Phase::Stopping,
    };
    pb::BuilderState {
        phase: phase.into(),
        generation: state.generation.map_or(0, |number| number.0),
        is_evaluating: state.phase == Phase::Evaluating,
        is_building: state.phase == Phase::Building,
        suspension: state.suspension.as_ref().map(suspension),
        hold: state.hold.as_ref().map(|hold| pb::Hold {
            since: Some(time(hold.since)),
            until: hold.until.map(time),
            by: hold.by.clone(),
        }),
    }
}

/// Wire form of a suspension.
pub fn suspension(suspension: &model::Suspension) -> pb::Suspension {
    pb::Suspension {
        since: Some(time(suspension.since)),
        until: suspension.until.map(time),
        reason: suspension.reason.clone(),
        by: suspension.by.clone(),
    }
}

/// Wire form of what a remote's polls found.
pub fn remote_status(remote: &source::RemoteStatus) -> pb::RemoteStatus {
    pb::RemoteStatus {
        name: remote.name.to_string(),
        url: remote.url.clone(),
        reachable: remote.reachable,
        last_poll: remote.last_poll.map(time),
        last_success: remote.last_success.map(time),
        next_poll: remote.next_poll.map(time),
        error: remote.error.clone(),
        branches: remote.branches.iter().map(branch).collect(),
    }
}

fn branch(branch: &source::Branch) -> pb::Branch {
    pb::Branch {
        name: branch.name.to_string(),
        kind: match branch.kind {
            source::BranchKind::Main => pb::BranchKind::Main,
            source::BranchKind::Testing => pb::BranchKind::Testing,
        }
        .into(),
        head: branch.head.clone(),
        verdict: verdict(branch.verdict).into(),
        message: branch.message.clone(),
        hint: branch.hint.clone(),
    }
}

fn verdict(verdict: source::Verdict) -> pb::Verdict {
    use source::Verdict as V;
    match verdict {
        V::Selected => pb::Verdict::Selected,
        V::Equal => pb::Verdict::Equal,
        V::Older => pb::Verdict::Older,
        V::BehindMain => pb::Verdict::BehindMain,
        V::Diverged => pb::Verdict::Diverged,
        V::TooFar => pb::Verdict::TooFar,
        V::Untrusted => pb::Verdict::Untrusted,
        V::Missing => pb::Verdict::Missing,
        V::Unreadable => pb::Verdict::Unreadable,
    }
}

#[cfg(test)]
mod tests;
