//! What ends what runs: a newer evaluation, a stop, a shutdown.

use crate::builder_bench::*;
use kiln::builder::{Phase, Refusal};
use kiln::model::{Build, CancelledBy, Evaluation};

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
    bench.builds("b").await;
    assert_eq!(bench.most_at_once(), 1);
}

#[tokio::test(start_paused = true)]
async fn b07_a_second_eval_ends_a_running_build() {
    let mut bench = Bench::new().await;
    let build = bench.building("a").await;
    bench.eval("b").await;
    assert!(build.is_gone());
    let by = match bench.generation(N1).build() {
        Some(Build::Cancelled { by, .. }) => *by,
        other => panic!("{other:?}"),
    };
    assert_eq!(by, CancelledBy::Superseded(N2));
    bench.evaluates_and_builds("b").await;
    assert_eq!(bench.most_at_once(), 1);
}

#[tokio::test(start_paused = true)]
async fn b10_stop_ends_what_runs_and_its_end_is_announced_once() {
    let mut bench = Bench::new().await;
    bench.eval("a").await;
    let evaluation = bench.evaluation("a").await;
    bench.handle.stop().await.unwrap();
    assert!(evaluation.is_gone(), "stop returned before it was gone");
    let build = bench.building("b").await;
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
async fn b10_a_shutdown_cancels_and_the_next_start_goes_on() {
    let mut bench = Bench::new().await;
    let build = bench.building("a").await;
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
    bench.builds("a").await;
    assert!(bench.generation(N1).built().is_some());
}
