//! Realisations, and when what was made counts after a power loss.

use super::{Outputs, RealisationKey, Store, StoreError, lock};

impl Store {
    /// The outputs recorded for `key`, when the whole closure of them is there.
    pub fn realisation(&self, key: RealisationKey) -> Option<Outputs> {
        let outputs = self.recorded_outputs(key)?;
        self.is_whole(outputs.values().cloned()).then_some(outputs)
    }

    /// The outputs recorded for `key`, whether or not they are still there.
    pub(crate) fn recorded_outputs(&self, key: RealisationKey) -> Option<Outputs> {
        let known = self.index().realisations.get(&key).cloned();
        known.or_else(|| self.inner.records.realisation(key))
    }

    /// Records outputs for `key` and makes them durable. The first that counts
    /// stays: what is answered is what holds.
    ///
    /// # Errors
    /// When an output is not in the store, or nothing can be written.
    pub fn record_realisation(
        &self,
        key: RealisationKey,
        outputs: &Outputs,
    ) -> Result<Outputs, StoreError> {
        let holds = self.remember_realisation(key, outputs)?;
        self.sync()?;
        Ok(holds)
    }

    /// As [`Store::record_realisation`], durable only after the next
    /// [`Store::sync`]: for what is cheap to make again.
    ///
    /// # Errors
    /// When an output is not in the store.
    pub fn remember_realisation(
        &self,
        key: RealisationKey,
        outputs: &Outputs,
    ) -> Result<Outputs, StoreError> {
        self.remember(key, outputs, |key| self.realisation(key))
    }

    /// As [`Store::remember_realisation`], for a key that nothing counted for when this
    /// process looked it up: what is recorded since it has recorded itself, and knows
    /// without a look at the disk.
    ///
    /// # Errors
    /// When an output is not in the store.
    pub(crate) fn remember_unrecorded(
        &self,
        key: RealisationKey,
        outputs: &Outputs,
    ) -> Result<Outputs, StoreError> {
        self.remember(key, outputs, |key| {
            let outputs = self.index().realisations.get(&key).cloned()?;
            self.is_whole(outputs.values().cloned()).then_some(outputs)
        })
    }

    fn remember(
        &self,
        key: RealisationKey,
        outputs: &Outputs,
        recorded: impl FnOnce(RealisationKey) -> Option<Outputs>,
    ) -> Result<Outputs, StoreError> {
        self.closure(outputs.values().cloned())?;
        let _one = lock(&self.inner.installing);
        if let Some(first) = recorded(key) {
            if first != *outputs {
                tracing::warn!(%key, ?first, second = ?outputs, "a second result of one step: the first stays");
            }
            return Ok(first);
        }
        let mut index = self.index();
        index.realisations.insert(key, outputs.clone());
        index.unsaved_realisations.push(key);
        Ok(outputs.clone())
    }

    /// Makes durable what was published and recorded so far: the objects'
    /// bytes first, then the records that say they are there.
    ///
    /// # Errors
    /// When something cannot be written; it stays to be tried again.
    pub fn sync(&self) -> Result<(), StoreError> {
        let _one = lock(&self.inner.syncing);
        let (objects, keys) = {
            let index = self.index();
            (
                index.unsaved_objects.clone(),
                index.unsaved_realisations.clone(),
            )
        };
        if objects.is_empty() && keys.is_empty() {
            return Ok(());
        }
        self.syncfs()?;
        for info in &objects {
            self.inner.records.save_object(info)?;
        }
        for &key in &keys {
            let outputs = self.index().realisations.get(&key).cloned();
            if let Some(outputs) = outputs {
                self.inner.records.save_realisation(key, &outputs)?;
            }
        }
        self.syncfs()?;
        let mut index = self.index();
        index.unsaved_objects.drain(..objects.len());
        index.unsaved_realisations.drain(..keys.len());
        Ok(())
    }

    /// Bytes free for this process on the store's file system.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub fn free_space(&self) -> Result<u64, StoreError> {
        let asked = nix::sys::statvfs::fstatvfs(&self.inner.folder);
        let found =
            asked.map_err(|e| StoreError::io("measure the file system of", &self.inner.dir, e))?;
        let blocks = found.blocks_available();
        Ok(blocks.saturating_mul(found.fragment_size()))
    }

    pub(super) fn syncfs(&self) -> Result<(), StoreError> {
        nix::unistd::syncfs(&self.inner.folder)
            .map_err(|e| StoreError::io("sync the file system of", &self.inner.dir, e))
    }
}
