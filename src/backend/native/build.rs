//! Builds a graph: the schedule says which node next, jobs make nodes, at most
//! as many at a time as configured. A node that waits holds nothing.
//!
//! ```text
//! ready ─▶ Step: realisation there? ─yes─▶ reused
//!       │            └─no─▶ provider ─exit 0─▶ outputs into the store ─▶ realisation
//!       ├▶ Fetch, Unpack: known? else in a confined child ─▶ store ─▶ realisation
//!       └▶ Source, File, Tree: made without a sandbox
//! ```

mod fetch;
mod outcome;
mod step;
mod unpack;

use super::graph::{Graph, Node};
use super::provider::Provider;
use super::resolve::{Made, path_of};
use super::schedule::Schedule;
use super::stored::Stored;
use super::{NativeConfig, attempted, materialise};
use crate::backend::{BackendError, BuildOutcome, BuildRequest, StepEnd, StepEvent};
use crate::model::{Failure, Steps};
use crate::store::{Outputs, Store};
use outcome::{Made as MadeNode, NodeEnd, Tally};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// One build of one graph.
pub(super) struct Build {
    pub store: Store,
    pub provider: Arc<dyn Provider>,
    pub config: NativeConfig,
    pub graph: Arc<Graph>,
    pub request: BuildRequest,
}

/// What a job comes back with.
enum Job {
    Node {
        node: usize,
        slot: u32,
        took: Duration,
        end: Result<NodeEnd, BackendError>,
    },
    /// What was made so far is on the disk.
    Synced(Result<(), BackendError>),
}

/// Everything that changes while a build runs.
struct Running {
    schedule: Schedule,
    made: Made,
    jobs: JoinSet<Job>,
    free_slots: Vec<u32>,
    tally: Tally,
    syncing: bool,
    unsynced: bool,
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
        let mut running = self.begin()?;
        let deadline = Instant::now() + self.request.timeout;
        loop {
            self.start_ready(&mut running);
            if running.jobs.is_empty() {
                break;
            }
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
                () = tokio::time::sleep_until(deadline), if !running.cancel.is_cancelled() => {
                    running.timed_out = true;
                    running.cancel.cancel();
                }
            }
        }
        self.finish(running).await
    }

    fn begin(&self) -> Result<Running, BackendError> {
        let nodes = &self.graph.nodes;
        let inputs: Vec<Vec<usize>> = nodes
            .iter()
            .map(|node| {
                let mut inputs: Vec<_> = node.inputs().iter().map(|i| i.node as usize).collect();
                inputs.dedup();
                inputs
            })
            .collect();
        let weights: Vec<u64> = nodes
            .iter()
            .map(|node| u64::from(node.step().is_some()))
            .collect();
        let schedule = Schedule::new(&inputs, &weights).map_err(attempted("order the graph"))?;
        let total = weights.iter().sum::<u64>();
        Ok(Running {
            schedule,
            made: Made::new(),
            jobs: JoinSet::new(),
            free_slots: (0..self.config.jobs.max(1)).rev().collect(),
            tally: Tally::new(u32::try_from(total).unwrap_or(u32::MAX)),
            syncing: false,
            unsynced: false,
            cancel: self.request.cancel.child_token(),
            timed_out: false,
            broken: None,
        })
    }

    fn start_ready(&self, running: &mut Running) {
        let fail_fast = !self.config.keep_going && running.tally.has_failed();
        while !running.cancel.is_cancelled() && !fail_fast {
            let Some(slot) = running.free_slots.pop() else {
                return;
            };
            let Some(node) = running.schedule.pop() else {
                running.free_slots.push(slot);
                return;
            };
            self.start(running, node, slot);
        }
    }

    fn start(&self, running: &mut Running, index: usize, slot: u32) {
        let started = Instant::now();
        let ended = move |end| Job::Node {
            node: index,
            slot,
            took: started.elapsed(),
            end,
        };
        match &self.graph.nodes[index] {
            Node::Step(node) => match self.resolved(node, &running.made) {
                Ok(resolved) => {
                    let job = self.step_job(node, resolved, slot, &running.cancel);
                    let begins = self.announce_begin(&node.name, &running.tally);
                    running
                        .jobs
                        .spawn(async move { ended(job.run(begins).await) });
                }
                Err(failure) => {
                    running
                        .jobs
                        .spawn(async move { ended(Ok(NodeEnd::Failed(failure))) });
                }
            },
            Node::Fetch(node) => {
                let job = self.fetch_job(node, slot, &running.cancel);
                let begins = self.announce_begin(&node.name, &running.tally);
                running
                    .jobs
                    .spawn(async move { ended(job.run(begins).await) });
            }
            Node::Unpack(node) => {
                match self.unpack_job(node, &running.made, slot, &running.cancel) {
                    Ok(job) => {
                        let begins = self.announce_begin(&node.name, &running.tally);
                        running
                            .jobs
                            .spawn(async move { ended(job.run(begins).await) });
                    }
                    Err(failure) => {
                        running
                            .jobs
                            .spawn(async move { ended(Ok(NodeEnd::Failed(failure))) });
                    }
                }
            }
            Node::Source(_) | Node::File(_) | Node::Tree(_) => {
                let work = self.plain_job(index, &running.made);
                running.jobs.spawn_blocking(move || ended(work()));
            }
        }
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
        let (node, slot, took, end) = match job {
            Job::Synced(result) => {
                running.syncing = false;
                self.sync_if_idle(running);
                return result;
            }
            Job::Node {
                node,
                slot,
                took,
                end,
            } => (node, slot, took, end?),
        };
        running.free_slots.push(slot);
        let step = self.graph.nodes[node].step();
        let step_end = running.tally.count(&end, step.is_some());
        if let Some(derivation) = step {
            let steps = running.tally.steps();
            self.request.sink.step(StepEvent::Finished {
                derivation: derivation.to_owned(),
                end: step_end,
                duration: took,
                steps,
            });
        }
        match end {
            NodeEnd::Made(made) => {
                running.unsynced |= !made.reused;
                running.made.insert(node, made.outputs);
                running.schedule.made(node);
                self.sync_if_idle(running);
            }
            NodeEnd::Failed(failure) | NodeEnd::TimedOut(failure) => {
                running.tally.failures.push(failure);
                running.schedule.failed(node);
            }
            NodeEnd::Cancelled => {}
        }
        Ok(())
    }

    /// Makes what was built durable while other steps run: one at a time, so
    /// that many small steps share it.
    fn sync_if_idle(&self, running: &mut Running) {
        if !running.syncing && running.unsynced && !running.cancel.is_cancelled() {
            running.syncing = true;
            running.unsynced = false;
            let store = self.store.clone();
            running.jobs.spawn_blocking(move || {
                Job::Synced(
                    store
                        .sync()
                        .map_err(attempted("make what was built durable")),
                )
            });
        }
    }

    fn announce_begin(&self, name: &str, tally: &Tally) -> impl FnOnce() + Send + 'static {
        let (sink, name, tally) = (
            Arc::clone(&self.request.sink),
            name.to_owned(),
            tally.clone(),
        );
        move || {
            let steps = tally.begin();
            sink.step(StepEvent::Started {
                derivation: name,
                steps,
            });
        }
    }

    async fn finish(self, running: Running) -> Result<BuildOutcome, BackendError> {
        if let Some(error) = running.broken {
            return Err(error);
        }
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
        NodeEnd::Failed(_) => StepEnd::Failed,
        NodeEnd::TimedOut(_) => StepEnd::TimedOut,
        NodeEnd::Cancelled => StepEnd::Cancelled,
    }
}
