//! When a transient failure is tried again. Pure: time and chance come from outside.

use crate::model::{AfterFailure, Failure, FailureKind, RetryPolicy};
use std::time::Duration;
use time::OffsetDateTime;

/// How far chance moves a delay to either side, so that many hosts do not come
/// back in the same second.
const JITTER: f64 = 0.2;

/// What follows `failure`, after `before` failures in a row; `chance` is in 0..1.
pub(super) fn after(
    policy: &RetryPolicy,
    failure: &Failure,
    before: u32,
    now: OffsetDateTime,
    chance: f64,
) -> AfterFailure {
    let tries = before.saturating_add(1);
    match failure.kind {
        FailureKind::Certain => AfterFailure::Nothing,
        FailureKind::Transient if tries >= policy.attempts => AfterFailure::GivenUp { tries },
        FailureKind::Transient => {
            let delay = delay(policy, tries, chance).try_into();
            let next_at = now.saturating_add(delay.unwrap_or(time::Duration::MAX));
            AfterFailure::Retry { tries, next_at }
        }
    }
}

/// The pause after `tries` failures: doubled each time, moved by chance, capped.
pub(super) fn delay(policy: &RetryPolicy, tries: u32, chance: f64) -> Duration {
    let doublings = tries.saturating_sub(1).min(31);
    let doubled = policy.first_delay.saturating_mul(1 << doublings);
    let moved = 1.0 - JITTER + 2.0 * JITTER * chance.clamp(0.0, 1.0);
    doubled
        .min(policy.max_delay)
        .mul_f64(moved)
        .min(policy.max_delay)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn b19_only_a_transient_failure_is_tried_again_and_only_within_the_budget() {
        let policy = RetryPolicy {
            attempts: 3,
            ..RetryPolicy::default()
        };
        let now = OffsetDateTime::UNIX_EPOCH;
        let then = |failure: &Failure, before| after(&policy, failure, before, now, 0.5);
        let (certain, transient) = (Failure::certain("x"), Failure::transient("x"));
        assert_eq!(then(&certain, 0), AfterFailure::Nothing);
        let next_at = now + policy.first_delay;
        assert_eq!(
            then(&transient, 0),
            AfterFailure::Retry { tries: 1, next_at }
        );
        let next_at = now + 2 * policy.first_delay;
        assert_eq!(
            then(&transient, 1),
            AfterFailure::Retry { tries: 2, next_at }
        );
        assert_eq!(then(&transient, 2), AfterFailure::GivenUp { tries: 3 });
        assert_eq!(
            then(&transient, u32::MAX),
            AfterFailure::GivenUp { tries: u32::MAX }
        );
    }

    proptest! {
        #[test]
        fn b19_delays_grow_until_they_are_capped(
            first in 1u64..10_000, factor in 1u64..1000, tries in 1u32..100, one in 0.0..1.0, two in 0.0..1.0,
        ) {
            let first_delay = Duration::from_millis(first);
            let policy = RetryPolicy { attempts: 200, first_delay, max_delay: first_delay * factor as u32 };
            let (now, next) = (delay(&policy, tries, one), delay(&policy, tries + 1, two));
            prop_assert!(now <= policy.max_delay && now >= first_delay.mul_f64(0.79));
            let capped = 2 * now >= policy.max_delay;
            prop_assert!(next > now || capped, "{now:?}, then {next:?}");
        }
    }
}
