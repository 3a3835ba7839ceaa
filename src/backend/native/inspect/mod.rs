//! A graph of `kiln.star` as people look at it: its nodes, and the files of the
//! host's root as far as they are known without running a step.
//!
//! In: a graph, and where the files of its sources are: in the store once it was
//! stored, in Git before. Texts name what is yet to be built as `{name:identity}`.

mod files;
mod inspector;
mod sources;

pub use inspector::WithoutStore;
pub use sources::{InGit, InStore, SourceFiles};

use super::graph::{Graph, Node, OutputRef};
use crate::backend::inspect::{DerivationGraph, Files, GraphNode};
use crate::store::{Canonical, encoding};

/// Digits of an identity in a text.
const SHORT: usize = 8;

/// Why a graph cannot be looked at.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// The repository asks for more than anybody looks at.
    #[error("limit reached: {0}")]
    Limit(String),
    #[error("cannot read the files of source {name}: {why}")]
    Source { name: String, why: String },
    #[error("the graph names an output of node {0}, which it does not have")]
    Damaged(u32),
}

/// A graph that is looked at.
pub struct Inspection<'g> {
    graph: &'g Graph,
    sources: &'g dyn SourceFiles,
    identities: Vec<String>,
}

impl<'g> Inspection<'g> {
    /// Works out what each node is made of.
    ///
    /// # Errors
    /// When a source cannot be read, or the graph is damaged.
    pub fn new(graph: &'g Graph, sources: &'g dyn SourceFiles) -> Result<Self, InspectError> {
        let mut identities: Vec<String> = Vec::with_capacity(graph.nodes.len());
        for node in &graph.nodes {
            let identity = identity(node, sources, &identities)?;
            identities.push(identity);
        }
        Ok(Inspection {
            graph,
            sources,
            identities,
        })
    }

    /// The nodes, for whoever knows no language of kiln's.
    pub fn graph(&self) -> DerivationGraph {
        let nodes = self.graph.nodes.iter().zip(&self.identities);
        let node = |(node, identity): (&Node, &String)| {
            let mut inputs: Vec<u32> = node.inputs().iter().map(|input| input.node).collect();
            inputs.dedup();
            GraphNode {
                name: node.name().to_owned(),
                kind: kind(node).to_owned(),
                identity: identity.clone(),
                inputs,
            }
        };
        DerivationGraph {
            nodes: nodes.map(node).collect(),
        }
    }

    /// The files of the host's root.
    ///
    /// # Errors
    /// When there are more than anybody looks at, or a source cannot be read.
    pub fn files(&self) -> Result<Files, InspectError> {
        files::of_root(self)
    }

    fn node(&self, output: &OutputRef) -> Result<&'g Node, InspectError> {
        let index = usize::try_from(output.node).unwrap_or(usize::MAX);
        let node = self.graph.nodes.get(index);
        node.ok_or(InspectError::Damaged(output.node))
    }

    /// What stands for an output in a text.
    fn label(&self, output: &OutputRef) -> Result<String, InspectError> {
        let node = self.node(output)?;
        let index = usize::try_from(output.node).unwrap_or(usize::MAX);
        let identity = &self.identities[index][..SHORT];
        let which = match output.output.as_str() {
            "out" => String::new(),
            other => format!(".{other}"),
        };
        Ok(format!("{{{}{which}:{identity}}}", node.name()))
    }
}

fn kind(node: &Node) -> &'static str {
    match node {
        Node::Source(_) => "source",
        Node::File(_) => "file",
        Node::Tree(_) => "tree",
        Node::Step(_) => "step",
        Node::Fetch(_) => "fetch",
        Node::Unpack(_) => "unpack",
    }
}

/// A digest of the node and all it needs; places, limits and mirrors are not in it.
fn identity(
    node: &Node,
    sources: &dyn SourceFiles,
    known: &[String],
) -> Result<String, InspectError> {
    let tuple = Canonical::new("kiln:inspect:1").text(kind(node));
    let tuple = match node {
        Node::Source(source) => tuple.text(&source.name).text(sources.identity(source)?),
        other => tuple.text(essence(other.clone(), known)?),
    };
    Ok(encoding::hex(&tuple.finish().0))
}

/// The node as text, with identities in place of positions.
fn essence(mut node: Node, known: &[String]) -> Result<String, InspectError> {
    let mut damaged = None;
    node.outputs_mut(&mut |output| {
        let index = usize::try_from(output.node).unwrap_or(usize::MAX);
        match known.get(index) {
            Some(identity) => output.output = format!("{identity} {}", output.output),
            None => damaged = Some(output.node),
        }
        output.node = 0;
    });
    match &mut node {
        Node::Source(_) | Node::File(_) => {}
        Node::Tree(tree) => tree.location = None,
        Node::Unpack(unpack) => unpack.location = None,
        Node::Fetch(fetch) => {
            fetch.location = None;
            if fetch.sha256.is_some() {
                fetch.urls.clear();
            }
        }
        Node::Step(step) => {
            step.location = None;
            step.timeout = None;
            step.limits = None;
        }
    }
    match damaged {
        Some(number) => Err(InspectError::Damaged(number)),
        // It came from JSON: it has a JSON form.
        None => Ok(serde_json::to_string(&node).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests;
