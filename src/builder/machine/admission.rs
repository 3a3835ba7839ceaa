//! From a request to its admission. Each refusal is its own.

use super::Guards;
use crate::builder::Refusal;
use crate::model::{AfterFailure, Build, Confirmation, Generation, GenerationNumber};

/// May this generation be built now? `retry`: also when its input failed before.
pub(in crate::builder) fn admit_build(
    asked: GenerationNumber,
    generation: Option<&Generation>,
    in_work: Option<GenerationNumber>,
    retry: bool,
    guards: &Guards<'_>,
) -> Result<(), Refusal> {
    let generation = generation.ok_or(Refusal::UnknownGeneration(asked))?;
    if let Some(in_work) = in_work.filter(|in_work| *in_work != asked) {
        return Err(Refusal::AnotherInWork { asked, in_work });
    }
    let Some(build) = generation.build() else {
        return Err(Refusal::NotEvaluated(asked));
    };
    for_this_machine(generation, guards)?;
    match build {
        // Only what is in work: a record that says so may be left over.
        Build::Running { .. } | Build::Pending { blocked: None, .. } if in_work.is_some() => {
            Err(Refusal::AlreadyBuilding(asked))
        }
        Build::Succeeded { .. } => Err(Refusal::AlreadyBuilt(asked)),
        Build::Failed {
            then: AfterFailure::Remembered(failed),
            ..
        } if !retry => Err(Refusal::FailedBefore {
            number: asked,
            failed: *failed,
        }),
        Build::Pending { .. }
        | Build::Running { .. }
        | Build::Failed { .. }
        | Build::TimedOut { .. }
        | Build::Cancelled { .. } => Ok(()),
    }
}

/// Does the build of this generation wait for consent?
pub(in crate::builder) fn admit_confirmation(
    asked: GenerationNumber,
    generation: Option<&Generation>,
    in_work: Option<GenerationNumber>,
    guards: &Guards<'_>,
) -> Result<(), Refusal> {
    let generation = generation.ok_or(Refusal::UnknownGeneration(asked))?;
    let Some(build) = generation.build() else {
        return Err(Refusal::NotEvaluated(asked));
    };
    for_this_machine(generation, guards)?;
    let waits = matches!(
        build,
        Build::Pending {
            confirmed: false,
            blocked: Some(_),
            ..
        }
    );
    match waits && in_work == Some(asked) && guards.confirmation != Confirmation::None {
        true => Ok(()),
        false => Err(Refusal::NothingToConfirm(asked)),
    }
}

fn for_this_machine(generation: &Generation, guards: &Guards<'_>) -> Result<(), Refusal> {
    match generation.foreign(guards) {
        Some((wanted, found)) => Err(Refusal::MachineIdDiffers {
            number: generation.number,
            wanted: wanted.to_owned(),
            found: found.to_owned(),
        }),
        None => Ok(()),
    }
}
