//! The build engine beside Nix's, on the same graphs and with as many jobs:
//! `cargo bench --bench versus_nix [-- steps|chain|closure|nothing|add|hash] [COUNT]`;
//! with a count no graph of steps has more.
//! A plain program that prints medians and ratios beside their limits; both
//! sides run in turns, so that what else the machine does meets both.
//! docs/benchmarks.md has the figures. Nix is asked for its own sandbox; where
//! it cannot be run, that is said, and kiln's figures stand alone.
//!
//! Steps run a line for `/bin/sh`: kiln's that of the host (Debian's is dash, which
//! loads the C library), Nix's a static busybox, which its Debian package maps there.
//! The shell is a good part of such a step, so others run the smallest program there
//! is, the same file on both sides; it is compiled with `cc`, and left out without.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a benchmark drives programs and prints"
)]

#[path = "../tests/common/engine.rs"]
mod common;
#[path = "versus_nix/engine.rs"]
mod engine;
#[path = "versus_nix/nix.rs"]
mod nix;
#[path = "versus_nix/objects.rs"]
mod objects;
#[path = "versus_nix/smallest.rs"]
mod smallest;

use engine::{Engine, Graph, Runs};
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const RUNS: usize = 3;
const JOBS: u32 = 2;

/// Everything lies in one folder until the end: whenever ext4 makes a file it looks
/// through all that were removed lately, which both sides would be measured with.
static PLACE: OnceLock<PathBuf> = OnceLock::new();

/// A new folder, in its real place.
fn place() -> PathBuf {
    let below = PLACE.get().unwrap();
    TempDir::new_in(below).unwrap().keep()
}

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let real = std::fs::canonicalize(folder.path()).unwrap();
    PLACE.set(real).unwrap();
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| !a.starts_with('-'))
        .collect();
    let (counts, names): (Vec<String>, Vec<String>) = wanted
        .into_iter()
        .partition(|word| word.parse::<u32>().is_ok());
    let most = counts
        .iter()
        .find_map(|count| count.parse().ok())
        .unwrap_or(u32::MAX);
    let wants = |name: &str| names.is_empty() || names.iter().any(|w| w == name);
    let nix = nix::Nix::here();
    if let Err(why) = &nix {
        println!("nix-store -r cannot be measured here: {why}");
    }
    let nix = nix.ok();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        if wants("steps") {
            independent(nix.as_ref(), most).await;
        }
        if wants("chain") {
            chain(nix.as_ref(), most).await;
        }
        if wants("closure") {
            closures().await;
        }
        if wants("nothing") {
            nothing().await;
        }
    });
    if wants("add") {
        objects::add(nix.as_ref());
    }
    if wants("hash") {
        objects::hash();
    }
}

/// Milliseconds of the middle run.
fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1000.0
}

fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

fn verdict(kept: bool) -> &'static str {
    if kept { "kept" } else { "MISSED" }
}

/// Both build the graph, `RUNS` times in turns; milliseconds a step.
async fn both(nix: Option<&nix::Nix>, graph: Graph) -> (f64, Option<f64>) {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for run in 0..RUNS {
        let engine = Engine::new(JOBS);
        ours.push(engine.build(graph, run).await);
        if let Some(nix) = nix {
            theirs.push(nix.realise(graph, run, JOBS));
        }
    }
    let steps = f64::from(graph.steps());
    let theirs = (!theirs.is_empty()).then(|| median(theirs) / steps);
    (median(ours) / steps, theirs)
}

fn compare(what: &str, ours: f64, theirs: Option<f64>) {
    match theirs {
        Some(theirs) => println!(
            "{what}: {ours:.2} ms a step, nix-store -r {theirs:.2}: {:.1} times (limit 10): {}",
            theirs / ours,
            verdict(theirs / ours >= 10.0)
        ),
        None => println!("{what}: {ours:.2} ms a step"),
    }
}

async fn independent(nix: Option<&nix::Nix>, most: u32) {
    let [few, some, many] = [100, 500, 1000].map(|count| most.min(count));
    let (of_few, _) = both(None, Graph::Independent(few, Runs::Shell)).await;
    let mut of_many = 0.0;
    for count in [some, many] {
        let (ours, theirs) = both(nix, Graph::Independent(count, Runs::Shell)).await;
        compare(&format!("{count} independent steps"), ours, theirs);
        of_many = ours;
    }
    println!(
        "a step of {many} over one of {few}: {:.2} times (limit 1.2): {}",
        of_many / of_few,
        verdict(of_many / of_few <= 1.2)
    );
    let what = format!("{some} independent steps");
    of_the_smallest(nix, &what, Graph::Independent(some, Runs::Smallest)).await;
}

async fn chain(nix: Option<&nix::Nix>, most: u32) {
    let count = most.min(200);
    let what = format!("a chain of {count} steps");
    let (ours, theirs) = both(nix, Graph::Chain(count, Runs::Shell)).await;
    compare(&what, ours, theirs);
    of_the_smallest(nix, &what, Graph::Chain(count, Runs::Smallest)).await;
}

/// The same with steps that run next to nothing.
async fn of_the_smallest(nix: Option<&nix::Nix>, what: &str, graph: Graph) {
    let what = format!("{what} that run the smallest program");
    match smallest::program() {
        Ok(_) => {
            let (ours, theirs) = both(nix, graph).await;
            compare(&what, ours, theirs);
        }
        Err(why) => println!("{what}: not measured, it cannot be compiled here: {why}"),
    }
}

/// What a larger closure adds to a step, in turns.
async fn closures() {
    const SIZES: [u32; 3] = [1, 200, 1000];
    let mut times = [const { Vec::new() }; 3];
    for run in 0..RUNS {
        for (size, times) in SIZES.iter().zip(&mut times) {
            let engine = Engine::new(1);
            engine.build(Graph::Closure(*size), run).await;
            times.extend(engine.durations());
        }
    }
    let [one, two_hundred, thousand] = times.map(median);
    println!("a step with a closure of 1 path: {one:.2} ms");
    for (size, time, limit) in [("200", two_hundred, 1.0), ("1,000", thousand, 5.0)] {
        println!(
            "a closure of {size} paths: {:.2} ms more (limit {limit}): {}",
            time - one,
            verdict(time - one <= limit)
        );
    }
}

/// The same commit again, and another commit that changes nothing it reads.
async fn nothing() {
    let mut engine = Engine::new(JOBS);
    let graph = Graph::Nodes(10_000);
    let first = engine.evaluate(graph, 0).await;
    println!(
        "evaluating 10,000 nodes for the first time: {:.0} ms",
        median(vec![first])
    );
    let built = engine.build_evaluated().await;
    println!("building them: {:.0} ms", median(vec![built]));
    let just_built = no_ops(&engine, graph).await;
    println!("nothing to do, the store just changed: {just_built:.0} ms");
    // Folders that changed just now are looked through.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let time = no_ops(&engine, graph).await;
    println!(
        "nothing to do on 10,000 nodes, evaluation included: {time:.0} ms (limit 100): {}",
        verdict(time <= 100.0)
    );
    let mut first = Vec::new();
    for _ in 0..RUNS {
        engine.restart();
        first.push(engine.no_op(graph, 0).await);
    }
    println!("the first time after a restart: {:.0} ms", median(first));
}

async fn no_ops(engine: &Engine, graph: Graph) -> f64 {
    let mut times = Vec::new();
    for _ in 0..RUNS * 3 {
        times.push(engine.no_op(graph, 0).await);
    }
    median(times)
}
