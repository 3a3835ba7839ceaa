//! What kiln adds to Nix: `cargo bench --bench nix_overhead [-- eval|build|log]`.
//! A plain program that prints medians beside their limits. Both sides run in
//! turns on stores and caches of their own that have seen the same, and each run
//! has a commit and a derivation that neither has seen. docs/benchmarks.md has
//! the figures.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a benchmark drives programs and prints"
)]

#[path = "../tests/common/mod.rs"]
mod common;
#[path = "nix_overhead/follower.rs"]
mod follower;
#[path = "nix_overhead/plain.rs"]
mod plain;
#[path = "../tests/nix/support.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod support;

use kiln::backend::Backend;
use kiln::backend::nix::{Nix, NixKind};
use kiln::model::{Commit, Evaluated};
use plain::Plain;
use std::time::{Duration, Instant};
use support::World;

/// What kiln may add to a run of Nix: a twentieth of it, and this.
const MORE: f64 = 30.0;

fn main() {
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    let wants = |name: &str| wanted.is_empty() || wanted.iter().any(|wanted| wanted == name);
    println!("beside {}", Plain::version());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    if wants("eval") {
        runtime.block_on(evaluations("a small flake", 1, 15));
        runtime.block_on(evaluations("one that takes a while", 1_500_000, 5));
    }
    if wants("build") {
        runtime.block_on(builds("a trivial step", "echo hello > $out", 15));
        runtime.block_on(builds("a step of a second", "sleep 1; echo > $out", 5));
    }
    if wants("log") {
        follower::latency();
    }
}

/// Evaluations of this many additions.
async fn evaluations(what: &str, additions: u32, runs: usize) {
    let sides = Sides::new();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for run in 0..=runs {
        let commit = sides.commit(run, additions, "echo > $out");
        for is_ours in sides.turn(run) {
            match is_ours {
                true => ours.push(sides.kiln_evaluates(&commit).await.0),
                false => theirs.push(sides.nix.evaluate(&sides.world, &commit)),
            }
        }
    }
    compare(&format!("evaluating {what}"), "nix eval", &ours, &theirs);
}

/// Builds of a step that neither side has built; it is evaluated before.
async fn builds(what: &str, script: &str, runs: usize) {
    let sides = Sides::new();
    let realising = Plain::new();
    let (mut ours, mut built, mut realised) = (Vec::new(), Vec::new(), Vec::new());
    for run in 0..=runs {
        let commit = sides.commit(run, 1, script);
        let (_, evaluated) = sides.kiln_evaluates(&commit).await;
        sides.nix.evaluate(&sides.world, &commit);
        realising.evaluate(&sides.world, &commit);
        for is_ours in sides.turn(run) {
            match is_ours {
                true => ours.push(sides.kiln_builds(&evaluated).await),
                false => {
                    built.push(sides.nix.build(&evaluated.drv_path));
                    realised.push(realising.realise(&evaluated.drv_path));
                }
            }
        }
    }
    compare(&format!("building {what}"), "nix build", &ours, &built);
    println!("  nix-store --realise: {:.0} ms", median(&realised));
}

/// kiln and a plain Nix, on the same repository.
struct Sides {
    world: World,
    /// One for all runs, as the agent has it.
    backend: Nix,
    nix: Plain,
}

impl Sides {
    fn new() -> Self {
        let mut world = World::new(NixKind::Flake);
        let paths = "/bin/sh=/bin/busybox /bin/sleep=/bin/busybox";
        let own = ("sandbox-paths".to_owned(), paths.to_owned());
        world.config.options.push(own);
        Sides {
            backend: world.backend(),
            world,
            nix: Plain::new(),
        }
    }

    /// Whose turn it is: they change places after each run.
    fn turn(&self, run: usize) -> [bool; 2] {
        let kiln_first = run.is_multiple_of(2);
        [kiln_first, !kiln_first]
    }

    /// A commit whose derivation nobody has seen.
    fn commit(&self, run: usize, additions: u32, script: &str) -> Commit {
        let toplevel = support::step("hello", script).replace(
            "name =",
            &format!(
                "salt = \"{run}-{}\"; sum = builtins.foldl' (a: b: a + b) 0 (builtins.genList (x: x) {additions}); name =",
                std::process::id()
            ),
        );
        let outputs = support::system("kiln.machineId = \"abc\";", &toplevel);
        self.world.flake(&outputs)
    }

    async fn kiln_evaluates(&self, commit: &Commit) -> (Duration, Evaluated) {
        let request = self.world.request(commit);
        let began = Instant::now();
        let outcome = self.backend.evaluate(request).await.unwrap();
        (began.elapsed(), World::succeeded(outcome))
    }

    async fn kiln_builds(&self, evaluated: &Evaluated) -> Duration {
        let began = Instant::now();
        self.world.built(evaluated).await;
        began.elapsed()
    }
}

/// Prints both, but for the first run: it fills what is read from the disk.
fn compare(what: &str, plain: &str, ours: &[Duration], theirs: &[Duration]) {
    let (ours, theirs) = (&ours[1..], &theirs[1..]);
    let limit = median(theirs) * 1.05 + MORE;
    println!(
        "{what}: {:.0} ms, {plain} {:.0} ms (limit {limit:.0}): {}; the quickest {:.0} and {:.0} ms",
        median(ours),
        median(theirs),
        verdict(median(ours) <= limit),
        quickest(ours),
        quickest(theirs),
    );
}

/// Milliseconds of the middle run.
fn median(times: &[Duration]) -> f64 {
    let mut times = times.to_vec();
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1000.0
}

fn quickest(times: &[Duration]) -> f64 {
    let least = times.iter().min().unwrap();
    least.as_secs_f64() * 1000.0
}

fn verdict(kept: bool) -> &'static str {
    if kept { "kept" } else { "MISSED" }
}
