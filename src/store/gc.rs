//! Collecting garbage, beside builds that run: what no root reaches is removed.
//!
//! ```text
//! begin: a session of its own ─▶ roots are read ─▶ what they reach (records warmed)
//!   gate closed:  what sessions came by is live too ─▶ records of the rest go, referrers first
//!   gate open:    syncfs ─▶ each object moved out of sight, then removed
//! ```
//! Records go before what they speak of, and the record of an object before
//! those of what it refers to, so that whatever interrupts a collection leaves
//! no record that lies. While the gate is closed nobody looks an object up: what
//! was found before it closed is live, what is looked for after it opened is not
//! there and is made again. A collection removes an object only while no newer
//! one has taken its place.

use super::sessions::{Claim, Session, claim};
use super::{Scratch, Store, StoreError, StorePath, fs, lock};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLockReadGuard};

/// Says what must stay; asked once the collection protects what is found.
pub type FindRoots<'a> = &'a dyn Fn() -> Result<BTreeSet<StorePath>, StoreError>;

/// What to collect.
#[derive(Clone, Copy)]
pub struct Collection<'a> {
    pub roots: FindRoots<'a>,
    /// Only say what would go.
    pub dry_run: bool,
    /// Keep what was made along the way to what is kept ([`Store::keep_with`]).
    pub companions: bool,
    /// Whether to leave the rest for another time.
    pub cancelled: &'a dyn Fn() -> bool,
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
    /// Temporary roots for all that is come by while the answer lives.
    pub fn session(&self) -> Session {
        self.inner.sessions.begin()
    }

    /// Removes every object that is not kept, every realisation of one, and
    /// what is no object. Builds and readers with a [`Session`] go on meanwhile.
    /// One collection at a time: a second waits.
    ///
    /// # Errors
    /// When something cannot be read or removed, with the rest left in place.
    pub fn gc(&self, collection: &Collection<'_>) -> Result<Collected, StoreError> {
        let _one = lock(&self.inner.collecting);
        self.inner.sessions.prune();
        // From here on what others come by is remembered, so that who roots his
        // result and ends between the reading of roots and the gate loses nothing.
        let _own = self.session();
        self.sync()?;
        let roots = (collection.roots)()?;
        let live = self.live(roots.iter().cloned(), collection.companions);
        if collection.dry_run {
            return self.garbage(&self.with_temporary(live, collection.companions));
        }
        let collected = self.forget(live, collection.companions)?;
        crate::state::fail_point::reach("garbage-forgotten");
        self.syncfs()?;
        self.remove(&collected, collection.cancelled)?;
        Ok(collected)
    }

    /// What the roots reach. A root that is gone reaches nothing.
    fn live(
        &self,
        roots: impl IntoIterator<Item = StorePath>,
        companions: bool,
    ) -> BTreeSet<StorePath> {
        let mut live = BTreeSet::new();
        let mut waiting: Vec<StorePath> = roots.into_iter().collect();
        while let Some(path) = waiting.pop() {
            if live.contains(&path) {
                continue;
            }
            if let Some(info) = self.look(&path) {
                waiting.extend(info.references.iter().cloned());
                if companions {
                    waiting.extend(self.kept_with(&path));
                }
                live.insert(path);
            }
        }
        live
    }

    /// What sessions came by, and what is not written down yet, is live too.
    fn with_temporary(
        &self,
        mut live: BTreeSet<StorePath>,
        companions: bool,
    ) -> BTreeSet<StorePath> {
        let mut temporary = self.inner.sessions.touched();
        {
            let index = self.index();
            temporary.extend(index.unsaved_objects.iter().map(|info| info.path.clone()));
            for key in &index.unsaved_realisations {
                let outputs = index.realisations.get(key).into_iter();
                temporary.extend(outputs.flat_map(|outputs| outputs.values().cloned()));
            }
        }
        temporary.retain(|path| !live.contains(path));
        live.extend(self.live(temporary, companions));
        live
    }

    /// What lies in the store and is not live.
    fn garbage(&self, live: &BTreeSet<StorePath>) -> Result<Collected, StoreError> {
        let mut collected = Collected::default();
        let dir = &self.inner.dir;
        for name in entries(dir)? {
            let path = name
                .to_str()
                .and_then(|name| StorePath::from_base_name(name).ok());
            match path.map(|path| (self.look(&path), path)) {
                _ if name == ".kiln" => {}
                Some((_, path)) if live.contains(&path) => {}
                Some((Some(info), path)) => {
                    collected.bytes += info.nar_size;
                    collected.objects.push(path);
                }
                Some((None, _)) | None => collected.strays.push(dir.join(name)),
            }
        }
        collected.objects.sort();
        Ok(collected)
    }

    /// The moment of truth: what is garbage is not there any more, for anybody.
    fn forget(&self, live: BTreeSet<StorePath>, companions: bool) -> Result<Collected, StoreError> {
        let realisations = self.inner.records.realisations()?;
        let gate = self.inner.gate.write();
        let _closed = gate.unwrap_or_else(PoisonError::into_inner);
        let mut live = self.with_temporary(live, companions);
        let mut collected = self.garbage(&live)?;
        let kept = self.forget_objects(&collected.objects)?;
        collected.objects.retain(|path| !kept.contains(path));
        collected.bytes = self.nar_bytes(&collected.objects);
        live.extend(kept);
        self.forget_records_without_objects(&live)?;
        let mut index = self.index();
        index.objects.retain(|path, _| live.contains(path));
        index.whole.roots.retain(|root| live.contains(root));
        for (key, file, outputs) in realisations {
            let newest = index.realisations.get(&key).cloned().or(outputs);
            let kept = newest.is_some_and(|o| o.values().all(|output| live.contains(output)));
            if !kept {
                unlink(&file)?;
                index.realisations.remove(&key);
            }
        }
        Ok(collected)
    }

    /// Removes records, those of referrers first; answers with what another
    /// process holds on to, and all that it refers to.
    fn forget_objects(&self, garbage: &[StorePath]) -> Result<BTreeSet<StorePath>, StoreError> {
        let mut kept = BTreeSet::new();
        for path in self.referrers_first(garbage) {
            if kept.contains(&path) {
                continue;
            }
            let record = self.inner.records.object_file(&path);
            match claim(&record)? {
                Claim::Ours(_held) => {
                    unlink(&record)?;
                    crate::state::fail_point::reach("record-forgotten");
                }
                Claim::Pinned => kept.extend(self.live([path], false)),
                Claim::Gone => {}
            }
        }
        Ok(kept)
    }

    /// Objects refer to each other without circles.
    pub(super) fn referrers_first(&self, objects: &[StorePath]) -> Vec<StorePath> {
        let among: BTreeSet<&StorePath> = objects.iter().collect();
        let (mut seen, mut ordered) = (BTreeSet::new(), Vec::new());
        // Depth first; an object is put down after all it refers to.
        let mut stack: Vec<(StorePath, bool)> =
            objects.iter().map(|path| (path.clone(), false)).collect();
        while let Some((path, is_done)) = stack.pop() {
            if is_done {
                ordered.push(path);
            } else if among.contains(&path) && seen.insert(path.clone()) {
                let references = self.look(&path).map(|info| info.references.clone());
                stack.push((path, true));
                stack.extend(references.into_iter().flatten().map(|path| (path, false)));
            }
        }
        ordered.reverse();
        ordered
    }

    fn nar_bytes(&self, objects: &[StorePath]) -> u64 {
        let index = self.index();
        let sizes = objects.iter().filter_map(|path| index.objects.get(path));
        sizes.map(|info| info.nar_size).sum()
    }

    /// Records and lists of companions whose object is not kept.
    fn forget_records_without_objects(&self, live: &BTreeSet<StorePath>) -> Result<(), StoreError> {
        let records = &self.inner.records;
        let kept: BTreeSet<PathBuf> = live
            .iter()
            .flat_map(|path| [records.object_file(path), records.companions_file(path)])
            .collect();
        for file in records
            .object_files()?
            .into_iter()
            .chain(records.companions_files()?)
        {
            if !kept.contains(&file) {
                unlink(&file)?;
            }
        }
        Ok(())
    }

    /// Moves what has no record out of sight, one by one, and removes it.
    fn remove(
        &self,
        collected: &Collected,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<(), StoreError> {
        let trash = self.scratch()?;
        let objects = collected.objects.iter().map(|path| self.real_path(path));
        for place in objects.chain(collected.strays.iter().cloned()) {
            if cancelled() {
                return Ok(()); // what has no record is a stray for the next one
            }
            if let Some(moved) = self.move_away(&place, &trash)? {
                crate::state::fail_point::reach("garbage-moved-away");
                fs::remove_all(&moved).map_err(|e| StoreError::io("remove", &moved, e))?;
            }
        }
        let damaged = self.damaged();
        fs::remove_all(&damaged).map_err(|e| StoreError::io("remove", &damaged, e))
    }

    /// `None`: it was made again meanwhile, or is gone.
    fn move_away(&self, place: &Path, trash: &Scratch) -> Result<Option<PathBuf>, StoreError> {
        let _one = lock(&self.inner.installing);
        let name = place.file_name().unwrap_or_default();
        let path = name
            .to_str()
            .and_then(|n| StorePath::from_base_name(n).ok());
        let is_back = path.is_some_and(|path| self.index().objects.contains_key(&path));
        if is_back || !super::nar::exists(place).map_err(|e| StoreError::io("look at", place, e))? {
            return Ok(None);
        }
        let moved = trash.path().join(name);
        move_read_only(place, &moved).map_err(|e| StoreError::io("move away", place, e))?;
        Ok(Some(moved))
    }

    /// How many objects' records there are.
    #[cfg(test)]
    pub(super) fn object_count(&self) -> Result<usize, StoreError> {
        Ok(self.inner.records.object_files()?.len())
    }

    /// Held while somebody looks an object up.
    pub(super) fn pass(&self) -> RwLockReadGuard<'_, ()> {
        let gate = self.inner.gate.read();
        gate.unwrap_or_else(PoisonError::into_inner)
    }
}

/// A folder that is read-only cannot be moved to another by its owner.
pub(super) fn move_read_only(from: &Path, to: &Path) -> std::io::Result<()> {
    if std::fs::symlink_metadata(from)?.is_dir() {
        std::fs::set_permissions(from, PermissionsExt::from_mode(0o755))?;
    }
    std::fs::rename(from, to)
}

pub(super) fn entries(dir: &Path) -> Result<Vec<OsString>, StoreError> {
    let list = || {
        std::fs::read_dir(dir)?
            .map(|entry| Ok(entry?.file_name()))
            .collect::<Result<Vec<_>, std::io::Error>>()
    };
    list().map_err(|e| StoreError::io("list", dir, e))
}

/// Gone already is fine.
pub(super) fn unlink(file: &Path) -> Result<(), StoreError> {
    match std::fs::remove_file(file) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(StoreError::io("remove", file, e))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
#[path = "gc_tests.rs"]
mod tests;
