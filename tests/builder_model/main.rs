//! B18: random operations on the Builder against a small model of what a user
//! may rely on, under paused time. docs/model-test.md says how to run it for long.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test says what went wrong by panicking"
)]

#[path = "../common/builder_bench.rs"]
mod builder_bench;
mod commands;
mod model;
mod operation;
mod pair;
mod seen;
mod watchdog;
mod words;

use operation::{Operation, operation, policies};
use pair::Pair;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestError, TestRunner};
use std::time::{Duration, Instant};
use watchdog::Watchdog;
use words::Consent;

/// Commits by name; the last is for another machine.
const COMMITS: [&str; 4] = ["a", "b", "c", "d"];
/// Operations of one case, at most.
const LENGTH: usize = 400;
/// Of the paused clock: an operation that is not answered by then never is.
const NEVER: Duration = Duration::from_secs(10 * 24 * 3600);

type Case = ((bool, Consent), Vec<Operation>);

fn run(case: &Case, watchdog: &Watchdog) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let ((finish_build, consent), operations) = case;
        watchdog.begins(case);
        let mut pair = Pair::new(*finish_build, *consent).await;
        for (n, operation) in operations.iter().enumerate() {
            watchdog.comes_to(n);
            let step = tokio::time::timeout(NEVER, pair.step(*operation)).await;
            let step = step.unwrap_or_else(|_| Err("no answer: a deadlock".into()));
            pair = step.map_err(|differs| format!("{operation:?}, the {n}th: {differs}"))?;
        }
        pair.ends().await
    })
}

/// Random cases until so many operations were run; answers how many.
fn run_for(wanted: usize) -> Result<usize, String> {
    let watchdog = Watchdog::default();
    let config = Config {
        cases: 1,
        failure_persistence: None, // what it finds becomes a test with a name
        max_shrink_iters: 2_000,
        ..Config::default()
    };
    let cases = (policies(), prop::collection::vec(operation(), 1..LENGTH));
    let done = std::cell::Cell::new(0);
    while done.get() < wanted {
        let mut runner = TestRunner::new(config.clone());
        let result = runner.run(&cases, |case| {
            done.set(done.get() + case.1.len());
            run(&case, &watchdog).map_err(TestCaseError::fail)
        });
        result.map_err(|error| told(&error))?;
    }
    Ok(done.get())
}

/// The shortest case that fails, an operation a line.
fn told(error: &TestError<Case>) -> String {
    match error {
        TestError::Abort(reason) => reason.to_string(),
        TestError::Fail(reason, (policies, operations)) => {
            let operations = operations.iter().map(|o| format!("\n  {o:?}"));
            let operations: String = operations.collect();
            format!("{reason}\nwith {policies:?}:{operations}")
        }
    }
}

fn side_by_side(operations: usize) {
    let began = Instant::now();
    let threads = 2;
    let done: usize = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..threads)
            .map(|_| scope.spawn(|| run_for(operations / threads)))
            .collect();
        let done = runs.into_iter().map(|run| run.join().unwrap());
        done.map(|done| done.unwrap_or_else(|error| panic!("{error}")))
            .sum()
    });
    let took = began.elapsed();
    let rate = done as f64 / took.as_secs_f64();
    eprintln!("{done} operations agree with the model, in {took:.1?}: {rate:.0} a second");
}

#[test]
fn b18_ten_thousand_random_operations_agree_with_the_model() {
    side_by_side(10_000);
}

#[test]
#[ignore = "a million operations: docs/model-test.md"]
fn b18_a_million_random_operations_agree_with_the_model() {
    side_by_side(1_000_000);
}
