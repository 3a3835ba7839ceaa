//! Failures that are tried again, that are remembered, and caches that are asked again.

use crate::builder_bench::*;
use kiln::builder::{Phase, Refusal};
use kiln::model::{AfterFailure, BlockedReason, Build, CancelledBy, Evaluation, Failure};
use std::time::Duration;

#[tokio::test(start_paused = true)]
async fn b19_a_transient_failure_is_tried_again_with_growing_delays_within_its_budget() {
    let mut bench = Bench::with(Policies::attempts(3)).await;
    bench.eval("a").await;
    let mut waited = Vec::new();
    for tries in 1..=3u32 {
        let before = tokio::time::Instant::now();
        let call = bench.evaluation("a").await;
        waited.push(before.elapsed());
        call.fails(network());
        if tries < 3 {
            bench.phase(Phase::Waiting).await;
            assert!(bench.generation(N1).next_try().is_some());
        }
    }
    assert!(waited[1] >= Duration::from_secs(8), "{waited:?}");
    assert!(waited[2] > waited[1], "{waited:?}");
    bench.idle().await;
    let after = bench.generation(N1).after_failure().cloned();
    assert_eq!(after, Some(AfterFailure::GivenUp { tries: 3 }));
    assert_eq!(
        bench.times("eval_finished 1").await,
        3,
        "one for each attempt"
    );
}

#[tokio::test(start_paused = true)]
async fn b19_a_build_is_tried_again_also_after_a_crash_and_its_budget_goes_on() {
    let mut bench = Bench::with(Policies::attempts(2)).await;
    bench.building("a").await.fails(network());
    bench.phase(Phase::Waiting).await;
    let next = bench.generation(N1).next_try();
    let mut bench = bench.crash().await;
    bench.phase(Phase::Waiting).await;
    assert_eq!(bench.generation(N1).next_try(), next);
    bench.build("a").await.fails(network());
    bench.idle().await;
    let after = bench.generation(N1).after_failure().cloned();
    assert_eq!(after, Some(AfterFailure::GivenUp { tries: 2 }));
    // Asked for by hand, the budget begins anew.
    bench.handle.submit_build(None, false).await.unwrap();
    bench.build("a").await.fails(network());
    bench.builds("a").await;
    assert!(bench.generation(N1).built().is_some());
}

#[tokio::test(start_paused = true)]
async fn b19_what_no_cache_has_is_asked_for_again_without_end_and_ends_once() {
    let mut bench = Bench::with(Policies::attempts(2)).await;
    bench.evaluated("a").await;
    let mut waited = Vec::new();
    for _ in 0..8 {
        let before = tokio::time::Instant::now();
        bench.build("a").await.lacks_cache();
        waited.push(before.elapsed());
        bench.phase(Phase::Waiting).await;
        let blocked = bench.generation(N1).blocked().cloned().unwrap();
        assert_eq!(blocked.reason, BlockedReason::Cache);
    }
    assert!(
        waited[2] > waited[1] && waited[7] <= Duration::from_secs(601), // timers round up
        "{waited:?}"
    );
    // A restart asks at once; so does a suspension that is over.
    let mut bench = bench.crash().await;
    bench.build("a").await.lacks_cache();
    bench.phase(Phase::Waiting).await;
    bench.builds("a").await;
    assert!(bench.generation(N1).built().is_some());
    assert_eq!(bench.times("build_finished 1").await, 1);
}

#[tokio::test(start_paused = true)]
async fn b19_waiting_for_a_cache_leaves_the_budget_of_retries_as_it_was_and_begins_once() {
    let mut bench = Bench::with(Policies::attempts(2)).await;
    bench.evaluated("a").await;
    for _ in 0..5 {
        bench.build("a").await.lacks_cache();
        bench.phase(Phase::Waiting).await;
    }
    assert_eq!(bench.times("build_started 1").await, 1, "one attempt");
    bench.build("a").await.fails(network());
    bench.builds("a").await;
    assert!(bench.generation(N1).built().is_some());
    assert_eq!(bench.times("build_started 1").await, 2);
    assert_eq!(bench.times("build_finished 1").await, 2);
}

#[tokio::test(start_paused = true)]
async fn b19_a_build_that_waits_for_a_cache_gives_way_to_a_newer_commit_and_to_a_stop() {
    let mut bench = Bench::new().await;
    for name in ["a", "b"] {
        bench.building(name).await.lacks_cache();
        bench.phase(Phase::Waiting).await;
    }
    bench.handle.stop().await.unwrap();
    tokio::time::sleep(HOUR).await;
    bench.idle().await;
    for (number, by) in [(N1, CancelledBy::Superseded(N2)), (N2, CancelledBy::Stop)] {
        let generation = bench.generation(number);
        let Some(Build::Cancelled { by: found, .. }) = generation.build() else {
            panic!("{generation:#?}");
        };
        assert_eq!(*found, by);
    }
}

#[tokio::test(start_paused = true)]
async fn b19_an_evaluation_waits_for_a_record_without_end_begins_once_and_asks_ever_later() {
    let mut bench = Bench::with(Policies::attempts(2)).await;
    bench.eval("a").await;
    let mut waited = Vec::new();
    for _ in 0..8 {
        let before = tokio::time::Instant::now();
        bench.evaluation("a").await.lacks_cache();
        waited.push(before.elapsed());
        bench.phase(Phase::Waiting).await;
        assert_eq!(bench.why_it_waits(N1), Some(BlockedReason::Cache));
        assert!(bench.generation(N1).failure().is_none());
    }
    assert!(
        waited[2] > waited[1] && waited[7] <= Duration::from_secs(601), // timers round up
        "{waited:?}"
    );
    // Suspended it goes on asking; a restart asks at once, under the same attempt.
    bench.suspend().await;
    bench.evaluation("a").await.lacks_cache();
    bench.phase(Phase::Waiting).await;
    bench.resume().await;
    assert_eq!(bench.why_it_waits(N1), Some(BlockedReason::Cache));
    let mut bench = bench.crash().await;
    bench.evaluation("a").await.lacks_cache();
    bench.phase(Phase::Waiting).await;
    assert_eq!(bench.times("eval_started 1").await, 1, "one attempt");
    // What may pass is tried again with the whole budget.
    bench.evaluation("a").await.fails(network());
    bench.evaluates_and_builds("a").await;
    assert_eq!(bench.times("eval_started 1").await, 2);
    assert_eq!(bench.times("eval_finished 1").await, 2);
}

#[tokio::test(start_paused = true)]
async fn b19_an_evaluation_that_waits_for_a_record_gives_way_to_a_newer_commit_and_to_a_stop() {
    let mut bench = Bench::new().await;
    for name in ["a", "b"] {
        bench.eval(name).await;
        bench.evaluation(name).await.lacks_cache();
        bench.phase(Phase::Waiting).await;
    }
    bench.handle.stop().await.unwrap();
    tokio::time::sleep(HOUR).await;
    bench.idle().await;
    for (number, by) in [(N1, CancelledBy::Superseded(N2)), (N2, CancelledBy::Stop)] {
        let generation = bench.generation(number);
        let Evaluation::Cancelled { by: found, .. } = generation.evaluation else {
            panic!("{generation:#?}");
        };
        assert_eq!(found, by);
    }
    // Asked by hand, it is looked for at once; what is stopped meanwhile ends.
    bench.eval("b").await;
    let evaluation = bench.evaluation("b").await;
    bench.handle.stop().await.unwrap();
    assert!(evaluation.is_gone());
    assert_eq!(bench.times("eval_finished 3").await, 1);
}

#[tokio::test(start_paused = true)]
async fn b19_a_next_try_gives_way_to_a_newer_commit_and_to_a_stop() {
    let mut bench = Bench::new().await;
    for name in ["a", "b"] {
        bench.eval(name).await;
        bench.evaluation(name).await.fails(network());
        bench.phase(Phase::Waiting).await;
    }
    bench.handle.stop().await.unwrap();
    tokio::time::sleep(HOUR).await;
    bench.idle().await;
    for (number, by) in [(N1, CancelledBy::Superseded(N2)), (N2, CancelledBy::Stop)] {
        let after = bench.generation(number).after_failure().cloned();
        assert_eq!(after, Some(AfterFailure::Left { tries: 1, by }));
    }
}

#[tokio::test(start_paused = true)]
async fn b19_a_certain_failure_is_remembered_until_somebody_asks() {
    let mut bench = Bench::new().await;
    bench.select("a").await;
    bench
        .evaluation("a")
        .await
        .fails(Failure::certain("kiln.star:1:1: no"));
    bench.idle().await;
    bench.select("b").await;
    bench.evaluation("b").await.evaluates();
    bench.build("b").await.fails(Failure::certain("exit 1"));
    bench.idle().await;
    // Neither is tried again when it is selected again.
    bench.select("a").await;
    bench.idle().await;
    let remembered = |n| Some(AfterFailure::Remembered(n));
    assert_eq!(
        bench.generation(N3).after_failure().cloned(),
        remembered(N1)
    );
    bench.select("b").await;
    bench.idle().await;
    assert_eq!(
        bench.generation(N4).after_failure().cloned(),
        remembered(N2)
    );
    // Only with the word for it.
    let (number, failed) = (N4, N2);
    let refusal = bench.handle.submit_build(None, false).await;
    assert_eq!(refusal, Err(Refusal::FailedBefore { number, failed }));
    bench.handle.submit_build(None, true).await.unwrap();
    bench.builds("b").await;
    assert!(bench.generation(N4).built().is_some());
    // By hand it always evaluates.
    bench.eval_and_build("a").await;
}

#[tokio::test(start_paused = true)]
async fn b19_the_budget_of_retries_goes_on_over_a_shutdown_and_a_suspension() {
    let mut bench = Bench::with(Policies::attempts(2)).await;
    let given_up = Some(AfterFailure::GivenUp { tries: 2 });
    bench.eval("a").await;
    bench.evaluation("a").await.fails(network());
    drop(bench.evaluation("a").await);
    let mut bench = bench.restart_with(|_| ()).await;
    bench.evaluation("a").await.fails(network());
    bench.idle().await;
    assert_eq!(bench.generation(N1).after_failure().cloned(), given_up);
    bench.building("b").await.fails(network());
    drop(bench.build("b").await);
    let mut bench = bench.restart_with(|_| ()).await;
    drop(bench.build("b").await);
    bench.suspend().await;
    bench.resume().await;
    bench.build("b").await.fails(network());
    bench.idle().await;
    assert_eq!(bench.generation(N2).after_failure().cloned(), given_up);
}
