//! What time brings: the end of a suspension or a hold, the next try, and the
//! consent that nobody withheld.

use super::actor::Actor;
use crate::model::{BlockedReason, Build, Confirmation, Generation, now};
use std::time::Duration;
use time::OffsetDateTime;

/// What is due at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wake {
    SuspensionEnds,
    HoldEnds,
    NextTry,
    Confirmed,
}

impl Actor {
    /// What is due first.
    pub(super) fn next_wake(&self) -> Option<(OffsetDateTime, Wake)> {
        let suspension = self.suspension.as_ref().and_then(|s| s.until);
        let hold = self.hold.as_ref().and_then(|hold| hold.until);
        let settled = self.work.as_ref().filter(|_| self.owed.is_none());
        let retry = settled.and_then(Generation::next_try);
        let due = [
            (suspension, Wake::SuspensionEnds),
            (hold, Wake::HoldEnds),
            (retry.map(|at| self.soon(at)), Wake::NextTry),
            (self.confirmed_at(), Wake::Confirmed),
        ];
        let due = due.into_iter().filter_map(|(at, wake)| Some((at?, wake)));
        due.min_by_key(|(at, _)| *at)
    }

    /// A clock that was set back makes no retry wait longer than the longest delay.
    fn soon(&self, at: OffsetDateTime) -> OffsetDateTime {
        let longest = self.config.retry.max_delay.try_into();
        at.min(now().saturating_add(longest.unwrap_or(time::Duration::MAX)))
    }

    /// When the build that waits for consent begins all the same.
    fn confirmed_at(&self) -> Option<OffsetDateTime> {
        let blocked = self.work.as_ref()?.blocked()?;
        match (blocked.reason, self.config.confirmation) {
            (BlockedReason::Confirmation, Confirmation::Auto(after)) => {
                let after = after.try_into().unwrap_or(time::Duration::MAX);
                Some(blocked.since.saturating_add(after))
            }
            _ => None,
        }
    }

    pub(super) async fn wake(&mut self, wake: Wake) {
        match wake {
            Wake::SuspensionEnds => self.suspension_is_over().await,
            Wake::HoldEnds => self.hold_is_over().await,
            Wake::NextTry => self.try_again().await,
            Wake::Confirmed => self.nobody_objected().await,
        }
    }

    pub(super) async fn suspension_is_over(&mut self) {
        if let Err(error) = self.resume("kiln: its time was over".to_owned()).await {
            tracing::error!(%error, "the suspension that is over could not be ended");
            tokio::time::sleep(Duration::from_secs(1)).await; // not at full speed
        }
    }

    /// What it held back takes over: see [`Actor::selection_takes_over`].
    async fn hold_is_over(&mut self) {
        if let Err(error) = self.record_hold(None).await {
            tracing::error!(%error, "the hold is over, and its end could not be recorded");
            tokio::time::sleep(Duration::from_secs(1)).await; // not at full speed
        }
    }

    async fn try_again(&mut self) {
        let Some(failed) = self.work.take() else {
            return;
        };
        tracing::info!(generation = %failed.number, "tried again");
        match failed.retry_begins(now(), &self.guards()) {
            Ok(next) => {
                self.work = Some(next);
                self.proceed().await;
            }
            Err(error) => tracing::error!(%error, "a defect in kiln"),
        }
    }

    async fn nobody_objected(&mut self) {
        let waits = |work: &mut Generation| matches!(work.build(), Some(Build::Pending { .. }));
        let Some(waiting) = self.work.take_if(waits) else {
            return;
        };
        match waiting.build_submitted(now(), &self.guards()) {
            Ok(confirmed) => {
                self.work = Some(confirmed);
                self.proceed().await;
            }
            Err(error) => tracing::error!(%error, "a defect in kiln"),
        }
    }
}

/// Until a time of the wall clock, then what is due.
pub(super) async fn wall_clock(due: Option<(OffsetDateTime, Wake)>) -> Wake {
    match due {
        Some((until, wake)) => {
            let left = (until - now()).try_into().unwrap_or(Duration::ZERO);
            tokio::time::sleep(left).await;
            wake
        }
        None => std::future::pending().await,
    }
}
