//! What the Builder shows, in the words of the model.

use super::COMMITS;
use super::words::*;
use kiln::builder::Refusal;
use kiln::events::{Event, EventKind};
use kiln::model::{self, AfterFailure, BlockedReason, Build, BuildReason, CommitId, Evaluation};

pub fn generation(of: &model::Generation) -> Generation {
    Generation {
        commit: commit(&of.commit.id),
        testing: of.origin.testing,
        by_hand: of.by_hand,
        evaluation: evaluation(&of.evaluation),
        cached: matches!(of.evaluation, Evaluation::Succeeded { cached: true, .. }),
        build: of.build().map(build),
        already: matches!(
            of.build(),
            Some(Build::Succeeded {
                reason: BuildReason::AlreadyBuilt,
                ..
            })
        ),
    }
}

pub fn commit(id: &CommitId) -> usize {
    let named = |name: &&str| super::builder_bench::commit(name).id == *id;
    COMMITS.iter().position(named).unwrap()
}

fn evaluation(of: &Evaluation) -> Attempt {
    let (number, stands) = match of {
        Evaluation::Pending {
            attempt,
            tries,
            blocked,
            ..
        } => {
            let waits = Stands::Waits {
                tries: *tries,
                confirmed: false,
                blocked: blocked.as_ref().map(|blocked| blocked.reason),
            };
            (*attempt, waits)
        }
        Evaluation::Running { attempt, tries, .. } => (*attempt, Stands::Runs { tries: *tries }),
        Evaluation::Succeeded { span, .. } => (span.attempt, Stands::Succeeded),
        Evaluation::Failed { span, then, .. } => (span.attempt, Stands::Failed(follows(then))),
        Evaluation::TimedOut { span, .. } => (span.attempt, Stands::TimedOut),
        Evaluation::Cancelled { span, by, .. } => (span.attempt, Stands::Cancelled(*by)),
    };
    Attempt { number, stands }
}

fn build(of: &Build) -> Attempt {
    let (number, stands) = match of {
        Build::Pending {
            attempt,
            tries,
            confirmed,
            blocked,
            ..
        } => {
            let waits = Stands::Waits {
                tries: *tries,
                confirmed: *confirmed,
                blocked: blocked.as_ref().map(|blocked| blocked.reason),
            };
            (*attempt, waits)
        }
        Build::Running { attempt, tries, .. } => (*attempt, Stands::Runs { tries: *tries }),
        Build::Succeeded { span, .. } => (span.attempt, Stands::Succeeded),
        Build::Failed { span, then, .. } => (span.attempt, Stands::Failed(follows(then))),
        Build::TimedOut { span, .. } => (span.attempt, Stands::TimedOut),
        Build::Cancelled { span, by, .. } => (span.attempt, Stands::Cancelled(*by)),
    };
    Attempt { number, stands }
}

fn follows(of: &AfterFailure) -> Then {
    match of {
        AfterFailure::Nothing => Then::Nothing,
        AfterFailure::Retry { tries, .. } => Then::Retry(*tries),
        AfterFailure::GivenUp { tries } => Then::GivenUp(*tries),
        AfterFailure::Left { tries, by } => Then::Left(*tries, *by),
        AfterFailure::Remembered(whose) => Then::Remembered(*whose),
    }
}

/// A durable event; others say nothing that a user may rely on.
pub fn said(event: &Event) -> Option<Said> {
    let told = |say: fn(Kind, model::GenerationNumber, Generation) -> Said, kind, of| {
        let of: &model::Generation = of;
        say(kind, of.number, generation(of))
    };
    event.durable.then(|| match &event.kind {
        EventKind::EvalStarted { generation } => told(Said::Began, Kind::Evaluation, generation),
        EventKind::EvalFinished { generation } => {
            without_space(told(Said::Ended, Kind::Evaluation, generation))
        }
        EventKind::BuildStarted { generation } => told(Said::Began, Kind::Build, generation),
        EventKind::BuildFinished { generation } => told(Said::Ended, Kind::Build, generation),
        EventKind::Suspended { .. } => Said::Suspended,
        EventKind::Resumed { .. } => Said::Resumed,
        EventKind::BaselineMoved { to, .. } => Said::Baseline(commit(&to.parse().unwrap())),
        other => panic!("nothing here leads to {other:?}"),
    })
}

/// Whether there is space is looked at when something begins: what an
/// evaluation's end says of it is of the time before.
fn without_space(said: Said) -> Said {
    match said {
        Said::Ended(kind, number, mut generation) => {
            if let Some(Attempt {
                stands: Stands::Waits { blocked, .. },
                ..
            }) = &mut generation.build
            {
                *blocked = blocked.filter(|why| *why != BlockedReason::Space);
            }
            Said::Ended(kind, number, generation)
        }
        other => other,
    }
}

pub fn refused(refusal: &Refusal) -> Refused {
    match refusal {
        Refusal::NoGeneration => Refused::NoGeneration,
        Refusal::UnknownGeneration(_) => Refused::Unknown,
        Refusal::AnotherInWork { .. } => Refused::AnotherInWork,
        Refusal::NotEvaluated(_) => Refused::NotEvaluated,
        Refusal::MachineIdDiffers { .. } => Refused::MachineId,
        Refusal::AlreadyBuilding(_) => Refused::AlreadyBuilding,
        Refusal::AlreadyBuilt(_) => Refused::AlreadyBuilt,
        Refusal::FailedBefore { .. } => Refused::FailedBefore,
        Refusal::NothingToConfirm(_) => Refused::NothingToConfirm,
        Refusal::AlreadySuspended(_) => Refused::AlreadySuspended,
        Refusal::NotSuspended => Refused::NotSuspended,
        Refusal::NoBaseline
        | Refusal::BaselineAlready(_)
        | Refusal::ShuttingDown
        | Refusal::State(_) => Refused::Other,
    }
}
