//! The Builder's policies: what follows what when builds may finish first, wait
//! for consent, are tried again, or are held back. Scenarios B7 and B19.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test says what went wrong by panicking"
)]

#[path = "common/builder_bench.rs"]
mod builder_bench;

use builder_bench::*;
use kiln::builder::{Phase, Refusal};
use kiln::model::{
    AfterFailure, BlockedReason, Build, CancelledBy, Confirmation, Evaluation, Failure,
    GenerationNumber, Preemption, RetryPolicy,
};
use std::time::Duration;

const N1: GenerationNumber = GenerationNumber(1);
const N2: GenerationNumber = GenerationNumber(2);
const N3: GenerationNumber = GenerationNumber(3);
const N4: GenerationNumber = GenerationNumber(4);
const HOUR: Duration = Duration::from_secs(3600);

fn finish_build(limit: u32) -> Policies {
    Policies {
        preemption: Preemption::FinishBuild(limit),
        ..Policies::default()
    }
}

fn confirmation(confirmation: Confirmation) -> Policies {
    Policies {
        confirmation,
        ..Policies::default()
    }
}

fn attempts(attempts: u32) -> Policies {
    let retry = RetryPolicy {
        attempts,
        ..RetryPolicy::default()
    };
    Policies {
        retry,
        ..Policies::default()
    }
}

fn network() -> Failure {
    Failure::transient("connection reset")
}

fn why_it_waits(bench: &Bench, number: GenerationNumber) -> Option<BlockedReason> {
    Some(bench.generation(number).blocked()?.reason)
}

async fn ends(bench: &Bench, end: &str) -> usize {
    let events = bench.events().await;
    events.iter().filter(|event| *event == end).count()
}

#[tokio::test(start_paused = true)]
async fn b07_with_finish_build_the_build_ends_first_and_only_the_newest_waits() {
    let mut bench = Bench::with(finish_build(5)).await;
    bench.eval("a").await;
    bench.evaluation("a").await.evaluates();
    let build = bench.build("a").await;
    bench.eval("b").await;
    assert_eq!(why_it_waits(&bench, N2), Some(BlockedReason::Building));
    bench.eval("c").await;
    let Evaluation::Cancelled { by, .. } = bench.generation(N2).evaluation else {
        panic!()
    };
    assert_eq!(by, CancelledBy::Superseded(N3));
    assert_eq!(ends(&bench, "eval_finished 2").await, 1);
    assert!(!build.is_gone());
    build.builds();
    bench.evaluation("c").await.evaluates();
    assert!(bench.generation(N1).built().is_some());
    bench.build("c").await.builds();
    bench.idle().await;
    assert!(bench.generation(N3).built().is_some());
    assert_eq!(bench.most_at_once(), 1);
}

#[tokio::test(start_paused = true)]
async fn b07_after_enough_builds_in_a_row_the_newest_wins_once() {
    let mut bench = Bench::with(finish_build(1)).await;
    bench.eval("a").await;
    bench.evaluation("a").await.evaluates();
    let first = bench.build("a").await;
    bench.eval("b").await;
    first.builds();
    bench.evaluation("b").await.evaluates();
    let second = bench.build("b").await;
    bench.eval("c").await;
    assert!(second.is_gone(), "one build in a row was finished before");
    bench.evaluation("c").await.evaluates();
    let third = bench.build("c").await;
    bench.eval("d").await;
    assert!(!third.is_gone(), "only once");
    third.fails(Failure::certain("exit 1"));
    bench.evaluation("d").await.evaluates();
    bench.build("d").await.builds();
    bench.idle().await;
    assert!(bench.generation(N4).built().is_some());
}

#[tokio::test(start_paused = true)]
async fn b07_b18_a_row_of_builds_ends_where_nothing_follows() {
    let mut bench = Bench::with(finish_build(1)).await;
    bench.eval("again").await;
    bench.evaluation("again").await.evaluates();
    let failed = bench.build("again").await;
    failed.fails(Failure::certain("exit 1"));
    bench.idle().await;
    bench.eval("a").await;
    bench.evaluation("a").await.evaluates();
    let build = bench.build("a").await;
    bench.eval("b").await;
    build.builds();
    let failed = bench.evaluation("b").await;
    failed.fails(Failure::certain("no"));
    bench.idle().await;
    bench.handle.submit_build(Some(N1), true).await.unwrap();
    let build = bench.build("again").await;
    bench.eval("c").await;
    assert!(!build.is_gone(), "nothing waited since the build before it");
    let mut bench = bench.crash().await;
    let build = bench.build("again").await;
    bench.eval("d").await;
    assert!(!build.is_gone(), "the record says so too");
}

#[tokio::test(start_paused = true)]
async fn b07_what_waits_for_a_build_survives_a_crash_and_ends_with_a_stop() {
    let mut bench = Bench::with(finish_build(5)).await;
    bench.eval("a").await;
    bench.evaluation("a").await.evaluates();
    let _build = bench.build("a").await;
    bench.eval("b").await;
    let mut bench = bench.crash().await;
    bench.build("a").await.builds();
    bench.evaluation("b").await.evaluates();
    let _build = bench.build("b").await;
    bench.eval("c").await;
    assert_eq!(bench.handle.stop().await.unwrap().phase, Phase::Idle);
    for (number, end) in [(N2, "build_finished 2"), (N3, "eval_finished 3")] {
        assert!(bench.generation(number).is_ended(), "{number}");
        assert_eq!(ends(&bench, end).await, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn b07_what_is_known_of_a_commit_that_waits_for_a_build_is_known_after_a_crash_too() {
    let mut bench = Bench::with(finish_build(5)).await;
    bench.select("a").await;
    bench.evaluation("a").await.evaluates();
    bench.build("a").await.builds();
    bench.outputs_exist("a");
    bench.select("b").await;
    bench.evaluation("b").await.evaluates();
    let _build = bench.build("b").await;
    bench.select("a").await;
    let mut bench = bench.crash().await;
    bench.build("b").await.builds();
    bench.settled().await;
    bench.idle().await;
    assert!(bench.generation(N3).built().is_some());
    // What somebody asks for is evaluated, whatever is known.
    bench.select("c").await;
    bench.evaluation("c").await.evaluates();
    let _build = bench.build("c").await;
    bench.eval("a").await;
    let mut bench = bench.crash().await;
    bench.build("c").await.builds();
    bench.evaluation("a").await.evaluates();
    bench.settled().await;
    bench.idle().await;
}

#[tokio::test(start_paused = true)]
async fn b07_a_suspension_lets_what_waited_take_the_place_of_the_build() {
    let mut bench = Bench::with(finish_build(5)).await;
    bench.eval("a").await;
    bench.evaluation("a").await.evaluates();
    let build = bench.build("a").await;
    bench.eval("b").await;
    bench
        .handle
        .suspend("x".into(), None, "ann".into())
        .await
        .unwrap();
    assert!(build.is_gone());
    bench.evaluation("b").await.evaluates();
    bench.phase(Phase::Waiting).await;
    bench.handle.resume("ann".into()).await.unwrap();
    bench.build("b").await.builds();
    bench.idle().await;
}

#[tokio::test(start_paused = true)]
async fn b19_a_transient_failure_is_tried_again_with_growing_delays_within_its_budget() {
    let mut bench = Bench::with(attempts(3)).await;
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
        ends(&bench, "eval_finished 1").await,
        3,
        "one for each attempt"
    );
}

#[tokio::test(start_paused = true)]
async fn b19_a_build_is_tried_again_also_after_a_crash_and_its_budget_goes_on() {
    let mut bench = Bench::with(attempts(2)).await;
    bench.eval("a").await;
    bench.evaluation("a").await.evaluates();
    bench.build("a").await.fails(network());
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
    bench.build("a").await.builds();
    bench.idle().await;
    assert!(bench.generation(N1).built().is_some());
}

#[tokio::test(start_paused = true)]
async fn b19_what_no_cache_has_is_asked_for_again_without_end_and_ends_once() {
    let mut bench = Bench::with(attempts(2)).await;
    bench.eval("a").await;
    bench.evaluation("a").await.evaluates();
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
    bench.build("a").await.builds();
    bench.idle().await;
    assert!(bench.generation(N1).built().is_some());
    assert_eq!(ends(&bench, "build_finished 1").await, 1);
}

#[tokio::test(start_paused = true)]
async fn b19_waiting_for_a_cache_leaves_the_budget_of_retries_as_it_was_and_begins_once() {
    let mut bench = Bench::with(attempts(2)).await;
    bench.eval("a").await;
    bench.evaluation("a").await.evaluates();
    for _ in 0..5 {
        bench.build("a").await.lacks_cache();
        bench.phase(Phase::Waiting).await;
    }
    assert_eq!(ends(&bench, "build_started 1").await, 1, "one attempt");
    bench.build("a").await.fails(network());
    bench.build("a").await.builds();
    bench.idle().await;
    assert!(bench.generation(N1).built().is_some());
    assert_eq!(ends(&bench, "build_started 1").await, 2);
    assert_eq!(ends(&bench, "build_finished 1").await, 2);
}

#[tokio::test(start_paused = true)]
async fn b19_a_build_that_waits_for_a_cache_gives_way_to_a_newer_commit_and_to_a_stop() {
    let mut bench = Bench::new().await;
    for name in ["a", "b"] {
        bench.eval(name).await;
        bench.evaluation(name).await.evaluates();
        bench.build(name).await.lacks_cache();
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
    bench.build("b").await.builds();
    bench.idle().await;
    assert!(bench.generation(N4).built().is_some());
    // By hand it always evaluates.
    bench.eval("a").await;
    bench.evaluation("a").await.evaluates();
    bench.build("a").await.builds();
    bench.idle().await;
}

#[tokio::test(start_paused = true)]
async fn a_build_waits_for_consent_also_after_a_restart() {
    let mut bench = Bench::with(confirmation(Confirmation::Manual)).await;
    bench.eval("a").await;
    bench.evaluation("a").await.evaluates();
    bench.phase(Phase::Waiting).await;
    assert_eq!(why_it_waits(&bench, N1), Some(BlockedReason::Confirmation));
    let mut bench = bench.crash().await;
    tokio::time::sleep(100 * HOUR).await;
    bench.phase(Phase::Waiting).await;
    let unknown = bench.handle.confirm(Some(N2)).await;
    assert_eq!(unknown, Err(Refusal::UnknownGeneration(N2)));
    bench.handle.confirm(None).await.unwrap();
    let build = bench.build("a").await;
    let again = bench.handle.confirm(None).await;
    assert_eq!(again, Err(Refusal::NothingToConfirm(N1)));
    // Suspended and resumed it is not asked for twice.
    bench
        .handle
        .suspend("x".into(), None, "ann".into())
        .await
        .unwrap();
    assert!(build.is_gone());
    bench.handle.resume("ann".into()).await.unwrap();
    bench.build("a").await.builds();
    bench.idle().await;
}

#[tokio::test(start_paused = true)]
async fn a_build_begins_by_itself_when_nobody_objects_in_time() {
    let mut bench = Bench::with(confirmation(Confirmation::Auto(HOUR))).await;
    bench.eval("a").await;
    bench.evaluation("a").await.evaluates();
    bench.phase(Phase::Waiting).await;
    let since = bench.generation(N1).blocked().unwrap().since;
    tokio::time::sleep(HOUR / 4).await;
    let mut bench = bench.crash().await;
    assert_eq!(bench.generation(N1).blocked().unwrap().since, since);
    let before = tokio::time::Instant::now();
    bench.build("a").await.builds();
    let waited = before.elapsed();
    assert!(
        waited > HOUR / 2 && waited <= HOUR * 3 / 4 + HOUR / 100,
        "{waited:?}"
    );
    bench.idle().await;
    bench.eval("b").await;
    bench.evaluation("b").await.evaluates();
    bench.phase(Phase::Waiting).await;
    bench.handle.stop().await.unwrap();
    tokio::time::sleep(2 * HOUR).await;
    bench.idle().await;
    assert!(matches!(
        bench.generation(N2).build(),
        Some(Build::Cancelled { .. })
    ));
}

#[tokio::test(start_paused = true)]
async fn a_hold_keeps_the_selection_from_taking_over_until_its_time_also_after_a_restart() {
    let mut bench = Bench::new().await;
    bench.eval_held("a", Some(HOUR)).await;
    bench.evaluation("a").await.evaluates();
    bench.build("a").await.builds();
    bench.phase(Phase::Idle).await;
    bench.select("b").await;
    bench.phase(Phase::Idle).await;
    assert_eq!(bench.reader().latest().unwrap().number, N1);
    let mut bench = bench.crash().await;
    assert_eq!(bench.handle.state().hold.unwrap().by, "ann");
    bench.select("b").await;
    bench.select("c").await;
    bench.evaluation("c").await.evaluates(); // the paused clock moves on by itself
    bench.build("c").await.builds();
    bench.idle().await;
    assert_eq!(bench.handle.state().hold, None);
}

#[tokio::test(start_paused = true)]
async fn a_hold_ends_with_the_next_evaluation_by_hand_without_one() {
    let mut bench = Bench::new().await;
    bench.eval_held("a", None).await;
    bench.evaluation("a").await.fails(Failure::certain("no"));
    bench.idle().await;
    bench.select("b").await;
    tokio::time::sleep(100 * HOUR).await;
    bench.idle().await;
    assert!(bench.handle.state().hold.is_some());
    bench.eval("a").await;
    assert_eq!(bench.handle.state().hold, None);
    bench.evaluation("a").await.fails(Failure::certain("no"));
    bench.idle().await;
    let mut bench = bench.crash().await;
    assert_eq!(bench.handle.state().hold, None);
    bench.select("c").await;
    bench.evaluation("c").await.fails(Failure::certain("no"));
    bench.idle().await;
}

#[tokio::test(start_paused = true)]
async fn b14_no_suspension_lasts_longer_than_the_longest() {
    let mut bench = Bench::with(Policies {
        max_suspend: Some(HOUR),
        ..Policies::default()
    })
    .await;
    for asked in [None, Some(5 * HOUR), Some(HOUR / 2)] {
        let suspended = bench.handle.suspend("x".into(), asked, "ann".into()).await;
        let suspension = suspended.unwrap().suspension.unwrap();
        let longest = asked.unwrap_or(HOUR).min(HOUR);
        assert_eq!(suspension.until.unwrap() - suspension.since, longest);
        let mut watch = bench.handle.watch();
        watch
            .wait_for(|state| state.suspension.is_none())
            .await
            .unwrap();
    }
    bench.eval("a").await;
    bench.evaluation("a").await.evaluates();
    bench.build("a").await.builds();
    bench.idle().await;
}

#[tokio::test(start_paused = true)]
async fn b18_a_pushed_commit_whose_next_try_an_evaluation_by_hand_took_is_built_after_it() {
    let mut bench = Bench::new().await;
    bench.select("a").await;
    bench.evaluation("a").await.fails(network());
    bench.phase(Phase::Waiting).await;
    bench.eval_by_hand("b").await;
    bench.evaluation("b").await.evaluates();
    bench.build("b").await.builds();
    bench.evaluation("a").await.evaluates();
    bench.build("a").await.builds();
    bench.idle().await;
    assert!(bench.generation(N3).built().is_some());
}

#[tokio::test(start_paused = true)]
async fn b18_a_pushed_commit_whose_next_try_was_stopped_stays_stopped() {
    let mut bench = Bench::new().await;
    bench.select("a").await;
    bench.evaluation("a").await.fails(network());
    bench.phase(Phase::Waiting).await;
    bench.handle.stop().await.unwrap();
    bench.eval_by_hand("b").await;
    bench.evaluation("b").await.evaluates();
    bench.build("b").await.builds();
    bench.select("a").await;
    bench.idle().await;
}

#[tokio::test(start_paused = true)]
async fn n05_nothing_starts_while_space_is_short_and_goes_on_by_itself() {
    let policies = Policies::default();
    let disk = policies.room.clone();
    disk.set_full(true);
    let bench = Bench::with(policies).await;
    bench.eval("a").await;
    bench.phase(Phase::Waiting).await;
    assert_eq!(why_it_waits(&bench, N1), Some(BlockedReason::Space));
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
    assert_eq!(why_it_waits(&bench, N1), Some(BlockedReason::Space));
    bench
        .handle
        .suspend("x".into(), None, "ann".into())
        .await
        .unwrap();
    bench.handle.resume("ann".into()).await.unwrap();
    assert_eq!(why_it_waits(&bench, N1), Some(BlockedReason::Space));
    disk.set_full(false);
    bench.build("a").await.builds();
    bench.idle().await;
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
    assert_eq!(why_it_waits(&bench, N2), Some(BlockedReason::Space));
    disk.set_full(false);
    bench.evaluation("b").await.evaluates();
    bench.build("b").await.builds();
    bench.idle().await;
}
