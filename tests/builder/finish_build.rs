//! Builds that are let finish before a newer generation begins.

use crate::builder_bench::*;
use kiln::builder::Phase;
use kiln::model::{BlockedReason, CancelledBy, Evaluation, Failure};

#[tokio::test(start_paused = true)]
async fn b07_with_finish_build_the_build_ends_first_and_only_the_newest_waits() {
    let mut bench = Bench::with(Policies::finish_build(5)).await;
    let build = bench.building("a").await;
    bench.eval("b").await;
    assert_eq!(bench.why_it_waits(N2), Some(BlockedReason::Building));
    bench.eval("c").await;
    let Evaluation::Cancelled { by, .. } = bench.generation(N2).evaluation else {
        panic!()
    };
    assert_eq!(by, CancelledBy::Superseded(N3));
    assert_eq!(bench.times("eval_finished 2").await, 1);
    assert!(!build.is_gone());
    build.builds();
    bench.evaluation("c").await.evaluates();
    assert!(bench.generation(N1).built().is_some());
    bench.builds("c").await;
    assert!(bench.generation(N3).built().is_some());
    assert_eq!(bench.most_at_once(), 1);
}

#[tokio::test(start_paused = true)]
async fn b07_after_enough_builds_in_a_row_the_newest_wins_once() {
    let mut bench = Bench::with(Policies::finish_build(1)).await;
    let first = bench.building("a").await;
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
    bench.evaluates_and_builds("d").await;
    assert!(bench.generation(N4).built().is_some());
}

#[tokio::test(start_paused = true)]
async fn b07_b18_a_row_of_builds_ends_where_nothing_follows() {
    let mut bench = Bench::with(Policies::finish_build(1)).await;
    bench.fails_to_build("again").await;
    let build = bench.building("a").await;
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
    let mut bench = Bench::with(Policies::finish_build(5)).await;
    let _build = bench.building("a").await;
    bench.eval("b").await;
    let mut bench = bench.crash().await;
    bench.build("a").await.builds();
    bench.evaluation("b").await.evaluates();
    let _build = bench.build("b").await;
    bench.eval("c").await;
    assert_eq!(bench.handle.stop().await.unwrap().phase, Phase::Idle);
    for (number, end) in [(N2, "build_finished 2"), (N3, "eval_finished 3")] {
        assert!(bench.generation(number).is_ended(), "{number}");
        assert_eq!(bench.times(end).await, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn b07_what_is_known_of_a_commit_that_waits_for_a_build_is_known_after_a_crash_too() {
    let mut bench = Bench::with(Policies::finish_build(5)).await;
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
    let mut bench = Bench::with(Policies::finish_build(5)).await;
    let build = bench.building("a").await;
    bench.eval("b").await;
    bench.suspend().await;
    assert!(build.is_gone());
    bench.evaluation("b").await.evaluates();
    bench.phase(Phase::Waiting).await;
    bench.resume().await;
    bench.builds("b").await;
}

#[tokio::test(start_paused = true)]
async fn b07_builds_finished_in_a_row_are_counted_over_a_restart() {
    let mut bench = Bench::with(Policies::finish_build(1)).await;
    let first = bench.building("a").await;
    bench.eval("b").await;
    first.builds();
    bench.evaluation("b").await.evaluates();
    drop(bench.build("b").await);
    let mut bench = bench.restart_with(|_| ()).await;
    let second = bench.build("b").await;
    bench.eval("c").await;
    assert!(second.is_gone(), "one build in a row was finished before");
    bench.evaluates_and_builds("c").await;
}
