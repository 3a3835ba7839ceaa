//! What comes next, and what an end leads to: pure.

use super::run::{End, Outcome};
use crate::model::{
    CancelledBy, Generation, GenerationNumber, Hook, HookName, HookStatus, Occasion, Span,
};
use std::time::Duration;
use time::OffsetDateTime;

/// Between a failure and its retry, doubled each time up to [`MAX_DELAY`].
const FIRST_DELAY: Duration = Duration::from_secs(1);
const MAX_DELAY: Duration = Duration::from_secs(60);

/// One hook of one generation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    pub number: GenerationNumber,
    pub name: HookName,
    pub on: Occasion,
}

/// What is to be done next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Next {
    /// It was running when the last agent ended: its end is waited for.
    Adopt(Key, u32, OffsetDateTime),
    /// It does not begin any more.
    Cancel(Key, CancelledBy),
    Run(Key, u32),
}

/// Of the generations with hooks that wait or run, oldest first.
///
/// A `built` hook of a generation that is not current any more is left out,
/// unless an earlier hook of it has run: then it is gone through to its end,
/// without retries.
pub(super) fn next(
    open: &[Generation],
    current: Option<GenerationNumber>,
    suspended: bool,
    is_configured: impl Fn(&HookName) -> bool,
) -> Option<Next> {
    let mut first = None;
    for generation in open {
        for hook in &generation.hooks {
            let key = Key {
                number: generation.number,
                name: hook.name.clone(),
                on: hook.on,
            };
            let attempt = match hook.status {
                HookStatus::Running {
                    attempt,
                    started_at,
                } => return Some(Next::Adopt(key, attempt, started_at)),
                HookStatus::Pending { attempt } => attempt,
                HookStatus::Succeeded { .. }
                | HookStatus::Failed { .. }
                | HookStatus::TimedOut { .. }
                | HookStatus::Cancelled { .. } => continue,
            };
            let step = match left_by(generation, hook.on, attempt, current) {
                Some(newer) => Next::Cancel(key, CancelledBy::Superseded(newer)),
                None if !is_configured(&key.name) => Next::Cancel(key, CancelledBy::Stop),
                // What tells of the suspension is not held back by it.
                None if suspended && hook.on != Occasion::Suspended => continue,
                None => Next::Run(key, attempt),
            };
            // Records first: they cost nothing, and somebody may wait for them.
            match step {
                Next::Cancel(..) => return Some(step),
                Next::Adopt(..) | Next::Run(..) => first = first.or(Some(step)),
            }
        }
    }
    first
}

/// The generation that took over before this attempt began.
fn left_by(
    generation: &Generation,
    on: Occasion,
    attempt: u32,
    current: Option<GenerationNumber>,
) -> Option<GenerationNumber> {
    let newer = current.filter(|current| *current != generation.number)?;
    let begun = |hook: &Hook| match hook.status {
        HookStatus::Pending { attempt } => attempt > 1,
        HookStatus::Cancelled { .. } => false,
        HookStatus::Running { .. }
        | HookStatus::Succeeded { .. }
        | HookStatus::Failed { .. }
        | HookStatus::TimedOut { .. } => true,
    };
    let mut built = generation
        .hooks
        .iter()
        .filter(|hook| hook.on == Occasion::Built);
    (on == Occasion::Built && (attempt > 1 || !built.any(begun))).then_some(newer)
}

/// What became of an attempt, and how long to wait before the next one.
pub(super) fn after(
    outcome: Outcome,
    attempt: u32,
    retries: u32,
) -> (HookStatus, Option<Duration>) {
    let span = Span {
        attempt,
        started_at: outcome.started_at,
        ended_at: outcome.ended_at,
    };
    let log_tail = outcome.log_tail;
    match outcome.end {
        End::Exited { code: 0 } => (HookStatus::Succeeded { span }, None),
        End::Exited { .. } if attempt <= retries => {
            let attempt = attempt + 1;
            (HookStatus::Pending { attempt }, Some(delay(attempt)))
        }
        End::Exited { code: exit_code } => {
            let failed = HookStatus::Failed {
                span,
                exit_code,
                log_tail,
            };
            (failed, None)
        }
        // It had its time: again would hold all others up as long.
        End::TimedOut => (HookStatus::TimedOut { span, log_tail }, None),
    }
}

fn delay(attempt: u32) -> Duration {
    let doubled = FIRST_DELAY.saturating_mul(1 << (attempt.saturating_sub(2)).min(16));
    doubled.min(MAX_DELAY)
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
