//! Builds that are asked for: refusals, new attempts, and what is gone meanwhile.

use crate::builder_bench::*;
use kiln::builder::Refusal;
use kiln::model::{Build, Failure, GenerationNumber};

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
async fn b08_only_the_generation_in_work_is_building_already() {
    let mut bench = Bench::new().await;
    bench.fails_to_build("a").await;
    bench.fails_to_build("b").await;
    bench.is_rebuilt(N2, "b").await;
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
    bench.builds("b").await;
    bench.is_rebuilt(N1, "a").await;
}

#[tokio::test(start_paused = true)]
async fn b09_a_failed_timed_out_or_cancelled_build_can_be_submitted_again() {
    let mut bench = Bench::new().await;
    bench
        .building("a")
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
    bench.builds("a").await;
    let Some(Build::Succeeded { span, .. }) = bench.generation(N1).build().cloned() else {
        panic!()
    };
    assert_eq!(span.attempt, 4);
}

#[tokio::test(start_paused = true)]
async fn b09_a_build_of_what_was_collected_evaluates_once_more_in_the_same_attempt() {
    let mut bench = Bench::new().await;
    bench.building("a").await.finds_nothing();
    bench.evaluation("a").await.evaluates();
    // Once: if that is of no use, the build has failed.
    bench.build("a").await.finds_nothing();
    bench.build("a").await.fails(Failure::certain("exit 1"));
    bench.idle().await;
    bench.handle.submit_build(Some(N1), true).await.unwrap();
    bench.build("a").await.finds_nothing();
    bench.evaluates_and_builds("a").await;
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
    bench.building("a").await.finds_nothing();
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
