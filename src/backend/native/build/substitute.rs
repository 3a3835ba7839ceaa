//! Caches are asked before anything is built: once for the whole graph, then
//! for each step that is ready. A question holds no slot.

use super::outcome::NodeEnd;
use super::{Build, Job, Running};
use crate::backend::native::blocking;
use crate::backend::native::graph::Node;
use crate::backend::native::resolve::{Resolved, elsewhere};
use crate::backend::native::stored::{Stored, graph_steps};
use crate::backend::{BackendError, BuildOutcome};
use crate::model::{BlockedReason, Steps};
use crate::store::cache::{Session, Wanted};
use crate::store::{FixedMode, FixedOutput, Store};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// A step that is not built here and that no cache has.
#[derive(Debug)]
pub(super) struct Waiting {
    name: String,
    /// What it needs, where only that keeps it from running here.
    platform: Option<String>,
}

/// Steps that a message names.
const NAMED: usize = 3;

impl Build {
    /// The graph's result, when a cache has it: one question for all of it.
    pub(super) async fn substituted(&self) -> Result<Option<BuildOutcome>, BackendError> {
        if self.caches.is_empty() {
            return Ok(None);
        }
        let stored = Stored {
            store: &self.store,
            config: &self.config,
        };
        let wanted = Wanted {
            key: stored.key(&self.request.evaluated)?,
            outputs: vec!["out".into()],
            fixed: None,
        };
        let found = self.caches.find(wanted, &self.request.cancel).await;
        let Some(out) = found.and_then(|mut outputs| outputs.remove("out")) else {
            return Ok(None);
        };
        let total = graph_steps(&self.graph);
        let steps = Steps {
            total,
            done: total,
            reused: total,
            ..Steps::default()
        };
        let (store, config) = (self.store.clone(), self.config.clone());
        let (evaluated, roots) = (self.request.evaluated.clone(), self.request.roots.clone());
        let built = blocking("root the result", move || {
            let stored = Stored {
                store: &store,
                config: &config,
            };
            stored.record(&evaluated, &out, &roots)
        });
        let built = built.await??;
        Ok(Some(BuildOutcome::Succeeded { built, steps }))
    }

    /// Whether this store and caches are to be asked for this step before it takes
    /// a slot: also when it would not run here.
    pub(super) fn asks_first(&self, running: &mut Running, node: usize) -> bool {
        let runs_here = self.builds && self.elsewhere(node).is_none();
        let asks = !self.caches.is_empty() || !runs_here;
        asks && running.asked.insert(node)
    }

    /// The platform a step needs, when it is not this host's.
    pub(super) fn elsewhere(&self, node: usize) -> Option<String> {
        match &self.graph.nodes[node] {
            Node::Step(step) => elsewhere(&self.graph, step, &self.config),
            Node::Source(_) | Node::File(_) | Node::Tree(_) | Node::Fetch(_) | Node::Unpack(_) => {
                None
            }
        }
    }

    /// Looks for a node's result here and in the caches.
    pub(super) fn ask(&self, running: &mut Running, node: usize, wanted: Wanted) {
        let (store, caches) = (self.store.clone(), self.caches.clone());
        let (cancel, started) = (running.cancel.clone(), Instant::now());
        running.jobs.spawn(async move {
            let end = answer(store, caches, wanted, &cancel).await;
            Job::Asked {
                node,
                took: started.elapsed(),
                end,
            }
        });
    }

    /// No cache has the step, and it is not built here.
    pub(super) fn waits(&self, running: &mut Running, node: usize) {
        let name = self.graph.nodes[node].name().to_owned();
        let platform = self.elsewhere(node).filter(|_| self.builds);
        running.waiting.push(Waiting { name, platform });
        running.schedule.failed(node);
    }

    /// What to say of steps that no cache has.
    pub(super) fn blocked(&self, waiting: &[Waiting], steps: Steps) -> Option<BuildOutcome> {
        let first = waiting.first()?;
        let named = waiting.get(..NAMED).unwrap_or(waiting);
        let more = match waiting.len() - named.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let names: Vec<&str> = named.iter().map(|step| step.name.as_str()).collect();
        let names = names.join(", ");
        let trouble = self.caches.trouble();
        let trouble = trouble.map_or(String::new(), |what| format!(" (last: {what})"));
        let (reason, message) = match &first.platform {
            None if self.caches.is_empty() => (
                BlockedReason::Cache,
                format!(
                    "nothing is built here ([builder] local = \"never\") and there are no [[caches]] to bring {names}{more}: name one"
                ),
            ),
            None => (
                BlockedReason::Cache,
                format!(
                    "nothing is built here ([builder] local = \"never\") and no cache has {names}{more}{trouble}; they are asked again"
                ),
            ),
            Some(platform) => (
                BlockedReason::Platform,
                format!(
                    "no cache has {names}{more}, for platform {platform}, and this host is {here}{trouble}: build it on such \
                     a host and push it to a cache, or vouch for it ([native] platforms); caches are asked again",
                    here = self.config.platform.name(),
                ),
            ),
        };
        Some(BuildOutcome::Blocked {
            reason,
            message,
            steps,
        })
    }
}

/// What a fetched file is asked for by: its path, which needs nobody's word.
pub(super) fn wanted_file(promised: &FixedOutput) -> Wanted {
    Wanted {
        key: promised.key(),
        outputs: vec!["out".into()],
        fixed: promised.path().ok(),
    }
}

pub(super) fn wanted(resolved: &Resolved) -> Wanted {
    let fixed = resolved.step.fixed.zip(resolved.scratch.values().next());
    let fixed = fixed.and_then(|(hash, scratch)| {
        let name = scratch.name().to_owned();
        let mode = FixedMode::Nar;
        FixedOutput { hash, mode, name }.path().ok()
    });
    Wanted {
        key: resolved.realisation(),
        outputs: resolved.scratch.keys().cloned().collect(),
        fixed,
    }
}

async fn answer(
    store: Store,
    caches: Session,
    wanted: Wanted,
    cancel: &CancellationToken,
) -> Result<Option<NodeEnd>, BackendError> {
    let key = wanted.key;
    let here = blocking("look up a step", move || store.realisation(key)).await?;
    if let Some(outputs) = here {
        return Ok(Some(NodeEnd::reused(outputs)));
    }
    let found = caches.find(wanted, cancel).await;
    Ok(match found {
        Some(outputs) => Some(NodeEnd::Substituted(outputs)),
        None if cancel.is_cancelled() => Some(NodeEnd::Cancelled),
        None => None,
    })
}
