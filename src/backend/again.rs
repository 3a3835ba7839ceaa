//! A build whose evaluation must be made once more first.

use super::{
    Backend, BackendError, BuildOutcome, BuildRequest, EvaluateRequest, EvaluationOutcome,
};
use crate::model::{Evaluated, Failure, Steps};

/// What came of a build, and of what.
#[derive(Debug)]
pub struct Attempted {
    pub outcome: BuildOutcome,
    /// What was built instead of what was asked for: this host's own evaluation.
    pub instead: Option<Evaluated>,
}

impl From<BuildOutcome> for Attempted {
    fn from(outcome: BuildOutcome) -> Self {
        let instead = None;
        Attempted { outcome, instead }
    }
}

/// Builds. When what the evaluation left is gone (collected as garbage, or what a
/// record named is in no cache), it is evaluated once more, by the request that
/// `evaluation` makes, and built then. A record is only a claim: where this host
/// evaluates to something else than it says, that is built.
///
/// # Errors
/// As [`Backend::evaluate`] and [`Backend::build`].
pub async fn build(
    backend: &dyn Backend,
    request: BuildRequest,
    evaluation: impl FnOnce() -> EvaluateRequest + Send,
) -> Result<Attempted, BackendError> {
    let steps = match backend.build(request.clone()).await? {
        BuildOutcome::NotEvaluated { steps } => steps,
        outcome => return Ok(outcome.into()),
    };
    let drv_path = &request.evaluated.drv_path;
    tracing::warn!(drv_path, "it is gone: evaluated once more");
    let evaluation = EvaluateRequest {
        again: true,
        ..evaluation()
    };
    let again = match backend.evaluate(evaluation).await? {
        EvaluationOutcome::Succeeded(again) if may_replace(&again, &request.evaluated) => again,
        EvaluationOutcome::Succeeded(again) => return Ok(differs(&request, &again, steps).into()),
        EvaluationOutcome::Failed(failure) => {
            return Ok(BuildOutcome::Failed { failure, steps }.into());
        }
        EvaluationOutcome::TimedOut(failure) => {
            return Ok(BuildOutcome::TimedOut { failure, steps }.into());
        }
        EvaluationOutcome::Cancelled => return Ok(BuildOutcome::Cancelled { steps }.into()),
        EvaluationOutcome::Blocked { reason, message } => {
            let outcome = BuildOutcome::Blocked {
                reason,
                message,
                steps,
            };
            return Ok(outcome.into());
        }
    };
    say_whether_it_differs(&request, &again);
    let instead = Some(again.clone()); // it may know more: a derivation, where there was a record
    let request = BuildRequest {
        evaluated: again,
        ..request
    };
    let outcome = backend.build(request).await?;
    Ok(Attempted { outcome, instead })
}

/// Whether the guards that looked at what was evaluated before let this be built
/// too. What is in a record is what somebody else's evaluation came to. Whether
/// the out path is known beforehand depends on what is in the store.
fn may_replace(again: &Evaluated, before: &Evaluated) -> bool {
    let is_same = again.drv_path == before.drv_path || before.record.is_some();
    is_same && again.machine_id == before.machine_id
}

/// In the build's log and the agent's: two that should evaluate alike do not.
fn say_whether_it_differs(request: &BuildRequest, again: &Evaluated) {
    let (before, now) = (&request.evaluated.drv_path, &again.drv_path);
    let Some(record) = request.evaluated.record.as_ref().filter(|_| now != before) else {
        return;
    };
    let said = format!(
        "{record} names {before}; this host evaluates to {now}, and builds that: what is beside the commit differs here"
    );
    tracing::warn!("{said}");
    request.sink.log(None, format!("{said}\n").as_bytes());
}

/// The record names another derivation or machine, and its guards looked at that one.
fn differs(request: &BuildRequest, again: &Evaluated, steps: Steps) -> BuildOutcome {
    let said = |evaluated: &Evaluated| match &evaluated.machine_id {
        Some(id) => format!("{} for machine id {id}", evaluated.drv_path),
        None => evaluated.drv_path.clone(),
    };
    let (before, now) = (said(&request.evaluated), said(again));
    let gone = match &request.evaluated.record {
        None => "which was collected as garbage".to_owned(),
        Some(record) => format!("as {record} says and no cache has"),
    };
    let message = format!("the commit evaluated to {before}, {gone}, and now to {now}");
    let failure = Failure::certain(message)
        .hint("something beside the commit is part of it: pin it, then `kiln eval`");
    BuildOutcome::Failed { failure, steps }
}
