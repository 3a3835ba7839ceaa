//! A disk that refuses for a while: what the work came to is recorded once that can
//! be, nothing is announced twice, nothing is forgotten.

use crate::builder_bench::*;
use kiln::builder::{Phase, Refusal};
use kiln::model::Failure;
use std::time::Duration;

/// Longer than the Builder lets a refused write rest.
const AGAIN: Duration = Duration::from_secs(60);

#[tokio::test(start_paused = true)]
async fn d04_what_waited_for_a_build_begins_once_the_end_of_that_is_recorded() {
    let mut bench = Bench::with(Policies::finish_build(1)).await;
    let build = bench.building("a").await;
    bench.eval("b").await;
    bench.disk_refuses();
    build.builds();
    tokio::time::sleep(AGAIN).await;
    bench.nothing_asked();
    assert!(bench.generation(N1).built().is_none());
    bench.disk_takes();
    bench.evaluation("b").await.evaluates();
    assert!(bench.generation(N1).built().is_some());
    assert_eq!(bench.times("build_finished 1").await, 1);
    // It counts as one that finished.
    let build = bench.build("b").await;
    bench.eval("c").await;
    assert!(build.is_gone(), "one build in a row was finished before");
}

#[tokio::test(start_paused = true)]
async fn d04_a_failure_that_could_not_be_recorded_is_tried_again_after_it_is() {
    let mut bench = Bench::new().await;
    bench.eval("a").await;
    let evaluation = bench.evaluation("a").await;
    bench.disk_refuses();
    evaluation.fails(Failure::transient("connection reset"));
    tokio::time::sleep(AGAIN).await;
    bench.nothing_asked();
    bench.disk_takes();
    let again = bench.evaluation("a").await;
    assert_eq!(bench.times("eval_finished 1").await, 1);
    again.evaluates();
    bench.builds("a").await;
}

#[tokio::test(start_paused = true)]
async fn d04_a_stop_that_cannot_be_recorded_is_refused() {
    let mut bench = Bench::with(Policies::finish_build(5)).await;
    let build = bench.building("a").await;
    bench.eval("b").await;
    bench.disk_refuses();
    let refused = bench.handle.stop().await;
    assert!(matches!(refused, Err(Refusal::State(_))), "{refused:?}");
    assert!(build.is_gone());
    bench.disk_takes();
    bench.handle.stop().await.unwrap();
    bench.phase(Phase::Idle).await;
    for (number, end) in [(N1, "build_finished 1"), (N2, "eval_finished 2")] {
        assert!(bench.generation(number).is_ended(), "{number}");
        assert_eq!(bench.times(end).await, 1, "{end}");
    }
}

#[tokio::test(start_paused = true)]
async fn d04_a_build_whose_suspension_could_not_be_recorded_goes_on_after_the_resume() {
    let mut bench = Bench::new().await;
    let build = bench.building("a").await;
    let suspended = bench.handle.suspend("x".into(), None, "ann".into());
    let refuses = async {
        bench.is_written("suspension.json").await;
        // Its processes take a while to be gone.
        tokio::time::sleep(Duration::from_secs(1)).await;
        bench.disk_refuses();
    };
    let (suspended, ()) = tokio::join!(suspended, refuses);
    assert!(build.is_gone() && suspended.is_ok());
    tokio::time::sleep(AGAIN).await;
    bench.disk_takes();
    bench.resume().await;
    bench.builds("a").await;
    assert!(bench.generation(N1).built().is_some());
    assert_eq!(bench.times("build_finished 1").await, 2);
}

#[tokio::test(start_paused = true)]
async fn d04_a_pushed_commit_that_the_disk_refused_is_built_once_it_can_be() {
    let mut bench = Bench::new().await;
    bench.eval("a").await;
    let _evaluation = bench.evaluation("a").await;
    bench.disk_refuses();
    let refused = bench.try_select("b").await;
    assert!(matches!(refused, Err(Refusal::State(_))), "{refused:?}");
    bench.disk_takes();
    bench.evaluates_and_builds("b").await;
    assert!(bench.generation(N1).is_ended());
    assert!(bench.generation(N2).built().is_some());
}

#[tokio::test(start_paused = true)]
async fn d04_an_evaluation_that_the_disk_refuses_leaves_what_waits_as_it_was() {
    let policies = Policies::default();
    let disk = policies.room.clone();
    let mut bench = Bench::with(policies).await;
    disk.set_full(true);
    bench.select("a").await;
    bench.disk_refuses();
    let asked = bench.handle.eval(selection("a", false), false, None);
    let refused = asked.await;
    assert!(matches!(refused, Err(Refusal::State(_))), "{refused:?}");
    let refused = bench.handle.eval(selection("b", false), true, None).await;
    assert!(matches!(refused, Err(Refusal::State(_))), "{refused:?}");
    bench.disk_takes();
    disk.set_full(false);
    bench.evaluates_and_builds("a").await;
    assert!(bench.generation(N1).built().is_some());
}

#[tokio::test(start_paused = true)]
async fn d04_a_selection_whose_evaluation_by_hand_the_disk_refused_is_built_once_it_can_be() {
    let mut bench = Bench::new().await;
    bench.select("a").await;
    let evaluation = bench.evaluation("a").await;
    bench.disk_refuses();
    let asked = bench.handle.eval(selection("a", false), false, None);
    let refused = asked.await;
    assert!(matches!(refused, Err(Refusal::State(_))), "{refused:?}");
    assert!(evaluation.is_gone());
    bench.disk_takes();
    bench.evaluates_and_builds("a").await;
    assert!(bench.generation(N2).built().is_some());
}

#[tokio::test(start_paused = true)]
async fn d04_an_end_in_time_that_cannot_be_recorded_keeps_no_command_waiting() {
    let hour = Duration::from_secs(3600);
    for held in [true, false] {
        let mut bench = Bench::new().await;
        match held {
            true => {
                bench.eval_held("a", Some(hour)).await;
                bench.evaluation("a").await.fails(Failure::certain("no"));
            }
            false => {
                let suspended = bench.handle.suspend("x".into(), Some(hour), "ann".into());
                suspended.await.unwrap();
            }
        }
        bench.idle().await;
        bench.disk_refuses();
        tokio::time::sleep(2 * hour).await;
        let before = tokio::time::Instant::now();
        for _ in 0..10 {
            bench.settled().await;
        }
        assert_eq!(before.elapsed(), Duration::ZERO, "held: {held}");
        bench.disk_takes();
        tokio::time::sleep(AGAIN).await;
        let state = bench.handle.state();
        assert_eq!((state.hold, state.suspension), (None, None));
    }
}
