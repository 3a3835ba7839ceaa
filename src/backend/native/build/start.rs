//! Which nodes start, and how each kind does: steps, downloads and unpackings hold
//! a slot and may be another build's already; the others are made in batches.

use super::outcome::{Ended, Made as MadeNode, NodeEnd, Tally};
use super::substitute::{wanted, wanted_file};
use super::{BATCH, Build, Job, Running};
use crate::backend::native::flights::Flight;
use crate::backend::native::graph::{FetchNode, Node, OutputRef, SourceNode, StepNode, UnpackNode};
use crate::backend::native::pool::Lease;
use crate::backend::native::resolve::{Made, path_of};
use crate::backend::native::{attempted, materialise};
use crate::backend::{BackendError, StepEvent};
use crate::model::Failure;
use crate::store::cache::Wanted;
use crate::store::{Outputs, Store};
use std::sync::Arc;
use tokio::time::Instant;

/// Called when a node's work really begins.
type Begins = Box<dyn FnOnce() + Send>;

impl Build {
    pub(super) fn start_ready(&self, running: &mut Running) {
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
            Node::Step(node) => self.start_step(running, index, node, lease),
            Node::Fetch(node) => self.start_fetch(running, index, node, lease),
            Node::Unpack(node) => self.start_unpack(running, index, node, lease),
            Node::Source(_) | Node::File(_) | Node::Tree(_) => {} // in a line of their own
        }
    }

    fn start_step(&self, running: &mut Running, index: usize, node: &StepNode, lease: Lease) {
        let resolved = match self.resolved(node, &running.made) {
            Ok(resolved) => resolved,
            Err(failure) => return fails(running, index, failure),
        };
        let Some(own) = self.makes(running, index, Some(wanted(&resolved))) else {
            return;
        };
        let job = self.step_job(node, resolved, lease.slot, &running.stop.0);
        let (begins, ended) = self.begins(running, index);
        // Straight to its thread, and straight back: a task in between would have to
        // be woken twice.
        running.jobs.spawn_blocking(move |report| {
            job.run(begins, lease, |end| {
                drop(own);
                report.say(ended(end));
            });
        });
    }

    fn start_fetch(&self, running: &mut Running, index: usize, node: &FetchNode, lease: Lease) {
        let job = self.fetch_job(node, lease.slot, &running.cancel);
        let promised = job.promised().ok().flatten();
        let wanted = promised.as_ref().map(wanted_file);
        let Some(own) = self.makes(running, index, wanted) else {
            return;
        };
        self.run_task(running, index, own, |begins| {
            holding(lease, job.run(begins))
        });
    }

    fn start_unpack(&self, running: &mut Running, index: usize, node: &UnpackNode, lease: Lease) {
        let job = match self.unpack_job(node, &running.made, lease.slot, &running.cancel) {
            Ok(job) => job,
            Err(failure) => return fails(running, index, failure),
        };
        let Some(own) = self.makes(running, index, Some(job.wanted())) else {
            return;
        };
        self.run_task(running, index, own, |begins| {
            holding(lease, job.run(begins))
        });
    }

    /// Runs a task that makes a node; other builds wait until it has ended.
    fn run_task<F>(
        &self,
        running: &mut Running,
        index: usize,
        own: Option<Flight>,
        job: impl FnOnce(Begins) -> F,
    ) where
        F: Future<Output = Ended> + Send + 'static,
    {
        let (begins, ended) = self.begins(running, index);
        let work = job(begins);
        running.jobs.spawn(async move {
            let end = work.await;
            drop(own);
            ended(end)
        });
    }

    /// The node's job is started now: what it calls when it begins, and what it comes
    /// back with.
    fn begins(
        &self,
        running: &mut Running,
        index: usize,
    ) -> (Begins, impl FnOnce(Ended) -> Job + Send + 'static) {
        running.outlook.begins(index, Instant::now());
        running.tally.estimated_remaining = running.outlook.remaining(&running.schedule);
        let begins = self.announce_begin(index, &running.tally);
        (begins, ends(index))
    }

    fn announce_begin(&self, node: usize, tally: &Tally) -> Begins {
        let (sink, tally) = (Arc::clone(&self.request.sink), tally.clone());
        let derivation = self.graph.nodes[node].name().to_owned();
        Box::new(move || {
            let steps = tally.begin(node);
            sink.step(StepEvent::Started { derivation, steps });
        })
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

    fn start_plain(&self, running: &mut Running, nodes: Vec<usize>) {
        let cancel = running.cancel.clone();
        let works: Vec<_> = nodes
            .into_iter()
            .map(|node| (node, self.plain_job(node, &running.made)))
            .collect();
        running.batches += 1;
        running.jobs.spawn_blocking(move |report| {
            let ends = works
                .into_iter()
                .map(|(node, work)| match cancel.is_cancelled() {
                    true => (node, Ok(NodeEnd::Cancelled)),
                    false => (node, work()),
                });
            report.say(Job::Plain(ends.collect()));
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
            let resolve = |output: &OutputRef| path_of(&made, output).ok();
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
}

/// The slot is the job's to its end.
async fn holding(lease: Lease, job: impl Future<Output = Result<NodeEnd, BackendError>>) -> Ended {
    Ended {
        end: job.await,
        lease: Some(lease),
    }
}

/// It cannot even be begun.
fn fails(running: &mut Running, index: usize, failure: Failure) {
    let ended = ends(index);
    let end = Ok(NodeEnd::Failed(failure));
    running.jobs.known(ended(Ended { end, lease: None }));
}

/// What a node's job comes back with, from now on.
fn ends(node: usize) -> impl FnOnce(Ended) -> Job + Send + 'static {
    let started = Instant::now();
    move |ended| Job::Step {
        node,
        took: started.elapsed(),
        ended,
    }
}

fn stored_source(store: &Store, source: &SourceNode) -> Result<NodeEnd, BackendError> {
    let doing = || format!("find the source {}", source.path);
    let Some(path) = &source.stored else {
        return Err(attempted(doing())(
            "the graph does not say where it is stored",
        ));
    };
    let path: crate::store::StorePath = path.parse().map_err(attempted(doing()))?;
    match store.contains(&path) {
        true => Ok(NodeEnd::reused(Outputs::from([("out".to_owned(), path)]))),
        false => Err(attempted(doing())(
            "it is not in the store any more: evaluate again",
        )),
    }
}
