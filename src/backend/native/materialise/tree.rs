//! A `tree()`: base trees joined, entries on top, attributes beside.

use super::attributes::{ATTRIBUTES_FILE, Attributes, EntryAttributes, secrets_in};
use super::layout::{Item, Layer, Layout};
use super::links::{Found, is_folder, item, lowered, relative, walk};
use super::resolved::{Resolved, Value};
use super::{MaterialiseError, remembered};
use crate::backend::native::graph::{Entry, OutputRef, TreeNode};
use crate::store::{Folder, PublishRequest, Store, StorePath};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::{fs, io};

/// What the tree is called while it is written.
const TOP: &str = "tree";

/// Linked files up to this size are searched for names of secrets.
const SEARCHED_MAX: u64 = 16 << 20;

/// Makes a tree. `resolve` gives the store paths of earlier nodes, `secrets`
/// are the names the evaluation used: those whose path stands in a text, a
/// link's target or a linked file are listed in the tree's attributes.
///
/// # Errors
/// When a path comes from two bases or is both file and folder, when an entry
/// mentions a store path that is none of the node's inputs, or the host fails.
pub fn tree(
    store: &Store,
    node: &TreeNode,
    resolve: impl Fn(&OutputRef) -> Option<StorePath>,
    secrets: &[String],
) -> Result<StorePath, MaterialiseError> {
    let resolved = Resolved::new(node, &resolve)?;
    let secrets: BTreeSet<String> = secrets.iter().cloned().collect();
    remembered(store, resolved.key(&secrets), || {
        let maker = Maker {
            store,
            resolved: &resolved,
            secrets: &secrets,
            layout: Layout::new(node),
        };
        maker.make()
    })
}

struct Maker<'m> {
    store: &'m Store,
    resolved: &'m Resolved<'m>,
    secrets: &'m BTreeSet<String>,
    layout: Layout<'m>,
}

impl Maker<'_> {
    fn make(mut self) -> Result<StorePath, MaterialiseError> {
        for base in &self.resolved.base {
            self.base(base)?;
        }
        let values = &self.resolved.values;
        for (path, _) in values
            .iter()
            .filter(|(_, (value, _))| *value == Value::Removed)
        {
            self.layout.remove(Path::new(path));
        }
        for (path, (value, entry)) in values {
            self.entry(path, value, entry)?;
        }
        let scratch = self.store.scratch()?;
        if let Some(attributes) = Attributes::of(&self.layout.attributes) {
            let at = Path::new(ATTRIBUTES_FILE);
            let json = attributes.to_json();
            let json = json.map_err(|e| MaterialiseError::io("write", at, e))?;
            self.layout
                .place(at, Item::Text(json), Layer::Entries, "kiln's own file")?;
        }
        write(&self.layout, scratch.path())?;
        Ok(self.store.publish(PublishRequest {
            path: &scratch.path().join(TOP),
            name: &self.resolved.node.name,
            candidates: &self.candidates()?,
            scratch_self: None,
        })?)
    }

    /// What is named, and what the bytes copied from elsewhere refer to.
    fn candidates(&self) -> Result<BTreeSet<StorePath>, MaterialiseError> {
        let mut candidates = self.resolved.mentioned.clone();
        let copied = self
            .resolved
            .values
            .values()
            .filter_map(|(value, _)| match value {
                Value::Copy(path) => Some(path),
                _ => None,
            });
        for path in self.resolved.base.iter().chain(copied) {
            let info = self.store.info(path);
            let info = info.ok_or_else(|| crate::store::StoreError::Missing(path.clone()))?;
            candidates.extend(info.references.iter().cloned());
            candidates.insert(path.clone());
        }
        Ok(candidates)
    }

    fn base(&mut self, base: &StorePath) -> Result<(), MaterialiseError> {
        let root = self.store.real_path(base);
        if !is_folder(&root)? {
            let (tree, base) = (self.resolved.node.name.clone(), base.clone());
            return Err(MaterialiseError::BaseIsNoFolder { tree, base });
        }
        let from = format!("base {base}");
        for found in walk(&root)? {
            if found.path == Path::new(ATTRIBUTES_FILE) {
                let attributes = Attributes::read(base, &root)?;
                self.layout.base_attributes(attributes.entries, &from)?;
            } else if found.path != Path::new(".kiln") {
                self.layout
                    .place(&found.path, found.item, Layer::Base, &from)?;
            }
        }
        Ok(())
    }

    fn entry(&mut self, path: &str, value: &Value, entry: &Entry) -> Result<(), MaterialiseError> {
        let from = format!("the entry {path:?}");
        let at = Path::new(path);
        let mut place = |item| self.layout.place(at, item, Layer::Entries, &from);
        let named = match value {
            Value::Removed => return Ok(()),
            Value::Folder => place(Item::Folder).map(|()| BTreeSet::new())?,
            Value::Text(text) => {
                place(Item::Text(text.clone()))?;
                secrets_in(text.as_bytes(), self.secrets)
            }
            Value::Symlink(target) => {
                place(Item::Symlink(self.resolved.target(at, target)))?;
                secrets_in(target.as_bytes(), self.secrets)
            }
            Value::Link(object) => {
                place(Item::Symlink(relative(at, object, "")))?;
                self.secrets_of(object)?
            }
            Value::Copy(object) => {
                self.copy(at, object, &from)?;
                self.secrets_of(object)?
            }
        };
        let attributes = EntryAttributes {
            mode: entry.mode.clone(),
            owner: entry.owner.clone(),
            group: entry.group.clone(),
            secrets: named,
        };
        if !attributes.is_empty() {
            self.layout.attributes.insert(path.to_owned(), attributes);
        }
        Ok(())
    }

    /// Puts an object's own bytes at a path.
    fn copy(&mut self, at: &Path, object: &StorePath, from: &str) -> Result<(), MaterialiseError> {
        let root = self.store.real_path(object);
        if !is_folder(&root)? {
            let item = item(&root)?;
            return self.layout.place(at, item, Layer::Entries, from);
        }
        self.layout.place(at, Item::Folder, Layer::Entries, from)?;
        for Found { path, item } in walk(&root)? {
            let item = match item {
                Item::Symlink(target) => Item::Symlink(lowered(&path, target, at)),
                item => item,
            };
            self.layout
                .place(&at.join(path), item, Layer::Entries, from)?;
        }
        Ok(())
    }

    /// Secrets a file object names.
    fn secrets_of(&self, object: &StorePath) -> Result<BTreeSet<String>, MaterialiseError> {
        let path = self.store.real_path(object);
        let failed = |e| MaterialiseError::io("read", &path, e);
        let meta = fs::symlink_metadata(&path).map_err(failed)?;
        if self.secrets.is_empty() || !meta.is_file() || meta.len() > SEARCHED_MAX {
            return Ok(BTreeSet::new());
        }
        Ok(secrets_in(&fs::read(&path).map_err(failed)?, self.secrets))
    }
}

fn write(layout: &Layout<'_>, scratch: &Path) -> Result<(), MaterialiseError> {
    let failed = |path: &Path, e| MaterialiseError::io("write", path, e);
    let scratch_folder = Folder::open(scratch).map_err(|e| failed(scratch, e))?;
    let top = scratch_folder.create(TOP.as_ref());
    let mut folders = vec![top.map_err(|e| failed(scratch, e))?];
    for (path, item) in layout.items() {
        // Each path comes after its folder and all that is in folders before it.
        folders.truncate(path.components().count());
        if let (Some(folder), Some(name)) = (folders.last(), path.file_name()) {
            let made = write_item(folder, name, item).map_err(|e| failed(path, e))?;
            folders.extend(made);
        }
    }
    Ok(())
}

/// Writes one item; a folder comes back open.
fn write_item(folder: &Folder, name: &OsStr, item: &Item) -> io::Result<Option<Folder>> {
    match item {
        Item::Folder => return folder.create(name).map(Some),
        Item::Text(text) => folder.file(name, text.as_bytes(), false)?,
        Item::File(real) => {
            let file = fs::File::open(real)?;
            let executable = file.metadata()?.mode() & 0o100 != 0;
            folder.file(name, file, executable)?;
        }
        Item::Symlink(target) => folder.symlink(name, target)?,
    }
    Ok(None)
}
