//! The Builder after what went wrong, or went unusual ways: crashes, copied
//! states, a disk that refuses, lines of history beside each other.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test says what went wrong by panicking"
)]

#[path = "common/builder_bench.rs"]
mod builder_bench;

use builder_bench::*;
use kiln::model::{Failure, GenerationNumber};

const N1: GenerationNumber = GenerationNumber(1);
const N2: GenerationNumber = GenerationNumber(2);

/// A main generation that is evaluated and whose build failed: it can be asked for again.
async fn fails_to_build(bench: &mut Bench, name: &str) {
    bench.eval(name).await;
    bench.evaluation(name).await.evaluates();
    let failure = Failure::certain("exit 1");
    bench.build(name).await.fails(failure);
    bench.idle().await;
}

#[tokio::test(start_paused = true)]
async fn s06_the_baseline_never_moves_between_two_lines_of_main() {
    let mut bench = Bench::new().await;
    bench.diverge("a", "b");
    fails_to_build(&mut bench, "a").await;
    fails_to_build(&mut bench, "b").await;
    for (number, name) in [(N1, "a"), (N2, "b")] {
        bench
            .handle
            .submit_build(Some(number), false)
            .await
            .unwrap();
        bench.build(name).await.builds();
        bench.idle().await;
    }
    assert_eq!(bench.reader().current().unwrap().number, N2);
    assert_eq!(bench.reader().baseline(), Some(commit("a").id.to_string()));
    // What descends from it moves it on.
    bench.eval("c").await;
    bench.evaluation("c").await.evaluates();
    bench.build("c").await.builds();
    bench.idle().await;
    assert_eq!(bench.reader().baseline(), Some(commit("c").id.to_string()));
}
