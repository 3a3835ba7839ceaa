//! What follows what when nobody interferes: evaluated, built, or failed; and what
//! a testing commit, a commit by hand and a failure do to the baseline.

use crate::builder_bench::*;
use kiln::builder::{Phase, Refusal};
use kiln::model::{Build, BuildReason, Evaluation, Failure, GenerationNumber};

#[tokio::test(start_paused = true)]
async fn b01_a_commit_is_evaluated_then_built() {
    let mut bench = Bench::new().await;
    bench.eval("a").await;
    let call = bench.evaluation("a").await;
    assert_eq!(bench.handle.state().phase, Phase::Evaluating);
    call.evaluates();
    let call = bench.build("a").await;
    assert_eq!(bench.handle.state().phase, Phase::Building);
    call.builds();
    bench.idle().await;
    let generation = bench.generation(N1);
    assert!(matches!(
        generation.build(),
        Some(Build::Succeeded {
            reason: BuildReason::NeedsBuild,
            ..
        })
    ));
    assert_eq!(bench.reader().current(), Some(generation));
    assert_eq!(bench.reader().baseline(), Some(commit("a").id.to_string()));
    let ends = [
        "eval_started 1",
        "eval_finished 1",
        "build_started 1",
        "build_finished 1",
        "baseline_moved",
    ];
    assert_eq!(bench.events().await, ends);
}

#[tokio::test(start_paused = true)]
async fn b02_outputs_that_are_there_are_not_built_and_only_the_builds_end_is_announced() {
    let mut bench = Bench::new().await;
    bench.outputs_exist("a");
    bench.evaluated("a").await;
    bench.idle().await;
    let generation = bench.generation(N1);
    assert!(matches!(
        generation.build(),
        Some(Build::Succeeded {
            reason: BuildReason::AlreadyBuilt,
            ..
        })
    ));
    assert_eq!(
        bench.events().await,
        ["eval_started 1", "build_finished 1", "baseline_moved"]
    );
}

#[tokio::test(start_paused = true)]
async fn b03_a_failed_evaluation_is_never_built_though_the_output_exists() {
    let mut bench = Bench::new().await;
    bench.outputs_exist("a");
    bench.eval("a").await;
    bench
        .evaluation("a")
        .await
        .fails(Failure::certain("kiln.star:1:1: no"));
    bench.idle().await;
    assert!(matches!(
        bench.generation(N1).evaluation,
        Evaluation::Failed { .. }
    ));
    assert_eq!(
        bench.handle.submit_build(None, false).await,
        Err(Refusal::NotEvaluated(N1))
    );
    assert_eq!(bench.reader().current(), None);
    assert_eq!(
        bench.reader().baseline(),
        None,
        "a bad commit moves no baseline"
    );
}

#[tokio::test(start_paused = true)]
async fn b04_a_configuration_for_another_machine_is_evaluated_and_not_built() {
    for outputs_exist in [false, true] {
        let mut bench = Bench::new().await;
        if outputs_exist {
            bench.outputs_exist("a");
        }
        bench.eval("a").await;
        bench.evaluation("a").await.evaluates_for_machine("another");
        bench.phase(Phase::Waiting).await;
        let refusal = bench
            .handle
            .submit_build(Some(N1), false)
            .await
            .unwrap_err();
        assert!(
            matches!(refusal, Refusal::MachineIdDiffers { .. }),
            "{refusal}"
        );
        assert_eq!(bench.reader().current(), None);
    }
}

#[tokio::test(start_paused = true)]
async fn b05_a_timed_out_evaluation_is_not_built_and_the_next_one_works() {
    let mut bench = Bench::new().await;
    bench.eval("a").await;
    bench.evaluation("a").await.times_out();
    bench.idle().await;
    let ended = bench.generation(N1).evaluation;
    assert!(matches!(ended, Evaluation::TimedOut { .. }), "{ended:?}");
    assert_eq!(
        bench.handle.submit_build(None, false).await,
        Err(Refusal::NotEvaluated(N1))
    );
    bench.eval_and_build("b").await;
    assert!(bench.generation(N2).built().is_some());
}

#[tokio::test(start_paused = true)]
async fn s01_a_testing_commit_that_reaches_main_is_a_main_generation_for_free() {
    let mut bench = Bench::new().await;
    bench.select_testing("a").await;
    bench.evaluates_and_builds("a").await;
    assert_eq!(bench.reader().baseline(), None, "testing moves no baseline");
    bench.outputs_exist("a");
    bench.select("a").await;
    bench.idle().await;
    assert!(bench.generation(N2).built().is_some());
    assert_eq!(bench.reader().baseline(), Some(commit("a").id.to_string()));
}

#[tokio::test(start_paused = true)]
async fn s05_a_commit_asked_for_by_hand_moves_no_baseline() {
    let mut bench = Bench::new().await;
    bench.eval_by_hand("a").await;
    bench.evaluates_and_builds("a").await;
    assert!(bench.generation(N1).built().is_some());
    assert_eq!(bench.reader().baseline(), None);
}

#[tokio::test(start_paused = true)]
async fn s06_a_commit_that_fails_to_evaluate_or_to_build_does_not_move_the_baseline() {
    let mut bench = Bench::new().await;
    bench.select_and_build("a").await;
    let good = bench.reader().baseline();
    assert_eq!(good, Some(commit("a").id.to_string()));
    bench.select("b").await;
    bench.evaluation("b").await.fails(Failure::certain("x"));
    bench.idle().await;
    bench.select("c").await;
    bench.evaluation("c").await.evaluates();
    assert_eq!(bench.reader().baseline(), good, "not when it is evaluated");
    bench.build("c").await.fails(Failure::certain("exit 1"));
    bench.idle().await;
    assert_eq!(bench.reader().baseline(), good);
    assert_eq!(bench.reader().current().unwrap().number, N1);
}

#[tokio::test(start_paused = true)]
async fn s06_the_baseline_never_moves_between_two_lines_of_main() {
    let mut bench = Bench::new().await;
    bench.diverge("a", "b");
    bench.fails_to_build("a").await;
    bench.fails_to_build("b").await;
    for (number, name) in [(N1, "a"), (N2, "b")] {
        bench
            .handle
            .submit_build(Some(number), false)
            .await
            .unwrap();
        bench.builds(name).await;
    }
    assert_eq!(bench.reader().current().unwrap().number, N2);
    assert_eq!(bench.reader().baseline(), Some(commit("a").id.to_string()));
    // What descends from it moves it on.
    bench.eval_and_build("c").await;
    assert_eq!(bench.reader().baseline(), Some(commit("c").id.to_string()));
}

#[tokio::test(start_paused = true)]
async fn b20_equal_commits_are_not_evaluated_twice_and_a_revert_is_a_generation() {
    let mut bench = Bench::new().await;
    for name in ["a", "b"] {
        bench.select_and_build(name).await;
        bench.outputs_exist(name);
        bench.select(name).await;
        bench.idle().await;
    }
    bench.select("a").await;
    bench.idle().await;
    let third = bench.generation(GenerationNumber(3));
    assert!(
        matches!(third.evaluation, Evaluation::Succeeded { cached: true, .. }),
        "{third:?}"
    );
    assert_eq!(third.commit.id, commit("a").id);
    assert_eq!(bench.reader().current(), Some(third), "A, B, A ends on A");
    assert_eq!(bench.reader().latest().unwrap().number, GenerationNumber(3));
}
