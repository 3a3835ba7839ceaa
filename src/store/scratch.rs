//! Folders on the store's file system for what is not an object yet.

use super::{StoreError, fs};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// An empty folder below the store's `.kiln/tmp`, removed with all that is in
/// it when dropped.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
}

impl Scratch {
    pub(super) fn new_in(tmp: &Path) -> Result<Self, StoreError> {
        let path = tmp.join(format!("{:016x}", fastrand::u64(..)));
        std::fs::DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .map_err(|e| StoreError::io("create", &path, e))?;
        Ok(Scratch { path })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(e) = fs::remove_all(&self.path) {
            // The next start sweeps what stays.
            tracing::warn!(path = %self.path.display(), "cannot remove a scratch folder: {e}");
        }
    }
}
