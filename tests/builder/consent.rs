//! Builds that wait for consent.

use crate::builder_bench::*;
use kiln::builder::{Phase, Refusal};
use kiln::model::{BlockedReason, Build, Confirmation};

#[tokio::test(start_paused = true)]
async fn a_build_waits_for_consent_also_after_a_restart() {
    let mut bench = Bench::with(Policies::confirmation(Confirmation::Manual)).await;
    bench.evaluated("a").await;
    bench.phase(Phase::Waiting).await;
    assert_eq!(bench.why_it_waits(N1), Some(BlockedReason::Confirmation));
    let mut bench = bench.crash().await;
    tokio::time::sleep(100 * HOUR).await;
    bench.phase(Phase::Waiting).await;
    let unknown = bench.handle.confirm(Some(N2)).await;
    assert_eq!(unknown, Err(Refusal::UnknownGeneration(N2)));
    bench.handle.confirm(None).await.unwrap();
    let build = bench.build("a").await;
    let again = bench.handle.confirm(None).await;
    assert_eq!(again, Err(Refusal::NothingToConfirm(N1)));
    // Suspended and resumed it is not asked for twice.
    bench.suspend().await;
    assert!(build.is_gone());
    bench.resume().await;
    bench.builds("a").await;
}

#[tokio::test(start_paused = true)]
async fn a_build_begins_by_itself_when_nobody_objects_in_time() {
    let mut bench = Bench::with(Policies::confirmation(Confirmation::Auto(HOUR))).await;
    bench.evaluated("a").await;
    bench.phase(Phase::Waiting).await;
    let since = bench.generation(N1).blocked().unwrap().since;
    tokio::time::sleep(HOUR / 4).await;
    let mut bench = bench.crash().await;
    assert_eq!(bench.generation(N1).blocked().unwrap().since, since);
    let before = tokio::time::Instant::now();
    bench.build("a").await.builds();
    let waited = before.elapsed();
    assert!(
        waited > HOUR / 2 && waited <= HOUR * 3 / 4 + HOUR / 100,
        "{waited:?}"
    );
    bench.idle().await;
    bench.evaluated("b").await;
    bench.phase(Phase::Waiting).await;
    bench.handle.stop().await.unwrap();
    tokio::time::sleep(2 * HOUR).await;
    bench.idle().await;
    assert!(matches!(
        bench.generation(N2).build(),
        Some(Build::Cancelled { .. })
    ));
}
