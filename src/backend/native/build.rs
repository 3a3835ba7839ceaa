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

mod closures;
mod fetch;
mod jobs;
mod kept;
mod outcome;
mod outlook;
mod start;
mod step;
mod substitute;
mod unpack;

use super::durations::Durations;
use super::flights::Flights;
use super::graph::Graph;
use super::pool::Pool;
use super::provider::Provider;
use super::resolve::{Made, path_of};
use super::schedule::Schedule;
use super::stored::Stored;
use super::{NativeConfig, attempted};
use crate::backend::{BackendError, BuildOutcome, BuildRequest, StepEnd, StepEvent};
use crate::model::{Failure, Steps};
use crate::process::{Cancel, CancelOnDrop};
use crate::store::cache::Session;
use crate::store::{Outputs, Store, StorePath};
use closures::Closures;
use jobs::Jobs;
use outcome::{Ended, Made as MadeNode, NodeEnd, Tally};
use outlook::{Outlook, is_step, plan};
use std::collections::{BTreeSet, HashSet};
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use substitute::Waiting;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Nodes without a sandbox that one blocking job makes.
const BATCH: usize = 64;

/// From the end of a sync to the next: each makes the disk's journal wait for
/// everything before it, and as many small steps as can shall share one. A kill
/// may take what was built since, a power cut no more.
const BETWEEN_SYNCS: Duration = Duration::from_millis(200);

/// One build of one graph.
pub(super) struct Build {
    pub store: Store,
    pub provider: Arc<dyn Provider>,
    pub config: Arc<NativeConfig>,
    pub shared: Shared,
    pub caches: Session,
    pub(super) closures: Arc<Closures>,
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
    /// What a step may use of this host's processors. Asked once: it is answered from
    /// a dozen files.
    pub cores: usize,
}

/// What a job comes back with.
enum Job {
    Step {
        node: usize,
        took: Duration,
        ended: Ended,
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
    jobs: Jobs<Job>,
    /// Jobs that make plain nodes.
    batches: u32,
    given_back: watch::Receiver<u64>,
    tally: Tally,
    outlook: Outlook,
    /// Steps that caches were asked for.
    asked: HashSet<usize>,
    /// Steps that no cache has, and that are not built here.
    waiting: Vec<Waiting>,
    syncing: bool,
    unsynced: bool,
    /// No sync begins before.
    next_sync: Instant,
    /// Made or reused, and not kept with the graph yet.
    fresh: Vec<StorePath>,
    /// What was kept with the graph before this build.
    kept: Arc<OnceLock<BTreeSet<StorePath>>>,
    /// Ends every step, for whatever reason.
    cancel: CancellationToken,
    /// The same for the threads of steps, which wait for no token.
    stop: CancelOnDrop,
    timed_out: bool,
    /// This host cannot go on: the first reason.
    broken: Option<BackendError>,
}

impl Running {
    /// One at a time.
    fn wants_sync(&self) -> bool {
        self.unsynced && !self.syncing && !self.cancel.is_cancelled()
    }
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
        let mut stopped = false;
        loop {
            // Before looking for room, so that none given back meanwhile is missed.
            running.given_back.mark_unchanged();
            self.start_ready(&mut running);
            let wants_room = self.goes_on(&running) && running.schedule.has_ready();
            if running.jobs.all_heard() && !wants_room {
                break;
            }
            let cancel = running.cancel.clone();
            tokio::select! {
                biased;
                job = running.jobs.heard() => {
                    let taken = job.map(|job| self.take(&mut running, job));
                    if !matches!(taken, Some(Ok(()))) {
                        // The others are ended and awaited before it is told.
                        running.cancel.cancel();
                    }
                    if let Some(Err(error)) = taken {
                        running.broken.get_or_insert(error);
                    }
                }
                _ = running.given_back.changed(), if wants_room => {}
                () = tokio::time::sleep_until(running.next_sync), if running.wants_sync() => {
                    self.sync(&mut running);
                }
                () = cancel.cancelled(), if !stopped => {
                    stopped = true;
                    running.stop.0.cancel();
                }
                () = tokio::time::sleep_until(deadline), if !running.cancel.is_cancelled() => {
                    running.timed_out = true;
                    running.cancel.cancel();
                }
            }
        }
        if let Err(error) = running.jobs.done().await {
            let error = attempted("run a step's job")(error);
            running.broken.get_or_insert(error);
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
        let stop = Cancel::new().map_err(attempted("watch for a build's cancellation"))?;
        Ok(Running {
            schedule,
            made: Made::new(),
            jobs: Jobs::new(),
            batches: 0,
            given_back: self.shared.pool.given_back(),
            tally: Tally::new(u32::try_from(total).unwrap_or(u32::MAX)),
            outlook,
            asked: HashSet::new(),
            waiting: Vec::new(),
            syncing: false,
            unsynced: false,
            next_sync: Instant::now(),
            fresh: Vec::new(),
            kept: Arc::default(),
            cancel: self.request.cancel.child_token(),
            stop: CancelOnDrop(stop),
            timed_out: false,
            broken: None,
        })
    }

    /// Whether more may be started.
    fn goes_on(&self, running: &Running) -> bool {
        let fail_fast = !self.config.keep_going && running.tally.has_failed();
        !running.cancel.is_cancelled() && !fail_fast
    }

    /// What a job came to: counts, events, and what it sets free.
    fn take(&self, running: &mut Running, job: Job) -> Result<(), BackendError> {
        match job {
            Job::Synced(result) => {
                running.syncing = false;
                running.next_sync = Instant::now() + BETWEEN_SYNCS;
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
            Job::Step { node, took, ended } => {
                let Ended { end, lease } = ended;
                let end = end?;
                self.announce_end(running, node, took, &end);
                self.ended(running, node, end);
                // Not before: a slot that is free starts the next step.
                drop(lease);
                Ok(())
            }
            Job::Asked { node, took, end } => {
                match end? {
                    Some(end) => {
                        self.announce_end(running, node, took, &end);
                        self.ended(running, node, end);
                    }
                    None if self.builds && self.elsewhere(node).is_none() => {
                        running.schedule.again(node);
                    }
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
            NodeEnd::Made(MadeNode { outputs, reused }) => {
                Self::made(running, node, outputs, !reused);
            }
            NodeEnd::Substituted(outputs) => Self::made(running, node, outputs, true),
            NodeEnd::Failed(failure) | NodeEnd::TimedOut(failure) => {
                running.tally.failures.push(failure);
                running.schedule.failed(node);
            }
            NodeEnd::Cancelled => {}
        }
    }

    fn made(running: &mut Running, node: usize, outputs: Outputs, is_new: bool) {
        running.unsynced |= is_new;
        running.fresh.extend(outputs.values().cloned());
        running.made.insert(node, outputs);
        running.schedule.made(node);
    }

    /// Makes what was built durable while other steps run.
    fn sync(&self, running: &mut Running) {
        running.syncing = true;
        running.unsynced = false;
        let keep = self.keeper(running);
        running
            .jobs
            .spawn_blocking(move |report| report.say(Job::Synced(keep())));
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
