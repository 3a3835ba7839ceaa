//! The language by what it does: small repositories, evaluated in this process.

mod boundaries;
mod errors;
mod example;
mod language;

use super::*;
use crate::backend::native::graph::{EntryKind, Node, Piece, SourceKind, StepNode, TreeNode};
use crate::source::repository::index_entry;
use git2::{Oid, Repository};
use std::cell::RefCell;
use std::path::Path;
use std::sync::Mutex;
use tempfile::TempDir;

/// A bare repository with one tree.
struct Repo {
    folder: TempDir,
    tree: Oid,
}

const FILE: u32 = 0o100_644;
const EXECUTABLE: u32 = 0o100_755;
const LINK: u32 = 0o120_000;
const SUBMODULE: u32 = 0o160_000;

impl Repo {
    fn new(files: &[(&str, &str)]) -> Self {
        let files: Vec<_> = files
            .iter()
            .map(|(path, text)| (*path, *text, FILE))
            .collect();
        Repo::with_modes(&files)
    }

    fn with_modes(files: &[(&str, &str, u32)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let repository = Repository::init_bare(folder.path()).unwrap();
        let mut index = git2::Index::new().unwrap();
        for (path, text, mode) in files {
            let id = match *mode {
                SUBMODULE => Oid::from_str(&"1".repeat(40)).unwrap(),
                _ => repository.blob(text.as_bytes()).unwrap(),
            };
            index.add(&index_entry(Path::new(path), *mode, id)).unwrap();
        }
        let tree = index.write_tree_to(&repository).unwrap();
        Repo { folder, tree }
    }

    fn request(&self, host: &str) -> EvalRequest {
        EvalRequest {
            repository: self.folder.path().to_owned(),
            tree: self.tree.to_string(),
            commit: "0123456789abcdef0123456789abcdef01234567".into(),
            commit_time: OffsetDateTime::UNIX_EPOCH,
            subdir: ".".into(),
            file: "kiln.star".into(),
            host: host.parse().unwrap(),
            system: "x86_64-linux".into(),
            timeout: Duration::from_secs(60),
            memory: 1 << 30,
        }
    }

    fn evaluate(&self, host: &str) -> Result<Graph, Refusal> {
        evaluate_here(&self.request(host), &|_| ())
    }
}

/// The graph of host `h`.
#[track_caller]
fn graph(kiln: &str) -> Graph {
    match Repo::new(&[("kiln.star", kiln)]).evaluate("h") {
        Ok(graph) => graph,
        Err(refusal) => panic!("{kiln}\n{refusal:#?}"),
    }
}

/// The failure of an evaluation for host `h`.
#[track_caller]
fn failure(kiln: &str) -> Failure {
    failure_of(&Repo::new(&[("kiln.star", kiln)]))
}

#[track_caller]
fn failure_of(repo: &Repo) -> Failure {
    match repo.evaluate("h") {
        Ok(graph) => panic!("{graph:#?}"),
        Err(refusal) => refusal.into(),
    }
}

/// The error of one expression says all of `words`.
#[track_caller]
fn says(kiln: &str, words: &[&str]) {
    let failure = failure(kiln);
    for word in words {
        assert!(
            failure.message.contains(word),
            "{word:?} in {failure:#?}\nof {kiln}"
        );
    }
    assert!(failure.location.is_some(), "{failure:#?}");
}

fn root(graph: &Graph) -> &TreeNode {
    match &graph.nodes[graph.root.node as usize] {
        Node::Tree(tree) => tree,
        other => panic!("{other:?}"),
    }
}

fn steps(graph: &Graph) -> Vec<&StepNode> {
    let steps = graph.nodes.iter().filter_map(|node| match node {
        Node::Step(step) => Some(step),
        _ => None,
    });
    steps.collect()
}

fn text(graph: &Graph, path: &str) -> String {
    match &root(graph).entries[path].kind {
        EntryKind::Text(text) | EntryKind::Symlink(text) => text
            .join(|output| {
                let name = graph.nodes[output.node as usize].name();
                Ok::<_, ()>(format!("<{name}.{}>", output.output))
            })
            .unwrap(),
        other => panic!("{other:?}"),
    }
}
