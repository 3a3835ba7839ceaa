//! A `tree()`: base trees joined, entries on top, attributes beside.

use super::attributes::{ATTRIBUTES_FILE, Attributes, EntryAttributes, secrets_in};
use super::layout::{Item, Layer, Layout};
use super::{MaterialiseError, join, remembered, resolved};
use crate::backend::native::graph::{Entry, EntryKind, OutputRef, TreeNode};
use crate::store::{Canonical, PublishRequest, RealisationKey, Store, StorePath, write_file};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::symlink;
use std::path::{Component, Path, PathBuf};

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

/// An entry's value with store paths in it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Value {
    Text(String),
    Link(StorePath),
    Copy(StorePath),
    Symlink(String),
    Folder,
    Removed,
}

/// The node with store paths in place of outputs.
struct Resolved<'n> {
    node: &'n TreeNode,
    base: Vec<StorePath>,
    values: BTreeMap<&'n str, (Value, &'n Entry)>,
    /// Every store path the node names, bases not among them.
    mentioned: BTreeSet<StorePath>,
}

impl<'n> Resolved<'n> {
    fn new(
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

    fn key(&self, secrets: &BTreeSet<String>) -> RealisationKey {
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
        let tree = scratch.path().join("tree");
        write(&self.layout, &tree)?;
        Ok(self.store.publish(PublishRequest {
            path: &tree,
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
                let attributes = read_attributes(base, &root)?;
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

impl Resolved<'_> {
    /// A target as written, but relative where it leads into a store object
    /// the node names (any other is left for the scan to refuse).
    fn target(&self, at: &Path, target: &str) -> OsString {
        match StorePath::split_from(target) {
            Some((object, rest)) if self.mentioned.contains(&object) => relative(at, &object, rest),
            _ => target.into(),
        }
    }
}

/// From `at` in a tree to an object beside the tree: a store anywhere can be
/// looked at in place.
fn relative(at: &Path, object: &StorePath, rest: &str) -> OsString {
    format!("{}{}{rest}", up(at), object.base_name()).into()
}

/// `../` for each part of a path.
fn up(path: &Path) -> String {
    "../".repeat(path.components().count())
}

/// The target of a link copied with its folder to `at`: one that climbed out
/// of its object to another has to climb further.
fn lowered(link: &Path, target: OsString, at: &Path) -> OsString {
    let climb = up(link);
    let Some(outside) = target.as_bytes().strip_prefix(climb.as_bytes()) else {
        return target;
    };
    let base = outside
        .split(|byte| *byte == b'/')
        .next()
        .unwrap_or_default();
    let is_object = std::str::from_utf8(base).is_ok_and(|b| StorePath::from_base_name(b).is_ok());
    match is_object {
        true => OsString::from_vec([up(at).as_bytes(), target.as_bytes()].concat()),
        false => target,
    }
}

struct Found {
    path: PathBuf,
    item: Item,
}

/// Everything in a folder object, by path inside it.
fn walk(root: &Path) -> Result<Vec<Found>, MaterialiseError> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let real = root.join(&folder);
        let failed = |e| MaterialiseError::io("list", &real, e);
        for entry in fs::read_dir(&real).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let path = folder.join(entry.file_name());
            let item = item(&entry.path())?;
            if matches!(item, Item::Folder) {
                folders.push(path.clone());
            }
            found.push(Found { path, item });
        }
    }
    // The order of a folder's listing is the file system's: errors must not be.
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

fn item(real: &Path) -> Result<Item, MaterialiseError> {
    let failed = |e| MaterialiseError::io("read", real, e);
    let kind = fs::symlink_metadata(real).map_err(failed)?.file_type();
    Ok(if kind.is_dir() {
        Item::Folder
    } else if kind.is_symlink() {
        Item::Symlink(fs::read_link(real).map_err(failed)?.into_os_string())
    } else {
        Item::File(real.to_owned())
    })
}

fn is_folder(real: &Path) -> Result<bool, MaterialiseError> {
    Ok(matches!(item(real)?, Item::Folder))
}

fn read_attributes(base: &StorePath, root: &Path) -> Result<Attributes, MaterialiseError> {
    let path = root.join(ATTRIBUTES_FILE);
    let json = fs::read(&path).map_err(|e| MaterialiseError::io("read", &path, e))?;
    let file = base.clone();
    serde_json::from_slice(&json).map_err(|source| MaterialiseError::Attributes { file, source })
}

fn write(layout: &Layout<'_>, tree: &Path) -> Result<(), MaterialiseError> {
    fs::create_dir(tree).map_err(|e| MaterialiseError::io("create", tree, e))?;
    for (path, item) in layout.items() {
        let path = tree.join(path);
        let done = match item {
            Item::Folder => fs::create_dir(&path),
            Item::Text(text) => write_file(&path, text.as_bytes(), false),
            Item::File(real) => fs::copy(real, &path).map(|_| ()),
            Item::Symlink(target) => symlink(target, &path),
        };
        done.map_err(|e| MaterialiseError::io("write", &path, e))?;
    }
    match Attributes::of(&layout.attributes) {
        Some(attributes) => write_attributes(&attributes, tree),
        None => Ok(()),
    }
}

fn write_attributes(attributes: &Attributes, tree: &Path) -> Result<(), MaterialiseError> {
    let path = tree.join(ATTRIBUTES_FILE);
    let write = || {
        let mut json = serde_json::to_vec_pretty(attributes)?;
        json.push(b'\n');
        fs::create_dir_all(tree.join(".kiln"))?;
        write_file(&path, &json, false)
    };
    write().map_err(|e: std::io::Error| MaterialiseError::io("write", &path, e))
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
