//! What somebody asked for beside what is selected: holds, and the selection that
//! takes over again.

use crate::builder_bench::*;
use kiln::builder::Phase;
use kiln::model::Failure;
use std::time::Duration;

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
    bench.builds("c").await;
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
async fn s15_a_pushed_commit_superseded_by_hand_is_built_once_that_has_ended() {
    let mut bench = Bench::new().await;
    bench.select("pushed").await;
    let _evaluation = bench.evaluation("pushed").await;
    bench.eval_by_hand("asked").await;
    bench.evaluation("asked").await.evaluates();
    let build = bench.build("asked").await;
    // Polled again it does not end what somebody asked for ...
    bench.select("pushed").await;
    assert!(!build.is_gone());
    build.builds();
    // ... and then it takes over.
    bench.evaluates_and_builds("pushed").await;
    bench.outputs_exist("pushed");
    assert_eq!(bench.reader().current().unwrap().number, N3);
    bench.select("pushed").await;
    bench.idle().await;
    assert_eq!(bench.reader().latest().unwrap().number, N3);
}

#[tokio::test(start_paused = true)]
async fn s15_a_pushed_commit_superseded_by_hand_needs_no_second_push() {
    let mut bench = Bench::new().await;
    bench.select("pushed").await;
    drop(bench.evaluation("pushed").await);
    bench.eval_by_hand("asked").await;
    let failure = Failure::certain("no");
    bench.evaluation("asked").await.fails(failure);
    bench.evaluates_and_builds("pushed").await;
}

#[tokio::test(start_paused = true)]
async fn s15_a_pushed_commit_superseded_by_hand_waits_for_the_hold_and_survives_a_crash() {
    let mut bench = Bench::new().await;
    bench.select("pushed").await;
    let _evaluation = bench.evaluation("pushed").await;
    bench
        .eval_held("asked", Some(Duration::from_secs(3600)))
        .await;
    bench
        .evaluation("asked")
        .await
        .fails(Failure::certain("no"));
    bench.phase(Phase::Idle).await;
    let mut bench = bench.crash().await;
    bench.select("pushed").await;
    assert!(bench.handle.state().hold.is_some());
    bench.evaluation("pushed").await.evaluates(); // the paused clock moves on by itself
    bench.builds("pushed").await;
    // What was cancelled on purpose stays so.
    bench.select("other").await;
    let _evaluation = bench.evaluation("other").await;
    bench.handle.stop().await.unwrap();
    bench.select("other").await;
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
    bench.evaluates_and_builds("a").await;
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
