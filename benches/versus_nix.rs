//! The build engine beside Nix's, on the same graphs and with as many jobs:
//! `cargo bench --bench versus_nix [-- steps|chain|closure|nothing|add|hash]`.
//! A plain program that prints medians and ratios beside their limits; both
//! sides run in turns, so that what else the machine does meets both.
//! docs/benchmarks.md has the figures. Nix is asked for its own sandbox; where
//! it cannot be run, that is said, and kiln's figures stand alone.
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

use engine::{Engine, Graph};
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
    let wants = |name: &str| wanted.is_empty() || wanted.iter().any(|w| w == name);
    let nix = nix::Nix::here();
    if let Err(why) = &nix {
        println!("nix-store -r cannot be measured here: {why}");
    }
    let nix = nix.ok();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        if wants("steps") {
            independent(nix.as_ref()).await;
        }
        if wants("chain") {
            chain(nix.as_ref()).await;
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

async fn independent(nix: Option<&nix::Nix>) {
    let (hundred, _) = both(None, Graph::Independent(100)).await;
    let mut thousand = 0.0;
    for count in [500, 1000] {
        let (ours, theirs) = both(nix, Graph::Independent(count)).await;
        compare(&format!("{count} independent steps"), ours, theirs);
        thousand = ours;
    }
    println!(
        "a step of 1,000 over one of 100: {:.2} times (limit 1.2): {}",
        thousand / hundred,
        verdict(thousand / hundred <= 1.2)
    );
}

async fn chain(nix: Option<&nix::Nix>) {
    let (ours, theirs) = both(nix, Graph::Chain(200)).await;
    compare("a chain of 200 steps", ours, theirs);
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
