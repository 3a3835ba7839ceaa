//! Graphs and differences on the wire; the command line gives the same of
//! revisions, without an agent.

use crate::backend::inspect::{
    Change, DerivationGraph, FileChange, NodeChange, Side, changed_files, changed_nodes,
    comparable, unified,
};
use crate::model::HostName;
use crate::pb;
use std::io;

/// Bytes of one answer's diffs and names; what is beyond is named without them.
pub const DIFF_MAX: usize = 2 << 20;
/// Bytes that one answer may have altogether.
pub const ANSWER_MAX: usize = 48 << 20;

/// Wire form of a graph.
pub fn graph(host: &HostName, graph: DerivationGraph) -> pb::GetGraphResponse {
    let nodes = graph.nodes.into_iter().map(|node| pb::GraphNode {
        name: node.name,
        kind: node.kind,
        inputs: node.inputs,
        identity: node.identity,
    });
    pb::GetGraphResponse {
        nodes: nodes.collect(),
        host: host.to_string(),
    }
}

/// What differs between two results of one host. Blocking: it reads files.
///
/// # Errors
/// When a file cannot be read.
pub fn diff(host: &HostName, from: &Side, to: &Side) -> io::Result<pb::DiffResponse> {
    let (mut files, mut left) = (Vec::new(), DIFF_MAX);
    let (old, new) = comparable(&from.files, &to.files);
    for change in changed_files(&old, &new)? {
        let (text, added, removed) = unified(&change)?;
        let fits = text.len() <= left;
        left -= if fits { text.len() } else { 0 };
        files.push(pb::FileDiff {
            unified: if fits { text } else { String::new() },
            added_lines: added,
            removed_lines: removed,
            ..file(host, &change)
        });
    }
    let objects = changed_nodes(&from.graph, &to.graph);
    let objects = objects.into_iter().map(|change| object(host, change));
    Ok(pb::DiffResponse {
        files,
        objects: objects.collect(),
    })
}

fn file(host: &HostName, change: &FileChange<'_>) -> pb::FileDiff {
    pb::FileDiff {
        path: change.path.to_owned(),
        change: kind(change.change()).into(),
        host: host.to_string(),
        ..pb::FileDiff::default()
    }
}

fn object(host: &HostName, change: NodeChange) -> pb::ObjectDiff {
    pb::ObjectDiff {
        change: kind(change.change).into(),
        name: change.name,
        kind: change.kind,
        from: change.from,
        to: change.to,
        host: host.to_string(),
    }
}

fn kind(change: Change) -> pb::ChangeKind {
    match change {
        Change::Added => pb::ChangeKind::Added,
        Change::Removed => pb::ChangeKind::Removed,
        Change::Changed => pb::ChangeKind::Changed,
    }
}
