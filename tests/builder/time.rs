//! The wall clock, which is set, goes back, and goes on while the host sleeps.

use crate::builder_bench::*;
use kiln::builder::Phase;
use kiln::model::{Confirmation, Failure, RetryPolicy};
use std::time::Duration;
use tokio::time::Instant;

const DAY_SECONDS: i64 = 24 * 3600;

/// What a clock that was set takes to be noticed at most.
const SOON: Duration = Duration::from_secs(31);

/// Something waits an hour, and then `a` is built.
#[derive(Debug, Clone, Copy)]
enum Timer {
    Suspension,
    Hold,
    Consent,
    Retry,
}

const TIMERS: [Timer; 4] = [Timer::Suspension, Timer::Hold, Timer::Consent, Timer::Retry];

async fn waiting(timer: Timer) -> Bench {
    let mut policies = Policies::default();
    match timer {
        Timer::Consent => policies.confirmation = Confirmation::Auto(HOUR),
        Timer::Retry => {
            policies.retry = RetryPolicy {
                attempts: 2,
                first_delay: HOUR,
                max_delay: HOUR,
            };
        }
        Timer::Suspension | Timer::Hold => {}
    }
    let mut bench = Bench::with(policies).await;
    match timer {
        Timer::Suspension => {
            let suspended = bench.handle.suspend("x".into(), Some(HOUR), "ann".into());
            suspended.await.unwrap();
            bench.evaluated("a").await;
        }
        Timer::Hold => {
            bench.eval_held("held", Some(HOUR)).await;
            let failure = Failure::certain("no");
            bench.evaluation("held").await.fails(failure);
            bench.idle().await;
            bench.select("a").await;
            return bench;
        }
        Timer::Consent => {
            bench.evaluated("a").await;
        }
        Timer::Retry => {
            bench.evaluated("a").await;
            let failure = Failure::transient("connection reset");
            bench.build("a").await.fails(failure);
        }
    }
    bench.phase(Phase::Waiting).await;
    bench
}

/// How long `a` waits for its build.
async fn waits(bench: &mut Bench, timer: Timer) -> Duration {
    let before = Instant::now();
    if let Timer::Hold = timer {
        bench.evaluation("a").await.evaluates();
    }
    bench.build("a").await.builds();
    let waited = before.elapsed();
    bench.idle().await;
    waited
}

#[tokio::test(start_paused = true)]
async fn d04_what_is_due_while_the_host_sleeps_happens_soon_after() {
    for timer in TIMERS {
        let mut bench = waiting(timer).await;
        bench.clock_is_set(DAY_SECONDS);
        let waited = waits(&mut bench, timer).await;
        assert!(waited <= SOON, "{timer:?}: {waited:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn d04_a_clock_set_back_makes_nothing_wait_longer() {
    for timer in TIMERS {
        let mut bench = waiting(timer).await;
        bench.clock_is_set(-DAY_SECONDS);
        tokio::time::sleep(HOUR / 2).await;
        // Whatever the Builder is asked meanwhile.
        let timeouts = kiln::builder::Timeouts {
            eval_timeout: HOUR,
            eval_memory: Some(1 << 30),
            build_timeout: HOUR,
            silence_timeout: HOUR,
        };
        bench.handle.configure(timeouts).await.unwrap();
        let waited = waits(&mut bench, timer).await;
        assert!(waited <= HOUR / 2 + SOON, "{timer:?}: {waited:?}");
        assert!(waited >= HOUR / 4, "{timer:?}: {waited:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn d04_a_clock_set_back_before_a_restart_makes_nothing_wait_longer_than_asked_for() {
    for timer in TIMERS {
        let bench = waiting(timer).await;
        bench.clock_is_set(-DAY_SECONDS);
        let mut bench = bench.crash().await;
        if let Timer::Hold = timer {
            bench.select("a").await;
        }
        let waited = waits(&mut bench, timer).await;
        assert!(waited <= HOUR + SOON, "{timer:?}: {waited:?}");
    }
}
