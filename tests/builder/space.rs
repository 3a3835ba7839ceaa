//! Too little space to begin.

use crate::builder_bench::*;
use kiln::builder::Phase;
use kiln::model::{BlockedReason, CancelledBy, Evaluation};

#[tokio::test(start_paused = true)]
async fn n05_nothing_starts_while_space_is_short_and_goes_on_by_itself() {
    let policies = Policies::default();
    let disk = policies.room.clone();
    disk.set_full(true);
    let bench = Bench::with(policies).await;
    bench.eval("a").await;
    bench.phase(Phase::Waiting).await;
    assert_eq!(bench.why_it_waits(N1), Some(BlockedReason::Space));
    let since = bench.generation(N1).blocked().unwrap().since;
    let mut bench = bench.crash().await;
    tokio::time::sleep(HOUR).await;
    assert_eq!(bench.generation(N1).blocked().unwrap().since, since);
    disk.set_full(false);
    let evaluation = bench.evaluation("a").await;
    // Full again before the build: that waits too.
    disk.set_full(true);
    evaluation.evaluates();
    bench.phase(Phase::Waiting).await;
    assert_eq!(bench.why_it_waits(N1), Some(BlockedReason::Space));
    bench.suspend().await;
    bench.resume().await;
    assert_eq!(bench.why_it_waits(N1), Some(BlockedReason::Space));
    disk.set_full(false);
    bench.builds("a").await;
}

#[tokio::test(start_paused = true)]
async fn n05_what_waits_for_space_is_superseded_by_a_newer_generation() {
    let policies = Policies::default();
    let disk = policies.room.clone();
    disk.set_full(true);
    let mut bench = Bench::with(policies).await;
    bench.eval("a").await;
    bench.phase(Phase::Waiting).await;
    bench.eval("b").await;
    assert!(matches!(
        bench.generation(N1).evaluation,
        Evaluation::Cancelled {
            by: CancelledBy::Superseded(N2),
            ..
        }
    ));
    assert_eq!(bench.why_it_waits(N2), Some(BlockedReason::Space));
    disk.set_full(false);
    bench.evaluates_and_builds("b").await;
}

#[tokio::test(start_paused = true)]
async fn b10_what_waits_for_space_is_cancelled_and_stays_so_when_there_is_space() {
    let policies = Policies::default();
    let disk = policies.room.clone();
    disk.set_full(true);
    let mut bench = Bench::with(policies).await;
    bench.eval("a").await;
    bench.phase(Phase::Waiting).await;
    assert_eq!(bench.handle.stop().await.unwrap().phase, Phase::Idle);
    disk.set_full(false);
    tokio::time::sleep(HOUR).await;
    assert!(matches!(
        bench.generation(N1).evaluation,
        Evaluation::Cancelled {
            by: CancelledBy::Stop,
            ..
        }
    ));
    bench.eval("b").await;
    bench.evaluates_and_builds("b").await;
}

#[tokio::test(start_paused = true)]
async fn b07_a_build_that_a_start_has_no_space_for_gives_way_to_what_waited_for_it() {
    let policies = Policies::finish_build(5);
    let disk = policies.room.clone();
    let mut bench = Bench::with(policies).await;
    let _build = bench.building("a").await;
    disk.set_full(true);
    bench.eval("b").await;
    let mut bench = bench.crash().await;
    bench.settled().await;
    assert!(bench.generation(N1).is_ended());
    let blocked = bench.generation(N2).blocked().cloned();
    assert_eq!(blocked.map(|why| why.reason), Some(BlockedReason::Space));
    disk.set_full(false);
    bench.evaluates_and_builds("b").await;
    assert_eq!(bench.reader().current().unwrap().number, N2);
}
