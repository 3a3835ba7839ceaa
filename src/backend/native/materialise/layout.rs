//! What a tree will hold, joined in memory before anything is written: bases
//! first, then what is taken away, then the entries on top.

use super::attributes::EntryAttributes;
use super::{Conflict, FileAndFolder, MaterialiseError};
use crate::backend::native::graph::TreeNode;
use crate::store::DEPTH_MAX;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// One path's content.
#[derive(Debug)]
pub(super) enum Item {
    Folder,
    Text(String),
    /// A file of another object, by its real path.
    File(PathBuf),
    /// A symlink with this target.
    Symlink(OsString),
}

/// Which of two may replace the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layer {
    Base,
    Entries,
}

#[derive(Debug)]
struct Placed {
    item: Item,
    layer: Layer,
    /// For messages.
    from: String,
}

/// Paths and what is said of them.
pub(super) struct Layout<'n> {
    node: &'n TreeNode,
    items: BTreeMap<PathBuf, Placed>,
    pub(super) attributes: BTreeMap<String, EntryAttributes>,
}

impl<'n> Layout<'n> {
    pub(super) fn new(node: &'n TreeNode) -> Self {
        Layout {
            node,
            items: BTreeMap::new(),
            attributes: BTreeMap::new(),
        }
    }

    /// Every path, each after the folder it lies in.
    pub(super) fn items(&self) -> impl Iterator<Item = (&Path, &Item)> {
        self.items
            .iter()
            .map(|(path, placed)| (path.as_path(), &placed.item))
    }

    /// Puts an item at a path, and the folders above it.
    pub(super) fn place(
        &mut self,
        path: &Path,
        item: Item,
        layer: Layer,
        from: &str,
    ) -> Result<(), MaterialiseError> {
        let folders = path.components().count() + usize::from(matches!(item, Item::Folder));
        if folders > DEPTH_MAX {
            return Err(MaterialiseError::TooDeep {
                tree: self.node.name.clone(),
                path: path.display().to_string(),
                from: from.to_owned(),
                location: self.node.location.clone(),
            });
        }
        for folder in path
            .ancestors()
            .skip(1)
            .filter(|p| !p.as_os_str().is_empty())
        {
            self.folder(folder, path, layer, from)?;
        }
        match (self.items.get(path), &item) {
            (
                Some(Placed {
                    item: Item::Folder, ..
                }),
                Item::Folder,
            ) => return Ok(()),
            (Some(there), Item::Folder) => {
                return Err(self.file_and_folder(path, there, path, from));
            }
            (
                Some(Placed {
                    item: Item::Folder,
                    from: folder,
                    ..
                }),
                _,
            ) => {
                return Err(self.conflict(path, &format!("{folder} as a folder"), from));
            }
            (Some(there), _) if there.layer == layer => {
                return Err(self.conflict(path, &there.from, from));
            }
            _ => {}
        }
        let from = from.to_owned();
        self.items
            .insert(path.to_owned(), Placed { item, layer, from });
        if layer == Layer::Entries {
            // What was said of the base's file is not said of its successor.
            self.attributes.remove(&*path.to_string_lossy());
        }
        Ok(())
    }

    /// Takes a path away, with all beneath it; nothing there is fine.
    pub(super) fn remove(&mut self, path: &Path) {
        self.items.retain(|placed, _| !placed.starts_with(path));
        self.attributes
            .retain(|placed, _| !Path::new(placed).starts_with(path));
    }

    /// Takes over what a base says of its paths.
    pub(super) fn base_attributes(
        &mut self,
        entries: BTreeMap<String, EntryAttributes>,
        from: &str,
    ) -> Result<(), MaterialiseError> {
        for (path, attributes) in entries {
            match self.attributes.get(&path) {
                // Only a folder can be in two bases; they must agree on it.
                Some(there) if *there != attributes => {
                    return Err(self.conflict(
                        Path::new(&path),
                        "another base with other attributes",
                        from,
                    ));
                }
                _ => self.attributes.insert(path, attributes),
            };
        }
        Ok(())
    }

    fn folder(
        &mut self,
        folder: &Path,
        below: &Path,
        layer: Layer,
        from: &str,
    ) -> Result<(), MaterialiseError> {
        match self.items.get(folder) {
            Some(Placed {
                item: Item::Folder, ..
            }) => Ok(()),
            Some(there) => Err(self.file_and_folder(folder, there, below, from)),
            None => {
                let (item, from) = (Item::Folder, from.to_owned());
                self.items
                    .insert(folder.to_owned(), Placed { item, layer, from });
                Ok(())
            }
        }
    }

    fn conflict(&self, path: &Path, first: &str, second: &str) -> MaterialiseError {
        MaterialiseError::Conflict(Box::new(Conflict {
            tree: self.node.name.clone(),
            path: path.display().to_string(),
            first: first.to_owned(),
            second: second.to_owned(),
            location: self.node.location.clone(),
        }))
    }

    fn file_and_folder(
        &self,
        file: &Path,
        there: &Placed,
        below: &Path,
        below_from: &str,
    ) -> MaterialiseError {
        MaterialiseError::FileAndFolder(Box::new(FileAndFolder {
            tree: self.node.name.clone(),
            file: file.display().to_string(),
            file_from: there.from.clone(),
            below: below.display().to_string(),
            below_from: below_from.to_owned(),
            location: self.node.location.clone(),
        }))
    }
}
