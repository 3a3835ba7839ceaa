//! What may follow what in a build.

use super::{Guards, Illegal};
use crate::backend::BuildOutcome;
use crate::model::{
    AfterFailure, Blocked, BlockedReason, Build, BuildReason, Built, CancelledBy, Confirmation,
    Evaluated, Evaluation, Failure, Generation, Span, Steps,
};
use time::OffsetDateTime;

/// How a build ended.
#[derive(Debug)]
pub enum BuildEnd {
    Outcome(BuildOutcome),
    Cancelled(CancelledBy, Steps),
}

/// The attempt that is next.
#[derive(Debug, Clone, Copy)]
pub(super) struct Next {
    pub attempt: u32,
    pub tries: u32,
    /// How often this very attempt has asked the caches in vain.
    pub asked: u32,
    pub confirmed: bool,
}

/// The first attempt of a new build.
const FIRST: Next = Next {
    attempt: 1,
    tries: 0,
    asked: 0,
    confirmed: false,
};

impl Build {
    /// A build that nothing is known of yet.
    pub(super) fn first() -> Self {
        Build::Pending {
            attempt: 1,
            tries: 0,
            confirmed: false,
            blocked: None,
            asked: 0,
        }
    }
}

impl Evaluation {
    /// An evaluation that did not begin yet; `anew`: whatever is known.
    pub(in crate::builder) fn first(anew: bool) -> Self {
        Evaluation::Pending {
            attempt: 1,
            tries: 0,
            blocked: None,
            anew,
            asked: 0,
        }
    }
}

impl Generation {
    pub(super) fn first_build_state(
        mut self,
        existing: Option<Built>,
        now: OffsetDateTime,
        guards: &Guards<'_>,
    ) -> Self {
        let foreign = self.foreign(guards).is_some();
        match existing {
            Some(built) if !foreign => {
                let span = Span::at(1, now);
                let reason = BuildReason::AlreadyBuilt;
                self.set_build(Build::Succeeded {
                    span,
                    reason,
                    built,
                    steps: Steps::default(),
                });
                self
            }
            _ => self.with_blocked(FIRST, now, guards),
        }
    }

    fn set_build(&mut self, next: Build) {
        if let Evaluation::Succeeded { build, .. } = &mut self.evaluation {
            *build = next;
        }
    }

    /// A pending build with whatever holds it back; what held it back before
    /// did so since then.
    pub(super) fn with_blocked(
        mut self,
        next: Next,
        now: OffsetDateTime,
        guards: &Guards<'_>,
    ) -> Self {
        let before = self.blocked().cloned();
        let blocked = self
            .obstacle(next.confirmed, guards)
            .map(|(reason, message)| {
                let same = before.filter(|before| before.reason == reason);
                Blocked {
                    reason,
                    since: same.map_or(now, |before| before.since),
                    message,
                }
            });
        self.set_build(Build::Pending {
            attempt: next.attempt,
            tries: next.tries,
            confirmed: next.confirmed,
            blocked,
            asked: next.asked,
        });
        self
    }

    /// What holds its build back, the gravest first.
    fn obstacle(&self, confirmed: bool, guards: &Guards<'_>) -> Option<(BlockedReason, String)> {
        if let Some((wanted, found)) = self.foreign(guards) {
            let message = format!("it is for machine id {wanted}, this machine has {found}");
            return Some((BlockedReason::MachineId, message));
        }
        if let Some(s) = guards.suspension {
            return Some((BlockedReason::Suspended, s.by_whom()));
        }
        let how = match (confirmed, guards.confirmation) {
            (true, _) | (_, Confirmation::None) => {
                let short = |what: &str| (BlockedReason::Space, what.to_owned());
                return guards.shortage.map(short);
            }
            (false, Confirmation::Manual) => "kiln confirm".to_owned(),
            (false, Confirmation::Auto(after)) => {
                format!("kiln confirm, or {} s", after.as_secs_f64())
            }
        };
        let message = format!("the build waits for {how}");
        Some((BlockedReason::Confirmation, message))
    }

    /// The attempt that would come next; `None` when it is built. One that runs is
    /// over by then: what asks this is not in work.
    pub(super) fn next_attempt(&self) -> Option<Next> {
        match self.build()? {
            &Build::Pending {
                attempt,
                tries,
                confirmed,
                asked,
                ..
            } => Some(Next {
                attempt,
                tries,
                asked,
                confirmed,
            }),
            Build::Failed { span, .. } | Build::TimedOut { span, .. } => Some(Next {
                attempt: span.attempt + 1,
                tries: 0,
                asked: 0,
                confirmed: true,
            }),
            Build::Cancelled { span, tries, .. } => Some(Next {
                attempt: span.attempt + 1,
                tries: *tries,
                asked: 0,
                confirmed: true,
            }),
            &Build::Running { attempt, tries, .. } => Some(Next {
                attempt: attempt + 1,
                tries,
                asked: 0,
                confirmed: true,
            }),
            Build::Succeeded { .. } => None,
        }
    }

    /// The same input is known to fail: unless it is for another machine, its
    /// build is not tried.
    pub(in crate::builder) fn build_failure_is_remembered(
        mut self,
        earlier: &Generation,
        now: OffsetDateTime,
    ) -> Result<Self, Illegal> {
        let Some((number, failure)) = earlier.certain_build_failure() else {
            return self.illegal("remember a failure there was not");
        };
        let is_foreign = self
            .blocked()
            .is_some_and(|blocked| blocked.reason == BlockedReason::MachineId);
        match self.build() {
            Some(Build::Pending { .. }) if is_foreign => {}
            Some(&Build::Pending { attempt, .. }) => self.set_build(Build::Failed {
                span: Span::at(attempt, now),
                failure: failure.clone(),
                then: AfterFailure::Remembered(number),
                steps: Steps::default(),
            }),
            _ => return self.illegal("remember a failure"),
        }
        Ok(self)
    }

    /// What holds it back is looked at anew.
    pub(in crate::builder) fn build_reconsidered(
        self,
        now: OffsetDateTime,
        guards: &Guards<'_>,
    ) -> Result<Self, Illegal> {
        match (self.build(), self.next_attempt()) {
            (Some(Build::Pending { .. }), Some(next)) => Ok(self.with_blocked(next, now, guards)),
            _ => self.illegal("be held back"),
        }
    }

    /// What the suspension cancelled waits as its next attempt.
    pub(in crate::builder) fn build_waits_for_resume(
        self,
        now: OffsetDateTime,
        guards: &Guards<'_>,
    ) -> Result<Self, Illegal> {
        match self.next_attempt() {
            Some(next) => Ok(self.with_blocked(next, now, guards)),
            None => self.illegal("wait for a resume"),
        }
    }

    /// The next try after a transient failure.
    pub(super) fn build_tried_again(
        self,
        tries: u32,
        now: OffsetDateTime,
        guards: &Guards<'_>,
    ) -> Result<Self, Illegal> {
        match self.next_attempt() {
            Some(next) => Ok(self.with_blocked(Next { tries, ..next }, now, guards)),
            None => self.illegal("be tried again"),
        }
    }

    /// Somebody asks for it: a new attempt at a build that ended without
    /// success, with its whole budget, or one that waits. Asking is consent.
    pub(in crate::builder) fn build_submitted(
        self,
        now: OffsetDateTime,
        guards: &Guards<'_>,
    ) -> Result<Self, Illegal> {
        let Some(next) = self.next_attempt() else {
            return self.illegal("be submitted");
        };
        let is_waiting = matches!(self.build(), Some(Build::Pending { .. }));
        let next = Next {
            confirmed: true,
            tries: if is_waiting { next.tries } else { 0 },
            ..next
        };
        Ok(self.with_blocked(next, now, guards))
    }

    /// A pending build that nothing holds back begins.
    pub(in crate::builder) fn build_starts(mut self, now: OffsetDateTime) -> Result<Self, Illegal> {
        let Some(&Build::Pending {
            attempt,
            tries,
            asked,
            blocked: None,
            ..
        }) = self.build()
        else {
            return self.illegal("begin its build");
        };
        self.set_build(Build::Running {
            attempt,
            tries,
            asked,
            started_at: now,
            steps: Steps::default(),
        });
        Ok(self)
    }

    /// It built what this host evaluated, and not what its evaluation was taken for.
    pub(in crate::builder) fn build_was_of(mut self, instead: Option<Evaluated>) -> Self {
        if let (Evaluation::Succeeded { evaluated, .. }, Some(instead)) =
            (&mut self.evaluation, instead)
        {
            **evaluated = instead;
        }
        self
    }

    /// A running build ended.
    pub(in crate::builder) fn build_ends(
        mut self,
        end: BuildEnd,
        now: OffsetDateTime,
        guards: &Guards<'_>,
    ) -> Result<Self, Illegal> {
        let Some(&Build::Running {
            attempt,
            tries,
            asked,
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
            BuildEnd::Cancelled(by, steps) => Build::Cancelled {
                span,
                by,
                tries,
                steps,
            },
            BuildEnd::Outcome(outcome) => match outcome {
                BuildOutcome::Succeeded { built, steps } => Build::Succeeded {
                    span,
                    reason: BuildReason::NeedsBuild,
                    built,
                    steps,
                },
                BuildOutcome::Failed { failure, steps } => Build::Failed {
                    span,
                    then: guards.after(&failure, tries, now),
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
                    tries,
                    steps,
                },
                // It was evaluated again for this build, and is gone again.
                BuildOutcome::NotEvaluated { steps } => {
                    let gone = "what the evaluation left is collected as garbage again and again";
                    let failure = Failure::transient(gone);
                    Build::Failed {
                        span,
                        then: guards.after(&failure, tries, now),
                        failure,
                        steps,
                    }
                }
                // Neither an end nor a failure: the attempt goes on when caches
                // are asked again, and its budget of retries stays as it was.
                BuildOutcome::Blocked {
                    reason, message, ..
                } => Build::Pending {
                    attempt,
                    tries,
                    asked: asked.saturating_add(1),
                    confirmed: true,
                    blocked: Some(Blocked {
                        reason,
                        since: now,
                        message,
                    }),
                },
            },
        });
        Ok(self)
    }

    /// A build that waits is left before it began.
    pub(in crate::builder) fn build_left(
        mut self,
        by: CancelledBy,
        now: OffsetDateTime,
    ) -> Result<Self, Illegal> {
        let Some(&Build::Pending { attempt, tries, .. }) = self.build() else {
            return self.illegal("leave its build");
        };
        let span = Span::at(attempt, now);
        self.set_build(Build::Cancelled {
            span,
            by,
            tries,
            steps: Steps::default(),
        });
        Ok(self)
    }
}
