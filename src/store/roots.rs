//! What must stay: links into the store that lie in folders of roots.

use super::{Store, StoreError, StorePath};
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A link that keeps an object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Root {
    pub link: PathBuf,
    pub object: StorePath,
}

/// A folder of folders with such links, one for each generation.
#[derive(Debug, Clone)]
pub struct Roots {
    folder: PathBuf,
}

impl Roots {
    /// The roots below `folder`, which need not exist.
    pub fn new(folder: &Path) -> Self {
        Roots {
            folder: folder.to_owned(),
        }
    }

    /// Every root of `store`, whether its object is there or not, by the link.
    /// Names that begin with a dot are being made or removed.
    ///
    /// # Errors
    /// When a folder cannot be listed or a link cannot be read: what cannot be
    /// known must not be taken for garbage.
    pub fn find(&self, store: &Store) -> Result<Vec<Root>, StoreError> {
        let mut roots = Vec::new();
        for folder in visible(&self.folder)? {
            if !folder.is_dir() {
                continue;
            }
            for link in visible(&folder)? {
                let target = match fs::read_link(&link) {
                    Ok(target) => target,
                    // No link, or its generation left meanwhile.
                    Err(e) if is_no_link(&e) => continue,
                    Err(e) => return Err(StoreError::io("read the link", &link, e)),
                };
                if let Some(object) = object_of(store, &target) {
                    roots.push(Root { link, object });
                }
            }
        }
        roots.sort();
        Ok(roots)
    }

    /// The objects themselves.
    ///
    /// # Errors
    /// As [`Roots::find`].
    pub fn objects(&self, store: &Store) -> Result<BTreeSet<StorePath>, StoreError> {
        let roots = self.find(store)?.into_iter();
        Ok(roots.map(|root| root.object).collect())
    }
}

/// The object a link's target is, or lies in.
fn object_of(store: &Store, target: &Path) -> Option<StorePath> {
    let inside = target.strip_prefix(store.dir()).ok()?;
    let base = inside.components().next()?.as_os_str().to_str()?;
    StorePath::from_base_name(base).ok()
}

fn is_no_link(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::InvalidInput | io::ErrorKind::NotFound
    )
}

fn visible(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let failed = |e| StoreError::io("list", folder, e);
    let listed = match fs::read_dir(folder) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        listed => listed.map_err(failed)?,
    };
    let mut paths = Vec::new();
    for entry in listed {
        let entry = entry.map_err(failed)?;
        if !entry.file_name().as_encoded_bytes().starts_with(b".") {
            paths.push(entry.path());
        }
    }
    Ok(paths)
}
