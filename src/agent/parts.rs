//! What both agents are made of, in the order it is brought up and taken down.

use super::Surroundings;
use super::keeper::Keeper;
use super::secrets::Secrets;
use super::{RunError, backends, memory, nix};
use crate::audit::AuditLog;
use crate::backend::Backend;
use crate::backend::redacted::Redacted;
use crate::builder::{self, BuilderConfig, Clock, Lineage};
use crate::config::{self, Config};
use crate::events::{EventKind, Item, Subscription};
use crate::hooks;
use crate::model::CommitId;
use crate::server::{self, Access, Listener, Settings};
use crate::source::ancestry::{Relation, is_descendant};
use crate::source::{self, EventSink, SourceEvent};
use crate::state::{Retention, State};
use crate::store::{Objects, Store};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What followed a start or a generation's end is over by then.
const SETTLED: Duration = Duration::from_secs(2);

/// What commits an agent is for, where the two kinds of agent differ.
#[derive(Debug, Clone, Copy)]
pub(super) struct Follows {
    /// What is built moves a baseline, which later commits descend from.
    pub has_baseline: bool,
    /// What is for another machine is built too.
    pub any_machine: bool,
}

/// The lower half: everything that needs no source and no socket.
pub(super) struct Core {
    pub state: Arc<State>,
    pub builder: builder::Handle,
    backend: Arc<dyn Backend>,
    /// What no log may show.
    pub secrets: Secrets,
    keeper: Keeper,
    objects: Objects,
    /// What a look around at the start found.
    warnings: watch::Receiver<Vec<String>>,
    audit: Arc<AuditLog>,
    builder_task: JoinHandle<()>,
    /// Ends source, server and helpers.
    pub cancel: CancellationToken,
    tasks: JoinSet<()>,
}

impl Core {
    /// Opens the state, brings up backend and Builder; what a crash interrupted
    /// is taken up at once.
    pub async fn start(
        config: &Config,
        repository: PathBuf,
        subdir: String,
        follows: Follows,
        around: &Surroundings,
    ) -> Result<Self, RunError> {
        let state = State::open(&config.state_dir)
            .await
            .map_err(|e| RunError::failed(&e))?;
        let state = Arc::new(state);
        // Before anything can come about that they run after.
        state.plan_hooks(config::plan(&config.hooks));
        let audit = AuditLog::open(&state.places().audit()).map_err(|e| RunError::failed(&e))?;
        let store = Store::open(&state.places().store()).map_err(|e| RunError::failed(&e))?;
        let generations = state.places().generations();
        let objects = Objects::new(store.clone(), &generations);
        let keeper = Keeper::new(objects.clone(), config.store.min_free);
        let secrets = Secrets::new(config);
        let around = nix::Around::new(around);
        let backend = backends::backend(config, store, &around)?;
        let backend: Arc<dyn Backend> = Arc::new(Redacted::new(backend, secrets.reader()));
        let lineage = lineage(repository.clone());
        let builder_config = BuilderConfig {
            host: config.host.clone(),
            repository,
            subdir,
            machine_id: machine_id(),
            any_machine: follows.any_machine,
            has_baseline: follows.has_baseline,
            eval_timeout: config.builder.eval_timeout,
            eval_memory: config.builder.eval_memory,
            build_timeout: config.builder.build_timeout,
            silence_timeout: config.builder.silence_timeout,
            preemption: config.builder.preemption,
            confirmation: config.builder.confirm,
            retry: config.builder.retry,
            max_suspend: config.builder.max_suspend,
            lineage,
            clock: Clock::default(),
        };
        let room = Arc::new(keeper.clone());
        let started = builder::start(
            builder_config,
            Arc::clone(&backend),
            Arc::clone(&state),
            room,
        );
        let (builder, builder_task) = started.map_err(|e| RunError::failed(&e))?;
        let cancel = CancellationToken::new();
        let mut tasks = JoinSet::new();
        let hooks = hooks::Parts {
            host: config.host.clone(),
            hooks: config.hooks.clone(),
            state: Arc::clone(&state),
            json: server::generation_json,
        };
        tasks.spawn(hooks::run(hooks, cancel.clone()));
        tasks.spawn(write_progress(Arc::clone(&state), cancel.clone()));
        tasks.spawn(keeper.clone().run(cancel.clone()));
        let (warned, warnings) = watch::channel(Vec::new());
        let look = nix::look_around(config.clone(), around, warned, cancel.clone());
        tasks.spawn(look);
        Ok(Core {
            warnings,
            state,
            builder,
            backend,
            secrets,
            keeper,
            objects,
            audit: Arc::new(audit),
            builder_task,
            cancel,
            tasks,
        })
    }

    /// The agent cannot start after all: what began is ended.
    pub async fn abandon(self, why: &dyn std::error::Error) -> RunError {
        let why = RunError::failed(why);
        if let Err(error) = self.stop(None).await {
            tracing::error!(%error, "ending what had begun");
        }
        why
    }

    /// Where a source's events go: fetches and selections are progress, a new
    /// generation is what counts.
    pub fn event_sink(&self) -> EventSink {
        let events = self.state.events();
        Arc::new(move |event| {
            events.progress(match event {
                SourceEvent::Fetched(remote) => EventKind::Fetched { remote },
                SourceEvent::Selected(selection) => EventKind::Selected {
                    origin: selection.origin,
                    commit: selection.commit,
                },
            });
        })
    }

    /// The baseline, and every move of it.
    pub fn baseline(&mut self) -> watch::Receiver<Option<CommitId>> {
        let parse = |text: String| text.parse::<CommitId>().ok();
        let reader = self.state.reader();
        let (sender, receiver) = watch::channel(reader.baseline().and_then(parse));
        let mut events = self
            .state
            .events()
            .subscribe(self.state.events().last_seq());
        let cancel = self.cancel.clone();
        self.tasks.spawn(async move {
            loop {
                let item = tokio::select! {
                    () = cancel.cancelled() => return,
                    item = events.next() => item,
                };
                let Some(item) = item else { return };
                match item {
                    Item::Event(event) => {
                        if let EventKind::BaselineMoved { to, .. } = &event.kind {
                            sender.send_replace(parse(to.clone()));
                        }
                    }
                    // A move may be among what was missed.
                    Item::Lagged { .. } => {
                        sender.send_replace(reader.baseline().and_then(parse));
                    }
                }
            }
        });
        receiver
    }

    /// Every change of the selection goes to the Builder.
    pub fn follow(&mut self, source: &source::Handle) {
        let (mut selection, builder) = (source.selection(), self.builder.clone());
        let cancel = self.cancel.clone();
        self.tasks.spawn(async move {
            loop {
                let selected = selection.borrow_and_update().clone();
                if let Some(selected) = selected
                    && let Err(refusal) = builder.select(selected).await
                {
                    tracing::error!(%refusal, "the selection leads to no generation");
                }
                tokio::select! {
                    () = cancel.cancelled() => return,
                    changed = selection.changed() => if changed.is_err() { return },
                }
            }
        });
    }

    /// Lets go of what is old, now and after each generation's end, and recovers
    /// an index that a reader found damaged.
    pub fn keep_up(&mut self, config: &Config) {
        let retention = retention(&config.retention);
        let (state, cancel) = (Arc::clone(&self.state), self.cancel.clone());
        let keeper = self.keeper.clone();
        let log = state.events();
        let mut events = log.subscribe(log.last_seq());
        self.tasks.spawn(async move {
            loop {
                let (state, retention) = (Arc::clone(&state), retention.clone());
                let (damage, keeper) = (Arc::clone(&state), keeper.clone());
                off_the_async_threads(move || retain(&state, &retention, &keeper)).await;
                tokio::select! {
                    () = cancel.cancelled() => return,
                    () = next_end(&mut events) => {}
                    () = damage.damage() => {
                        off_the_async_threads(move || damage.recover()).await;
                    }
                    () = idle() => {}
                }
            }
        });
    }

    /// Serves the socket until [`Core::stop`].
    pub fn serve(
        &mut self,
        config: &Config,
        source: &source::Handle,
        listener: Listener,
        access: Access,
        settings: watch::Receiver<Settings>,
    ) {
        let parts = server::Parts {
            host: config.host.clone(),
            builder: self.builder.clone(),
            source: source.clone(),
            state: self.state.reader(),
            events: self.state.events(),
            backend: Arc::clone(&self.backend),
            inspections: Semaphore::new(1),
            settings,
            warnings: self.warnings.clone(),
            started_at: crate::model::now(),
            objects: self.objects.clone(),
            import_limit: config.limits.output_size,
            access,
            audit: Arc::clone(&self.audit),
            changes: TaskTracker::new(),
        };
        let cancel = self.cancel.clone();
        self.tasks.spawn(async move {
            if let Err(error) = server::serve(parts, listener, cancel).await {
                tracing::error!(%error, "the socket is not served any more");
            }
        });
    }

    /// What runs is cancelled and awaited; then streams end and the state is closed.
    pub async fn stop(mut self, source_task: Option<JoinHandle<()>>) -> Result<(), RunError> {
        let stopped = self.builder.shutdown().await;
        if let Err(refusal) = stopped {
            tracing::warn!(%refusal, "the Builder had ended before");
        }
        self.cancel.cancel();
        if let Some(task) = source_task
            && let Err(error) = task.await
        {
            tracing::error!(%error, "the source ended badly");
        }
        if let Err(error) = self.builder_task.await {
            tracing::error!(%error, "the Builder ended badly");
        }
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a task ended badly");
            }
        }
        let state = Arc::clone(&self.state);
        let closed = tokio::task::spawn_blocking(move || state.close()).await;
        match closed {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(RunError::failed(&error)),
            Err(error) => Err(RunError::failed(&error)),
        }
    }
}

/// Gives back memory once a start or a generation's end has settled; never ends.
async fn idle() {
    tokio::time::sleep(SETTLED).await;
    let given = tokio::task::spawn_blocking(memory::give_back).await;
    if let Err(error) = given {
        tracing::error!(%error, "memory is not given back");
    }
    std::future::pending::<()>().await;
}

/// Takes progress to the index whenever enough of it waits: who announces it does
/// not wait for the disk.
async fn write_progress(state: Arc<State>, cancel: CancellationToken) {
    loop {
        tokio::select! {
            () = cancel.cancelled() => return,
            () = state.progress_due() => {}
        }
        let state = Arc::clone(&state);
        off_the_async_threads(move || state.write_progress()).await;
    }
}

/// Waits until a generation has ended; events that were missed may have been an end.
async fn next_end(events: &mut Subscription) {
    loop {
        match events.next().await {
            Some(Item::Event(event)) => match &event.kind {
                EventKind::EvalFinished { generation }
                | EventKind::BuildFinished { generation }
                    if generation.is_ended() =>
                {
                    return;
                }
                _ => {}
            },
            Some(Item::Lagged { .. }) => return,
            None => std::future::pending().await,
        }
    }
}

async fn off_the_async_threads(
    work: impl FnOnce() -> Result<(), crate::state::StateError> + Send + 'static,
) {
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!(%error, "the state is not kept up; tried again later"),
        Err(error) => tracing::error!(%error, "keeping up the state ended badly"),
    }
}

fn retain(
    state: &State,
    retention: &Retention,
    keeper: &Keeper,
) -> Result<(), crate::state::StateError> {
    let left = state.retain(retention)?;
    if !left.generations.is_empty() {
        keeper.generations_left();
    }
    if left != crate::state::Left::default() {
        tracing::info!(generations = ?left.generations, logs = ?left.logs, events_below = ?left.events,
            "what is old has left");
    }
    Ok(())
}

fn retention(config: &config::Retention) -> Retention {
    let days = u64::from(config.days);
    Retention {
        built: config.built,
        failed: config.failed,
        age: std::time::Duration::from_secs(days * 24 * 60 * 60),
        logs: config.logs,
        events: config.events,
    }
}

/// Asks the repository; where it cannot say, the answer is no.
fn lineage(repository: PathBuf) -> Lineage {
    Lineage::new(move |ancestor, head| {
        let opened = source::repository::open(&repository)
            .inspect_err(|error| tracing::error!(%error, "the ancestry of {head} is not known"));
        let relation = opened.map(|opened| is_descendant(&opened, ancestor, head));
        matches!(relation, Ok(Relation::Same | Relation::Descendant))
    })
}

fn machine_id() -> Option<String> {
    let id = std::fs::read_to_string("/etc/machine-id").ok()?;
    Some(id.trim().to_owned()).filter(|id| !id.is_empty())
}
