//! What a crash or a shutdown interrupted.

use super::build::BuildEnd;
use super::{EvaluationEnd, Guards};
use crate::model::{
    AfterFailure, Blocked, BlockedReason, Build, CancelledBy, Evaluation, Generation,
};
use time::OffsetDateTime;

impl Generation {
    /// The attempt that ran when the agent died has ended with it. `None`: none did.
    pub(in crate::builder) fn died(self, now: OffsetDateTime, guards: &Guards<'_>) -> Option<Self> {
        let by = CancelledBy::Shutdown;
        let died = match (&self.evaluation, self.build()) {
            (Evaluation::Running { .. }, _) => {
                self.evaluation_ends(EvaluationEnd::Cancelled(by), now, guards)
            }
            (_, Some(&Build::Running { steps, .. })) => {
                self.build_ends(BuildEnd::Cancelled(by, steps), now, guards)
            }
            _ => return None,
        };
        died.ok()
    }

    /// After a restart: what a crash or a shutdown interrupted gets a new
    /// attempt under its number. `None`: there is nothing to take up.
    pub(in crate::builder) fn taken_up(
        mut self,
        now: OffsetDateTime,
        guards: &Guards<'_>,
    ) -> Option<Self> {
        if self.next_try().is_some() {
            return Some(self); // its time comes
        }
        let (attempt, tries, anew, asked) = match &self.evaluation {
            Evaluation::Succeeded { .. } => return self.build_taken_up(now, guards),
            &Evaluation::Pending {
                attempt,
                tries,
                anew,
                asked,
                ..
            } => (attempt, tries, anew, asked),
            Evaluation::Running { attempt, tries, .. } => (attempt + 1, *tries, true, 0),
            Evaluation::Cancelled {
                span,
                by: CancelledBy::Shutdown,
                tries,
            } => (span.attempt + 1, *tries, true, 0),
            Evaluation::Failed { .. }
            | Evaluation::TimedOut { .. }
            | Evaluation::Cancelled { .. } => return None,
        };
        // It still waits for space, since then; for a build it does no more, and
        // caches are asked at once.
        let short = |blocked: &&Blocked| blocked.reason == BlockedReason::Space;
        let blocked = self.blocked().filter(short).cloned();
        self.evaluation = Evaluation::Pending {
            attempt,
            tries,
            blocked,
            anew,
            asked,
        };
        Some(self)
    }

    /// After a restart: nobody goes on with what was interrupted. `None`: there is nothing.
    pub(in crate::builder) fn left_behind(
        self,
        by: CancelledBy,
        now: OffsetDateTime,
        guards: &Guards<'_>,
    ) -> Option<Self> {
        let next = self.taken_up(now, guards)?;
        let left = match (next.next_try(), next.build()) {
            (Some(_), _) => next.retry_left(by),
            (None, Some(_)) => next.build_left(by, now),
            (None, None) => next.evaluation_left(by, now),
        };
        left.ok()
    }

    fn build_taken_up(self, now: OffsetDateTime, guards: &Guards<'_>) -> Option<Self> {
        let goes_on = match self.build()? {
            // Suspended while it was built: resume builds it, also after a restart.
            Build::Cancelled {
                by: CancelledBy::Shutdown | CancelledBy::Suspend,
                ..
            }
            | Build::Pending { .. }
            | Build::Running { .. } => true,
            Build::Succeeded { .. }
            | Build::Failed { .. }
            | Build::TimedOut { .. }
            | Build::Cancelled { .. } => false,
        };
        let next = self.next_attempt().filter(|_| goes_on)?;
        Some(self.with_blocked(next, now, guards))
    }

    /// A generation that somebody made by hand took its place before it ended.
    pub(in crate::builder) fn was_superseded(&self) -> bool {
        let cancelled = match (&self.evaluation, self.build()) {
            (Evaluation::Cancelled { by, .. }, _) | (_, Some(Build::Cancelled { by, .. })) => {
                Some(by)
            }
            _ => None,
        };
        let by = cancelled.or(match self.after_failure() {
            Some(AfterFailure::Left { by, .. }) => Some(by),
            _ => None,
        });
        matches!(by, Some(CancelledBy::Superseded(_)))
    }

    /// Its build ran when the agent ended.
    pub(in crate::builder) fn was_being_built(&self) -> bool {
        matches!(
            self.build(),
            Some(
                Build::Running { .. }
                    | Build::Cancelled {
                        by: CancelledBy::Shutdown,
                        ..
                    }
            )
        )
    }
}
