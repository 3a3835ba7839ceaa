//! Suspension and resume.

use crate::builder_bench::*;
use kiln::builder::{Phase, Refusal};
use kiln::model::Build;
use std::time::Duration;

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
    bench.resume().await;
    bench.builds("a").await;
    assert!(bench.generation(N1).built().is_some());
}

#[tokio::test(start_paused = true)]
async fn b13_suspend_ends_a_running_build_and_resume_builds_it_again() {
    let mut bench = Bench::new().await;
    let build = bench.building("a").await;
    let state = bench.suspend().await;
    assert!(build.is_gone());
    assert_eq!(state.phase, Phase::Waiting);
    // Submitting while suspended is accepted and waits.
    bench.handle.submit_build(None, false).await.unwrap();
    assert_eq!(bench.handle.state().phase, Phase::Waiting);
    bench.resume().await;
    bench.builds("a").await;
    assert!(bench.generation(N1).built().is_some());
}

#[tokio::test(start_paused = true)]
async fn b13_a_rebuild_of_an_older_generation_goes_on_after_a_suspension() {
    let mut bench = Bench::new().await;
    bench.fails_to_build("a").await;
    bench.fails_to_build("b").await;
    bench.is_rebuilt(N1, "a").await;
    let suspended = bench.handle.suspend("x".into(), None, "ann".into()).await;
    assert_eq!(suspended.unwrap().generation, Some(N1));
    bench.resume().await;
    bench.builds("a").await;
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
    bench.evaluated("a").await;
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
    bench.eval_and_build("a").await;
}

#[tokio::test(start_paused = true)]
async fn b15_a_suspension_survives_a_restart_and_a_resume_needs_no_caller() {
    let mut bench = Bench::new().await;
    bench.suspend().await;
    bench.evaluated("a").await;
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
    bench.builds("a").await;
    assert!(bench.generation(N1).built().is_some());
}

#[tokio::test(start_paused = true)]
async fn b16_resume_without_a_generation_is_fine() {
    let bench = Bench::new().await;
    bench.suspend().await;
    assert_eq!(
        bench.handle.resume("ann".into()).await.unwrap().phase,
        Phase::Idle
    );
}
