//! Folders on the store's file system for what is not an object yet.

use super::{StoreError, fs};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// A place of one's own below the store's `.kiln/tmp`, an empty folder at first;
/// removed with all that is in it when dropped.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
}

impl Scratch {
    pub(super) fn new_in(tmp: &Path) -> Result<Self, StoreError> {
        let path = new_folder(tmp)?;
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
        remove(&self.path);
    }
}

/// A step's place: a folder, empty but for empty folders that an earlier step's
/// provider made in it. It is used again when dropped, since a file system may
/// look through all names that were removed lately whenever one is made: ext4
/// spent a third of a small step's time on that.
#[derive(Debug)]
pub struct StepScratch {
    path: PathBuf,
    spares: Arc<Spares>,
    over: AtomicBool,
}

impl StepScratch {
    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// No process of the step is left. Without this it is not used again.
    pub fn over(&self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

impl Drop for StepScratch {
    fn drop(&mut self) {
        // Else it was moved away, or is not as it was.
        if *self.over.get_mut() && matches!(fs::empty_again(&self.path), Ok(true)) {
            self.spares.lock().push(std::mem::take(&mut self.path));
        } else {
            remove(&self.path);
        }
    }
}

/// Steps' folders that no step uses now; as many as ran at a time.
#[derive(Debug)]
pub(super) struct Spares {
    dir: PathBuf,
    free: Mutex<Vec<PathBuf>>,
}

impl Spares {
    /// Their folder is there, and empty.
    pub fn new(dir: PathBuf) -> Arc<Self> {
        Arc::new(Spares {
            dir,
            free: Mutex::default(),
        })
    }

    pub fn take(self: &Arc<Self>) -> Result<StepScratch, StoreError> {
        let spare = self.lock().pop();
        Ok(StepScratch {
            path: spare.map_or_else(|| new_folder(&self.dir), Ok)?,
            spares: Arc::clone(self),
            over: AtomicBool::new(false),
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<PathBuf>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn new_folder(parent: &Path) -> Result<PathBuf, StoreError> {
    let path = parent.join(format!("{:016x}", fastrand::u64(..)));
    std::fs::DirBuilder::new()
        .mode(0o700)
        .create(&path)
        .map_err(|e| StoreError::io("create", &path, e))?;
    Ok(path)
}

fn remove(path: &Path) {
    if let Err(e) = fs::remove_all(path) {
        // The next start sweeps what stays.
        tracing::warn!(path = %path.display(), "cannot remove a scratch folder: {e}");
    }
}
