//! A generation: its evaluation, its build, and why they wait or failed.

use super::hook::hook;
use super::time;
use crate::model::{
    self, AfterFailure, BlockedReason, BuildReason, CancelledBy, FailureKind, Span,
};
use crate::pb;

/// Wire form of a generation.
pub fn generation(generation: &model::Generation) -> pb::Generation {
    pb::Generation {
        number: generation.number.0,
        uuid: generation.uuid.clone(),
        host: generation.host.to_string(),
        backend: generation.backend.to_string(),
        commit: Some(commit(&generation.commit)),
        remote: text(generation.origin.remote.as_ref()),
        branch: text(generation.origin.branch.as_ref()),
        testing: generation.origin.testing,
        evaluation: Some(evaluation(&generation.evaluation)),
        build: generation.build().map(build),
        hooks: generation.hooks.iter().map(hook).collect(),
        secrets: generation
            .evaluated()
            .map(|found| found.secrets.clone())
            .unwrap_or_default(),
    }
}

pub(super) fn text(name: Option<&impl ToString>) -> String {
    name.map(ToString::to_string).unwrap_or_default()
}

pub(super) fn commit(commit: &model::Commit) -> pb::Commit {
    pb::Commit {
        id: commit.id.to_string(),
        summary: commit.summary.clone(),
        author: commit.author.clone(),
        time: Some(time(commit.time)),
        dirty: commit.dirty,
        signer: None,
    }
}

fn evaluation(evaluation: &model::Evaluation) -> pb::Evaluation {
    use model::Evaluation as E;
    use pb::EvaluationStatus as S;
    let ended = |status: S, span: &Span| pb::Evaluation {
        status: status.into(),
        attempt: span.attempt,
        started_at: Some(time(span.started_at)),
        ended_at: Some(time(span.ended_at)),
        ..Default::default()
    };
    match evaluation {
        E::Pending {
            attempt,
            tries,
            blocked: why,
            anew: _,
            asked: _,
        } => pb::Evaluation {
            status: S::Pending.into(),
            attempt: *attempt,
            blocked: why.as_ref().map(blocked),
            retry: trying(*tries),
            ..Default::default()
        },
        E::Running {
            attempt,
            tries,
            asked: _,
            started_at,
        } => pb::Evaluation {
            retry: trying(*tries),
            status: S::Running.into(),
            attempt: *attempt,
            started_at: Some(time(*started_at)),
            ..Default::default()
        },
        E::Succeeded {
            span,
            evaluated,
            cached,
            build: _,
        } => pb::Evaluation {
            drv_path: evaluated.drv_path.clone(),
            out_path: evaluated.out_path.clone().unwrap_or_default(),
            machine_id: evaluated.machine_id.clone().unwrap_or_default(),
            cached: *cached,
            record: evaluated.record.clone().unwrap_or_default(),
            ..ended(S::Succeeded, span)
        },
        E::Failed {
            span,
            failure: why,
            then,
        } => pb::Evaluation {
            blocked: until_retry(span, then),
            retry: retry(then),
            cached: matches!(then, AfterFailure::Remembered(_)),
            failure: Some(failure(why)),
            ..ended(S::Failed, span)
        },
        E::TimedOut { span, failure: why } => pb::Evaluation {
            failure: Some(failure(why)),
            ..ended(S::TimedOut, span)
        },
        E::Cancelled { span, by, tries: _ } => pb::Evaluation {
            cancelled_by: cancelled_by(*by).into(),
            superseded_by: superseded_by(*by),
            ..ended(S::Cancelled, span)
        },
    }
}

fn build(build: &model::Build) -> pb::Build {
    use model::Build as B;
    use pb::BuildStatus as S;
    let ended = |status: S, span: &Span, counts: &model::Steps| pb::Build {
        status: status.into(),
        attempt: span.attempt,
        started_at: Some(time(span.started_at)),
        ended_at: Some(time(span.ended_at)),
        steps: Some(steps(*counts)),
        ..Default::default()
    };
    match build {
        B::Pending {
            attempt,
            tries,
            confirmed: _,
            blocked: why,
            asked: _,
        } => pb::Build {
            retry: trying(*tries),
            status: S::Pending.into(),
            attempt: *attempt,
            blocked: why.as_ref().map(blocked),
            ..Default::default()
        },
        B::Running {
            attempt,
            tries,
            asked: _,
            started_at,
            steps: counts,
        } => pb::Build {
            retry: trying(*tries),
            status: S::Running.into(),
            attempt: *attempt,
            started_at: Some(time(*started_at)),
            steps: Some(steps(*counts)),
            ..Default::default()
        },
        B::Succeeded {
            span,
            reason,
            built,
            steps,
        } => pb::Build {
            reason: build_reason(*reason).into(),
            out_path: built.out_path.clone(),
            real_path: built.real_path.to_string_lossy().into_owned(),
            ..ended(S::Succeeded, span, steps)
        },
        B::Failed {
            span,
            failure: why,
            then,
            steps,
        } => pb::Build {
            blocked: until_retry(span, then),
            retry: retry(then),
            failure: Some(failure(why)),
            ..ended(S::Failed, span, steps)
        },
        B::TimedOut {
            span,
            failure: why,
            steps,
        } => pb::Build {
            failure: Some(failure(why)),
            ..ended(S::TimedOut, span, steps)
        },
        B::Cancelled {
            span,
            by,
            tries: _,
            steps,
        } => pb::Build {
            cancelled_by: cancelled_by(*by).into(),
            superseded_by: superseded_by(*by),
            ..ended(S::Cancelled, span, steps)
        },
    }
}

/// A next try that waits no longer.
fn trying(tries: u32) -> Option<pb::Retry> {
    (tries > 0).then(|| pb::Retry {
        attempt: tries,
        ..Default::default()
    })
}

fn retry(then: &AfterFailure) -> Option<pb::Retry> {
    match then {
        AfterFailure::Nothing | AfterFailure::Remembered(_) => None,
        AfterFailure::Retry { tries, next_at } => Some(pb::Retry {
            attempt: *tries,
            next_at: Some(time(*next_at)),
            given_up: false,
        }),
        AfterFailure::GivenUp { tries } | AfterFailure::Left { tries, .. } => Some(pb::Retry {
            attempt: *tries,
            next_at: None,
            given_up: true,
        }),
    }
}

fn until_retry(span: &Span, then: &AfterFailure) -> Option<pb::Blocked> {
    match then {
        AfterFailure::Retry { tries, .. } => Some(pb::Blocked {
            reason: pb::BlockedReason::Retry.into(),
            since: Some(time(span.ended_at)),
            message: format!("failed {tries} times in a row; it is tried again"),
        }),
        AfterFailure::Nothing
        | AfterFailure::GivenUp { .. }
        | AfterFailure::Left { .. }
        | AfterFailure::Remembered(_) => None,
    }
}

pub(super) fn steps(steps: model::Steps) -> pb::Steps {
    let model::Steps {
        total,
        done,
        running,
        failed,
        reused,
        estimated_remaining,
    } = steps;
    pb::Steps {
        total,
        done,
        running,
        failed,
        reused,
        estimated_remaining: estimated_remaining.map(Into::into),
    }
}

pub(super) fn blocked(blocked: &model::Blocked) -> pb::Blocked {
    pb::Blocked {
        reason: match blocked.reason {
            BlockedReason::Suspended => pb::BlockedReason::Suspended,
            BlockedReason::Confirmation => pb::BlockedReason::Confirmation,
            BlockedReason::Retry => pb::BlockedReason::Retry,
            BlockedReason::Cache => pb::BlockedReason::Cache,
            BlockedReason::Building => pb::BlockedReason::Building,
            BlockedReason::MachineId => pb::BlockedReason::MachineId,
            BlockedReason::Space => pb::BlockedReason::Space,
            BlockedReason::Platform => pb::BlockedReason::Platform,
        }
        .into(),
        since: Some(time(blocked.since)),
        message: blocked.message.clone(),
    }
}

pub(super) fn build_reason(reason: BuildReason) -> pb::BuildReason {
    match reason {
        BuildReason::AlreadyBuilt => pb::BuildReason::AlreadyBuilt,
        BuildReason::NeedsBuild => pb::BuildReason::NeedsBuild,
    }
}

pub(super) fn cancelled_by(by: CancelledBy) -> pb::CancelledBy {
    match by {
        CancelledBy::Superseded(_) => pb::CancelledBy::Superseded,
        CancelledBy::Stop => pb::CancelledBy::Stop,
        CancelledBy::Suspend => pb::CancelledBy::Suspend,
        CancelledBy::Shutdown => pb::CancelledBy::Shutdown,
    }
}

fn superseded_by(by: CancelledBy) -> u32 {
    match by {
        CancelledBy::Superseded(number) => number.0,
        CancelledBy::Stop | CancelledBy::Suspend | CancelledBy::Shutdown => 0,
    }
}

/// Wire form of a failure.
pub fn failure(failure: &model::Failure) -> pb::Failure {
    pb::Failure {
        kind: match failure.kind {
            FailureKind::Certain => pb::FailureKind::Certain,
            FailureKind::Transient => pb::FailureKind::Transient,
        }
        .into(),
        message: failure.message.clone(),
        location: failure.location.as_ref().map(location),
        derivation: failure.derivation.clone().unwrap_or_default(),
        exit_code: failure.exit_code.unwrap_or_default(),
        log_tail: failure.log_tail.clone(),
        hint: failure.hint.clone(),
    }
}

/// Wire form of a place in a file.
pub fn location(at: &model::Location) -> pb::Location {
    pb::Location {
        file: at.file.clone(),
        line: at.line,
        column: at.column,
    }
}
