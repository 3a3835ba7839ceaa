//! What may follow what: pure functions from a generation and what happened to
//! the next generation, and from a request to its admission. No clock, no I/O.

mod admission;
mod build;
mod restart;

pub(super) use admission::{admit_build, admit_confirmation};
pub(super) use build::BuildEnd;

use super::retry;
use crate::backend::EvaluationOutcome;
use crate::model::{
    AfterFailure, Blocked, BlockedReason, Build, Built, CancelledBy, Confirmation, Evaluation,
    Failure, Generation, GenerationNumber, RetryPolicy, Span, Suspension,
};
use time::OffsetDateTime;

/// A transition the state does not allow: a defect in kiln, never a user's doing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("generation {number} cannot {action} now")]
pub struct Illegal {
    pub number: GenerationNumber,
    pub action: &'static str,
}

/// What a transition depends on besides the generation: what holds builds back,
/// and how failures are tried again.
#[derive(Debug, Clone, Copy, Default)]
pub struct Guards<'a> {
    /// This machine's id; `None` where it has none.
    pub machine_id: Option<&'a str>,
    /// What is for another machine is built too.
    pub any_machine: bool,
    pub suspension: Option<&'a Suspension>,
    /// What is short when too little space is left to begin anything.
    pub shortage: Option<&'a str>,
    pub confirmation: Confirmation,
    pub retry: RetryPolicy,
    /// In 0..1, for the jitter of retries.
    pub chance: f64,
}

impl Guards<'_> {
    fn after(&self, failure: &Failure, before: u32, now: OffsetDateTime) -> AfterFailure {
        retry::after(&self.retry, failure, before, now, self.chance)
    }
}

/// How an evaluation ended, with the result when it was there already.
#[derive(Debug)]
pub enum EvaluationEnd {
    Outcome(EvaluationOutcome, Option<Built>),
    Cancelled(CancelledBy),
}

impl Generation {
    fn illegal<T>(&self, action: &'static str) -> Result<T, Illegal> {
        Err(Illegal {
            number: self.number,
            action,
        })
    }

    /// The machine the result is for, when that is another one.
    fn foreign<'a>(&'a self, guards: &Guards<'a>) -> Option<(&'a str, &'a str)> {
        let wanted = self
            .evaluated()?
            .machine_id
            .as_deref()
            .filter(|id| !id.is_empty() && !guards.any_machine)?;
        let found = guards.machine_id.unwrap_or("no machine id");
        (wanted != found).then_some((wanted, found))
    }

    /// Its build waits for what does not come: it is for another machine.
    pub(super) fn is_for_another_machine(&self) -> bool {
        matches!(self.build(), Some(Build::Pending { blocked: Some(blocked), .. })
            if blocked.reason == BlockedReason::MachineId)
    }

    /// A pending evaluation begins.
    pub(super) fn evaluation_starts(mut self, now: OffsetDateTime) -> Result<Self, Illegal> {
        let Evaluation::Pending {
            attempt,
            tries,
            asked,
            ..
        } = self.evaluation
        else {
            return self.illegal("begin its evaluation");
        };
        self.evaluation = Evaluation::Running {
            attempt,
            tries,
            asked,
            started_at: now,
        };
        Ok(self)
    }

    /// What a pending evaluation waited for may be there: it begins.
    pub(super) fn evaluation_reconsidered(mut self) -> Result<Self, Illegal> {
        let Evaluation::Pending { blocked, .. } = &mut self.evaluation else {
            return self.illegal("evaluate after all");
        };
        *blocked = None;
        Ok(self)
    }

    /// A pending evaluation waits until the build of `before` ended.
    pub(super) fn evaluation_waits(
        mut self,
        before: GenerationNumber,
        now: OffsetDateTime,
    ) -> Result<Self, Illegal> {
        let Evaluation::Pending { blocked, .. } = &mut self.evaluation else {
            return self.illegal("wait for a build");
        };
        *blocked = Some(Blocked {
            reason: BlockedReason::Building,
            since: now,
            message: format!("the build of generation {before} ends first"),
        });
        Ok(self)
    }

    /// A pending evaluation waits for space; what it waited for before it did
    /// so since then.
    pub(super) fn evaluation_lacks_space(
        mut self,
        message: &str,
        now: OffsetDateTime,
    ) -> Result<Self, Illegal> {
        let Evaluation::Pending { blocked, .. } = &mut self.evaluation else {
            return self.illegal("wait for space");
        };
        let same = |before: &Blocked| before.reason == BlockedReason::Space;
        let since = blocked.take().filter(same).map(|before| before.since);
        *blocked = Some(Blocked {
            reason: BlockedReason::Space,
            since: since.unwrap_or(now),
            message: message.to_owned(),
        });
        Ok(self)
    }

    /// A pending evaluation is left before it began.
    pub(super) fn evaluation_left(
        mut self,
        by: CancelledBy,
        now: OffsetDateTime,
    ) -> Result<Self, Illegal> {
        let Evaluation::Pending { attempt, tries, .. } = self.evaluation else {
            return self.illegal("leave its evaluation");
        };
        let span = Span::at(attempt, now);
        self.evaluation = Evaluation::Cancelled { span, by, tries };
        Ok(self)
    }

    /// The time of its next try has come.
    pub(super) fn retry_begins(
        mut self,
        now: OffsetDateTime,
        guards: &Guards<'_>,
    ) -> Result<Self, Illegal> {
        let Some(&AfterFailure::Retry { tries, .. }) = self.after_failure() else {
            return self.illegal("be tried again");
        };
        match &self.evaluation {
            Evaluation::Failed { span, .. } => {
                self.evaluation = Evaluation::Pending {
                    attempt: span.attempt + 1,
                    tries,
                    blocked: None,
                    anew: true,
                    asked: 0,
                };
                Ok(self)
            }
            _ => self.build_tried_again(tries, now, guards),
        }
    }

    /// Something else took the place of its next try.
    pub(super) fn retry_left(mut self, by: CancelledBy) -> Result<Self, Illegal> {
        let Some(&AfterFailure::Retry { tries, .. }) = self.after_failure() else {
            return self.illegal("leave its next try");
        };
        self.set_after_failure(AfterFailure::Left { tries, by });
        Ok(self)
    }

    fn set_after_failure(&mut self, next: AfterFailure) {
        match &mut self.evaluation {
            Evaluation::Failed { then, .. }
            | Evaluation::Succeeded {
                build: Build::Failed { then, .. },
                ..
            } => *then = next,
            Evaluation::Pending { .. }
            | Evaluation::Running { .. }
            | Evaluation::Succeeded { .. }
            | Evaluation::TimedOut { .. }
            | Evaluation::Cancelled { .. } => {}
        }
    }

    /// The certain failure of this very generation, or the one it remembers:
    /// whose it is, and what it says.
    fn certain<'a>(
        &self,
        failure: &'a Failure,
        then: &AfterFailure,
    ) -> Option<(GenerationNumber, &'a Failure)> {
        match then {
            AfterFailure::Nothing => Some((self.number, failure)),
            AfterFailure::Remembered(number) => Some((*number, failure)),
            AfterFailure::Retry { .. }
            | AfterFailure::GivenUp { .. }
            | AfterFailure::Left { .. } => None,
        }
    }

    /// An evaluation of this input is known to fail.
    pub(super) fn certain_evaluation_failure(&self) -> Option<(GenerationNumber, &Failure)> {
        match &self.evaluation {
            Evaluation::Failed { failure, then, .. } => self.certain(failure, then),
            _ => None,
        }
    }

    /// A build of this input is known to fail.
    pub(super) fn certain_build_failure(&self) -> Option<(GenerationNumber, &Failure)> {
        match self.build()? {
            Build::Failed { failure, then, .. } => self.certain(failure, then),
            _ => None,
        }
    }

    /// Takes over the certain failure of an earlier evaluation of the same input.
    pub(super) fn evaluation_failure_is_remembered(
        mut self,
        earlier: &Generation,
        now: OffsetDateTime,
    ) -> Result<Self, Illegal> {
        let Evaluation::Pending { attempt, .. } = self.evaluation else {
            return self.illegal("remember a failure");
        };
        let Some((number, failure)) = earlier.certain_evaluation_failure() else {
            return self.illegal("remember a failure there was not");
        };
        self.evaluation = Evaluation::Failed {
            span: Span::at(attempt, now),
            failure: failure.clone(),
            then: AfterFailure::Remembered(number),
        };
        Ok(self)
    }

    /// A running evaluation ended; what follows is its build's first state.
    pub(super) fn evaluation_ends(
        mut self,
        end: EvaluationEnd,
        now: OffsetDateTime,
        guards: &Guards<'_>,
    ) -> Result<Self, Illegal> {
        let Evaluation::Running {
            attempt,
            tries,
            asked,
            started_at,
        } = self.evaluation
        else {
            return self.illegal("end its evaluation");
        };
        let span = Span {
            attempt,
            started_at,
            ended_at: now,
        };
        self.evaluation = match end {
            EvaluationEnd::Cancelled(by) => Evaluation::Cancelled { span, by, tries },
            EvaluationEnd::Outcome(outcome, existing) => match outcome {
                EvaluationOutcome::Failed(failure) => Evaluation::Failed {
                    span,
                    then: guards.after(&failure, tries, now),
                    failure,
                },
                EvaluationOutcome::TimedOut(failure) => Evaluation::TimedOut { span, failure },
                EvaluationOutcome::Cancelled => Evaluation::Cancelled {
                    span,
                    by: CancelledBy::Stop,
                    tries,
                },
                // Neither an end nor a failure: the attempt goes on when caches
                // are asked again, and its budget of retries stays as it was.
                EvaluationOutcome::Blocked { reason, message } => Evaluation::Pending {
                    attempt,
                    tries,
                    asked: asked.saturating_add(1),
                    anew: true,
                    blocked: Some(Blocked {
                        reason,
                        since: now,
                        message,
                    }),
                },
                EvaluationOutcome::Succeeded(evaluated) => {
                    let build = Build::first();
                    self.evaluation = Evaluation::Succeeded {
                        span,
                        evaluated: Box::new(evaluated),
                        cached: false,
                        build,
                    };
                    return Ok(self.first_build_state(existing, now, guards));
                }
            },
        };
        Ok(self)
    }

    /// Takes over the evaluation of an earlier generation of the same commit.
    pub(super) fn evaluation_is_cached(
        mut self,
        earlier: &Generation,
        existing: Option<Built>,
        now: OffsetDateTime,
        guards: &Guards<'_>,
    ) -> Result<Self, Illegal> {
        let Evaluation::Pending { attempt, .. } = self.evaluation else {
            return self.illegal("take over an evaluation");
        };
        let Some(evaluated) = earlier.evaluated().cloned() else {
            return self.illegal("take over what was not evaluated");
        };
        let span = Span::at(attempt, now);
        let build = Build::first();
        self.evaluation = Evaluation::Succeeded {
            span,
            evaluated: Box::new(evaluated),
            cached: true,
            build,
        };
        Ok(self.first_build_state(existing, now, guards))
    }
}
