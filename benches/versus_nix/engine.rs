//! kiln's side: the native backend on a store of its own, as the Builder calls it.

use crate::common::{self, config};
use kiln::backend::{Backend, BuildOutcome, EvaluationOutcome};
use kiln::model::{Commit, Evaluated};
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// What a step runs.
#[derive(Debug, Clone, Copy)]
pub enum Runs {
    /// A line for `/bin/sh`.
    Shell,
    /// `smallest.c`, of the commit.
    Smallest,
}

/// What is built; the same for both sides.
#[derive(Debug, Clone, Copy)]
pub enum Graph {
    /// So many steps, and one that needs them all.
    Independent(u32, Runs),
    /// Each step needs the one before.
    Chain(u32, Runs),
    /// A few steps, each with a closure of so many paths.
    Closure(u32),
    /// So many files, in a tree: nothing that needs a sandbox but one step.
    Nodes(u32),
}

/// Steps that are measured for each closure.
const MEASURED: u32 = 40;

impl Graph {
    /// Steps to run.
    pub fn steps(self) -> u32 {
        match self {
            Graph::Independent(count, _) | Graph::Chain(count, _) => count,
            Graph::Closure(_) => MEASURED,
            Graph::Nodes(_) => 1,
        }
    }

    /// As `kiln.star`; `salt` makes every run's steps its own.
    fn star(self, salt: usize) -> String {
        let mut star = String::new();
        match self {
            Graph::Independent(count, Runs::Shell) => write!(
                star,
                "s = [derivation(name = \"s%d\" % i, script = \"echo %d {salt} > $out\" % i) for i in range({count})]\n\
                 host(\"h\", tree(\"h\", {{\"s%d\" % i: s[i] for i in range({count})}}))\n"
            ),
            Graph::Independent(count, Runs::Smallest) => write!(
                star,
                "p = source(\"program\")\n\
                 s = [derivation(name = \"s%d\" % i, builder = \"%s\" % p, args = [\"%d {salt}\" % i], host_tools = False) for i in range({count})]\n\
                 host(\"h\", tree(\"h\", {{\"s%d\" % i: s[i] for i in range({count})}}))\n"
            ),
            Graph::Chain(count, Runs::Smallest) => write!(
                star,
                "p = source(\"program\")\n\
                 def chain():\n    d = file(\"first\", \"{salt}\\n\")\n    for i in range({count}):\n        \
                 d = derivation(name = \"s%d\" % i, builder = \"%s\" % p, args = [str(i), \"%s\" % d], host_tools = False)\n    return d\n\
                 host(\"h\", chain())\n"
            ),
            Graph::Chain(count, Runs::Shell) => write!(
                star,
                "def chain():\n    d = file(\"first\", \"{salt}\\n\")\n    for i in range({count}):\n        \
                 d = derivation(name = \"s%d\" % i, script = \"read x < %s; echo %d > $out\" % (d, i))\n    return d\n\
                 host(\"h\", chain())\n"
            ),
            Graph::Closure(count) => write!(
                star,
                "deps = tree(\"deps\", {{\"f%d\" % i: file(\"f%d\" % i, \"%d {salt}\" % i) for i in range({count} - 1)}})\n\
                 s = [derivation(name = \"s%d\" % i, script = \"echo %d > $out # %s\" % (i, deps)) for i in range({MEASURED})]\n\
                 host(\"h\", tree(\"h\", {{\"s%d\" % i: s[i] for i in range({MEASURED})}}))\n"
            ),
            Graph::Nodes(count) => write!(
                star,
                "f = [file(\"f%d\" % i, \"%d {salt}\" % i) for i in range({count} - 2)]\n\
                 host(\"h\", tree(\"h\", {{\"d%d/f%d\" % (i % 100, i): f[i] for i in range({count} - 2)}} | \
                 {{\"s\": derivation(name = \"s\", script = \"echo {salt} > $out\")}}))\n"
            ),
        }
        .unwrap();
        star
    }

    /// The files of a commit that has it.
    fn files(self, salt: usize) -> Vec<(&'static str, Vec<u8>, u32)> {
        let mut files = vec![("kiln.star", self.star(salt).into_bytes(), 0o100_644)];
        match self {
            Graph::Independent(_, Runs::Smallest) | Graph::Chain(_, Runs::Smallest) => {
                let program = std::fs::read(super::smallest::program().unwrap()).unwrap();
                files.push(("program", program, 0o100_755));
            }
            Graph::Independent(_, Runs::Shell)
            | Graph::Chain(_, Runs::Shell)
            | Graph::Closure(_)
            | Graph::Nodes(_) => {}
        }
        files
    }
}

/// One store with a backend.
pub struct Engine {
    engine: common::Engine,
    evaluated: Mutex<Option<Evaluated>>,
    /// Each has its own folder of roots, as the agent's have.
    generation: AtomicU32,
}

impl Engine {
    pub fn new(jobs: u32) -> Self {
        Engine {
            engine: common::Engine::at(super::place(), config(jobs)),
            evaluated: Mutex::default(),
            generation: AtomicU32::default(),
        }
    }

    /// How long each step took, its look-up and its outputs included.
    pub fn durations(&self) -> Vec<Duration> {
        self.engine.heard.durations()
    }

    /// Evaluates, then builds; the time of the build.
    pub async fn build(&self, graph: Graph, salt: usize) -> Duration {
        self.evaluate(graph, salt).await;
        self.build_evaluated().await
    }

    /// Builds what was evaluated last.
    pub async fn build_evaluated(&self) -> Duration {
        let evaluated = self.evaluated.lock().unwrap().clone().unwrap();
        let heard = self.engine.heard.clone();
        let mut request = self.engine.build_request(evaluated, heard);
        request.roots = self.roots();
        let start = Instant::now();
        match self.engine.backend.build(request).await.unwrap() {
            BuildOutcome::Succeeded { .. } => start.elapsed(),
            other => panic!("{other:?}"),
        }
    }

    /// Commits the graph and evaluates it; the time of the evaluation.
    pub async fn evaluate(&self, graph: Graph, salt: usize) -> Duration {
        let commit = self.engine.commit_files(&graph.files(salt));
        self.evaluate_commit(commit).await
    }

    /// The same store, opened anew: nothing of it is in memory.
    pub fn restart(&mut self) {
        self.engine = common::Engine::at(self.engine.folder.clone(), config(1));
    }

    /// Another commit of the same files, evaluated and found to be built.
    pub async fn no_op(&self, graph: Graph, salt: usize) -> Duration {
        let commit = self.engine.commit_files(&graph.files(salt));
        self.generation.fetch_add(1, Ordering::Relaxed);
        let start = Instant::now();
        self.evaluate_commit(commit).await;
        let evaluated = self.evaluated.lock().unwrap().clone().unwrap();
        let (host, roots) = ("h".parse().unwrap(), self.roots());
        let engine = &self.engine;
        let built = engine
            .backend
            .is_built(&evaluated, &host, &roots, &engine.cancel);
        assert!(built.await.unwrap().is_some(), "everything is there");
        start.elapsed()
    }

    async fn evaluate_commit(&self, commit: Commit) -> Duration {
        let mut request = self.engine.evaluate_request("h", &commit);
        request.roots = self.roots();
        let start = Instant::now();
        match self.engine.backend.evaluate(request).await.unwrap() {
            EvaluationOutcome::Succeeded(evaluated) => {
                let took = start.elapsed();
                *self.evaluated.lock().unwrap() = Some(evaluated);
                took
            }
            other => panic!("{other:?}"),
        }
    }

    fn roots(&self) -> PathBuf {
        let generation = self.generation.load(Ordering::Relaxed).to_string();
        let roots = self.engine.folder.join("roots").join(generation);
        std::fs::create_dir_all(&roots).unwrap();
        roots
    }
}

/// The same graph for `nix-instantiate`, which finds `program` beside it.
pub fn nix_expression(graph: Graph, salt: usize) -> String {
    const SHELL: &str = "step = name: text: _: more: derivation ({ inherit name system; builder = \"/bin/sh\"; args = [ \"-c\" text ]; } // more)";
    const SMALLEST: &str = "step = name: _: args: more: derivation ({ inherit name system args; builder = ./program; } // more)";
    let (count, runs, body) = match graph {
        Graph::Independent(count, runs) => (
            count,
            runs,
            "step \"all\" \"echo $all > $out\" [ \"all\" ] { all = builtins.genList (i: step \"s${toString i}\" \"echo ${toString i} ${salt} > $out\" [ \"${toString i} ${salt}\" ] { }) n; }",
        ),
        Graph::Chain(count, runs) => (
            count,
            runs,
            "builtins.foldl' (d: i: step \"s${toString i}\" \"read x < ${d}; echo ${toString i} > $out\" [ (toString i) d ] { }) (builtins.toFile \"first\" salt) (builtins.genList (i: i) n)",
        ),
        Graph::Closure(_) | Graph::Nodes(_) => panic!("measured on one side only"),
    };
    let step = match runs {
        Runs::Shell => SHELL,
        Runs::Smallest => SMALLEST,
    };
    format!(
        "let n = {count}; salt = \"{salt}\"; system = builtins.currentSystem; {step}; in {body}\n"
    )
}
