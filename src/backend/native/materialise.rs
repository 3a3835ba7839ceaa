//! Turns the nodes that need no sandbox into store objects: sources, files
//! and trees.
//!
//! In: a node, the repository, the store paths of earlier nodes. Out: a store
//! path, remembered by what the node says, so that the same node later costs
//! one lookup. It runs no program and knows no scheduler. What it is given was
//! written by whoever can push: names, links, sizes and counts are checked.
//!
//! All functions block; what they make is durable after [`Store::sync`].

use super::graph::{FileNode, OutputRef, Template};
use crate::model::Location;
use crate::store::{
    Canonical, DEPTH_MAX, InvalidStorePath, Outputs, PublishError, RealisationKey, Store,
    StoreError, StorePath,
};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

mod attributes;
mod layout;
mod links;
mod pattern;
mod resolved;
mod source;
mod tree;

pub use attributes::{ATTRIBUTES_FILE, Attributes, EntryAttributes};
pub use source::source;
pub use tree::tree;

/// A node that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum MaterialiseError {
    #[error("cannot open the repository {path}: {source}")]
    Repository { path: PathBuf, source: git2::Error },
    #[error("cannot read object {id} of {file}: {source}")]
    Object {
        id: String,
        file: String,
        source: git2::Error,
    },
    #[error(
        "{file} is a Git LFS pointer, not the file it stands for: kiln runs no filters; commit the file itself, or fetch() it"
    )]
    LfsPointer { file: String },
    #[error(
        "{file} is a submodule whose files are not in this commit: exclude it, or copy its files in"
    )]
    Submodule { file: String },
    /// A name or link target that must not reach the file system.
    #[error("{file}: {reason}")]
    Unsafe { file: String, reason: &'static str },
    #[error(
        "{file}: {what} is more than the limit of {limit}: exclude it from the source, or fetch() it"
    )]
    TooLarge {
        file: String,
        what: &'static str,
        limit: u64,
    },
    #[error("source({path:?}): no file matches include = {include:?}")]
    NothingMatches { path: String, include: Vec<String> },
    /// Whoever asked does not want it any more.
    #[error("cancelled")]
    Cancelled,
    #[error(transparent)]
    Conflict(Box<Conflict>),
    #[error(transparent)]
    FileAndFolder(Box<FileAndFolder>),
    #[error("tree {tree}: base {base} is no folder, so nothing can be joined from it")]
    BaseIsNoFolder { tree: String, base: StorePath },
    /// What a base says of its own paths cannot be believed.
    #[error("{file} {reason}")]
    Attributes { file: String, reason: String },
    #[error("tree {tree}: {from}: {path:?} lies more than {DEPTH_MAX} folders deep")]
    TooDeep {
        tree: String,
        path: String,
        from: String,
        location: Option<Location>,
    },
    /// A node before its inputs: the caller's mistake.
    #[error("output {} of node {} has no store path yet", .0.output, .0.node)]
    Unresolved(OutputRef),
    #[error("cannot {attempted} {path}: {source}")]
    Io {
        attempted: &'static str,
        path: PathBuf,
        source: std::io::Error,
    },
    #[error(transparent)]
    Name(#[from] InvalidStorePath),
    #[error(transparent)]
    Publish(#[from] PublishError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// One path from two places.
#[derive(Debug, thiserror::Error)]
#[error("tree {tree}: {path} comes from both {first} and {second}")]
pub struct Conflict {
    pub tree: String,
    pub path: String,
    pub first: String,
    pub second: String,
    pub location: Option<Location>,
}

/// A file where another entry needs a folder.
#[derive(Debug, thiserror::Error)]
#[error(
    "tree {tree}: {file} ({file_from}) is no folder, but {below} ({below_from}) lies beneath it"
)]
pub struct FileAndFolder {
    pub tree: String,
    pub file: String,
    pub file_from: String,
    pub below: String,
    pub below_from: String,
    pub location: Option<Location>,
}

impl MaterialiseError {
    /// Whether the same commit fails the same way again; else the host failed.
    pub fn is_certain(&self) -> bool {
        match self {
            Self::LfsPointer { .. }
            | Self::Submodule { .. }
            | Self::Unsafe { .. }
            | Self::TooLarge { .. }
            | Self::NothingMatches { .. }
            | Self::Conflict(_)
            | Self::FileAndFolder(_)
            | Self::BaseIsNoFolder { .. }
            | Self::Attributes { .. }
            | Self::TooDeep { .. }
            | Self::Name(_) => true,
            Self::Repository { .. }
            | Self::Object { .. }
            | Self::Unresolved(_)
            | Self::Cancelled
            | Self::Io { .. }
            | Self::Store(_) => false,
            Self::Publish(error) => error.is_certain(),
        }
    }

    /// Where the node was declared, when the error is about that.
    pub fn location(&self) -> Option<&Location> {
        match self {
            Self::Conflict(conflict) => conflict.location.as_ref(),
            Self::FileAndFolder(both) => both.location.as_ref(),
            Self::TooDeep { location, .. } => location.as_ref(),
            _ => None,
        }
    }

    fn io(attempted: &'static str, path: &Path, source: std::io::Error) -> Self {
        Self::Io {
            attempted,
            path: path.to_owned(),
            source,
        }
    }
}

/// Makes the file of a `file()`; `resolve` gives the store paths of earlier nodes.
///
/// # Errors
/// When it mentions a store path that is none of its outputs', or the host fails.
pub fn file(
    store: &Store,
    node: &FileNode,
    resolve: impl Fn(&OutputRef) -> Option<StorePath>,
) -> Result<StorePath, MaterialiseError> {
    let mut mentioned = BTreeSet::new();
    let content = join(&node.content, &resolve, &mut mentioned)?;
    let key = Canonical::new("kiln:file:1")
        .text(&node.name)
        .number(u64::from(node.executable))
        .text(&content)
        .finish();
    remembered(store, key.into(), || {
        Ok(store.add_file(&node.name, content.as_bytes(), node.executable, &mentioned)?)
    })
}

/// The text with store paths put in, each also added to `mentioned`.
fn join(
    template: &Template,
    resolve: &impl Fn(&OutputRef) -> Option<StorePath>,
    mentioned: &mut BTreeSet<StorePath>,
) -> Result<String, MaterialiseError> {
    template.join(|output| {
        let path = resolved(output, resolve)?;
        let text = path.to_string();
        mentioned.insert(path);
        Ok(text)
    })
}

fn resolved(
    output: &OutputRef,
    resolve: &impl Fn(&OutputRef) -> Option<StorePath>,
) -> Result<StorePath, MaterialiseError> {
    resolve(output).ok_or_else(|| MaterialiseError::Unresolved(output.clone()))
}

/// The object remembered under `key`, else the one made now.
fn remembered(
    store: &Store,
    key: RealisationKey,
    make: impl FnOnce() -> Result<StorePath, MaterialiseError>,
) -> Result<StorePath, MaterialiseError> {
    if let Some(path) = store
        .realisation(key)
        .and_then(|mut outputs| outputs.remove("out"))
    {
        return Ok(path);
    }
    let path = make()?;
    let outputs = Outputs::from([("out".to_owned(), path.clone())]);
    store.remember_realisation(key, &outputs)?;
    Ok(path)
}

#[cfg(test)]
mod tests;
