//! Builds a graph: the schedule says which node next, jobs make nodes, at most
//! as many at a time as configured. A node that waits holds nothing.
//!
//! ```text
//! ready ─▶ Step: realisation there? ─yes─▶ reused
//!       │            ├─no, in a cache─▶ substituted
//!       │            └─no─▶ provider ─exit 0─▶ outputs into the store ─▶ realisation
//!       ├▶ Fetch, Unpack: known? else in a confined child ─▶ store ─▶ realisation
//!       └▶ Source, File, Tree: made without a sandbox
//! ```

mod fetch;
mod kept;
mod outcome;
mod outlook;
mod step;
mod substitute;
mod unpack;

use super::durations::Durations;
use super::flights::{Flight, Flights};
use super::graph::{Graph, Node};
use super::pool::{Lease, Pool};
use super::provider::Provider;
use super::resolve::{Made, path_of};
use super::schedule::Schedule;
use super::stored::Stored;
use super::{NativeConfig, attempted, materialise};
use crate::backend::{BackendError, BuildOutcome, BuildRequest, StepEnd, StepEvent};
use crate::model::{Failure, Steps};
use crate::store::cache::{Session, Wanted};
use crate::store::{Outputs, Store, StorePath};
use outcome::{Made as MadeNode, NodeEnd, Tally};
use outlook::{Outlook, is_step, plan};
use std::collections::{BTreeSet, HashSet};
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use substitute::{wanted, wanted_file};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use unpack::UnpackJob;

/// Nodes without a sandbox that one blocking job makes.
const BATCH: usize = 64;

/// One build of one graph.
pub(super) struct Build {
    pub store: Store,
    pub provider: Arc<dyn Provider>,
    pub config: NativeConfig,
    pub shared: Shared,
    pub caches: Session,
    /// Steps run here; else what no cache has is waited for.
    pub builds: bool,
    pub graph: Arc<Graph>,
    /// The object the graph is: what is made along the way is kept with it.
    pub drv: StorePath,
    pub request: BuildRequest,
}

/// What builds of one backend share.
#[derive(Debug, Clone)]
pub(super) struct Shared {
    pub pool: Pool,
    pub flights: Flights,
    pub durations: Durations,
}

/// What a job comes back with.
enum Job {
    Step {
        node: usize,
        took: Duration,
        end: Result<NodeEnd, BackendError>,
    },
    Plain(Vec<(usize, Result<NodeEnd, BackendError>)>),
    /// Another build is done with this step: look again.
    Landed(usize),
    /// What a step's look-up in store and caches found: `None` is nothing.
    Asked {
        node: usize,
        took: Duration,
        end: Result<Option<NodeEnd>, BackendError>,
    },
    /// What was made so far is on the disk.
    Synced(Result<(), BackendError>),
}

/// Everything that changes while a build runs.
struct Running {
    schedule: Schedule,
    made: Made,
    jobs: JoinSet<Job>,
    /// Jobs that make plain nodes.
    batches: u32,
    given_back: watch::Receiver<u64>,
    tally: Tally,
    outlook: Outlook,
    /// Steps that caches were asked for.
    asked: HashSet<usize>,
    /// Names of steps that no cache has, where nothing is built.
    waiting: Vec<String>,
    syncing: bool,
    unsynced: bool,
    /// Made or reused, and not kept with the graph yet.
    fresh: Vec<StorePath>,
    /// What was kept with the graph before this build.
    kept: Arc<OnceLock<BTreeSet<StorePath>>>,
    /// Ends every step, for whatever reason.
    cancel: CancellationToken,
    timed_out: bool,
    /// This host cannot go on: the first reason.
    broken: Option<BackendError>,
}

impl Build {
    /// Builds what is missing and roots the result.
    ///
    /// # Errors
    /// When the store or the provider of this host is broken.
    pub async fn run(self) -> Result<BuildOutcome, BackendError> {
        if let Some(failure) = missing_need(&self.graph.needs) {
            return Ok(BuildOutcome::Failed {
                failure,
                steps: Steps::default(),
            });
        }
        if let Some(outcome) = self.substituted().await? {
            return Ok(outcome);
        }
        let mut running = self.begin()?;
        let deadline = Instant::now() + self.request.timeout;
        loop {
            // Before looking for room, so that none given back meanwhile is missed.
            running.given_back.mark_unchanged();
            self.start_ready(&mut running);
            let wants_room = self.goes_on(&running) && running.schedule.has_ready();
            if running.jobs.is_empty() && !wants_room {
                break;
            }
            let cancel = running.cancel.clone();
            tokio::select! {
                biased;
                Some(job) = running.jobs.join_next() => {
                    let job = job.map_err(attempted("run a step's job"));
                    if let Err(error) = job.and_then(|job| self.take(&mut running, job)) {
                        // The others are ended and awaited before it is told.
                        running.cancel.cancel();
                        running.broken.get_or_insert(error);
                    }
                }
                _ = running.given_back.changed(), if wants_room => {}
                () = cancel.cancelled(), if wants_room => {}
                () = tokio::time::sleep_until(deadline), if !running.cancel.is_cancelled() => {
                    running.timed_out = true;
                    running.cancel.cancel();
                }
            }
        }
        let durations = self.shared.durations.clone();
        super::blocking("keep how long steps took", move || durations.save()).await?;
        self.finish(running).await
    }

    fn begin(&self) -> Result<Running, BackendError> {
        let nodes = &self.graph.nodes;
        let (jobs, outlook) = plan(nodes, &self.shared.durations, self.config.jobs);
        let total = nodes.iter().filter(|node| is_step(node)).count();
        let schedule = Schedule::new(jobs).map_err(attempted("order the graph"))?;
        Ok(Running {
            schedule,
            made: Made::new(),
            jobs: JoinSet::new(),
            batches: 0,
            given_back: self.shared.pool.given_back(),
            tally: Tally::new(u32::try_from(total).unwrap_or(u32::MAX)),
            outlook,
            asked: HashSet::new(),
            waiting: Vec::new(),
            syncing: false,
            unsynced: false,
            fresh: Vec::new(),
            kept: Arc::default(),
            cancel: self.request.cancel.child_token(),
            timed_out: false,
            broken: None,
        })
    }

    /// Whether more may be started.
    fn goes_on(&self, running: &Running) -> bool {
        let fail_fast = !self.config.keep_going && running.tally.has_failed();
        !running.cancel.is_cancelled() && !fail_fast
    }

    fn start_ready(&self, running: &mut Running) {
        if !self.goes_on(running) {
            return;
        }
        while running.batches < self.config.jobs.max(1) {
            let nodes = running.schedule.pop_plain(BATCH);
            if nodes.is_empty() {
                break;
            }
            self.start_plain(running, nodes);
        }
        let pool = &self.shared.pool;
        while pool.has_slot() {
            let room = |node: usize| pool.take(self.memory_of(node));
            let Some((node, lease)) = running.schedule.pop(room) else {
                return;
            };
            self.start(running, node, lease);
        }
    }

    /// What a step counts for in the pool: what it asks for, else its share.
    fn memory_of(&self, node: usize) -> u64 {
        let Node::Step(step) = &self.graph.nodes[node] else {
            return 0;
        };
        let share = self.config.memory / u64::from(self.config.jobs.max(1));
        let limit = self.config.limits.memory;
        let asked = step.limits.as_ref().and_then(|limits| limits.memory);
        let asked = asked.unwrap_or(share);
        limit.map_or(asked, |limit| limit.min(asked))
    }

    fn start(&self, running: &mut Running, index: usize, lease: Lease) {
        match &self.graph.nodes[index] {
            Node::Step(_) => self.start_step(running, index, lease),
            Node::Fetch(node) => {
                let job = self.fetch_job(node, lease.slot, &running.cancel);
                let wanted = job.promised().ok().flatten();
                let wanted = wanted.as_ref().map(wanted_file);
                let Some(own) = self.makes(running, index, wanted) else {
                    return;
                };
                self.begins(running, index);
                let begins = self.announce_begin(index, &node.name, &running.tally);
                let ended = ends(index);
                running.jobs.spawn(async move {
                    let end = job.run(begins).await;
                    drop((own, lease));
                    ended(end)
                });
            }
            Node::Unpack(node) => {
                let job = self.unpack_job(node, &running.made, lease.slot, &running.cancel);
                let wanted = job.as_ref().ok().map(UnpackJob::wanted);
                let Some(own) = self.makes(running, index, wanted) else {
                    return;
                };
                let ended = ends(index);
                let begins = self.announce_begin(index, &node.name, &running.tally);
                self.begins(running, index);
                running.jobs.spawn(async move {
                    let end = match job {
                        Ok(job) => job.run(begins).await,
                        Err(failure) => Ok(NodeEnd::Failed(failure)),
                    };
                    drop((own, lease));
                    ended(end)
                });
            }
            Node::Source(_) | Node::File(_) | Node::Tree(_) => {} // in a line of their own
        }
    }

    /// Whether this build makes the node itself, now: else caches are asked first,
    /// or another build that has it in work is waited for. Both hold no slot. A
    /// node that nothing is known by is nobody else's.
    fn makes(
        &self,
        running: &mut Running,
        index: usize,
        wanted: Option<Wanted>,
    ) -> Option<Option<Flight>> {
        let Some(wanted) = wanted else {
            return Some(None);
        };
        if self.asks_first(running, index) {
            self.ask(running, index, wanted);
            return None;
        }
        match self.shared.flights.enter(wanted.key) {
            Ok(flight) => Some(Some(flight)),
            Err(landing) => {
                let cancel = running.cancel.clone();
                running.jobs.spawn(async move {
                    tokio::select! {
                        () = landing.landed() => {}
                        () = cancel.cancelled() => {}
                    }
                    Job::Landed(index)
                });
                None
            }
        }
    }

    fn begins(&self, running: &mut Running, index: usize) {
        running.outlook.begins(index, Instant::now());
        running.tally.estimated_remaining = running.outlook.remaining(&running.schedule);
    }

    fn start_step(&self, running: &mut Running, index: usize, lease: Lease) {
        let Node::Step(node) = &self.graph.nodes[index] else {
            return;
        };
        let ended = ends(index);
        let resolved = match self.resolved(node, &running.made) {
            Ok(resolved) => resolved,
            Err(failure) => {
                running
                    .jobs
                    .spawn(async move { ended(Ok(NodeEnd::Failed(failure))) });
                return;
            }
        };
        let Some(own) = self.makes(running, index, Some(wanted(&resolved))) else {
            return;
        };
        self.begins(running, index);
        let job = self.step_job(node, resolved, lease.slot, &running.cancel);
        let begins = self.announce_begin(index, &node.name, &running.tally);
        running.jobs.spawn(async move {
            let end = job.run(begins).await;
            drop((own, lease));
            ended(end)
        });
    }

    fn start_plain(&self, running: &mut Running, nodes: Vec<usize>) {
        let cancel = running.cancel.clone();
        let works: Vec<_> = nodes
            .into_iter()
            .map(|node| (node, self.plain_job(node, &running.made)))
            .collect();
        running.batches += 1;
        running.jobs.spawn_blocking(move || {
            let ends = works
                .into_iter()
                .map(|(node, work)| match cancel.is_cancelled() {
                    true => (node, Ok(NodeEnd::Cancelled)),
                    false => (node, work()),
                });
            Job::Plain(ends.collect())
        });
    }

    /// A node made without a sandbox.
    fn plain_job(
        &self,
        index: usize,
        made: &Made,
    ) -> impl FnOnce() -> Result<NodeEnd, BackendError> + Send + 'static {
        let (store, graph) = (self.store.clone(), Arc::clone(&self.graph));
        let inputs = graph.nodes[index].inputs();
        let made: Made = inputs
            .iter()
            .filter_map(|input| made.get_key_value(&(input.node as usize)))
            .map(|(node, outputs)| (*node, outputs.clone()))
            .collect();
        move || {
            let resolve = |output: &super::graph::OutputRef| path_of(&made, output).ok();
            let path = match &graph.nodes[index] {
                Node::File(file) => materialise::file(&store, file, resolve),
                Node::Tree(tree) => materialise::tree(&store, tree, resolve, &graph.secrets),
                Node::Source(source) => return stored_source(&store, source),
                Node::Step(_) | Node::Fetch(_) | Node::Unpack(_) => {
                    return Ok(NodeEnd::Failed(Failure::certain("a step needs a sandbox")));
                }
            };
            match path {
                Ok(path) => Ok(NodeEnd::Made(MadeNode {
                    outputs: Outputs::from([("out".into(), path)]),
                    reused: false,
                })),
                Err(error) if error.is_certain() => {
                    Ok(NodeEnd::Failed(Failure::certain(error.to_string())))
                }
                Err(error) => Err(attempted("write to the store")(error)),
            }
        }
    }

    /// What a job came to: counts, events, and what it sets free.
    fn take(&self, running: &mut Running, job: Job) -> Result<(), BackendError> {
        match job {
            Job::Synced(result) => {
                running.syncing = false;
                self.sync_if_idle(running);
                result
            }
            Job::Landed(node) => {
                running.schedule.again(node);
                Ok(())
            }
            Job::Plain(ends) => {
                running.batches -= 1;
                for (node, end) in ends {
                    let end = end?;
                    running.tally.count(&end, node, false);
                    self.ended(running, node, end);
                }
                Ok(())
            }
            Job::Step { node, took, end } => {
                let end = end?;
                self.announce_end(running, node, took, &end);
                self.ended(running, node, end);
                Ok(())
            }
            Job::Asked { node, took, end } => {
                match end? {
                    Some(end) => {
                        self.announce_end(running, node, took, &end);
                        self.ended(running, node, end);
                    }
                    None if self.builds => running.schedule.again(node),
                    None => self.waits(running, node),
                }
                Ok(())
            }
        }
    }

    fn announce_end(&self, running: &mut Running, node: usize, took: Duration, end: &NodeEnd) {
        let derivation = self.graph.nodes[node].name();
        let step_end = running.tally.count(end, node, true);
        if step_end == StepEnd::Built {
            self.shared.durations.note(derivation, took);
        }
        let built = (step_end == StepEnd::Built).then_some(took);
        running.outlook.ends(node, &running.schedule, built);
        running.tally.estimated_remaining = running.outlook.remaining(&running.schedule);
        self.request.sink.step(StepEvent::Finished {
            derivation: derivation.to_owned(),
            end: step_end,
            duration: took,
            steps: running.tally.steps(),
        });
    }

    fn ended(&self, running: &mut Running, node: usize, end: NodeEnd) {
        match end {
            NodeEnd::Made(made) => {
                running.unsynced |= !made.reused;
                running.fresh.extend(made.outputs.values().cloned());
                running.made.insert(node, made.outputs);
                running.schedule.made(node);
                self.sync_if_idle(running);
            }
            NodeEnd::Substituted(outputs) => {
                running.unsynced = true;
                running.fresh.extend(outputs.values().cloned());
                running.made.insert(node, outputs);
                running.schedule.made(node);
                self.sync_if_idle(running);
            }
            NodeEnd::Failed(failure) | NodeEnd::TimedOut(failure) => {
                running.tally.failures.push(failure);
                running.schedule.failed(node);
            }
            NodeEnd::Cancelled => {}
        }
    }

    /// Makes what was built durable while other steps run: one at a time, so
    /// that many small steps share it.
    fn sync_if_idle(&self, running: &mut Running) {
        if !running.syncing && running.unsynced && !running.cancel.is_cancelled() {
            running.syncing = true;
            running.unsynced = false;
            let keep = self.keeper(running);
            running.jobs.spawn_blocking(move || Job::Synced(keep()));
        }
    }

    /// Keeps what is fresh with the graph and makes it durable.
    fn keeper(&self, running: &mut Running) -> impl FnOnce() -> Result<(), BackendError> + use<> {
        let (store, drv) = (self.store.clone(), self.drv.clone());
        let fresh: BTreeSet<StorePath> = running.fresh.drain(..).collect();
        let kept = Arc::clone(&running.kept);
        move || {
            // Read once a build: it grows with every step.
            let known = kept.get_or_init(|| store.kept_with(&drv));
            let kept = store.keep_with(&drv, fresh.difference(known));
            kept.and_then(|()| store.sync())
                .map_err(attempted("make what was built durable"))
        }
    }

    fn announce_begin(
        &self,
        node: usize,
        name: &str,
        tally: &Tally,
    ) -> impl FnOnce() + Send + 'static {
        let (sink, name, tally) = (
            Arc::clone(&self.request.sink),
            name.to_owned(),
            tally.clone(),
        );
        move || {
            let steps = tally.begin(node);
            sink.step(StepEvent::Started {
                derivation: name,
                steps,
            });
        }
    }

    async fn finish(self, mut running: Running) -> Result<BuildOutcome, BackendError> {
        let keep = self.keeper(&mut running);
        let kept = super::blocking("keep what was made", keep).await?;
        if let Some(error) = running.broken {
            return Err(error);
        }
        kept?;
        let steps = running.tally.steps();
        if running.timed_out {
            let failure = Failure::certain(format!(
                "the build took longer than {} s",
                self.request.timeout.as_secs()
            ))
            .hint(
                "raise [builder] build_timeout, or see `kiln log` for the step that took the time",
            );
            return Ok(BuildOutcome::TimedOut { failure, steps });
        }
        let blocked = self.blocked(&running.waiting, steps);
        let timed_out = running.tally.timed_out;
        if let Some(failure) = running.tally.failure() {
            return Ok(match timed_out {
                true => BuildOutcome::TimedOut { failure, steps },
                false => BuildOutcome::Failed { failure, steps },
            });
        }
        if running.cancel.is_cancelled() {
            return Ok(BuildOutcome::Cancelled { steps });
        }
        if let Some(blocked) = blocked {
            return Ok(blocked);
        }
        let out = match path_of(&running.made, &self.graph.root) {
            Ok(out) => out,
            Err(failure) => return Ok(BuildOutcome::Failed { failure, steps }),
        };
        let built = super::blocking("root the result", move || {
            let stored = Stored {
                store: &self.store,
                config: &self.config,
            };
            stored.record(&self.request.evaluated, &out, &self.request.roots)
        });
        Ok(BuildOutcome::Succeeded {
            built: built.await??,
            steps,
        })
    }
}

/// What a node's job comes back with, from now on.
fn ends(node: usize) -> impl FnOnce(Result<NodeEnd, BackendError>) -> Job + Send + 'static {
    let started = Instant::now();
    move |end| Job::Step {
        node,
        took: started.elapsed(),
        end,
    }
}

fn stored_source(
    store: &Store,
    source: &super::graph::SourceNode,
) -> Result<NodeEnd, BackendError> {
    let doing = || format!("find the source {}", source.path);
    let Some(path) = &source.stored else {
        return Err(attempted(doing())(
            "the graph does not say where it is stored",
        ));
    };
    let path: crate::store::StorePath = path.parse().map_err(attempted(doing()))?;
    match store.contains(&path) {
        true => {
            let outputs = Outputs::from([("out".to_owned(), path)]);
            Ok(NodeEnd::Made(MadeNode {
                outputs,
                reused: true,
            }))
        }
        false => Err(attempted(doing())(
            "it is not in the store any more: evaluate again",
        )),
    }
}

/// The first file the graph says this host must have, and it has not.
fn missing_need(needs: &[String]) -> Option<Failure> {
    let missing: Vec<&str> = needs
        .iter()
        .map(String::as_str)
        .filter(|need| !Path::new(need).exists())
        .collect();
    match missing.is_empty() {
        true => None,
        false => Some(
            Failure::certain(format!("this host lacks {}", missing.join(", ")))
                .hint("install what brings it, then `kiln build --retry`; or take it out of host(needs = ...)"),
        ),
    }
}

/// What a node's end is called in events.
fn step_end(end: &NodeEnd) -> StepEnd {
    match end {
        NodeEnd::Made(made) if made.reused => StepEnd::Reused,
        NodeEnd::Made(_) => StepEnd::Built,
        NodeEnd::Substituted(_) => StepEnd::Substituted,
        NodeEnd::Failed(_) => StepEnd::Failed,
        NodeEnd::TimedOut(_) => StepEnd::TimedOut,
        NodeEnd::Cancelled => StepEnd::Cancelled,
    }
}
