//! A tree node with store paths in place of outputs: checked, and hashed to
//! the key its object is remembered under.

use super::links::relative;
use super::{MaterialiseError, join, resolved};
use crate::backend::native::graph::{Entry, EntryKind, OutputRef, TreeNode};
use crate::store::{Canonical, RealisationKey, StorePath};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Component, Path};

/// An entry's value with store paths in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Text(String),
    Link(StorePath),
    Copy(StorePath),
    Symlink(String),
    Folder,
    Removed,
}

/// The node with store paths in place of outputs.
pub(super) struct Resolved<'n> {
    pub(super) node: &'n TreeNode,
    pub(super) base: Vec<StorePath>,
    pub(super) values: BTreeMap<&'n str, (Value, &'n Entry)>,
    /// Every store path the node names, bases not among them.
    pub(super) mentioned: BTreeSet<StorePath>,
}

impl<'n> Resolved<'n> {
    pub(super) fn new(
        node: &'n TreeNode,
        resolve: &impl Fn(&OutputRef) -> Option<StorePath>,
    ) -> Result<Self, MaterialiseError> {
        let base = node.base.iter().map(|output| resolved(output, resolve));
        let mut this = Resolved {
            node,
            base: base.collect::<Result<_, _>>()?,
            values: BTreeMap::new(),
            mentioned: BTreeSet::new(),
        };
        for (path, entry) in &node.entries {
            check_path(path)?;
            let value = this.value(path, &entry.kind, resolve)?;
            this.values.insert(path, (value, entry));
        }
        Ok(this)
    }

    fn value(
        &mut self,
        path: &str,
        kind: &EntryKind,
        resolve: &impl Fn(&OutputRef) -> Option<StorePath>,
    ) -> Result<Value, MaterialiseError> {
        Ok(match kind {
            EntryKind::Text(text) => Value::Text(join(text, resolve, &mut self.mentioned)?),
            EntryKind::Symlink(target) => {
                let target = join(target, resolve, &mut self.mentioned)?;
                check_target(path, &target)?;
                Value::Symlink(target)
            }
            EntryKind::Link(output) => Value::Link(self.mention(output, resolve)?),
            EntryKind::Copy(output) => Value::Copy(self.mention(output, resolve)?),
            EntryKind::Folder => Value::Folder,
            EntryKind::Removed => Value::Removed,
        })
    }

    fn mention(
        &mut self,
        output: &OutputRef,
        resolve: &impl Fn(&OutputRef) -> Option<StorePath>,
    ) -> Result<StorePath, MaterialiseError> {
        let path = resolved(output, resolve)?;
        self.mentioned.insert(path.clone());
        Ok(path)
    }

    pub(super) fn key(&self, secrets: &BTreeSet<String>) -> RealisationKey {
        Canonical::new("kiln:tree:1")
            .text(&self.node.name)
            .texts(&self.base)
            .list(&self.values, |tuple, (path, (value, entry))| {
                let (kind, text) = value.encoded();
                tuple
                    .text(path)
                    .text(kind)
                    .text(text)
                    .option(entry.mode.as_ref(), Canonical::text)
                    .option(entry.owner.as_ref(), Canonical::text)
                    .option(entry.group.as_ref(), Canonical::text)
            })
            .texts(secrets)
            .finish()
            .into()
    }
}

impl Value {
    fn encoded(&self) -> (&'static str, String) {
        match self {
            Value::Text(text) => ("text", text.clone()),
            Value::Link(path) => ("link", path.to_string()),
            Value::Copy(path) => ("copy", path.to_string()),
            Value::Symlink(target) => ("symlink", target.clone()),
            Value::Folder => ("folder", String::new()),
            Value::Removed => ("removed", String::new()),
        }
    }
}

impl Resolved<'_> {
    /// A target as written, but relative where it leads into a store object
    /// the node names (any other is left for the scan to refuse).
    pub(super) fn target(&self, at: &Path, target: &str) -> OsString {
        match StorePath::split_from(target) {
            Some((object, rest)) if self.mentioned.contains(&object) => relative(at, &object, rest),
            _ => target.into(),
        }
    }
}

/// The evaluator has looked at paths; here they reach the file system.
fn check_path(path: &str) -> Result<(), MaterialiseError> {
    let refused = |reason| {
        let file = path.to_owned();
        Err(MaterialiseError::Unsafe { file, reason })
    };
    let mut parts = path.split('/');
    if parts
        .clone()
        .any(|p| matches!(p, "" | "." | "..") || p.len() > 255 || p.contains('\0'))
    {
        return refused("is no relative path of plain names");
    }
    if parts.next() == Some(".kiln") {
        return refused("the folder .kiln of a tree is kiln's own");
    }
    match Path::new(path)
        .components()
        .all(|c| matches!(c, Component::Normal(_)))
        && path.len() < 3000
    {
        true => Ok(()),
        false => refused("is too long a path"),
    }
}

fn check_target(path: &str, target: &str) -> Result<(), MaterialiseError> {
    match target.is_empty() || target.contains('\0') || target.len() >= 4000 {
        true => Err(MaterialiseError::Unsafe {
            file: path.to_owned(),
            reason: "is a symlink whose target no file system takes",
        }),
        false => Ok(()),
    }
}
