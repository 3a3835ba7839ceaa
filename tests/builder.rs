//! The Builder against a backend that does exactly what a test tells it to:
//! real state, real events, real actor. Scenarios B of the behaviours to pin.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test says what went wrong by panicking"
)]

#[path = "common/builder_bench.rs"]
mod builder_bench;

use builder_bench::*;
use kiln::builder::{Phase, Refusal};
use kiln::model::{Build, BuildReason, CancelledBy, Evaluation, Failure, GenerationNumber};
use std::time::Duration;

const N1: GenerationNumber = GenerationNumber(1);
const N2: GenerationNumber = GenerationNumber(2);

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
    bench.eval("a").await;
    bench.evaluation("a").await.evaluates();
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
    bench.eval("b").await;
    bench.evaluation("b").await.evaluates();
    bench.build("b").await.builds();
    bench.idle().await;
    assert!(bench.generation(N2).built().is_some());
}

#[tokio::test(start_paused = true)]
async fn b06_a_second_eval_ends_the_first_before_it_starts() {
    let mut bench = Bench::new().await;
    bench.eval("a").await;
    let first = bench.evaluation("a").await;
    bench.eval("b").await;
    let second = bench.evaluation("b").await;
    assert!(first.is_gone(), "two jobs at once");
    let Evaluation::Cancelled { by, .. } = bench.generation(N1).evaluation else {
        panic!()
    };
    assert_eq!(by, CancelledBy::Superseded(N2));
    second.evaluates();
    bench.build("b").await.builds();
    bench.idle().await;
    assert_eq!(bench.most_at_once(), 1);
}

#[tokio::test(start_paused = true)]
async fn b07_a_second_eval_ends_a_running_build() {
    let mut bench = Bench::new().await;
    bench.eval("a").await;
    bench.evaluation("a").await.evaluates();
    let build = bench.build("a").await;
    bench.eval("b").await;
    assert!(build.is_gone());
    let by = match bench.generation(N1).build() {
        Some(Build::Cancelled { by, .. }) => *by,
        other => panic!("{other:?}"),
    };
    assert_eq!(by, CancelledBy::Superseded(N2));
    bench.evaluation("b").await.evaluates();
    bench.build("b").await.builds();
    bench.idle().await;
    assert_eq!(bench.most_at_once(), 1);
}

#[tokio::test(start_paused = true)]
async fn b08_each_refusal_to_build_is_its_own() {
    let mut bench = Bench::new().await;
    assert_eq!(
        bench.handle.submit_build(None, false).await,
        Err(Refusal::NoGeneration)
    );
    let unknown = GenerationNumber(9);
    assert_eq!(
        bench.handle.submit_build(Some(unknown), false).await,
        Err(Refusal::UnknownGeneration(unknown))
    );
    bench.eval("a").await;
    let evaluation = bench.evaluation("a").await;
    assert_eq!(
        bench.handle.submit_build(None, false).await,
        Err(Refusal::NotEvaluated(N1))
    );
    evaluation.evaluates();
    let build = bench.build("a").await;
    assert_eq!(
        bench.handle.submit_build(None, false).await,
        Err(Refusal::AlreadyBuilding(N1))
    );
    build.builds();
    bench.idle().await;
    assert_eq!(
        bench.handle.submit_build(None, false).await,
        Err(Refusal::AlreadyBuilt(N1))
    );
    bench.eval("b").await;
    let _evaluation = bench.evaluation("b").await;
    let refusal = bench.handle.submit_build(Some(N1), false).await;
    assert_eq!(
        refusal,
        Err(Refusal::AnotherInWork {
            asked: N1,
            in_work: N2
        })
    );
}

#[tokio::test(start_paused = true)]
async fn b09_a_failed_timed_out_or_cancelled_build_can_be_submitted_again() {
    let mut bench = Bench::new().await;
    bench.eval("a").await;
    bench.evaluation("a").await.evaluates();
    bench
        .build("a")
        .await
        .fails(Failure::certain("exit 1").in_step("shop"));
    bench.idle().await;
    bench.handle.submit_build(None, false).await.unwrap();
    bench.build("a").await.times_out();
    bench.idle().await;
    bench.handle.submit_build(None, false).await.unwrap();
    let build = bench.build("a").await;
    bench.handle.stop().await.unwrap();
    assert!(build.is_gone());
    bench.handle.submit_build(None, false).await.unwrap();
    bench.build("a").await.builds();
    bench.idle().await;
    let Some(Build::Succeeded { span, .. }) = bench.generation(N1).build().cloned() else {
        panic!()
    };
    assert_eq!(span.attempt, 4);
}

#[tokio::test(start_paused = true)]
async fn b09_a_build_of_what_was_collected_evaluates_once_more_in_the_same_attempt() {
    let mut bench = Bench::new().await;
    bench.eval("a").await;
    bench.evaluation("a").await.evaluates();
    bench.build("a").await.finds_nothing();
    bench.evaluation("a").await.evaluates();
    // Once: if that is of no use, the build has failed.
    bench.build("a").await.finds_nothing();
    bench.build("a").await.fails(Failure::certain("exit 1"));
    bench.idle().await;
    bench.handle.submit_build(Some(N1), true).await.unwrap();
    bench.build("a").await.finds_nothing();
    bench.evaluation("a").await.evaluates();
    bench.build("a").await.builds();
    bench.idle().await;
    let Some(Build::Succeeded { span, .. }) = bench.generation(N1).build().cloned() else {
        panic!()
    };
    assert_eq!(span.attempt, 3);
    let builds = ["build_started 1", "build_finished 1"].repeat(3);
    let evaluation = vec!["eval_started 1", "eval_finished 1"];
    let expected = [evaluation, builds, vec!["baseline_moved"]].concat();
    assert_eq!(bench.events().await, expected);
}

#[tokio::test(start_paused = true)]
async fn b09_what_comes_of_evaluating_once_more_is_the_builds_end() {
    let mut bench = Bench::new().await;
    bench.eval("a").await;
    bench.evaluation("a").await.evaluates();
    bench.build("a").await.finds_nothing();
    let failure = Failure::certain("kiln.star:1:1: no");
    bench.evaluation("a").await.fails(failure.clone());
    bench.idle().await;
    let generation = bench.generation(N1);
    assert!(matches!(generation.build(), Some(Build::Failed { .. })));
    assert_eq!(generation.failure(), Some(&failure));
    // Its guards looked at what it was evaluated to before.
    bench.handle.submit_build(Some(N1), true).await.unwrap();
    bench.build("a").await.finds_nothing();
    bench.evaluation("a").await.evaluates_for_machine("another");
    bench.idle().await;
    let failure = bench.generation(N1).failure().cloned().unwrap();
    assert!(failure.message.contains("collected"), "{failure:?}");
    bench.handle.submit_build(Some(N1), true).await.unwrap();
    bench.build("a").await.finds_nothing();
    let evaluation = bench.evaluation("a").await;
    bench.handle.stop().await.unwrap();
    assert!(evaluation.is_gone(), "stop returned before it was gone");
    let end = bench.generation(N1);
    assert!(
        matches!(end.build(), Some(Build::Cancelled { .. })),
        "{end:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn b10_stop_ends_what_runs_and_its_end_is_announced_once() {
    let mut bench = Bench::new().await;
    bench.eval("a").await;
    let evaluation = bench.evaluation("a").await;
    bench.handle.stop().await.unwrap();
    assert!(evaluation.is_gone(), "stop returned before it was gone");
    bench.eval("b").await;
    bench.evaluation("b").await.evaluates();
    let build = bench.build("b").await;
    bench.handle.stop().await.unwrap();
    assert!(build.is_gone());
    assert!(matches!(
        bench.generation(N2).build(),
        Some(Build::Cancelled {
            by: CancelledBy::Stop,
            ..
        })
    ));
    let events = bench.events().await;
    for once in ["eval_finished 1", "eval_finished 2", "build_finished 2"] {
        assert_eq!(
            events.iter().filter(|event| *event == once).count(),
            1,
            "{once} in {events:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn b11_stop_when_nothing_runs_and_stop_during_stop_are_fine() {
    let mut bench = Bench::new().await;
    assert_eq!(bench.handle.stop().await.unwrap().phase, Phase::Idle);
    bench.eval("a").await;
    let _evaluation = bench.evaluation("a").await;
    let (first, second) = tokio::join!(bench.handle.stop(), bench.handle.stop());
    assert_eq!(
        (first.unwrap().phase, second.unwrap().phase),
        (Phase::Idle, Phase::Idle)
    );
}

#[tokio::test(start_paused = true)]
async fn b12_suspend_lets_an_evaluation_finish_and_resume_builds_it() {
    let mut bench = Bench::new().await;
    bench.eval("a").await;
    let evaluation = bench.evaluation("a").await;
    bench
        .handle
        .suspend("kernel day".into(), None, "ann".into())
        .await
        .unwrap();
    evaluation.evaluates();
    bench.phase(Phase::Waiting).await;
    let Some(Build::Pending {
        blocked: Some(blocked),
        ..
    }) = bench.generation(N1).build().cloned()
    else {
        panic!()
    };
    assert!(blocked.message.contains("ann") && blocked.message.contains("kernel day"));
    bench.handle.resume("ann".into()).await.unwrap();
    bench.build("a").await.builds();
    bench.idle().await;
    assert!(bench.generation(N1).built().is_some());
}

#[tokio::test(start_paused = true)]
async fn b13_suspend_ends_a_running_build_and_resume_builds_it_again() {
    let mut bench = Bench::new().await;
    bench.eval("a").await;
    bench.evaluation("a").await.evaluates();
    let build = bench.build("a").await;
    let state = bench
        .handle
        .suspend("x".into(), None, "ann".into())
        .await
        .unwrap();
    assert!(build.is_gone());
    assert_eq!(state.phase, Phase::Waiting);
    // Submitting while suspended is accepted and waits.
    bench.handle.submit_build(None, false).await.unwrap();
    assert_eq!(bench.handle.state().phase, Phase::Waiting);
    bench.handle.resume("ann".into()).await.unwrap();
    bench.build("a").await.builds();
    bench.idle().await;
    assert!(bench.generation(N1).built().is_some());
}

#[tokio::test(start_paused = true)]
async fn b14_suspending_or_resuming_twice_is_refused_and_a_time_resumes_by_itself() {
    let mut bench = Bench::new().await;
    let hour = Some(Duration::from_secs(3600));
    bench
        .handle
        .suspend("lunch".into(), hour, "bob".into())
        .await
        .unwrap();
    let refusal = bench
        .handle
        .suspend("again".into(), None, "eve".into())
        .await
        .unwrap_err();
    let text = refusal.to_string();
    assert!(text.contains("bob") && text.contains("lunch"), "{text}");
    bench.eval("a").await;
    bench.evaluation("a").await.evaluates();
    bench.phase(Phase::Waiting).await;
    bench.build("a").await.builds(); // the paused clock moves on by itself
    bench.idle().await;
    assert_eq!(bench.handle.state().suspension, None);
    assert_eq!(
        bench.handle.resume("bob".into()).await,
        Err(Refusal::NotSuspended)
    );
}

#[tokio::test(start_paused = true)]
async fn b15_a_suspension_survives_a_restart_and_a_resume_needs_no_caller() {
    let mut bench = Bench::new().await;
    bench
        .handle
        .suspend("x".into(), None, "ann".into())
        .await
        .unwrap();
    bench.eval("a").await;
    bench.evaluation("a").await.evaluates();
    bench.phase(Phase::Waiting).await;
    let mut bench = bench.crash().await;
    let suspension = bench.handle.state().suspension.unwrap();
    assert_eq!(
        (suspension.by.as_str(), suspension.reason.as_str()),
        ("ann", "x")
    );
    let handle = bench.handle.clone();
    // The caller is gone before the build begins.
    let caller = async move {
        drop(tokio::time::timeout(Duration::ZERO, handle.resume("ann".into())).await);
    };
    caller.await;
    bench.build("a").await.builds();
    bench.idle().await;
    assert!(bench.generation(N1).built().is_some());
}

#[tokio::test(start_paused = true)]
async fn b16_resume_without_a_generation_is_fine() {
    let bench = Bench::new().await;
    bench
        .handle
        .suspend("x".into(), None, "ann".into())
        .await
        .unwrap();
    assert_eq!(
        bench.handle.resume("ann".into()).await.unwrap().phase,
        Phase::Idle
    );
}

#[tokio::test(start_paused = true)]
async fn b20_equal_commits_are_not_evaluated_twice_and_a_revert_is_a_generation() {
    let mut bench = Bench::new().await;
    for name in ["a", "b"] {
        bench.select(name).await;
        bench.evaluation(name).await.evaluates();
        bench.build(name).await.builds();
        bench.idle().await;
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

#[tokio::test(start_paused = true)]
async fn s01_a_testing_commit_that_reaches_main_is_a_main_generation_for_free() {
    let mut bench = Bench::new().await;
    bench.select_testing("a").await;
    bench.evaluation("a").await.evaluates();
    bench.build("a").await.builds();
    bench.idle().await;
    assert_eq!(bench.reader().baseline(), None, "testing moves no baseline");
    bench.outputs_exist("a");
    bench.select("a").await;
    bench.idle().await;
    assert!(bench.generation(N2).built().is_some());
    assert_eq!(bench.reader().baseline(), Some(commit("a").id.to_string()));
}

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
    bench.build("a").await.builds();
    bench.idle().await;
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
async fn b10_a_shutdown_cancels_and_the_next_start_goes_on() {
    let mut bench = Bench::new().await;
    bench.eval("a").await;
    bench.evaluation("a").await.evaluates();
    let build = bench.build("a").await;
    bench.handle.shutdown().await.unwrap();
    assert!(build.is_gone());
    assert!(matches!(
        bench.generation(N1).build(),
        Some(Build::Cancelled {
            by: CancelledBy::Shutdown,
            ..
        })
    ));
    assert_eq!(bench.handle.stop().await, Err(Refusal::ShuttingDown));
    let mut bench = bench.crash().await;
    bench.build("a").await.builds();
    bench.idle().await;
    assert!(bench.generation(N1).built().is_some());
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
    bench.build("a").await.builds();
    bench.idle().await;
    let attempts = ["eval_started 1", "eval_finished 1"].repeat(2);
    let builds = ["build_started 1", "build_finished 1"].repeat(2);
    let expected = [attempts, builds, vec!["baseline_moved"]].concat();
    assert_eq!(bench.events().await, expected);
}

#[tokio::test(start_paused = true)]
async fn s05_a_commit_asked_for_by_hand_moves_no_baseline() {
    let mut bench = Bench::new().await;
    bench.eval_by_hand("a").await;
    bench.evaluation("a").await.evaluates();
    bench.build("a").await.builds();
    bench.idle().await;
    assert!(bench.generation(N1).built().is_some());
    assert_eq!(bench.reader().baseline(), None);
}

#[tokio::test(start_paused = true)]
async fn s06_a_commit_that_fails_to_evaluate_or_to_build_does_not_move_the_baseline() {
    let mut bench = Bench::new().await;
    bench.select("a").await;
    bench.evaluation("a").await.evaluates();
    bench.build("a").await.builds();
    bench.idle().await;
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
async fn b10_the_state_is_told_while_a_stop_waits_for_processes() {
    let mut bench = Bench::new().await;
    bench.eval("a").await;
    let evaluation = bench.evaluation("a").await;
    let told = async {
        bench.phase(Phase::Stopping).await;
        assert!(!evaluation.is_gone());
        assert_eq!(bench.handle.state().generation, Some(N1));
    };
    let (stopped, ()) = tokio::join!(bench.handle.stop(), told);
    assert_eq!(stopped.unwrap().phase, Phase::Idle);
    assert!(evaluation.is_gone());
}

#[tokio::test(start_paused = true)]
async fn d03_a_damaged_index_is_kept_beside_and_rebuilt_from_the_files() {
    let mut bench = Bench::new().await;
    bench
        .handle
        .suspend("x".into(), None, "ann".into())
        .await
        .unwrap();
    bench.eval("a").await;
    bench.evaluation("a").await.evaluates();
    bench.phase(Phase::Waiting).await;
    let bench = bench
        .crash_with(|state| std::fs::write(state.join("sled/db"), b"ruined").unwrap())
        .await;
    assert_eq!(bench.generation(N1).commit.id, commit("a").id);
    assert_eq!(bench.handle.state().suspension.unwrap().by, "ann");
    let warnings = bench.reader().warnings();
    assert!(
        warnings[0].contains("rebuilt") && warnings[0].contains("sled.damaged-"),
        "{warnings:?}"
    );
    assert!(bench.events().await.contains(&"state_recovered".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn d03_one_damaged_file_costs_nothing_that_is_known_elsewhere() {
    let mut bench = Bench::new().await;
    bench.eval("a").await;
    bench.evaluation("a").await.evaluates();
    bench.build("a").await.builds();
    bench.idle().await;
    bench
        .handle
        .suspend("x".into(), None, "ann".into())
        .await
        .unwrap();
    let before = bench.generation(N1);
    let last = bench.events().await.len();
    let bench = bench
        .crash_with(|state| {
            for file in [
                "generations/1/generation.json",
                "suspension.json",
                "sequence",
            ] {
                std::fs::write(state.join(file), b"{bad").unwrap();
            }
        })
        .await;
    assert_eq!(bench.generation(N1), before, "restored from the index");
    assert_eq!(bench.reader().current(), Some(before));
    let suspension = bench.handle.state().suspension.unwrap();
    assert!(
        suspension.reason.contains("suspension.json"),
        "{suspension:?}"
    );
    assert!(bench.reader().warnings()[0].contains("generation.json.damaged"));
    bench.handle.resume("ann".into()).await.unwrap();
    assert!(
        bench.events().await.len() > last,
        "numbers go on behind the old ones"
    );
}

#[tokio::test(start_paused = true)]
async fn d01_an_older_generation_that_was_built_again_is_taken_up_too() {
    let mut bench = Bench::new().await;
    bench.eval("a").await;
    bench.evaluation("a").await.evaluates();
    let failure = Failure::certain("exit 1");
    bench.build("a").await.fails(failure);
    bench.idle().await;
    bench.eval("b").await;
    bench.evaluation("b").await.evaluates();
    bench.build("b").await.builds();
    bench.idle().await;
    bench.handle.submit_build(Some(N1), false).await.unwrap();
    let _build = bench.build("a").await;
    let mut bench = bench.crash().await;
    bench.build("a").await.builds();
    bench.idle().await;
    assert!(bench.generation(N1).built().is_some());
    assert_eq!(
        bench.reader().current().unwrap().number,
        N2,
        "the newest built one"
    );
}
