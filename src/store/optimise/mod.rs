//! Files of one content on the disk once: their blocks are shared where the file
//! system can, else they become one file with several names.
//!
//! Objects never change, so sharing changes nothing of them. Only what has a
//! record on the disk is looked at, so that nothing that is being written is met;
//! a collection waits meanwhile. A file is replaced by a link made beside it and
//! renamed over it: whatever interrupts this leaves the file or the link. What
//! it may leave is a folder that is not canonical again, which the next run mends.
//! The price of one file with several names: damage to it is damage to all of
//! them, which `verify` finds in each.

mod blocks;

use super::{Store, StoreError, StorePath, hash_file, lock, nar};
use crate::state::fail_point;
use blocks::Sharing;
use nix::errno::Errno;
use std::collections::HashMap;
use std::fs::{self, DirEntry, File, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// What is shared now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Optimised {
    /// Files that share their content with another since now.
    pub files: u64,
    /// Bytes that they took on the disk.
    pub bytes: u64,
    /// Their blocks are shared; else they are other names of one file.
    pub by_blocks: bool,
}

/// Files that may be the same: bytes, and whether it may be run.
type Kind = (u64, bool);

impl Store {
    /// Lets files of the same content and mode share it. Builds go on meanwhile.
    ///
    /// # Errors
    /// When something cannot be read or replaced; what is shared by then stays so.
    pub fn optimise(&self, cancelled: &dyn Fn() -> bool) -> Result<Optimised, StoreError> {
        let _no_collection = lock(&self.inner.collecting);
        let _session = self.session();
        let objects = self.recorded_objects()?;
        let mut counts: HashMap<Kind, u32> = HashMap::new();
        each_file(&objects, cancelled, &mut |_, metadata| {
            *counts.entry(kind(metadata)).or_default() += 1;
            Ok(())
        })?;
        counts.retain(|_, count| *count > 1);
        let scratch = self.scratch()?;
        let mut pass = Pass {
            store: self.dir(),
            link: scratch.path().join("link"),
            first: HashMap::new(),
            sharing: Sharing::default(),
            optimised: Optimised::default(),
        };
        each_file(&objects, cancelled, &mut |path, metadata| match counts
            .contains_key(&kind(metadata))
        {
            true => pass.file(path, metadata),
            false => Ok(()),
        })?;
        let optimised = pass.optimised;
        self.syncfs()?;
        Ok(optimised)
    }

    /// The objects whose records are on the disk, sorted.
    fn recorded_objects(&self) -> Result<Vec<PathBuf>, StoreError> {
        let files = self.inner.records.object_files()?;
        let named = files.iter().filter_map(|file| {
            let path = StorePath::from_base_name(file.file_stem()?.to_str()?).ok()?;
            Some(self.real_path(&path))
        });
        let mut objects: Vec<PathBuf> = named.collect();
        objects.sort();
        Ok(objects)
    }
}

fn kind(metadata: &Metadata) -> Kind {
    (metadata.len(), metadata.mode() & 0o111 != 0)
}

/// Hands on every regular file that is as objects' files are; an empty one has
/// nothing to share.
fn each_file(
    objects: &[PathBuf],
    cancelled: &dyn Fn() -> bool,
    visit: &mut dyn FnMut(&Path, &Metadata) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    for object in objects {
        if cancelled() {
            return Ok(());
        }
        match fs::symlink_metadata(object) {
            Ok(metadata) => walk(object, &metadata, cancelled, visit)?,
            // Its record is alone, which verify tells.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(StoreError::io("look at", object, error)),
        }
    }
    Ok(())
}

fn walk(
    path: &Path,
    metadata: &Metadata,
    cancelled: &dyn Fn() -> bool,
    visit: &mut dyn FnMut(&Path, &Metadata) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    if metadata.is_dir() {
        if !is_canonical(metadata) {
            let mended = File::open(path).and_then(|folder| make_canonical(&folder));
            mended.map_err(|e| StoreError::io("mend the folder", path, e))?;
        }
        let failed = |e| StoreError::io("list", path, e);
        let entries = fs::read_dir(path).map_err(failed)?;
        let mut entries: Vec<DirEntry> = entries.collect::<Result<_, _>>().map_err(failed)?;
        entries.sort_by_key(DirEntry::file_name);
        for entry in entries {
            let (path, found) = (entry.path(), entry.metadata());
            let found = found.map_err(|e| StoreError::io("look at", &path, e))?;
            if cancelled() {
                return Ok(());
            }
            walk(&path, &found, cancelled, visit)?;
        }
    } else if metadata.is_file() && metadata.len() > 0 && is_canonical(metadata) {
        visit(path, metadata)?;
    }
    Ok(())
}

/// Another mode, time or owner: whoever reads it would see a difference.
fn is_canonical(metadata: &Metadata) -> bool {
    let modes: &[u32] = match metadata.is_dir() {
        true => &[0o555],
        false => &[0o444, 0o555],
    };
    modes.contains(&(metadata.mode() & 0o7777))
        && (metadata.mtime(), metadata.mtime_nsec()) == (1, 0)
        && metadata.uid() == nix::unistd::geteuid().as_raw()
}

fn make_canonical(folder: &File) -> io::Result<()> {
    folder.set_permissions(Permissions::from_mode(0o555))?;
    Ok(nar::set_mtime(folder)?)
}

struct Pass<'p> {
    store: &'p Path,
    /// Where a link is made before it is renamed.
    link: PathBuf,
    /// Of each content, and whether it may be run, a file that has it.
    first: HashMap<([u8; 32], bool), (PathBuf, u64)>,
    sharing: Sharing,
    optimised: Optimised,
}

impl Pass<'_> {
    fn file(&mut self, path: &Path, metadata: &Metadata) -> Result<(), StoreError> {
        let hash = hash_file(path).map_err(|e| StoreError::io("read", path, e))?;
        let key = (hash.0, kind(metadata).1);
        let Some((first, inode)) = self.first.get(&key).cloned() else {
            let this = (path.to_owned(), metadata.ino());
            self.first.insert(key, this);
            return Ok(());
        };
        if inode == metadata.ino() {
            return Ok(());
        }
        let shared = self.share(&first, path, metadata);
        match shared.map_err(|e| StoreError::io("share the content of", path, e))? {
            Shared::Before => {}
            Shared::Now => {
                // Another name of it keeps its blocks.
                let freed = metadata.nlink() == 1 || self.optimised.by_blocks;
                self.optimised.files += 1;
                self.optimised.bytes += if freed { metadata.blocks() * 512 } else { 0 };
            }
            Shared::Full => {
                let this = (path.to_owned(), metadata.ino());
                self.first.insert(key, this);
            }
        }
        Ok(())
    }

    fn share(&mut self, first: &Path, path: &Path, metadata: &Metadata) -> io::Result<Shared> {
        if let Some(shared) = self.sharing.share(first, path, metadata.len())? {
            self.optimised.by_blocks = true;
            return Ok(match shared {
                true => Shared::Now,
                false => Shared::Before,
            });
        }
        match fs::hard_link(first, &self.link) {
            // It has as many names as a file may have: this one is the next.
            Err(e) if e.raw_os_error() == Some(Errno::EMLINK as i32) => return Ok(Shared::Full),
            linked => linked?,
        }
        fail_point::reach("file-linked");
        let replaced = self.replace(path);
        if replaced.is_err() {
            let _ = fs::remove_file(&self.link); // what it came to is told
        }
        replaced.map(|()| Shared::Now)
    }

    /// Renames the link over `path`; its folder looks as before.
    fn replace(&self, path: &Path) -> io::Result<()> {
        let parent = path.parent().filter(|parent| *parent != self.store);
        let Some(parent) = parent else {
            return fs::rename(&self.link, path);
        };
        let folder = File::open(parent)?;
        // Its owner may not write to it, unless it is root.
        folder.set_permissions(Permissions::from_mode(0o755))?;
        let renamed = fs::rename(&self.link, path);
        fail_point::reach("link-renamed");
        make_canonical(&folder)?;
        renamed
    }
}

enum Shared {
    Now,
    Before,
    /// The first file takes no more names.
    Full,
}

#[cfg(test)]
mod tests;
