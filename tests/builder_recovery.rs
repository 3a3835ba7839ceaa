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
use kiln::model::{
    AfterFailure, BackendKind, BlockedReason, Failure, GenerationNumber, Preemption, RetryPolicy,
};
use std::path::Path;
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
async fn s15_a_pushed_commit_superseded_by_hand_needs_no_second_push() {
    let mut bench = Bench::new().await;
    bench.select("pushed").await;
    drop(bench.evaluation("pushed").await);
    bench.eval_by_hand("asked").await;
    let failure = Failure::certain("no");
    bench.evaluation("asked").await.fails(failure);
    bench.evaluation("pushed").await.evaluates();
    bench.build("pushed").await.builds();
    bench.idle().await;
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

/// Its build is asked for again, and runs.
async fn is_rebuilt(bench: &mut Bench, number: GenerationNumber, name: &str) {
    bench
        .handle
        .submit_build(Some(number), false)
        .await
        .unwrap();
    drop(bench.build(name).await);
}

#[tokio::test(start_paused = true)]
async fn d01_an_interrupted_rebuild_of_a_very_old_generation_is_taken_up() {
    let mut bench = Bench::in_memory(Policies::default()).await;
    fails_to_build(&mut bench, "a").await;
    for n in 0..70 {
        bench.eval(&format!("n{n}")).await;
        let failure = Failure::certain("no");
        bench.evaluation(&format!("n{n}")).await.fails(failure);
    }
    bench.idle().await;
    is_rebuilt(&mut bench, N1, "a").await;
    let mut bench = bench.crash().await;
    bench.build("a").await.builds();
    bench.idle().await;
    assert!(bench.generation(N1).built().is_some());
}

#[tokio::test(start_paused = true)]
async fn d01_what_waited_for_the_rebuild_of_an_older_generation_waits_for_it_after_a_crash() {
    let mut bench = Bench::with(Policies {
        preemption: Preemption::FinishBuild(5),
        ..Policies::default()
    })
    .await;
    fails_to_build(&mut bench, "a").await;
    fails_to_build(&mut bench, "b").await;
    is_rebuilt(&mut bench, N1, "a").await;
    bench.eval("c").await;
    let mut bench = bench.crash().await;
    bench.build("a").await.builds();
    bench.evaluation("c").await.evaluates();
    bench.build("c").await.builds();
    bench.idle().await;
    assert!(bench.generation(N1).built().is_some());
}

#[tokio::test(start_paused = true)]
async fn b08_only_the_generation_in_work_is_building_already() {
    let mut bench = Bench::new().await;
    fails_to_build(&mut bench, "a").await;
    fails_to_build(&mut bench, "b").await;
    is_rebuilt(&mut bench, N2, "b").await;
    // A record that a damaged state left behind.
    let mut bench = bench
        .crash_with(|state| {
            change_record(state, 1, |record| {
                record["evaluation"]["build"] = serde_json::json!({
                    "status": "running", "attempt": 1, "started_at": "2026-01-01T00:00:00Z",
                    "steps": { "total": 0, "done": 0, "running": 0, "failed": 0, "reused": 0 },
                });
            });
        })
        .await;
    bench.build("b").await.builds();
    bench.idle().await;
    is_rebuilt(&mut bench, N1, "a").await;
}

#[tokio::test(start_paused = true)]
async fn b13_a_rebuild_of_an_older_generation_goes_on_after_a_suspension() {
    let mut bench = Bench::new().await;
    fails_to_build(&mut bench, "a").await;
    fails_to_build(&mut bench, "b").await;
    is_rebuilt(&mut bench, N1, "a").await;
    let suspended = bench.handle.suspend("x".into(), None, "ann".into()).await;
    assert_eq!(suspended.unwrap().generation, Some(N1));
    bench.handle.resume("ann".into()).await.unwrap();
    bench.build("a").await.builds();
    bench.idle().await;
    assert!(bench.generation(N1).built().is_some());
}

#[tokio::test(start_paused = true)]
async fn b20_other_settings_evaluate_the_same_commit_again() {
    let mut bench = Bench::new().await;
    bench.select("a").await;
    bench.evaluation("a").await.evaluates();
    bench.build("a").await.builds();
    bench.idle().await;
    let mut bench = bench
        .restart_with(|policies| policies.settings = "other.star".into())
        .await;
    bench.outputs_exist("a");
    bench.select("a").await;
    bench.evaluation("a").await.evaluates();
    bench.idle().await;
    assert!(bench.generation(N2).built().is_some());
    bench.select("a").await;
    bench.idle().await;
    // Back again it is a generation, for which nothing is evaluated.
    let mut bench = bench
        .restart_with(|policies| policies.settings.clear())
        .await;
    bench.outputs_exist("a");
    bench.select("a").await;
    bench.idle().await;
    assert!(bench.generation(N3).built().is_some());
}

#[tokio::test(start_paused = true)]
async fn b20_a_record_without_settings_is_evaluated_again() {
    let mut bench = Bench::new().await;
    bench.select("a").await;
    bench.evaluation("a").await.evaluates();
    bench.build("a").await.builds();
    bench.idle().await;
    let mut bench = bench
        .crash_with(|state| {
            change_record(state, 1, |record| {
                let settings = record.as_object_mut().unwrap().remove("settings");
                assert!(settings.is_some());
            });
        })
        .await;
    bench.select("a").await;
    bench.evaluation("a").await.evaluates();
    bench.build("a").await.builds();
    bench.idle().await;
}

#[tokio::test(start_paused = true)]
async fn d01_what_another_host_left_unfinished_is_ended_not_taken_up() {
    for is_built in [false, true] {
        let mut bench = Bench::new().await;
        bench.select("a").await;
        let call = bench.evaluation("a").await;
        if is_built {
            call.evaluates();
            drop(bench.build("a").await);
        }
        let mut bench = bench.restart_with(|policies| policies.host = "web-2").await;
        bench.idle().await;
        assert!(bench.generation(N1).is_ended());
        bench.select("a").await;
        bench.evaluation("a").await.evaluates();
        bench.build("a").await.builds();
        bench.idle().await;
        let bench = bench.restart_with(|policies| policies.host = "web-1").await;
        assert_eq!(bench.handle.state().phase, Phase::Idle);
    }
}

#[tokio::test(start_paused = true)]
async fn d01_what_another_backend_left_unfinished_is_ended_and_the_commit_evaluated_by_this_one() {
    for is_built in [false, true] {
        let mut bench = Bench::new().await;
        bench.select("a").await;
        let call = bench.evaluation("a").await;
        if is_built {
            call.evaluates();
            drop(bench.build("a").await);
        }
        assert_eq!(bench.generation(N1).backend, BackendKind::Native);
        let mut bench = bench
            .restart_with(|policies| {
                policies.kind = BackendKind::NixFlake;
                policies.settings = "of Nix".into();
            })
            .await;
        bench.idle().await;
        assert!(bench.generation(N1).is_ended());
        assert!(bench.generation(N1).built().is_none());
        bench.select("a").await;
        bench.evaluation("a").await.evaluates();
        bench.build("a").await.builds();
        bench.idle().await;
        assert_eq!(bench.generation(N2).backend, BackendKind::NixFlake);
        assert!(bench.generation(N2).built().is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn b20_an_evaluation_whose_graph_was_collected_is_made_again() {
    let mut bench = Bench::new().await;
    for name in ["a", "b"] {
        bench.select(name).await;
        bench.evaluation(name).await.evaluates();
        bench.build(name).await.builds();
        bench.idle().await;
    }
    bench.is_collected("a");
    bench.select("a").await;
    bench.evaluation("a").await.evaluates();
    bench.build("a").await.builds();
    bench.idle().await;
    assert!(bench.generation(N3).built().is_some());
}

fn change_record(state: &Path, number: u32, change: impl FnOnce(&mut serde_json::Value)) {
    let path = state.join(format!("generations/{number}/generation.json"));
    let text = std::fs::read_to_string(&path).unwrap();
    let mut record = serde_json::from_str(&text).unwrap();
    change(&mut record);
    std::fs::write(&path, record.to_string()).unwrap();
}

#[tokio::test(start_paused = true)]
async fn d01_what_gave_way_before_a_crash_could_keep_that_from_being_recorded_does_not_come_back() {
    let mut bench = Bench::new().await;
    bench.eval("a").await;
    let network = Failure::transient("connection reset");
    bench.evaluation("a").await.fails(network);
    bench.phase(Phase::Waiting).await;
    // As `finish-build` leaves it when the crash comes between two writes: the
    // older one is to be tried again, the newer one waits for it.
    let older = "generations/1/generation.json";
    let state = bench.state_folder();
    let waiting = std::fs::read(state.join(older)).unwrap();
    bench.eval("b").await;
    let _evaluation = bench.evaluation("b").await;
    let put_back = |state: &Path| {
        std::fs::write(state.join(older), waiting).unwrap();
        std::fs::remove_dir_all(state.join("sled")).unwrap();
    };
    let mut bench = bench.crash_with(put_back).await;
    bench.evaluation("b").await.evaluates();
    bench.build("b").await.builds();
    bench.idle().await;
    let left = bench.generation(N1).after_failure().cloned();
    assert!(matches!(left, Some(AfterFailure::Left { .. })), "{left:?}");
    let mut bench = bench.crash().await;
    bench.idle().await;
}

#[tokio::test(start_paused = true)]
async fn b07_builds_finished_in_a_row_are_counted_over_a_restart() {
    let mut bench = Bench::with(Policies {
        preemption: Preemption::FinishBuild(1),
        ..Policies::default()
    })
    .await;
    bench.eval("a").await;
    bench.evaluation("a").await.evaluates();
    let first = bench.build("a").await;
    bench.eval("b").await;
    first.builds();
    bench.evaluation("b").await.evaluates();
    drop(bench.build("b").await);
    let mut bench = bench.restart_with(|_| ()).await;
    let second = bench.build("b").await;
    bench.eval("c").await;
    assert!(second.is_gone(), "one build in a row was finished before");
    bench.evaluation("c").await.evaluates();
    bench.build("c").await.builds();
    bench.idle().await;
}

#[tokio::test(start_paused = true)]
async fn b19_the_budget_of_retries_goes_on_over_a_shutdown_and_a_suspension() {
    let mut bench = Bench::with(Policies {
        retry: RetryPolicy {
            attempts: 2,
            ..RetryPolicy::default()
        },
        ..Policies::default()
    })
    .await;
    let network = || Failure::transient("connection reset");
    let given_up = Some(AfterFailure::GivenUp { tries: 2 });
    bench.eval("a").await;
    bench.evaluation("a").await.fails(network());
    drop(bench.evaluation("a").await);
    let mut bench = bench.restart_with(|_| ()).await;
    bench.evaluation("a").await.fails(network());
    bench.idle().await;
    assert_eq!(bench.generation(N1).after_failure().cloned(), given_up);
    bench.eval("b").await;
    bench.evaluation("b").await.evaluates();
    bench.build("b").await.fails(network());
    drop(bench.build("b").await);
    let mut bench = bench.restart_with(|_| ()).await;
    drop(bench.build("b").await);
    let suspended = bench.handle.suspend("x".into(), None, "ann".into());
    suspended.await.unwrap();
    bench.handle.resume("ann".into()).await.unwrap();
    bench.build("b").await.fails(network());
    bench.idle().await;
    assert_eq!(bench.generation(N2).after_failure().cloned(), given_up);
}

#[tokio::test(start_paused = true)]
async fn b20_a_start_evaluates_and_builds_nothing_again() {
    let mut bench = Bench::new().await;
    bench.select("a").await;
    bench.evaluation("a").await.evaluates();
    bench.build("a").await.builds();
    bench.idle().await;
    bench.outputs_exist("a");
    for in_order in [true, false] {
        bench = match in_order {
            true => bench.restart().await,
            false => bench.crash().await,
        };
        bench.select("a").await;
        bench.idle().await;
    }
    assert_eq!(bench.reader().latest().unwrap().number, N1);
}

#[tokio::test(start_paused = true)]
async fn b07_a_build_that_a_start_has_no_space_for_gives_way_to_what_waited_for_it() {
    let policies = Policies {
        preemption: Preemption::FinishBuild(5),
        ..Policies::default()
    };
    let disk = policies.room.clone();
    let mut bench = Bench::with(policies).await;
    bench.eval("a").await;
    bench.evaluation("a").await.evaluates();
    let _build = bench.build("a").await;
    disk.set_full(true);
    bench.eval("b").await;
    let mut bench = bench.crash().await;
    bench.settled().await;
    assert!(bench.generation(N1).is_ended());
    let blocked = bench.generation(N2).blocked().cloned();
    assert_eq!(blocked.map(|why| why.reason), Some(BlockedReason::Space));
    disk.set_full(false);
    bench.evaluation("b").await.evaluates();
    bench.build("b").await.builds();
    bench.idle().await;
    assert_eq!(bench.reader().current().unwrap().number, N2);
}
