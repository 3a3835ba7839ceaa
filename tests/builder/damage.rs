//! Records that are damaged.

use crate::builder_bench::*;
use kiln::builder::Phase;

#[tokio::test(start_paused = true)]
async fn d03_a_damaged_index_is_kept_beside_and_rebuilt_from_the_files() {
    let mut bench = Bench::new().await;
    bench.suspend().await;
    bench.evaluated("a").await;
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
    bench.eval_and_build("a").await;
    bench.suspend().await;
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
    bench.resume().await;
    assert!(
        bench.events().await.len() > last,
        "numbers go on behind the old ones"
    );
}
