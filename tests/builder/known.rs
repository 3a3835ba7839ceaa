//! What is known of a commit from before, and what makes that untrue.

use crate::builder_bench::*;

#[tokio::test(start_paused = true)]
async fn b20_other_settings_evaluate_the_same_commit_again() {
    let mut bench = Bench::new().await;
    bench.select_and_build("a").await;
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
    bench.select_and_build("a").await;
    let mut bench = bench
        .crash_with(|state| {
            change_record(state, 1, |record| {
                let settings = record.as_object_mut().unwrap().remove("settings");
                assert!(settings.is_some());
            });
        })
        .await;
    bench.select_and_build("a").await;
}

#[tokio::test(start_paused = true)]
async fn b20_an_evaluation_whose_graph_was_collected_is_made_again() {
    let mut bench = Bench::new().await;
    for name in ["a", "b"] {
        bench.select_and_build(name).await;
    }
    bench.is_collected("a");
    bench.select_and_build("a").await;
    assert!(bench.generation(N3).built().is_some());
}

#[tokio::test(start_paused = true)]
async fn b20_a_start_evaluates_and_builds_nothing_again() {
    let mut bench = Bench::new().await;
    bench.select_and_build("a").await;
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
