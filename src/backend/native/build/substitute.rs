//! Caches are asked before anything is built: once for the whole graph, then
//! for each step that is ready. A question holds no slot.

use super::outcome::NodeEnd;
use super::{Build, Job, Running};
use crate::backend::native::blocking;
use crate::backend::native::resolve::Resolved;
use crate::backend::native::stored::{Stored, graph_steps};
use crate::backend::{BackendError, BuildOutcome};
use crate::model::{BlockedReason, Steps};
use crate::store::cache::{Session, Wanted};
use crate::store::{FixedMode, FixedOutput, Store};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

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

    /// Whether caches are to be asked for this step before it takes a slot.
    pub(super) fn asks_first(&self, running: &mut Running, node: usize) -> bool {
        !self.caches.is_empty() && running.asked.insert(node)
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

    /// No cache has the step, and nothing is built here.
    pub(super) fn waits(&self, running: &mut Running, node: usize) {
        let name = self.graph.nodes[node].name().to_owned();
        running.waiting.push(name);
        running.schedule.failed(node);
    }

    /// What to say of steps that no cache has.
    pub(super) fn blocked(&self, waiting: &[String], steps: Steps) -> Option<BuildOutcome> {
        let named = waiting.get(..NAMED).unwrap_or(waiting);
        let more = match waiting.len() - named.len() {
            _ if waiting.is_empty() => return None,
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let names = named.join(", ");
        let trouble = self.caches.trouble();
        let trouble = trouble.map_or(String::new(), |what| format!(" (last: {what})"));
        Some(BuildOutcome::Blocked {
            reason: BlockedReason::Cache,
            message: format!(
                "nothing is built here ([builder] local = \"never\") and no cache has {names}{more}{trouble}; they are asked again"
            ),
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
