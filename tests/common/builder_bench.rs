//! A Builder on a real state with a backend told what to do, call by call.

#![allow(dead_code, reason = "each test uses a part of it")]

use async_trait::async_trait;
use kiln::backend::{
    Backend, BackendError, BuildOutcome, BuildRequest, EvaluateRequest, EvaluationOutcome, Source,
};
use kiln::builder::{
    self, BuilderConfig, Clock, Handle, HoldFor, Lineage, Phase, Refusal, Room, Selected, Timeouts,
};
use kiln::events::{Event, EventKind, Item};
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

/// Of evaluations and builds.
const LIMIT: Duration = Duration::from_secs(60);

enum Answer {
    Evaluate(EvaluationOutcome),
    Build(BuildOutcome),
}

/// One call of the backend, waiting for the test's answer.
pub struct Call {
    what: String,
    answer: Option<oneshot::Sender<Answer>>,
    gone: Arc<AtomicUsize>,
}

impl Call {
    fn answers(mut self, answer: Answer) {
        let sent = self.answer.take().unwrap().send(answer);
        assert!(sent.is_ok(), "{} was cancelled", self.what);
    }
    pub fn evaluates(self) {
        self.evaluates_for(None);
    }
    pub fn evaluates_for_machine(self, id: &str) {
        self.evaluates_for(Some(id.to_owned()));
    }
    fn evaluates_for(self, machine_id: Option<String>) {
        let drv_path = self.what.replace("evaluate ", "");
        let evaluated = Evaluated {
            drv_path,
            out_path: None,
            machine_id,
            secrets: Vec::new(),
        };
        self.answers(Answer::Evaluate(EvaluationOutcome::Succeeded(evaluated)));
    }
    pub fn builds(self) {
        let built = built(&self.what.replace("build ", ""));
        self.answers(Answer::Build(BuildOutcome::Succeeded {
            built,
            steps: Steps::default(),
        }));
    }
    pub fn fails(self, failure: Failure) {
        let answer = match self.what.starts_with("evaluate") {
            true => Answer::Evaluate(EvaluationOutcome::Failed(failure)),
            false => Answer::Build(BuildOutcome::Failed {
                failure,
                steps: Steps::default(),
            }),
        };
        self.answers(answer);
    }
    pub fn times_out(self) {
        let failure = Failure::certain("took longer than its limit");
        let answer = match self.what.starts_with("evaluate") {
            true => Answer::Evaluate(EvaluationOutcome::TimedOut(failure)),
            false => Answer::Build(BuildOutcome::TimedOut {
                failure,
                steps: Steps::default(),
            }),
        };
        self.answers(answer);
    }
    /// No cache has what is missing.
    pub fn lacks_cache(self) {
        self.answers(Answer::Build(BuildOutcome::Blocked {
            reason: kiln::model::BlockedReason::Cache,
            message: "no cache has hello".into(),
            steps: Steps::default(),
        }));
    }
    /// What the evaluation left is not in the store any more.
    pub fn finds_nothing(self) {
        let steps = Steps::default();
        self.answers(Answer::Build(BuildOutcome::NotEvaluated { steps }));
    }
    pub fn is_evaluation(&self) -> bool {
        self.what.starts_with("evaluate")
    }
    /// Ends when its processes have ended, once it was answered or cancelled.
    pub fn gone(&self) -> impl Future<Output = ()> + use<> {
        let gone = Arc::clone(&self.gone);
        async move {
            while gone.load(Ordering::SeqCst) == 0 {
                tokio::task::yield_now().await;
            }
        }
    }
    /// Its processes have ended.
    pub fn is_gone(&self) -> bool {
        self.gone.load(Ordering::SeqCst) == 1
    }
}

/// Pairs of commits of which the second does not descend from the first.
type Diverging = Arc<Mutex<HashSet<(CommitId, CommitId)>>>;

/// A wall clock that goes on with the paused one, and can be set.
#[derive(Clone)]
struct WallClock {
    begun: tokio::time::Instant,
    at: time::OffsetDateTime,
    set: Arc<Mutex<time::Duration>>,
}

impl WallClock {
    fn new() -> Self {
        WallClock {
            begun: tokio::time::Instant::now(),
            at: time::OffsetDateTime::now_utc(),
            set: Arc::default(),
        }
    }
    fn now(&self) -> time::OffsetDateTime {
        self.at + self.begun.elapsed() + *self.set.lock().unwrap()
    }
}

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
    ) -> Result<bool, BackendError> {
        let collected = self.collected.lock().unwrap();
        Ok(!collected.contains(&evaluated.drv_path))
    }
    async fn is_built(
        &self,
        evaluated: &Evaluated,
        _host: &HostName,
        _roots: &Path,
    ) -> Result<Option<Built>, BackendError> {
        let exists = self.existing.lock().unwrap().contains(&evaluated.drv_path);
        Ok(exists.then(|| built(&evaluated.drv_path)))
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

/// A disk that is full when the test says so.
#[derive(Clone)]
pub struct Disk(Arc<tokio::sync::watch::Sender<bool>>);

impl Disk {
    pub fn set_full(&self, full: bool) {
        self.0.send_replace(full);
    }
}

impl Default for Disk {
    fn default() -> Self {
        Disk(Arc::new(tokio::sync::watch::Sender::new(false)))
    }
}

#[async_trait]
impl Room for Disk {
    async fn shortage(&self) -> Option<String> {
        self.0.borrow().then(|| "the disk is full".to_owned())
    }
    async fn freed(&self) {
        let _ = self.0.subscribe().wait_for(|full| !full).await;
    }
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
            has_baseline: true,
            eval_timeout: LIMIT,
            eval_memory: 1 << 30,
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

    pub async fn eval(&self, name: &str) {
        self.handle
            .eval(selection(name, false), false, None)
            .await
            .unwrap();
    }
    pub async fn eval_by_hand(&self, name: &str) {
        self.handle
            .eval(selection(name, false), true, None)
            .await
            .unwrap();
    }
    pub async fn eval_held(&self, name: &str, duration: Option<Duration>) {
        let by = "ann".into();
        self.handle
            .eval(selection(name, false), true, Some(HoldFor { duration, by }))
            .await
            .unwrap();
    }
    pub async fn select(&self, name: &str) {
        self.try_select(name).await.unwrap();
    }
    pub async fn try_select(&self, name: &str) -> Result<Selected, Refusal> {
        self.handle.select(selection(name, false)).await
    }
    pub async fn select_testing(&self, name: &str) {
        self.handle.select(selection(name, true)).await.unwrap();
    }

    /// The next call of the backend, which must be this one.
    async fn next(&mut self, what: String) -> Call {
        let call = in_time(self.calls.recv()).await.unwrap();
        assert_eq!(call.what, what);
        call
    }
    pub async fn evaluation(&mut self, name: &str) -> Call {
        self.next(format!("evaluate {name}")).await
    }
    pub async fn build(&mut self, name: &str) -> Call {
        self.next(format!("build {name}")).await
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

    pub async fn phase(&self, phase: Phase) {
        let mut watch = self.handle.watch();
        in_time(watch.wait_for(|state| state.phase == phase))
            .await
            .unwrap();
    }
    pub async fn idle(&mut self) {
        self.phase(Phase::Idle).await;
        self.nothing_asked();
    }
    /// Everything asked for before is done: the Builder waits for what is next.
    /// What the backend answered before counts as asked for.
    pub async fn settled(&self) {
        let timeouts = Timeouts {
            eval_timeout: LIMIT,
            eval_memory: 1 << 30,
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

    /// What was announced after `seq` so far. Numbers are skipped over a crash:
    /// waiting for the newest to arrive would be waiting for ever. A moment of
    /// the paused clock passes when nothing else can happen, reading included.
    pub async fn announced(&self, seq: u64) -> Vec<Arc<Event>> {
        let mut subscription = self.state.events().subscribe(seq);
        let mut events = Vec::new();
        let moment = Duration::from_micros(1);
        while let Ok(item) = tokio::time::timeout(moment, subscription.next()).await {
            let Some(Item::Event(event)) = item else {
                panic!("lagged")
            };
            events.push(event);
        }
        events
    }

    /// Everything announced so far, each as a word and a number.
    pub async fn events(&self) -> Vec<String> {
        let mut names = Vec::new();
        for event in self.announced(0).await {
            names.push(match &event.kind {
                EventKind::EvalStarted { generation } => {
                    format!("eval_started {}", generation.number)
                }
                EventKind::EvalFinished { generation } => {
                    format!("eval_finished {}", generation.number)
                }
                EventKind::BuildStarted { generation } => {
                    format!("build_started {}", generation.number)
                }
                EventKind::BuildFinished { generation } => {
                    format!("build_finished {}", generation.number)
                }
                EventKind::BaselineMoved { .. } => "baseline_moved".into(),
                EventKind::StateRecovered { .. } => "state_recovered".into(),
                other => format!("{other:?}"),
            });
        }
        names
    }
}
