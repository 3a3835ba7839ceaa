//! What time brings: the end of a suspension or a hold, the next try, and the
//! consent that nobody withheld.

use super::Clock;
use super::actor::{AGAIN, Actor};
use super::retry;
use crate::model::{BlockedReason, Build, Confirmation, Evaluation, Generation};
use std::time::Duration;
use time::OffsetDateTime;
use tokio::time::Instant;

/// How long is slept at a time: a host that was suspended, or whose clock was
/// set, is noticed after this at the latest.
const LOOK: Duration = Duration::from_secs(30);

/// What is due at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wake {
    SuspensionEnds,
    HoldEnds,
    NextTry,
    Confirmed,
    /// Caches may have by now what they had not.
    CachesAgain,
}

/// Due when the wall clock says so, which goes on while the host sleeps; or
/// when as much time has passed, should that clock be set back meanwhile.
#[derive(Debug, Clone)]
pub(super) struct Armed {
    wake: Wake,
    until: OffsetDateTime,
    latest: Option<Instant>,
    /// Not before: what it led to could not be recorded.
    rests: Option<Instant>,
}

impl Armed {
    /// `longest`: it never lasts longer from now on, whatever the clock says.
    fn new(wake: Wake, until: OffsetDateTime, longest: Duration, now: OffsetDateTime) -> Self {
        let left = (until - now).try_into().unwrap_or(Duration::ZERO);
        Armed {
            wake,
            until,
            latest: Instant::now().checked_add(longest.min(left)),
            rests: None,
        }
    }

    fn left(&self, now: OffsetDateTime) -> Duration {
        let left = (self.until - now).try_into().unwrap_or(Duration::ZERO);
        let until = |at: Instant| at - Instant::now();
        let left = self.latest.map_or(left, |latest| until(latest).min(left));
        self.rests.map_or(left, |rests| until(rests).max(left))
    }
}

impl Actor {
    /// Keeps what is armed in step with what is due; what was armed before
    /// keeps its time.
    pub(super) fn arm(&mut self) {
        let now = self.now();
        let before = std::mem::take(&mut self.armed);
        let due = self.due().into_iter().flatten();
        self.armed = due
            .map(|(wake, until, longest)| {
                let same = |armed: &&Armed| armed.wake == wake && armed.until == until;
                let kept = before.iter().find(same).cloned();
                kept.unwrap_or_else(|| Armed::new(wake, until, longest, now))
            })
            .collect();
    }

    /// What is due, when, and how long that was meant to last at most.
    fn due(&self) -> [Option<(Wake, OffsetDateTime, Duration)>; 5] {
        let suspension = self.suspension.as_ref();
        let suspension = suspension.and_then(|s| lasting(Wake::SuspensionEnds, s.since, s.until?));
        let hold = self.hold.as_ref();
        let hold = hold.and_then(|hold| lasting(Wake::HoldEnds, hold.since, hold.until?));
        let settled = self.work.as_ref().filter(|_| self.owed.is_none());
        let retry = settled.and_then(Generation::next_try);
        let retry = retry.map(|at| (Wake::NextTry, at, self.config.retry.max_delay));
        [
            suspension,
            hold,
            retry,
            self.confirmed_at(),
            self.caches_asked_at(),
        ]
    }

    /// When the build that waits for consent begins all the same.
    fn confirmed_at(&self) -> Option<(Wake, OffsetDateTime, Duration)> {
        let settled = self.work.as_ref().filter(|_| self.owed.is_none());
        let blocked = settled?.blocked()?;
        match (blocked.reason, self.config.confirmation) {
            (BlockedReason::Confirmation, Confirmation::Auto(after)) => {
                let length = after.try_into().unwrap_or(time::Duration::MAX);
                let at = blocked.since.saturating_add(length);
                Some((Wake::Confirmed, at, after))
            }
            _ => None,
        }
    }

    /// When caches are asked again for what an evaluation or a build waits for:
    /// later each time, and not by a whole fleet in the same second.
    fn caches_asked_at(&self) -> Option<(Wake, OffsetDateTime, Duration)> {
        let work = self.work.as_ref()?;
        let ((Evaluation::Pending { asked, .. }, _) | (_, Some(Build::Pending { asked, .. }))) =
            (&work.evaluation, work.build())
        else {
            return None;
        };
        let blocked = work
            .blocked()
            .filter(|blocked| asks_again(blocked.reason))?;
        let chance = fastrand::Rng::with_seed(seed(&work.uuid)).f64();
        let delay = retry::delay(&self.config.retry, *asked, chance);
        let length = delay.try_into().unwrap_or(time::Duration::MAX);
        let at = blocked.since.saturating_add(length);
        Some((Wake::CachesAgain, at, delay))
    }

    pub(super) async fn wake(&mut self, wake: Wake) {
        match wake {
            Wake::SuspensionEnds => self.suspension_is_over().await,
            Wake::HoldEnds => self.hold_is_over().await,
            Wake::NextTry => self.try_again().await,
            Wake::Confirmed => self.nobody_objected().await,
            Wake::CachesAgain => self.caches_again().await,
        }
    }

    async fn suspension_is_over(&mut self) {
        if let Err(error) = self.resume("kiln: its time was over".to_owned()).await {
            tracing::error!(%error, "the suspension that is over could not be ended; tried again");
            self.rests(Wake::SuspensionEnds);
        }
    }

    /// What it held back takes over: see [`Actor::selection_takes_over`].
    async fn hold_is_over(&mut self) {
        if let Err(error) = self.record_hold(None).await {
            tracing::error!(%error, "the hold is over, and its end could not be recorded; tried again");
            self.rests(Wake::HoldEnds);
        }
    }

    /// It is due still, and waits a while: commands are taken meanwhile.
    fn rests(&mut self, wake: Wake) {
        let rested = Instant::now() + AGAIN;
        for armed in self.armed.iter_mut().filter(|armed| armed.wake == wake) {
            armed.rests = Some(rested);
        }
    }

    async fn try_again(&mut self) {
        let Some(failed) = self.work.take() else {
            return;
        };
        tracing::info!(generation = %failed.number, "tried again");
        match failed.retry_begins(self.now(), &self.guards()) {
            Ok(next) => {
                self.work = Some(next);
                self.proceed().await;
            }
            Err(error) => tracing::error!(%error, "a defect in kiln"),
        }
    }

    async fn caches_again(&mut self) {
        let waits = |work: &mut Generation| matches!(work.evaluation, Evaluation::Pending { .. });
        let Some(waiting) = self.work.take_if(waits) else {
            return self.reconsider().await;
        };
        match waiting.evaluation_reconsidered() {
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
        match waiting.build_submitted(self.now(), &self.guards()) {
            Ok(confirmed) => {
                self.work = Some(confirmed);
                self.proceed().await;
            }
            Err(error) => tracing::error!(%error, "a defect in kiln"),
        }
    }
}

fn lasting(
    wake: Wake,
    since: OffsetDateTime,
    until: OffsetDateTime,
) -> Option<(Wake, OffsetDateTime, Duration)> {
    let longest = (until - since).try_into().unwrap_or(Duration::ZERO);
    Some((wake, until, longest))
}

/// The same for one generation whenever it is asked, another for each.
fn seed(uuid: &str) -> u64 {
    let spread = |seed: u64, byte| seed.wrapping_mul(31).wrapping_add(u64::from(byte));
    uuid.bytes().fold(0, spread)
}

/// Waits for what is due first; for ever when nothing is: then nothing wakes.
pub(super) fn next_due(armed: &[Armed], clock: &Clock) -> impl Future<Output = Wake> + use<> {
    let (armed, clock) = (armed.to_vec(), clock.clone());
    async move {
        loop {
            let left = armed.iter().map(|a| (a.left(clock.now()), a.wake));
            match left.min_by_key(|(left, _)| *left) {
                Some((Duration::ZERO, wake)) => return wake,
                Some((left, _)) => tokio::time::sleep(left.min(LOOK)).await,
                None => std::future::pending().await,
            }
        }
    }
}

/// Whether a cache may have by now what is waited for.
pub(super) fn asks_again(reason: BlockedReason) -> bool {
    match reason {
        BlockedReason::Cache | BlockedReason::Platform => true,
        BlockedReason::Suspended
        | BlockedReason::Confirmation
        | BlockedReason::MachineId
        | BlockedReason::Retry
        | BlockedReason::Space
        | BlockedReason::Building => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

    #[tokio::test(start_paused = true)]
    async fn without_anything_due_nothing_wakes() {
        let asked = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&asked);
        let clock = Clock::new(move || {
            counted.fetch_add(1, Ordering::SeqCst);
            OffsetDateTime::UNIX_EPOCH
        });
        let woken = tokio::time::timeout(YEAR, next_due(&[], &clock)).await;
        assert!(woken.is_err());
        assert_eq!(asked.load(Ordering::SeqCst), 0);
    }
}
