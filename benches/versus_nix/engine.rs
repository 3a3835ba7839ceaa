//! kiln's side: the native backend on a store of its own, as the Builder calls it.

use kiln::backend::native::download::DownloadConfig;
use kiln::backend::native::provider::sandbox::{Sandbox, SandboxConfig};
use kiln::backend::native::provider::{ScratchLimit, StepLimits, physical_memory};
use kiln::backend::native::{Native, NativeConfig, Platform};
use kiln::backend::{
    Backend, BuildOutcome, BuildRequest, EvaluateRequest, EvaluationOutcome, Sink, Source,
    StepEvent,
};
use kiln::model::{Commit, Evaluated};
use kiln::store::Store;
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// What is built; the same for both sides.
#[derive(Debug, Clone, Copy)]
pub enum Graph {
    /// So many steps, and one that needs them all.
    Independent(u32),
    /// Each step needs the one before.
    Chain(u32),
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
            Graph::Independent(count) | Graph::Chain(count) => count,
            Graph::Closure(_) => MEASURED,
            Graph::Nodes(_) => 1,
        }
    }

    /// As `kiln.star`; `salt` makes every run's steps its own.
    fn star(self, salt: usize) -> String {
        let mut star = String::new();
        match self {
            Graph::Independent(count) => write!(
                star,
                "s = [derivation(name = \"s%d\" % i, script = \"echo %d {salt} > $out\" % i) for i in range({count})]\n\
                 host(\"h\", tree(\"h\", {{\"s%d\" % i: s[i] for i in range({count})}}))\n"
            ),
            Graph::Chain(count) => write!(
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
}

/// One store with a backend.
pub struct Engine {
    folder: PathBuf,
    backend: Native,
    sink: Arc<Counting>,
    evaluated: Mutex<Option<Evaluated>>,
    /// Each has its own folder of roots, as the agent's have.
    generation: AtomicU32,
}

/// Keeps how long steps took.
#[derive(Default)]
struct Counting {
    durations: Mutex<Vec<Duration>>,
}

impl Sink for Counting {
    fn log(&self, _: Option<&str>, _: &[u8]) {}

    fn step(&self, event: StepEvent) {
        if let StepEvent::Finished { duration, .. } = event {
            self.durations.lock().unwrap().push(duration);
        }
    }
}

impl Engine {
    pub fn new(jobs: u32) -> Self {
        let folder = super::place();
        // As the agent's state is: its folders must let a build user pass.
        let store = Store::open(&folder.join("store")).unwrap();
        let provider = Sandbox::new(SandboxConfig::default());
        let backend = Native::new(config(jobs), store, Arc::new(provider));
        Engine {
            folder,
            backend,
            sink: Arc::default(),
            evaluated: Mutex::default(),
            generation: AtomicU32::default(),
        }
    }

    /// How long each step took, its look-up and its outputs included.
    pub fn durations(&self) -> Vec<Duration> {
        self.sink.durations.lock().unwrap().clone()
    }

    /// Evaluates, then builds; the time of the build.
    pub async fn build(&self, graph: Graph, salt: usize) -> Duration {
        self.evaluate(graph, salt).await;
        self.build_evaluated().await
    }

    /// Builds what was evaluated last.
    pub async fn build_evaluated(&self) -> Duration {
        let evaluated = self.evaluated.lock().unwrap().clone().unwrap();
        let request = BuildRequest {
            evaluated,
            host: "h".parse().unwrap(),
            roots: self.roots(),
            timeout: Duration::from_secs(3600),
            silence: Duration::from_secs(600),
            sink: self.sink.clone(),
            cancel: CancellationToken::new(),
        };
        let start = Instant::now();
        match self.backend.build(request).await.unwrap() {
            BuildOutcome::Succeeded { .. } => start.elapsed(),
            other => panic!("{other:?}"),
        }
    }

    /// Commits the graph and evaluates it; the time of the evaluation.
    pub async fn evaluate(&self, graph: Graph, salt: usize) -> Duration {
        let commit = self.commit(&graph.star(salt));
        self.evaluate_commit(commit).await
    }

    /// The same store, opened anew: nothing of it is in memory.
    pub fn restart(&mut self) {
        let store = Store::open(&self.folder.join("store")).unwrap();
        let provider = Sandbox::new(SandboxConfig::default());
        self.backend = Native::new(config(1), store, Arc::new(provider));
    }

    /// Another commit of the same files, evaluated and found to be built.
    pub async fn no_op(&self, graph: Graph, salt: usize) -> Duration {
        let commit = self.commit(&graph.star(salt));
        self.generation.fetch_add(1, Ordering::Relaxed);
        let start = Instant::now();
        self.evaluate_commit(commit).await;
        let evaluated = self.evaluated.lock().unwrap().clone().unwrap();
        let (host, roots) = ("h".parse().unwrap(), self.roots());
        let cancel = CancellationToken::new();
        let built = self.backend.is_built(&evaluated, &host, &roots, &cancel);
        assert!(built.await.unwrap().is_some(), "everything is there");
        start.elapsed()
    }

    async fn evaluate_commit(&self, commit: Commit) -> Duration {
        let request = EvaluateRequest {
            source: Source {
                repository: self.folder.join("repository"),
                commit,
                subdir: ".".into(),
            },
            host: "h".parse().unwrap(),
            roots: self.roots(),
            timeout: Duration::from_secs(600),
            memory: 1 << 30,
            sink: self.sink.clone(),
            cancel: CancellationToken::new(),
        };
        let start = Instant::now();
        match self.backend.evaluate(request).await.unwrap() {
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
        let roots = self.folder.join("roots").join(generation);
        std::fs::create_dir_all(&roots).unwrap();
        roots
    }

    fn commit(&self, star: &str) -> Commit {
        let repository = git2::Repository::init_bare(self.folder.join("repository"));
        let repository = repository.unwrap();
        let blob = repository.blob(star.as_bytes()).unwrap();
        let mut tree = repository.treebuilder(None).unwrap();
        tree.insert("kiln.star", blob, 0o100_644).unwrap();
        let tree = repository.find_tree(tree.write().unwrap()).unwrap();
        let who = git2::Signature::now("bench", "bench@localhost").unwrap();
        let id = repository.commit(None, &who, &who, "bench", &tree, &[]);
        Commit {
            id: id.unwrap().to_string().parse().unwrap(),
            tree: tree.id().to_string(),
            summary: "bench".into(),
            author: "bench".into(),
            time: kiln::model::now(),
            dirty: false,
        }
    }
}

fn config(jobs: u32) -> NativeConfig {
    let host_paths = ["/bin", "/usr", "/lib", "/lib64", "/etc/alternatives"];
    NativeConfig {
        file: "kiln.star".into(),
        jobs,
        keep_going: false,
        keep_failed: None,
        platform: Platform::Auto,
        platforms: Vec::new(),
        memory: 16 << 30,
        download: DownloadConfig::default(),
        host_paths: host_paths.map(PathBuf::from).into(),
        limits: StepLimits {
            timeout: Duration::from_secs(3600),
            silence: Duration::from_secs(600),
            memory: None,
            processes: 4096,
            output_size: 8 << 30,
            scratch: ScratchLimit::new(None, physical_memory()),
            log_size: 64 << 20,
        },
    }
}

/// The same graph for `nix-instantiate`.
pub fn nix_expression(graph: Graph, salt: usize) -> String {
    let (count, body) = match graph {
        Graph::Independent(count) => (
            count,
            "step \"all\" \"echo $all > $out\" { all = builtins.genList (i: step \"s${toString i}\" \"echo ${toString i} ${salt} > $out\" { }) n; }",
        ),
        Graph::Chain(count) => (
            count,
            "builtins.foldl' (d: i: step \"s${toString i}\" \"read x < ${d}; echo ${toString i} > $out\" { }) (builtins.toFile \"first\" salt) (builtins.genList (i: i) n)",
        ),
        Graph::Closure(_) | Graph::Nodes(_) => panic!("measured on one side only"),
    };
    format!(
        "let n = {count}; salt = \"{salt}\"; step = name: script: more: derivation ({{ inherit name; system = builtins.currentSystem; \
         builder = \"/bin/sh\"; args = [ \"-c\" script ]; }} // more); in {body}\n"
    )
}
