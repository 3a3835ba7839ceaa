//! Collecting garbage: what no root reaches is removed.

use super::{Store, StoreError, StorePath, fs, lock};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// How many use the store; a collection needs none.
#[derive(Debug, Clone, Default)]
pub(super) struct UseCount(Arc<Mutex<usize>>);

/// While it lives, no garbage is collected: a build's objects have no root yet.
#[derive(Debug)]
pub struct InUse(UseCount);

impl Drop for InUse {
    fn drop(&mut self) {
        *lock(&self.0.0) -= 1;
    }
}

/// What a collection removed, or would remove.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Collected {
    /// Objects.
    pub objects: Vec<StorePath>,
    /// Bytes of their NARs.
    pub bytes: u64,
    /// Files and folders in the store that are no objects.
    pub strays: Vec<PathBuf>,
}

impl Store {
    /// Keeps garbage collection away until the answer is dropped; waits for
    /// one that runs.
    pub fn in_use(&self) -> InUse {
        let count = self.inner.use_count.clone();
        *lock(&count.0) += 1;
        InUse(count)
    }

    /// Removes every object that `roots` do not reach, every realisation of
    /// one, and what is no object; with `dry_run` only says so.
    ///
    /// # Errors
    /// [`StoreError::InUse`] during a build; when something cannot be read or
    /// removed, with the rest left in place.
    pub fn gc(
        &self,
        roots: impl IntoIterator<Item = StorePath>,
        dry_run: bool,
    ) -> Result<Collected, StoreError> {
        let users = lock(&self.inner.use_count.0);
        if *users > 0 {
            return Err(StoreError::InUse);
        }
        self.sync()?;
        let live = self.live(roots);
        let collected = self.garbage(&live)?;
        if !dry_run {
            self.forget(&live)?;
            self.remove(&collected)?;
        }
        Ok(collected)
    }

    /// What the roots reach. A root that is gone reaches nothing.
    fn live(&self, roots: impl IntoIterator<Item = StorePath>) -> BTreeSet<StorePath> {
        let mut live = BTreeSet::new();
        let mut waiting: Vec<StorePath> = roots.into_iter().collect();
        while let Some(path) = waiting.pop() {
            if live.contains(&path) {
                continue;
            }
            if let Some(info) = self.info(&path) {
                waiting.extend(info.references.iter().cloned());
                live.insert(path);
            }
        }
        live
    }

    fn garbage(&self, live: &BTreeSet<StorePath>) -> Result<Collected, StoreError> {
        let mut collected = Collected::default();
        let dir = &self.inner.dir;
        let failed = |e| StoreError::io("list", dir, e);
        for entry in std::fs::read_dir(dir).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            match self.object_named(&name) {
                _ if name == ".kiln" => {}
                Some(path) if live.contains(&path) => {}
                Some(path) => {
                    collected.bytes += self.info(&path).map_or(0, |info| info.nar_size);
                    collected.objects.push(path);
                }
                None => collected.strays.push(dir.join(name)),
            }
        }
        collected.objects.sort();
        Ok(collected)
    }

    fn object_named(&self, name: &OsStr) -> Option<StorePath> {
        let path = StorePath::from_base_name(name.to_str()?).ok()?;
        self.contains(&path).then_some(path)
    }

    /// Records go before what they speak of: an object without a record is
    /// nothing, a record without its object would be a lie.
    fn forget(&self, live: &BTreeSet<StorePath>) -> Result<(), StoreError> {
        let records = &self.inner.records;
        for (file, outputs) in records.realisations()? {
            let kept = outputs.is_some_and(|outputs| outputs.values().all(|o| live.contains(o)));
            if !kept {
                unlink(&file)?;
            }
        }
        let kept: BTreeSet<PathBuf> = live.iter().map(|path| records.object_file(path)).collect();
        for file in records.object_files()? {
            if !kept.contains(&file) {
                unlink(&file)?;
            }
        }
        let mut index = self.index();
        index.objects.retain(|path, _| live.contains(path));
        index
            .realisations
            .retain(|_, outputs| outputs.values().all(|output| live.contains(output)));
        drop(index);
        self.syncfs()
    }

    fn remove(&self, collected: &Collected) -> Result<(), StoreError> {
        let objects = collected.objects.iter().map(|path| self.real_path(path));
        for place in objects.chain(collected.strays.iter().cloned()) {
            fs::remove_all(&place).map_err(|e| StoreError::io("remove", &place, e))?;
        }
        Ok(())
    }
}

fn unlink(file: &Path) -> Result<(), StoreError> {
    std::fs::remove_file(file).map_err(|e| StoreError::io("remove", file, e))
}
