//! A build whose evaluation must be made once more first.

use super::{
    Backend, BackendError, BuildOutcome, BuildRequest, EvaluateRequest, EvaluationOutcome,
};
use crate::model::{Evaluated, Failure, Steps};

/// Builds. When what the evaluation left is gone (collected as garbage, or what a
/// record named is in no cache), it is evaluated once more, by the request that
/// `evaluation` makes, and built then.
///
/// # Errors
/// As [`Backend::evaluate`] and [`Backend::build`].
pub async fn build(
    backend: &dyn Backend,
    request: BuildRequest,
    evaluation: impl FnOnce() -> EvaluateRequest + Send,
) -> Result<BuildOutcome, BackendError> {
    let steps = match backend.build(request.clone()).await? {
        BuildOutcome::NotEvaluated { steps } => steps,
        outcome => return Ok(outcome),
    };
    let drv_path = &request.evaluated.drv_path;
    tracing::warn!(drv_path, "it is gone: evaluated once more");
    let evaluation = EvaluateRequest {
        again: true,
        ..evaluation()
    };
    match backend.evaluate(evaluation).await? {
        EvaluationOutcome::Succeeded(again) if is_same(&again, &request.evaluated) => {
            let evaluated = again; // it may know more: a derivation, where there was a record
            let request = BuildRequest {
                evaluated,
                ..request
            };
            backend.build(request).await
        }
        EvaluationOutcome::Succeeded(again) => Ok(differs(&request, &again, steps)),
        EvaluationOutcome::Failed(failure) => Ok(BuildOutcome::Failed { failure, steps }),
        EvaluationOutcome::TimedOut(failure) => Ok(BuildOutcome::TimedOut { failure, steps }),
        EvaluationOutcome::Cancelled => Ok(BuildOutcome::Cancelled { steps }),
        EvaluationOutcome::Blocked { reason, message } => Ok(BuildOutcome::Blocked {
            reason,
            message,
            steps,
        }),
    }
}

/// Whether the out path is known beforehand depends on what is in the store.
fn is_same(again: &Evaluated, before: &Evaluated) -> bool {
    again.drv_path == before.drv_path && again.machine_id == before.machine_id
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
