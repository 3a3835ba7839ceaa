//! The Builder after what went wrong, or went unusual ways: crashes, copied
//! states, a disk that refuses, lines of history beside each other.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test says what went wrong by panicking"
)]

#[path = "common/builder_bench.rs"]
mod builder_bench;

use builder_bench::*;
use kiln::builder::Phase;
use kiln::model::{Failure, GenerationNumber};
use std::time::Duration;

const N1: GenerationNumber = GenerationNumber(1);
const N2: GenerationNumber = GenerationNumber(2);
const N3: GenerationNumber = GenerationNumber(3);

/// A main generation that is evaluated and whose build failed: it can be asked for again.
async fn fails_to_build(bench: &mut Bench, name: &str) {
    bench.eval(name).await;
    bench.evaluation(name).await.evaluates();
    let failure = Failure::certain("exit 1");
    bench.build(name).await.fails(failure);
    bench.idle().await;
}

#[tokio::test(start_paused = true)]
async fn s06_the_baseline_never_moves_between_two_lines_of_main() {
    let mut bench = Bench::new().await;
    bench.diverge("a", "b");
    fails_to_build(&mut bench, "a").await;
    fails_to_build(&mut bench, "b").await;
    for (number, name) in [(N1, "a"), (N2, "b")] {
        bench
            .handle
            .submit_build(Some(number), false)
            .await
            .unwrap();
        bench.build(name).await.builds();
        bench.idle().await;
    }
    assert_eq!(bench.reader().current().unwrap().number, N2);
    assert_eq!(bench.reader().baseline(), Some(commit("a").id.to_string()));
    // What descends from it moves it on.
    bench.eval("c").await;
    bench.evaluation("c").await.evaluates();
    bench.build("c").await.builds();
    bench.idle().await;
    assert_eq!(bench.reader().baseline(), Some(commit("c").id.to_string()));
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
    bench.evaluation("pushed").await.evaluates();
    bench.build("pushed").await.builds();
    bench.idle().await;
    bench.outputs_exist("pushed");
    assert_eq!(bench.reader().current().unwrap().number, N3);
    bench.select("pushed").await;
    bench.idle().await;
    assert_eq!(bench.reader().latest().unwrap().number, N3);
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
    bench.build("pushed").await.builds();
    bench.idle().await;
    // What was cancelled on purpose stays so.
    bench.select("other").await;
    let _evaluation = bench.evaluation("other").await;
    bench.handle.stop().await.unwrap();
    bench.select("other").await;
    bench.idle().await;
}
