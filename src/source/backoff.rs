//! When a remote is polled next. Pure.

use std::time::Duration;

/// Back-off never waits longer than this, unless the interval itself does.
const LONGEST: Duration = Duration::from_secs(3600);

/// Until the next poll after `failures` failed ones in a row: doubling from the
/// interval up to ten times it, at most an hour.
pub fn delay(interval: Duration, failures: u32) -> Duration {
    let factor = 2u32.saturating_pow(failures).min(10);
    interval.saturating_mul(factor).min(LONGEST.max(interval))
}

/// `delay` within ±10 %, so that a fleet does not poll in step; `random` is
/// from 0 up to 1.
pub fn jittered(delay: Duration, random: f64) -> Duration {
    delay.mul_f64(0.9 + 0.2 * random.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s10_back_off_grows_to_a_cap_and_ends_on_success() {
        let minute = Duration::from_secs(60);
        let seconds = |failures| delay(minute, failures).as_secs();
        assert_eq!(
            [0, 1, 2, 3, 4, 5, u32::MAX].map(seconds),
            [60, 120, 240, 480, 600, 600, 600]
        );
        let quarter = Duration::from_secs(900);
        assert_eq!(
            [0, 1, 2, 9].map(|n| delay(quarter, n).as_secs()),
            [900, 1800, 3600, 3600]
        );
        assert_eq!(delay(Duration::from_secs(7200), 3).as_secs(), 7200);
        assert_eq!(delay(Duration::ZERO, 3), Duration::ZERO);
    }

    #[test]
    fn s10_jitter_stays_within_a_tenth() {
        let minute = Duration::from_secs(60);
        assert_eq!(jittered(minute, 0.0).as_secs(), 54);
        assert_eq!(jittered(minute, 0.5).as_secs(), 60);
        assert_eq!(jittered(minute, 1.0).as_secs(), 66);
    }
}
