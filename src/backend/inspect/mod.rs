//! A graph, and the files it leads to, as people look at them: the same data
//! whatever backend made it, so that `graph` and `diff` know no backend.
//!
//! In: what a backend says of one evaluation. Out: nodes with their inputs, files
//! by path, and what differs between two of each. Nothing is built for it.

mod compare;
mod revision;

pub use compare::{
    Change, FileChange, LINES_MAX, NodeChange, changed_files, changed_nodes, comparable, unified,
};
pub use revision::{
    InspectionError, Inspector, Look, Side, Survey, SurveyedHost, TestEnd, Wanted, Warning,
};

use std::collections::BTreeMap;
use std::path::PathBuf;

/// A derivation graph in topological order: inputs stand before what needs them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DerivationGraph {
    /// The node that is the host's root comes last.
    pub nodes: Vec<GraphNode>,
}

/// One node of a graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GraphNode {
    /// As its author named it.
    pub name: String,
    /// The backend's word for what it is: `step`, `tree`, `source`, ...
    pub kind: String,
    /// Equal texts: the same thing made of the same things.
    pub identity: String,
    /// Positions of what it needs, ascending.
    pub inputs: Vec<u32>,
}

/// The files of a result by their path in it.
pub type Files = BTreeMap<String, File>;

/// One file, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    pub content: Content,
    pub executable: bool,
    /// Mode, owner and group for whoever applies the result; empty for none.
    pub attributes: String,
}

impl File {
    /// A file that nobody says more of.
    pub fn plain(content: Content) -> Self {
        File {
            content,
            executable: false,
            attributes: String::new(),
        }
    }
}

/// What is in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Text that the evaluation wrote; what is yet to be built is named in it.
    Text(String),
    /// A regular file on this host.
    OnDisk(PathBuf),
    /// A blob of a Git repository.
    Blob { repository: PathBuf, object: String },
    /// A symbolic link's target.
    Symlink(String),
    /// An empty folder.
    Folder,
    /// Files that are known once a step has run: its name and identity.
    Built(String),
}
