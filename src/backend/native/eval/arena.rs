//! The nodes made so far. Equal ones are one; the graph is what the root needs.

use super::markers::{Damaged, Marker, Markers};
use super::values::Outputs;
use crate::backend::native::graph::{EntryKind, Node, OutputRef, Piece, Template};
use sha2::{Digest, Sha256};
use std::collections::{BTreeSet, HashMap};

/// More nodes than this in one evaluation are a mistake in the repository.
pub const MAX_NODES: usize = 250_000;

/// The limit on nodes was reached.
#[derive(Debug, thiserror::Error)]
#[error(
    "limit reached: more than {MAX_NODES} derivations, files, trees and sources in one evaluation"
)]
pub struct TooManyNodes;

/// Nodes by number, in the order they were made: a node refers to earlier ones only.
#[derive(Debug, Default)]
pub struct Arena {
    nodes: Vec<Node>,
    outputs: Vec<Outputs>,
    by_identity: HashMap<[u8; 32], u32>,
    markers: Markers,
}

impl Arena {
    /// Takes the node in, or finds the equal one; its number and its outputs.
    ///
    /// # Errors
    /// When there are [`MAX_NODES`] already.
    pub fn add(&mut self, node: Node) -> Result<(u32, Outputs), TooManyNodes> {
        let identity = self.identity(&node);
        if let Some(&number) = self.by_identity.get(&identity) {
            return Ok((number, self.outputs[number as usize].clone()));
        }
        if self.nodes.len() >= MAX_NODES {
            return Err(TooManyNodes);
        }
        let number = u32::try_from(self.nodes.len()).map_err(|_| TooManyNodes)?;
        let outputs: Outputs = output_names(&node)
            .into_iter()
            .map(|name| (name.clone(), Marker::new(&identity, &name)))
            .collect();
        for (name, marker) in outputs.iter() {
            let output = OutputRef {
                node: number,
                output: name.clone(),
            };
            self.markers.insert(marker, output);
        }
        self.by_identity.insert(identity, number);
        self.nodes.push(node);
        self.outputs.push(outputs.clone());
        Ok((number, outputs))
    }

    /// Text taken apart into plain pieces and outputs.
    ///
    /// # Errors
    /// When the text holds a damaged marker.
    pub fn split(&self, text: &str) -> Result<Template, Damaged> {
        self.markers.split(text)
    }

    /// What `root` needs, renumbered, in topological order.
    pub fn reachable(&self, root: &OutputRef) -> (OutputRef, Vec<Node>) {
        let mut needed = BTreeSet::from([root.node]);
        let mut open = vec![root.node];
        while let Some(number) = open.pop() {
            for input in self.nodes[number as usize].inputs() {
                if needed.insert(input.node) {
                    open.push(input.node);
                }
            }
        }
        let renumbered: HashMap<u32, u32> = needed.iter().copied().zip(0..).collect();
        let nodes = (needed.iter())
            .map(|number| {
                let mut node = self.nodes[*number as usize].clone();
                each_reference(&mut node, &mut |output| {
                    output.node = renumbered[&output.node];
                });
                node
            })
            .collect();
        let root = OutputRef {
            node: renumbered[&root.node],
            output: root.output.clone(),
        };
        (root, nodes)
    }

    /// A hash over all that makes the node what it is: inputs by their markers
    /// instead of their numbers, and not where it was written.
    fn identity(&self, node: &Node) -> [u8; 32] {
        let mut node = node.clone();
        match &mut node {
            Node::Tree(tree) => tree.location = None,
            Node::Step(step) => step.location = None,
            Node::Fetch(fetch) => fetch.location = None,
            Node::Unpack(unpack) => unpack.location = None,
            Node::Source(_) | Node::File(_) => {}
        }
        each_reference(&mut node, &mut |output| {
            let outputs = &self.outputs[output.node as usize];
            if let Some((_, marker)) = outputs.iter().find(|(name, _)| *name == output.output) {
                output.output = marker.as_str().to_owned();
            }
            output.node = 0;
        });
        let mut hash = HashWriter(Sha256::new_with_prefix(b"kiln:node:1\0"));
        // Hashing neither fails to write nor has the graph keys that are no text.
        let written = serde_json::to_writer(&mut hash, &node);
        debug_assert!(written.is_ok());
        hash.0.finalize().into()
    }
}

struct HashWriter(Sha256);

impl std::io::Write for HashWriter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn output_names(node: &Node) -> Vec<String> {
    match node {
        Node::Step(step) => step.outputs.clone(),
        _ => vec!["out".to_owned()],
    }
}

/// Calls `change` for every reference the node holds.
fn each_reference(node: &mut Node, change: &mut impl FnMut(&mut OutputRef)) {
    match node {
        Node::Source(_) | Node::Fetch(_) => {}
        Node::Unpack(unpack) => change(&mut unpack.archive),
        Node::File(file) => in_template(&mut file.content, change),
        Node::Tree(tree) => {
            tree.base.iter_mut().for_each(&mut *change);
            for entry in tree.entries.values_mut() {
                match &mut entry.kind {
                    EntryKind::Text(text) | EntryKind::Symlink(text) => in_template(text, change),
                    EntryKind::Link(output) | EntryKind::Copy(output) => change(output),
                    EntryKind::Folder | EntryKind::Removed => {}
                }
            }
        }
        Node::Step(step) => {
            let texts = step.script.iter_mut().chain(&mut step.builder);
            for text in texts.chain(&mut step.args).chain(step.env.values_mut()) {
                in_template(text, change);
            }
            step.src.iter_mut().chain(&mut step.deps).for_each(change);
        }
    }
}

fn in_template(text: &mut Template, change: &mut impl FnMut(&mut OutputRef)) {
    for piece in &mut text.0 {
        if let Piece::Output(output) = piece {
            change(output);
        }
    }
}
