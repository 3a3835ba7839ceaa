//! What may follow what: pure functions from a generation and what happened to
//! the next generation, and from a request to its admission. No clock, no I/O.

use super::Refusal;
use crate::backend::{BuildOutcome, EvaluationOutcome};
use crate::model::{
    Blocked, BlockedReason, Build, BuildReason, Built, CancelledBy, Evaluation, Generation,
    GenerationNumber, Span, Steps, Suspension,
};
use time::OffsetDateTime;

/// A transition the state does not allow: a defect in kiln, never a user's doing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("generation {number} cannot {action} now")]
pub struct Illegal {
    pub number: GenerationNumber,
    pub action: &'static str,
}

/// What holds builds back.
#[derive(Debug, Clone, Copy, Default)]
pub struct Guards<'a> {
    /// This machine's id; `None` where it has none.
    pub machine_id: Option<&'a str>,
    pub suspension: Option<&'a Suspension>,
}

/// How an evaluation ended, with the result when it was there already.
#[derive(Debug)]
pub enum EvaluationEnd {
    Outcome(EvaluationOutcome, Option<Built>),
    Cancelled(CancelledBy),
}

/// How a build ended.
#[derive(Debug)]
pub enum BuildEnd {
    Outcome(BuildOutcome),
    Cancelled(CancelledBy, Steps),
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
            .filter(|id| !id.is_empty())?;
        let found = guards.machine_id.unwrap_or("no machine id");
        (wanted != found).then_some((wanted, found))
    }

    /// A pending evaluation begins.
    pub(super) fn evaluation_starts(mut self, now: OffsetDateTime) -> Result<Self, Illegal> {
        let Evaluation::Pending { attempt } = self.evaluation else {
            return self.illegal("begin its evaluation");
        };
        self.evaluation = Evaluation::Running {
            attempt,
            started_at: now,
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
            EvaluationEnd::Cancelled(by) => Evaluation::Cancelled { span, by },
            EvaluationEnd::Outcome(outcome, existing) => match outcome {
                EvaluationOutcome::Failed(failure) => Evaluation::Failed { span, failure },
                EvaluationOutcome::TimedOut(failure) => Evaluation::TimedOut { span, failure },
                EvaluationOutcome::Cancelled => Evaluation::Cancelled {
                    span,
                    by: CancelledBy::Stop,
                },
                EvaluationOutcome::Succeeded(evaluated) => {
                    let build = Build::Pending {
                        attempt: 1,
                        blocked: None,
                    };
                    self.evaluation = Evaluation::Succeeded {
                        span,
                        evaluated,
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
        let Evaluation::Pending { attempt } = self.evaluation else {
            return self.illegal("take over an evaluation");
        };
        let Some(evaluated) = earlier.evaluated().cloned() else {
            return self.illegal("take over what was not evaluated");
        };
        let span = Span {
            attempt,
            started_at: now,
            ended_at: now,
        };
        let build = Build::Pending {
            attempt: 1,
            blocked: None,
        };
        self.evaluation = Evaluation::Succeeded {
            span,
            evaluated,
            cached: true,
            build,
        };
        Ok(self.first_build_state(existing, now, guards))
    }

    fn first_build_state(
        mut self,
        existing: Option<Built>,
        now: OffsetDateTime,
        guards: &Guards<'_>,
    ) -> Self {
        let foreign = self.foreign(guards).is_some();
        match existing {
            Some(built) if !foreign => {
                let span = Span {
                    attempt: 1,
                    started_at: now,
                    ended_at: now,
                };
                let reason = BuildReason::AlreadyBuilt;
                self.set_build(Build::Succeeded {
                    span,
                    reason,
                    built,
                    steps: Steps::default(),
                });
                self
            }
            _ => self.with_blocked(1, now, guards),
        }
    }

    fn set_build(&mut self, next: Build) {
        if let Evaluation::Succeeded { build, .. } = &mut self.evaluation {
            *build = next;
        }
    }

    /// A pending build with whatever holds it back.
    fn with_blocked(mut self, attempt: u32, now: OffsetDateTime, guards: &Guards<'_>) -> Self {
        let blocked = |reason, message| {
            Some(Blocked {
                reason,
                since: now,
                message,
            })
        };
        let blocked = match (self.foreign(guards), guards.suspension) {
            (Some((wanted, found)), _) => {
                let message = format!("it is for machine id {wanted}, this machine has {found}");
                blocked(BlockedReason::MachineId, message)
            }
            (None, Some(s)) => {
                let message = format!("suspended by {}: {}", s.by, s.reason);
                blocked(BlockedReason::Suspended, message)
            }
            (None, None) => None,
        };
        self.set_build(Build::Pending { attempt, blocked });
        self
    }

    /// A new attempt at a build that ended without success, or one that waits.
    pub(super) fn build_submitted(
        self,
        now: OffsetDateTime,
        guards: &Guards<'_>,
    ) -> Result<Self, Illegal> {
        let attempt = match self.build() {
            Some(Build::Pending { attempt, .. }) => *attempt,
            Some(
                Build::Failed { span, .. }
                | Build::TimedOut { span, .. }
                | Build::Cancelled { span, .. },
            ) => span.attempt + 1,
            Some(Build::Running { .. } | Build::Succeeded { .. }) | None => {
                return self.illegal("be submitted");
            }
        };
        Ok(self.with_blocked(attempt, now, guards))
    }

    /// A pending build that nothing holds back begins.
    pub(super) fn build_starts(mut self, now: OffsetDateTime) -> Result<Self, Illegal> {
        let Some(Build::Pending {
            attempt,
            blocked: None,
        }) = self.build()
        else {
            return self.illegal("begin its build");
        };
        let attempt = *attempt;
        self.set_build(Build::Running {
            attempt,
            started_at: now,
            steps: Steps::default(),
        });
        Ok(self)
    }

    /// A running build ended.
    pub(super) fn build_ends(
        mut self,
        end: BuildEnd,
        now: OffsetDateTime,
    ) -> Result<Self, Illegal> {
        let Some(&Build::Running {
            attempt,
            started_at,
            ..
        }) = self.build()
        else {
            return self.illegal("end its build");
        };
        let span = Span {
            attempt,
            started_at,
            ended_at: now,
        };
        self.set_build(match end {
            BuildEnd::Cancelled(by, steps) => Build::Cancelled { span, by, steps },
            BuildEnd::Outcome(outcome) => match outcome {
                BuildOutcome::Succeeded { built, steps } => Build::Succeeded {
                    span,
                    reason: BuildReason::NeedsBuild,
                    built,
                    steps,
                },
                BuildOutcome::Failed { failure, steps } => Build::Failed {
                    span,
                    failure,
                    steps,
                },
                BuildOutcome::TimedOut { failure, steps } => Build::TimedOut {
                    span,
                    failure,
                    steps,
                },
                BuildOutcome::Cancelled { steps } => Build::Cancelled {
                    span,
                    by: CancelledBy::Stop,
                    steps,
                },
            },
        });
        Ok(self)
    }

    /// A build that waits is left before it began.
    pub(super) fn build_left(
        mut self,
        by: CancelledBy,
        now: OffsetDateTime,
    ) -> Result<Self, Illegal> {
        let Some(&Build::Pending { attempt, .. }) = self.build() else {
            return self.illegal("leave its build");
        };
        let span = Span {
            attempt,
            started_at: now,
            ended_at: now,
        };
        self.set_build(Build::Cancelled {
            span,
            by,
            steps: Steps::default(),
        });
        Ok(self)
    }

    /// After a restart: what a crash or a shutdown interrupted gets a new
    /// attempt under its number. `None`: there is nothing to take up.
    pub(super) fn taken_up(mut self, now: OffsetDateTime, guards: &Guards<'_>) -> Option<Self> {
        let shutdown = |by: &CancelledBy| matches!(by, CancelledBy::Shutdown);
        match &self.evaluation {
            Evaluation::Pending { .. } => return Some(self),
            Evaluation::Running { attempt, .. } => {
                self.evaluation = Evaluation::Pending {
                    attempt: attempt + 1,
                };
                return Some(self);
            }
            Evaluation::Cancelled { span, by } if shutdown(by) => {
                self.evaluation = Evaluation::Pending {
                    attempt: span.attempt + 1,
                };
                return Some(self);
            }
            Evaluation::Succeeded { .. } => {}
            Evaluation::Failed { .. }
            | Evaluation::TimedOut { .. }
            | Evaluation::Cancelled { .. } => return None,
        }
        let attempt = match self.build()? {
            Build::Pending { attempt, .. } => *attempt,
            Build::Running { attempt, .. } => attempt + 1,
            Build::Cancelled { span, by, .. } if shutdown(by) => span.attempt + 1,
            // Suspended while it was built: resume builds it, also after a restart.
            Build::Cancelled {
                span,
                by: CancelledBy::Suspend,
                ..
            } => span.attempt + 1,
            Build::Succeeded { .. }
            | Build::Failed { .. }
            | Build::TimedOut { .. }
            | Build::Cancelled { .. } => return None,
        };
        Some(self.with_blocked(attempt, now, guards))
    }
}

/// May this generation be built now? Each refusal is its own.
pub(super) fn admit_build(
    asked: GenerationNumber,
    generation: Option<&Generation>,
    in_work: Option<GenerationNumber>,
    guards: &Guards<'_>,
) -> Result<(), Refusal> {
    let generation = generation.ok_or(Refusal::UnknownGeneration(asked))?;
    if let Some(in_work) = in_work.filter(|in_work| *in_work != asked) {
        return Err(Refusal::AnotherInWork { asked, in_work });
    }
    let Some(build) = generation.build() else {
        return Err(Refusal::NotEvaluated(asked));
    };
    if let Some((wanted, found)) = generation.foreign(guards) {
        let (wanted, found) = (wanted.to_owned(), found.to_owned());
        return Err(Refusal::MachineIdDiffers {
            number: asked,
            wanted,
            found,
        });
    }
    match build {
        Build::Running { .. } | Build::Pending { blocked: None, .. } => {
            Err(Refusal::AlreadyBuilding(asked))
        }
        Build::Succeeded { .. } => Err(Refusal::AlreadyBuilt(asked)),
        Build::Pending {
            blocked: Some(_), ..
        }
        | Build::Failed { .. }
        | Build::TimedOut { .. }
        | Build::Cancelled { .. } => Ok(()),
    }
}
