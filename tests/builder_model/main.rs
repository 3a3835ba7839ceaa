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

use operation::{Operation, Which, operations, policies};
use pair::{Pair, Reached};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};
use watchdog::Watchdog;
use words::{Consent, End};

/// Commits by name; the last is for another machine.
const COMMITS: [&str; 4] = ["a", "b", "c", "d"];
/// Operations, or a few together, of one case at most.
const LENGTH: usize = 300;
/// A long run says after so many operations that it goes on.
const SAID: usize = 25_000;
/// Of the paused clock: an operation that is not answered by then never is.
const NEVER: Duration = Duration::from_secs(10 * 24 * 3600);

/// Kinds of events a run that tests anything comes to.
const EXPECTED: [&str; 24] = [
    "Baseline",
    "Began",
    "Build Failed, then GivenUp",
    "Build Failed, then Nothing",
    "Build Failed, then Remembered, taken over",
    "Build Failed, then Retry",
    "Build Stop",
    "Build Succeeded",
    "Build Succeeded, already built",
    "Build Succeeded, taken over, already built",
    "Build Superseded",
    "Build Suspend",
    "Build TimedOut",
    "Evaluation Failed, then GivenUp",
    "Evaluation Failed, then Remembered",
    "Evaluation Shutdown",
    "Evaluation Stop",
    "Evaluation Superseded",
    "Evaluation TimedOut",
    "Evaluation and its build begins",
    "Evaluation and its build waits: Confirmation",
    "Evaluation and its build waits: MachineId",
    "Evaluation and its build waits: Suspended",
    "Resumed",
];

type Case = ((bool, Consent), Vec<Operation>);

fn run(case: &Case, watchdog: &Watchdog) -> Result<Reached, String> {
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

/// Cases until so many operations were run; answers how many. With a `seed` they
/// are the same each time.
fn run_for(wanted: usize, seed: Option<u8>) -> Result<(usize, Reached), String> {
    let watchdog = Watchdog::default();
    let config = Config {
        cases: 1,
        failure_persistence: None, // what it finds becomes a test with a name
        max_shrink_iters: 2_000,
        ..Config::default()
    };
    let cases = (policies(), operations(LENGTH));
    let (done, reached) = (Cell::new(0), RefCell::new(Reached::new()));
    let (mut said, mut n) = (0, 0u32);
    while done.get() < wanted {
        let mut runner = match seed {
            None => TestRunner::new(config.clone()),
            Some(seed) => TestRunner::new_with_rng(config.clone(), rng(seed, n)),
        };
        n += 1;
        let result = runner.run(&cases, |case| {
            done.set(done.get() + case.1.len());
            let seen = run(&case, &watchdog).map_err(TestCaseError::fail)?;
            add(&mut reached.borrow_mut(), seen);
            Ok(())
        });
        result.map_err(|error| told(error, &watchdog))?;
        if done.get() / SAID > said {
            said = done.get() / SAID;
            eprintln!("{} operations of {wanted} agree", done.get());
        }
    }
    Ok((done.get(), reached.into_inner()))
}

fn rng(seed: u8, n: u32) -> TestRng {
    let mut bytes = [seed; 32];
    bytes[..4].copy_from_slice(&n.to_le_bytes());
    TestRng::from_seed(RngAlgorithm::ChaCha, &bytes)
}

fn add(to: &mut Reached, seen: Reached) {
    for (kind, times) in seen {
        *to.entry(kind).or_default() += times;
    }
}

/// The shortest case that fails, an operation a line.
fn told(error: TestError<Case>, watchdog: &Watchdog) -> String {
    match error {
        TestError::Abort(reason) => reason.to_string(),
        TestError::Fail(reason, case) => {
            let (differs, case) = shortest(reason.to_string(), case, watchdog);
            let operations = case.1.iter().map(|o| format!("\n  {o:?}"));
            let operations: String = operations.collect();
            format!("{differs}\nwith {:?}:{operations}", case.0)
        }
    }
}

/// Without any operation that is not needed for it to fail.
fn shortest(mut differs: String, mut case: Case, watchdog: &Watchdog) -> (String, Case) {
    let mut n = case.1.len();
    while n > 0 {
        n -= 1;
        let mut shorter = case.clone();
        shorter.1.remove(n);
        if let Err(other) = run(&shorter, watchdog) {
            (differs, case) = (other, shorter);
        }
    }
    (differs, case)
}

fn side_by_side(operations: usize, is_seeded: bool) {
    let began = Instant::now();
    let threads = 2u8;
    let each = operations / usize::from(threads);
    let results: Vec<_> = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..threads)
            .map(|thread| scope.spawn(move || run_for(each, is_seeded.then_some(thread))))
            .collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    let (mut done, mut reached) = (0, Reached::new());
    for result in results {
        let (operations, seen) = result.unwrap_or_else(|error| panic!("{error}"));
        done += operations;
        add(&mut reached, seen);
    }
    let took = began.elapsed();
    let rate = done as f64 / took.as_secs_f64();
    let is_missing = |kind: &&str| !reached.keys().any(|seen| seen.starts_with(kind));
    let missing: Vec<_> = EXPECTED.into_iter().filter(is_missing).collect();
    assert!(
        missing.is_empty(),
        "never came to {missing:?}: {reached:#?}"
    );
    eprintln!("{done} operations agree with the model, in {took:.1?}: {rate:.0} a second");
}

#[test]
fn b18_what_long_runs_found_agrees() {
    use Operation::{Ends, Select, Space, Submit};
    let select = |commit| Select {
        commit,
        testing: false,
    };
    let (built, failed) = (Ends(End::Succeeds), Ends(End::FailsForCertain));
    let again = Submit {
        which: Which::Default,
        retry: true,
    };
    let row = [
        select(2),
        built,
        failed,
        select(0),
        built,
        select(2),
        built,
        again,
        select(1),
        built,
        built,
        select(2),
    ];
    let full = [select(0), built, Space { full: true }, select(1)];
    for operations in [row.to_vec(), full.to_vec()] {
        let case = ((true, Consent::Unneeded), operations);
        run(&case, &Watchdog::default()).unwrap();
    }
}

/// The same ones each time: what is new is for the long run to find.
#[test]
fn b18_ten_thousand_random_operations_agree_with_the_model() {
    side_by_side(10_000, true);
}

#[test]
#[ignore = "a million operations: docs/model-test.md"]
fn b18_a_million_random_operations_agree_with_the_model() {
    side_by_side(1_000_000, false);
}
