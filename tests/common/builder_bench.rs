//! A Builder on a real state with a backend told what to do, call by call.

#![allow(dead_code, reason = "each test uses a part of it")]

use async_trait::async_trait;
use kiln::backend::inspect::{DerivationGraph, Files};
use kiln::backend::{
    Backend, BackendError, BuildOutcome, BuildRequest, EvaluateRequest, EvaluationOutcome, Source,
};
use kiln::builder::{self, BuilderConfig, Clock, Handle, Lineage, Timeouts};
use kiln::model::{
    BackendKind, Built, Commit, CommitId, Confirmation, Evaluated, Failure, Generation,
    GenerationNumber, HostName, Origin, Preemption, RetryPolicy, Steps,
};
use kiln::source::Selection;
use kiln::state::{Reader, State};
use std::collections::HashSet;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

#[path = "builder_bench/asking.rs"]
mod asking;
#[path = "builder_bench/call.rs"]
mod call;
#[path = "builder_bench/seen.rs"]
mod seen;
#[path = "builder_bench/surroundings.rs"]
mod surroundings;

use call::Answer;
pub use call::Call;
pub use surroundings::Disk;
use surroundings::WallClock;

pub const N1: GenerationNumber = GenerationNumber(1);
pub const N2: GenerationNumber = GenerationNumber(2);
pub const N3: GenerationNumber = GenerationNumber(3);
pub const N4: GenerationNumber = GenerationNumber(4);
pub const HOUR: Duration = Duration::from_secs(3600);

/// Of evaluations and builds.
const LIMIT: Duration = Duration::from_secs(60);

/// Pairs of commits of which the second does not descend from the first.
type Diverging = Arc<Mutex<HashSet<(CommitId, CommitId)>>>;

struct Told {
    calls: mpsc::UnboundedSender<Call>,
    existing: Mutex<HashSet<String>>,
    collected: Mutex<HashSet<String>>,
    settings: String,
    kind: BackendKind,
    running: AtomicUsize,
    most: AtomicUsize,
}

impl Told {
    /// Hands the call to the test; a cancelled one takes a while to be gone.
    async fn call(
        &self,
        what: String,
        cancel: &tokio_util::sync::CancellationToken,
    ) -> Option<Answer> {
        let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(running, Ordering::SeqCst);
        let (answer, answered) = oneshot::channel();
        let gone = Arc::new(AtomicUsize::new(0));
        let call = Call {
            what,
            answer: Some(answer),
            gone: Arc::clone(&gone),
        };
        let _ = self.calls.send(call);
        let answer = tokio::select! {
            answer = answered => answer.ok(),
            () = cancel.cancelled() => {
                tokio::time::sleep(Duration::from_secs(5)).await; // the grace, on the paused clock
                None
            }
        };
        if answer.is_none() {
            cancel.cancelled().await; // the test dropped its call: it runs until it is stopped
        }
        self.running.fetch_sub(1, Ordering::SeqCst);
        gone.store(1, Ordering::SeqCst);
        answer
    }
}

#[async_trait]
impl Backend for Told {
    async fn evaluate(&self, request: EvaluateRequest) -> Result<EvaluationOutcome, BackendError> {
        let what = format!("evaluate {}", request.source.commit.summary);
        Ok(match self.call(what, &request.cancel).await {
            Some(Answer::Evaluate(outcome)) => outcome,
            _ => EvaluationOutcome::Cancelled,
        })
    }
    async fn kind(&self, _source: &Source) -> BackendKind {
        self.kind
    }
    fn settings(&self) -> String {
        self.settings.clone()
    }
    async fn is_evaluated(
        &self,
        evaluated: &Evaluated,
        _roots: &Path,
        _cancel: &CancellationToken,
    ) -> Result<bool, BackendError> {
        let collected = self.collected.lock().unwrap();
        Ok(!collected.contains(&evaluated.drv_path))
    }
    async fn is_built(
        &self,
        evaluated: &Evaluated,
        _host: &HostName,
        _roots: &Path,
        _cancel: &CancellationToken,
    ) -> Result<Option<Built>, BackendError> {
        let exists = self.existing.lock().unwrap().contains(&evaluated.drv_path);
        Ok(exists.then(|| built(&evaluated.drv_path)))
    }
    async fn graph(&self, _: &Evaluated) -> Result<DerivationGraph, BackendError> {
        Ok(DerivationGraph::default())
    }
    async fn files(&self, _: &Evaluated) -> Result<Files, BackendError> {
        Ok(Files::new())
    }
    async fn build(&self, request: BuildRequest) -> Result<BuildOutcome, BackendError> {
        let what = format!("build {}", request.evaluated.drv_path);
        Ok(match self.call(what, &request.cancel).await {
            Some(Answer::Build(outcome)) => outcome,
            _ => BuildOutcome::Cancelled {
                steps: Steps::default(),
            },
        })
    }
}

fn built(name: &str) -> Built {
    Built {
        out_path: format!("/out/{name}"),
        real_path: format!("/real/{name}").into(),
    }
}

/// A commit whose id is made of its name.
pub fn commit(name: &str) -> Commit {
    let digits: String = name.bytes().map(|b| format!("{b:02x}")).collect();
    Commit {
        id: format!("{digits:0<40}").parse().unwrap(),
        tree: format!("{digits:1<40}"),
        summary: name.into(),
        author: "Ann <ann@example.org>".into(),
        time: time::OffsetDateTime::UNIX_EPOCH,
        dirty: false,
    }
}

pub fn selection(name: &str, testing: bool) -> Selection {
    let origin = Origin {
        remote: Some("origin".parse().unwrap()),
        branch: Some("main".parse().unwrap()),
        testing,
    };
    Selection {
        commit: commit(name),
        origin,
    }
}

/// A year of the paused clock: it passes at once when nothing else can happen,
/// so that a Builder that is stuck fails its test.
async fn in_time<T>(what: impl Future<Output = T>) -> T {
    let year = Duration::from_secs(365 * 24 * 3600);
    tokio::time::timeout(year, what).await.unwrap()
}

/// What the owner of the host chose.
#[derive(Clone)]
pub struct Policies {
    pub preemption: Preemption,
    pub confirmation: Confirmation,
    pub retry: RetryPolicy,
    pub max_suspend: Option<Duration>,
    pub host: &'static str,
    /// Of the backend, which evaluations depend on.
    pub settings: String,
    /// What the backend says each commit is worked on by.
    pub kind: BackendKind,
    pub room: Disk,
}

impl Default for Policies {
    fn default() -> Self {
        Policies {
            preemption: Preemption::Always,
            confirmation: Confirmation::None,
            retry: RetryPolicy::default(),
            max_suspend: None,
            host: "web-1",
            settings: String::new(),
            kind: BackendKind::Native,
            room: Disk::default(),
        }
    }
}

impl Policies {
    /// Builds may finish, so many in a row.
    pub fn finish_build(limit: u32) -> Self {
        Policies {
            preemption: Preemption::FinishBuild(limit),
            ..Policies::default()
        }
    }
    pub fn confirmation(confirmation: Confirmation) -> Self {
        Policies {
            confirmation,
            ..Policies::default()
        }
    }
    /// A transient failure is tried again until there were so many.
    pub fn attempts(attempts: u32) -> Self {
        let retry = RetryPolicy {
            attempts,
            ..RetryPolicy::default()
        };
        Policies {
            retry,
            ..Policies::default()
        }
    }
}

/// A failure that is tried again.
pub fn network() -> Failure {
    Failure::transient("connection reset")
}

pub struct Bench {
    folder: tempfile::TempDir,
    policies: Policies,
    state: Arc<State>,
    pub handle: Handle,
    task: JoinHandle<()>,
    backend: Arc<Told>,
    calls: mpsc::UnboundedReceiver<Call>,
    diverging: Diverging,
    clock: WallClock,
}

impl Bench {
    pub async fn new() -> Self {
        Self::with(Policies::default()).await
    }

    pub async fn with(policies: Policies) -> Self {
        kiln::process::set_program(env!("CARGO_BIN_EXE_kiln"));
        let folder = tempfile::tempdir().unwrap();
        Self::on(folder, policies, WallClock::new(), HashSet::new()).await
    }

    /// A state in memory where the system has such a place: many more
    /// transitions in the same time.
    pub async fn in_memory(policies: Policies) -> Self {
        kiln::process::set_program(env!("CARGO_BIN_EXE_kiln"));
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
        let folder = folder.unwrap();
        Self::on(folder, policies, WallClock::new(), HashSet::new()).await
    }

    async fn on(
        folder: tempfile::TempDir,
        policies: Policies,
        clock: WallClock,
        existing: HashSet<String>,
    ) -> Self {
        // A paused clock would jump through the time limit of the child that reads the index.
        tokio::time::resume();
        let state = State::open(&folder.path().join("state")).await.unwrap();
        tokio::time::pause();
        let state = Arc::new(state);
        let (sender, calls) = mpsc::unbounded_channel();
        let backend = Arc::new(Told {
            calls: sender,
            existing: Mutex::new(existing),
            collected: Mutex::default(),
            settings: policies.settings.clone(),
            kind: policies.kind,
            running: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
        });
        let diverging = Diverging::default();
        let known = Arc::clone(&diverging);
        let lineage = Lineage::new(move |ancestor, head| {
            let pair = (ancestor.clone(), head.clone());
            !known.lock().unwrap().contains(&pair)
        });
        let config = BuilderConfig {
            host: policies.host.parse().unwrap(),
            repository: "/nowhere".into(),
            subdir: ".".into(),
            machine_id: Some("this".into()),
            any_machine: false,
            has_baseline: true,
            eval_timeout: LIMIT,
            eval_memory: Some(1 << 30),
            build_timeout: LIMIT,
            silence_timeout: LIMIT,
            preemption: policies.preemption,
            confirmation: policies.confirmation,
            retry: policies.retry,
            max_suspend: policies.max_suspend,
            lineage,
            clock: Clock::new({
                let clock = clock.clone();
                move || clock.now()
            }),
        };
        let room = Arc::new(policies.room.clone());
        let (told, kept) = (Arc::<Told>::clone(&backend), Arc::clone(&state));
        let (handle, task) = builder::start(config, told, kept, room).unwrap();
        Bench {
            folder,
            policies,
            state,
            handle,
            task,
            backend,
            calls,
            diverging,
            clock,
        }
    }

    /// The agent dies without a word and is started again.
    pub async fn crash(self) -> Self {
        let bench = self.crash_with(|_| ()).await;
        assert_eq!(
            bench.reader().warnings(),
            [""; 0],
            "a crash damages nothing"
        );
        bench
    }

    /// The agent is stopped in order and started again.
    pub async fn restart(self) -> Self {
        self.handle.shutdown().await.unwrap();
        self.state.close().unwrap();
        self.crash().await
    }

    /// As [`Bench::crash`], with something happening to the state in between.
    pub async fn crash_with(self, meanwhile: impl FnOnce(&Path)) -> Self {
        self.task.abort();
        let _ = self.task.await;
        let existing = self.backend.existing.lock().unwrap().clone();
        drop((self.handle, self.calls, self.backend));
        // The last writes may still be on their threads.
        let mut state = self.state;
        loop {
            match Arc::try_unwrap(state) {
                Ok(state) => break drop(state),
                Err(shared) => state = shared,
            }
            tokio::task::yield_now().await;
        }
        meanwhile(&self.folder.path().join("state"));
        Self::on(self.folder, self.policies, self.clock, existing).await
    }

    /// The agent is started again with something else configured.
    pub async fn restart_with(mut self, change: impl FnOnce(&mut Policies)) -> Self {
        self.handle.shutdown().await.unwrap();
        change(&mut self.policies);
        self.crash().await
    }

    /// Likewise, after a crash.
    pub async fn crash_into(mut self, change: impl FnOnce(&mut Policies)) -> Self {
        change(&mut self.policies);
        self.crash().await
    }

    pub fn state_folder(&self) -> std::path::PathBuf {
        self.folder.path().join("state")
    }
    fn transition(&self) -> std::path::PathBuf {
        self.folder.path().join("state/transition.json")
    }
    /// From now on nothing can be written: a folder is in the way.
    pub fn disk_refuses(&self) {
        std::fs::create_dir(self.transition()).unwrap();
    }
    pub fn disk_takes(&self) {
        std::fs::remove_dir(self.transition()).unwrap();
    }
    /// Waits until a file of the state is there.
    pub async fn is_written(&self, file: &str) {
        let path = self.folder.path().join("state").join(file);
        let there = async {
            while !path.exists() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        in_time(there).await;
    }
    /// The wall clock is set forward, or back, by `seconds`; no time passes.
    pub fn clock_is_set(&self, seconds: i64) {
        *self.clock.set.lock().unwrap() += time::Duration::seconds(seconds);
    }
    /// The two commits are on lines of their own.
    pub fn diverge(&self, one: &str, other: &str) {
        let (one, other) = (commit(one).id, commit(other).id);
        let mut diverging = self.diverging.lock().unwrap();
        diverging.insert((one.clone(), other.clone()));
        diverging.insert((other, one));
    }
    /// Outputs of this commit are there from now on.
    pub fn outputs_exist(&self, name: &str) {
        self.backend
            .existing
            .lock()
            .unwrap()
            .insert(name.to_owned());
    }
    /// And from now on they are not.
    pub fn outputs_vanish(&self, name: &str) {
        self.backend.existing.lock().unwrap().remove(name);
    }
    /// What this commit was evaluated to is not in the store any more.
    pub fn is_collected(&self, name: &str) {
        let mut collected = self.backend.collected.lock().unwrap();
        collected.insert(name.to_owned());
    }
    pub fn most_at_once(&self) -> usize {
        self.backend.most.load(Ordering::SeqCst)
    }

    /// Everything asked for before is done: the Builder waits for what is next.
    /// What the backend answered before counts as asked for.
    pub async fn settled(&self) {
        let timeouts = Timeouts {
            eval_timeout: LIMIT,
            eval_memory: Some(1 << 30),
            build_timeout: LIMIT,
            silence_timeout: LIMIT,
        };
        self.handle.configure(timeouts).await.unwrap();
    }
    /// The backend was asked for nothing that the test has not seen.
    pub fn nothing_asked(&mut self) {
        assert!(self.calls.try_recv().is_err(), "a call nobody asked for");
    }

    pub fn reader(&self) -> Reader {
        self.state.reader()
    }
    pub fn generation(&self, number: GenerationNumber) -> Generation {
        self.reader().generation(number).unwrap()
    }
}

/// Changes a record by hand, as nothing but damage does.
pub fn change_record(state: &Path, number: u32, change: impl FnOnce(&mut serde_json::Value)) {
    let path = state.join(format!("generations/{number}/generation.json"));
    let text = std::fs::read_to_string(&path).unwrap();
    let mut record = serde_json::from_str(&text).unwrap();
    change(&mut record);
    std::fs::write(&path, record.to_string()).unwrap();
}
