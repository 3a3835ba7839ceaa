//! What a crash or a restart finds: it goes on, it is ended, it is not done again.

use crate::builder_bench::*;
use kiln::builder::Phase;
use kiln::model::{AfterFailure, BackendKind, Build, Failure};
use std::path::Path;

#[tokio::test(start_paused = true)]
async fn d01_a_crash_at_any_stage_is_taken_up_under_the_same_number() {
    // While it is evaluated.
    let mut bench = Bench::new().await;
    bench.eval("a").await;
    let _evaluation = bench.evaluation("a").await;
    let mut bench = bench.crash().await;
    bench.evaluation("a").await.evaluates();
    // While it is built.
    let _build = bench.build("a").await;
    let mut bench = bench.crash().await;
    bench.builds("a").await;
    let generation = bench.generation(N1);
    let Some(Build::Succeeded { span, .. }) = generation.build() else {
        panic!("{generation:?}")
    };
    assert_eq!(span.attempt, 2);
    // After its end: nothing is done again.
    let bench = bench.crash().await;
    assert_eq!(bench.handle.state().phase, Phase::Idle);
    assert_eq!(bench.reader().page(None, 10), [generation]);
}

#[tokio::test(start_paused = true)]
async fn d01_an_older_generation_that_was_built_again_is_taken_up_too() {
    let mut bench = Bench::new().await;
    bench.fails_to_build("a").await;
    bench.eval_and_build("b").await;
    bench.handle.submit_build(Some(N1), false).await.unwrap();
    let _build = bench.build("a").await;
    let mut bench = bench.crash().await;
    bench.builds("a").await;
    assert!(bench.generation(N1).built().is_some());
    assert_eq!(
        bench.reader().current().unwrap().number,
        N2,
        "the newest built one"
    );
}

#[tokio::test(start_paused = true)]
async fn d01_an_interrupted_rebuild_of_a_very_old_generation_is_taken_up() {
    let mut bench = Bench::in_memory(Policies::default()).await;
    bench.fails_to_build("a").await;
    for n in 0..70 {
        bench.eval(&format!("n{n}")).await;
        let failure = Failure::certain("no");
        bench.evaluation(&format!("n{n}")).await.fails(failure);
    }
    bench.idle().await;
    bench.is_rebuilt(N1, "a").await;
    let mut bench = bench.crash().await;
    bench.builds("a").await;
    assert!(bench.generation(N1).built().is_some());
}

#[tokio::test(start_paused = true)]
async fn d01_what_waited_for_the_rebuild_of_an_older_generation_waits_for_it_after_a_crash() {
    let mut bench = Bench::with(Policies::finish_build(5)).await;
    bench.fails_to_build("a").await;
    bench.fails_to_build("b").await;
    bench.is_rebuilt(N1, "a").await;
    bench.eval("c").await;
    let mut bench = bench.crash().await;
    bench.build("a").await.builds();
    bench.evaluates_and_builds("c").await;
    assert!(bench.generation(N1).built().is_some());
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
        bench.select_and_build("a").await;
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
async fn d01_what_gave_way_before_a_crash_could_keep_that_from_being_recorded_does_not_come_back() {
    let mut bench = Bench::new().await;
    bench.eval("a").await;
    bench.evaluation("a").await.fails(network());
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
    bench.evaluates_and_builds("b").await;
    let left = bench.generation(N1).after_failure().cloned();
    assert!(matches!(left, Some(AfterFailure::Left { .. })), "{left:?}");
    let mut bench = bench.crash().await;
    bench.idle().await;
}

#[tokio::test(start_paused = true)]
async fn b18_the_end_of_an_attempt_that_a_crash_interrupted_is_announced_at_the_next_start() {
    let mut bench = Bench::new().await;
    bench.eval("a").await;
    let _evaluation = bench.evaluation("a").await;
    let mut bench = bench.crash().await;
    bench.evaluation("a").await.evaluates();
    let _build = bench.build("a").await;
    let mut bench = bench.crash().await;
    bench.builds("a").await;
    let attempts = ["eval_started 1", "eval_finished 1"].repeat(2);
    let builds = ["build_started 1", "build_finished 1"].repeat(2);
    let expected = [attempts, builds, vec!["baseline_moved"]].concat();
    assert_eq!(bench.events().await, expected);
}
