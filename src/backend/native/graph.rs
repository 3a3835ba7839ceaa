//! The graph an evaluation yields: plain data between the evaluator, which
//! makes it in a child process, and the scheduler, which realises it.
//!
//! Nodes stand in topological order: a node refers to earlier ones only. Equal
//! nodes are one.

use crate::model::{HostName, Location};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Raised when the meaning of a stored graph changes.
pub const GRAPH_VERSION: u32 = 1;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Graph {
    pub version: u32,
    pub host: HostName,
    /// `x86_64-linux`, ...
    pub system: String,
    /// What `host(platform=)` said; bound by the builder when absent.
    pub platform: Option<String>,
    pub machine_id: Option<String>,
    /// Absolute paths the host must have.
    pub needs: Vec<String>,
    pub secrets: Vec<String>,
    /// The host's root.
    pub root: OutputRef,
    pub nodes: Vec<Node>,
}

/// One output of an earlier node; nodes that are no steps have just `out`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct OutputRef {
    pub node: u32,
    pub output: String,
}

/// Text in which outputs are mentioned; joined once their store paths are known.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Template(pub Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Piece {
    Text(String),
    Output(OutputRef),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "node", rename_all = "snake_case")]
pub enum Node {
    Source(SourceNode),
    File(FileNode),
    Tree(TreeNode),
    Step(StepNode),
    Fetch(FetchNode),
    Unpack(UnpackNode),
}

/// Files of the commit, by content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceNode {
    pub name: String,
    /// Git object id of the file or folder, before filtering; empty in a
    /// stored graph, where `stored` says all that counts.
    pub object: String,
    pub kind: SourceKind,
    /// Where it lies in the repository (from its root), for messages.
    pub path: String,
    /// Glob patterns relative to `path`; empty `include` means everything.
    pub include: Vec<String>,
    pub exclude: Vec<String>,
    /// The store object with these files, written before the graph is stored,
    /// so that the stored graph needs no repository.
    #[serde(default)]
    pub stored: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    Folder,
    File,
    Executable,
    Symlink,
}

/// A file written without a sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileNode {
    pub name: String,
    pub content: Template,
    pub executable: bool,
}

/// A tree assembled without a sandbox: `base` trees joined (one path from two
/// of them is an error), then `entries` on top.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TreeNode {
    pub name: String,
    pub base: Vec<OutputRef>,
    /// By relative path, already validated: no empty part, `.` or `..`.
    pub entries: BTreeMap<String, Entry>,
    /// Where `tree()` was called, for errors found while building.
    pub location: Option<Location>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub kind: EntryKind,
    /// For whoever applies the tree; kept in `.kiln/attributes.json` only.
    pub mode: Option<String>,
    pub owner: Option<String>,
    pub group: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// A regular file with this text.
    Text(Template),
    /// A symlink to a store object (relative, so that a store elsewhere can be
    /// looked at in place).
    Link(OutputRef),
    /// The object's bytes themselves.
    Copy(OutputRef),
    /// A symlink with this target, as given; may mention outputs.
    Symlink(Template),
    /// An empty folder.
    Folder,
    /// Takes away what `base` had.
    Removed,
}

/// One step in the sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepNode {
    pub name: String,
    /// Dedented; run as `/bin/sh -eu FILE`. Exactly one of script and builder.
    pub script: Option<Template>,
    pub builder: Option<Template>,
    pub args: Vec<Template>,
    pub src: Option<OutputRef>,
    pub deps: Vec<OutputRef>,
    pub env: BTreeMap<String, Template>,
    /// In the order given; the first is the default.
    pub outputs: Vec<String>,
    /// `sha256-...` of the NAR: a fixed output, with network.
    pub output_hash: Option<String>,
    pub host_tools: bool,
    pub system: Option<String>,
    /// Whole seconds.
    pub timeout: Option<u64>,
    /// What it asks less of than the host would give.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Box<Limits>>,
    pub location: Option<Location>,
}

/// A file of the network, known by the hash of its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FetchNode {
    pub name: String,
    /// Mirrors, tried in this order; `http` and `https`, without credentials.
    pub urls: Vec<String>,
    /// Of the bytes: 64 hex digits or `sha256-<base64>`. Absent: whoever wrote
    /// `""` wants to be told, so making the node fails with the hash found.
    pub sha256: Option<String>,
    pub executable: bool,
    /// Where `fetch()` was called, for failures of the download.
    pub location: Option<Location>,
}

/// The tree in an archive: tar, zip or deb, whatever its bytes say it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnpackNode {
    pub name: String,
    pub archive: OutputRef,
    /// Where `fetch(unpack=True)` was called.
    pub location: Option<Location>,
}

/// What a step says it needs; the host gives no more than its own limits.
/// No part of the step's identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Limits {
    /// Bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processes: Option<u64>,
    /// Bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_size: Option<u64>,
    /// Bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_size: Option<u64>,
}

impl Template {
    /// Text without outputs.
    pub fn text(text: impl Into<String>) -> Self {
        Template(vec![Piece::Text(text.into())])
    }

    /// The outputs mentioned, in order of appearance.
    pub fn outputs(&self) -> impl Iterator<Item = &OutputRef> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Output(output) => Some(output),
            Piece::Text(_) => None,
        })
    }

    fn outputs_mut(&mut self, visit: &mut impl FnMut(&mut OutputRef)) {
        for piece in &mut self.0 {
            match piece {
                Piece::Output(output) => visit(output),
                Piece::Text(_) => {}
            }
        }
    }

    /// The text with each output put in by `path`.
    pub fn join<E>(
        &self,
        mut path: impl FnMut(&OutputRef) -> Result<String, E>,
    ) -> Result<String, E> {
        let mut joined = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => joined.push_str(text),
                Piece::Output(output) => joined.push_str(&path(output)?),
            }
        }
        Ok(joined)
    }
}

impl StepNode {
    /// Every output it mentions; one may come several times.
    pub fn inputs(&self) -> impl Iterator<Item = &OutputRef> {
        let texts = self.script.iter().chain(&self.builder).chain(&self.args);
        let texts = texts.chain(self.env.values()).flat_map(Template::outputs);
        texts.chain(&self.src).chain(&self.deps)
    }
}

impl Node {
    pub fn name(&self) -> &str {
        match self {
            Node::Source(node) => &node.name,
            Node::File(node) => &node.name,
            Node::Tree(node) => &node.name,
            Node::Step(node) => &node.name,
            Node::Fetch(node) => &node.name,
            Node::Unpack(node) => &node.name,
        }
    }

    /// The name under which it is counted and logged as a step of a build;
    /// `None` for what is written without one.
    pub fn step(&self) -> Option<&str> {
        match self {
            Node::Source(_) | Node::File(_) | Node::Tree(_) => None,
            Node::Step(_) | Node::Fetch(_) | Node::Unpack(_) => Some(self.name()),
        }
    }

    /// Every output this node needs before it can be made.
    pub fn inputs(&self) -> BTreeSet<OutputRef> {
        let mut inputs = BTreeSet::new();
        match self {
            Node::Source(_) | Node::Fetch(_) => {}
            Node::Unpack(node) => inputs.extend([node.archive.clone()]),
            Node::File(node) => inputs.extend(node.content.outputs().cloned()),
            Node::Tree(node) => {
                inputs.extend(node.base.iter().cloned());
                for entry in node.entries.values() {
                    match &entry.kind {
                        EntryKind::Text(text) | EntryKind::Symlink(text) => {
                            inputs.extend(text.outputs().cloned());
                        }
                        EntryKind::Link(output) | EntryKind::Copy(output) => {
                            inputs.insert(output.clone());
                        }
                        EntryKind::Folder | EntryKind::Removed => {}
                    }
                }
            }
            Node::Step(node) => inputs.extend(node.inputs().cloned()),
        }
        inputs
    }

    /// Hands on every mention of an output, to be written anew.
    pub fn outputs_mut(&mut self, visit: &mut impl FnMut(&mut OutputRef)) {
        match self {
            Node::Source(_) | Node::Fetch(_) => {}
            Node::Unpack(node) => visit(&mut node.archive),
            Node::File(node) => node.content.outputs_mut(visit),
            Node::Tree(node) => {
                node.base.iter_mut().for_each(&mut *visit);
                for entry in node.entries.values_mut() {
                    match &mut entry.kind {
                        EntryKind::Text(text) | EntryKind::Symlink(text) => text.outputs_mut(visit),
                        EntryKind::Link(output) | EntryKind::Copy(output) => visit(output),
                        EntryKind::Folder | EntryKind::Removed => {}
                    }
                }
            }
            Node::Step(node) => {
                let texts = node.script.iter_mut().chain(&mut node.builder);
                let texts = texts.chain(&mut node.args).chain(node.env.values_mut());
                texts.for_each(|text| text.outputs_mut(visit));
                node.src.iter_mut().chain(&mut node.deps).for_each(visit);
            }
        }
    }
}
