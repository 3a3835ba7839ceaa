//! A build whose evaluation must be made once more first.

use super::{
    Backend, BackendError, BuildOutcome, BuildRequest, EvaluateRequest, EvaluationOutcome,
};
use crate::model::{Failure, Steps};

/// Builds. When what the evaluation left was collected as garbage meanwhile, it
/// is evaluated once more, by the request that `evaluation` makes, and built then.
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
    tracing::warn!(drv_path, "it was collected as garbage: evaluated once more");
    match backend.evaluate(evaluation()).await? {
        EvaluationOutcome::Succeeded(again) if again == request.evaluated => {
            backend.build(request).await
        }
        EvaluationOutcome::Succeeded(again) => Ok(differs(&request, &again.drv_path, steps)),
        EvaluationOutcome::Failed(failure) => Ok(BuildOutcome::Failed { failure, steps }),
        EvaluationOutcome::TimedOut(failure) => Ok(BuildOutcome::TimedOut { failure, steps }),
        EvaluationOutcome::Cancelled => Ok(BuildOutcome::Cancelled { steps }),
    }
}

/// The record names another derivation, and its guards looked at that one.
fn differs(request: &BuildRequest, now: &str, steps: Steps) -> BuildOutcome {
    let before = &request.evaluated.drv_path;
    let message = format!(
        "the commit evaluated to {before}, which was collected as garbage, and now to {now}"
    );
    let failure = Failure::certain(message)
        .hint("something beside the commit is part of it: pin it, then `kiln eval`");
    BuildOutcome::Failed { failure, steps }
}
