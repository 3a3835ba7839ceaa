//! Folders on the store's file system for what is not an object yet.

use super::{StoreError, fs};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// A place of one's own below the store's `.kiln/tmp`, an empty folder at first;
/// removed with all that is in it when dropped.
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

    /// A name for one file or link, whose caller makes it: a folder around it
    /// would cost more than the file.
    pub(super) fn name_in(tmp: &Path) -> Self {
        let path = tmp.join(format!("{:016x}", fastrand::u64(..)));
        Scratch { path }
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
