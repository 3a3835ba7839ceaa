//! The graph as a store object, and the result known to belong to it.

use super::graph::{GRAPH_VERSION, Graph, Node};
use super::materialise::{self, MaterialiseError};
use super::{NativeConfig, attempted};
use crate::backend::{BackendError, EvaluateRequest, EvaluationOutcome};
use crate::model::{Built, Evaluated, Failure};
use crate::state::files;
use crate::store::{Canonical, Outputs, RealisationKey, Store, StorePath};
use std::collections::BTreeSet;
use std::path::Path;

/// Raised when the sandbox shows steps something else; part of their identity.
pub(super) const SANDBOX_VERSION: u32 = 2;

pub(super) struct Stored<'a> {
    pub store: &'a Store,
    pub config: &'a NativeConfig,
}

impl Stored<'_> {
    /// Writes the sources and the graph to the store and roots them.
    pub fn save(
        &self,
        mut graph: Graph,
        request: &EvaluateRequest,
    ) -> Result<EvaluationOutcome, BackendError> {
        let _session = self.store.session();
        let mut sources = BTreeSet::new();
        for node in &mut graph.nodes {
            if request.cancel.is_cancelled() {
                return Ok(EvaluationOutcome::Cancelled);
            }
            let Node::Source(source) = node else { continue };
            let cancelled = || request.cancel.is_cancelled();
            let repository = &request.source.repository;
            let path = match materialise::source(self.store, repository, source, &cancelled) {
                Ok(path) => path,
                Err(MaterialiseError::Cancelled) => return Ok(EvaluationOutcome::Cancelled),
                Err(error) => return refused(error),
            };
            source.stored = Some(path.to_string());
            // What was filtered out must not tell two evaluations apart.
            source.object.clear();
            sources.insert(path);
        }
        let bytes = serde_json::to_vec(&graph).map_err(attempted("write the graph"))?;
        let name = format!("{}.drv", graph.host);
        // Texts of steps stand in it, with whatever looks like a path in them.
        let drv = self.store.add_data(&name, &bytes, &sources);
        let drv = drv.map_err(attempted("put the graph into the store"))?;
        self.store
            .sync()
            .map_err(attempted("make the graph durable"))?;
        self.root(&request.roots, "derivation", &drv)?;
        let out = self.store.realisation(self.result_key(&drv));
        Ok(EvaluationOutcome::Succeeded(Evaluated {
            drv_path: drv.to_string(),
            out_path: out.as_ref().and_then(result_of).map(ToString::to_string),
            machine_id: graph.machine_id,
            secrets: graph.secrets,
            nix: None,
            record: None,
        }))
    }

    /// An evaluation of before, rooted again; `None` when its graph or a source
    /// of it has left the store.
    pub fn again(&self, known: Evaluated, roots: &Path) -> Option<Evaluated> {
        let _session = self.store.session();
        let drv = self.drv(&known).ok()?;
        if !self.store.is_whole([drv.clone()]) {
            return None;
        }
        self.root(roots, "derivation", &drv).ok()?;
        // Whether all of it is there is asked next, by whoever would build it.
        let out = self.store.recorded_outputs(self.result_key(&drv));
        let out_path = out.as_ref().and_then(result_of).map(ToString::to_string);
        Some(Evaluated { out_path, ..known })
    }

    /// Whether the graph an evaluation stored, and the sources in it, are there still.
    pub fn is_there(&self, evaluated: &Evaluated) -> bool {
        let drv = self.drv(evaluated).ok();
        drv.is_some_and(|drv| self.store.is_whole([drv]))
    }

    /// The graph an evaluation stored.
    pub fn load(&self, evaluated: &Evaluated) -> Result<Graph, BackendError> {
        let doing = || format!("read the graph {}", evaluated.drv_path);
        let drv = self.drv(evaluated)?;
        let bytes = std::fs::read(self.store.real_path(&drv)).map_err(attempted(doing()))?;
        let graph: Graph = serde_json::from_slice(&bytes).map_err(attempted(doing()))?;
        if graph.version != GRAPH_VERSION {
            let why = format!(
                "its version is {}, this kiln knows {GRAPH_VERSION}",
                graph.version
            );
            return Err(attempted(doing())(why));
        }
        Ok(graph)
    }

    /// The object that is the graph.
    ///
    /// # Errors
    /// When it is not in the store any more.
    pub fn drv(&self, evaluated: &Evaluated) -> Result<StorePath, BackendError> {
        let doing = || format!("find the graph {}", evaluated.drv_path);
        let drv: StorePath = evaluated.drv_path.parse().map_err(attempted(doing()))?;
        match self.store.contains(&drv) {
            true => Ok(drv),
            false => Err(attempted(doing())(
                "it is not in the store any more: evaluate again",
            )),
        }
    }

    /// The result, when this graph was built here before; roots both.
    pub fn existing(
        &self,
        evaluated: &Evaluated,
        roots: &Path,
    ) -> Result<Option<Built>, BackendError> {
        // Until the links root what is found.
        let _session = self.store.session();
        let Ok(drv) = self.drv(evaluated) else {
            return Ok(None);
        };
        self.root(roots, "derivation", &drv)?;
        let outputs = self.store.realisation(self.result_key(&drv));
        let Some(out) = outputs.as_ref().and_then(result_of) else {
            return Ok(None);
        };
        self.root_result(roots, out).map(Some)
    }

    /// Records that building this graph here gave `out`, and roots it.
    pub fn record(
        &self,
        evaluated: &Evaluated,
        out: &StorePath,
        roots: &Path,
    ) -> Result<Built, BackendError> {
        let drv = self.drv(evaluated)?;
        let outputs = Outputs::from([("out".to_owned(), out.clone())]);
        let recorded = self
            .store
            .record_realisation(self.result_key(&drv), &outputs);
        recorded.map_err(attempted("record the result"))?;
        self.root_result(roots, out)
    }

    /// What the result of this graph is recorded under.
    pub fn key(&self, evaluated: &Evaluated) -> Result<RealisationKey, BackendError> {
        Ok(self.result_key(&self.drv(evaluated)?))
    }

    /// A graph's result depends on whose tools its steps saw.
    fn result_key(&self, drv: &StorePath) -> RealisationKey {
        let key = Canonical::new("kiln:graph:1").text(drv.to_string());
        let key = key
            .text(self.config.platform.name())
            .number(u64::from(SANDBOX_VERSION));
        key.finish().into()
    }

    fn root_result(&self, roots: &Path, out: &StorePath) -> Result<Built, BackendError> {
        self.root(roots, "result", out)?;
        Ok(Built {
            out_path: out.to_string(),
            real_path: self.store.real_path(out),
        })
    }

    fn root(&self, roots: &Path, name: &str, path: &StorePath) -> Result<(), BackendError> {
        let link = roots.join(name);
        let rooted = files::point(&link, &self.store.real_path(path));
        rooted.map_err(attempted(format!("root {path}")))
    }
}

/// How many steps the graph has.
pub(super) fn graph_steps(graph: &Graph) -> u32 {
    let is_step = |node: &&Node| matches!(node, Node::Step(_));
    u32::try_from(graph.nodes.iter().filter(is_step).count()).unwrap_or(u32::MAX)
}

fn result_of(outputs: &Outputs) -> Option<&StorePath> {
    outputs.get("out")
}

fn refused(error: MaterialiseError) -> Result<EvaluationOutcome, BackendError> {
    match error.is_certain() {
        true => Ok(EvaluationOutcome::Failed(Failure::certain(
            error.to_string(),
        ))),
        false => Err(attempted("put a source into the store")(error)),
    }
}
