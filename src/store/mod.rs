//! The object store: immutable trees, named by what they hold.
//!
//! In: trees in a [`Scratch`] folder, with the paths they may refer to. Out:
//! [`StorePath`]s, their closures, and realisations ("this resolved step's
//! outputs are those paths"). It knows neither graph nor steps nor generations.
//!
//! ```text
//! scratch ─publish─▶ object + unsaved record ─sync─▶ object + record ─gc─▶ gone
//!             (renamed into place)      (syncfs, records, syncfs)
//! ```
//! Garbage is collected beside builds: who works holds a [`Session`] (`gc.rs`,
//! `sessions.rs`). An object counts only with its record, a record is written only when the
//! object's bytes are on disk, and a realisation counts only when the whole
//! closure of its outputs is there. Formats: `docs/formats.md`.

mod archive;
pub mod cache;
mod canonical;
mod companions;
mod compressed;
pub mod encoding;
mod flat;
mod folder;
mod fs;
mod gc;
mod hash;
mod identity;
mod nar;
mod objects;
mod optimise;
mod path;
mod proof;
mod publish;
mod realisations;
mod record;
mod references;
mod rewrite;
mod roots;
mod scratch;
mod sessions;
mod verify;
mod whole;
mod xz;

pub use archive::{ExportError, ImportError};
pub use canonical::Canonical;
pub use flat::hash_file;
pub(crate) use folder::Folder;
pub(crate) use fs::DEPTH_MAX;
pub use fs::remove_all;
pub use gc::{Collected, Collection, FindRoots};
pub use hash::{Hash, InvalidHash};
pub use identity::{FixedMode, FixedOutput, RealisationKey, ResolvedStep, scratch_path};
pub use nar::{RestoreError, TreeError, dump as dump_nar, restore as restore_nar};
pub use objects::Objects;
pub use optimise::Optimised;
pub use path::{DIGEST_CHARS, InvalidStorePath, STORE_DIR, STORE_PREFIX, StorePath, check_name};
pub use proof::ProofError;
pub use publish::{PublishError, PublishRequest, StepOutput};
pub use record::{ObjectInfo, Outputs};
pub use references::ScanError;
pub use roots::{Root, Roots};
pub use scratch::{Scratch, StepScratch};
pub use sessions::{Pin, Session, pin};
pub use verify::{Finding, Flaw, Verification, Verified};

use record::Records;
use std::collections::{BTreeSet, HashMap};
use std::fs::{File, Permissions};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

/// The host's part of the store failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("store: cannot {attempted} {path}: {source}")]
    Io {
        attempted: &'static str,
        path: PathBuf,
        source: std::io::Error,
    },
    /// Asked for an object the store does not have.
    #[error("{0} is not in the store")]
    Missing(StorePath),
}

impl StoreError {
    fn io(attempted: &'static str, path: &Path, source: impl Into<std::io::Error>) -> Self {
        StoreError::Io {
            attempted,
            path: path.to_owned(),
            source: source.into(),
        }
    }
}

/// Steps' folders, below the store's own.
const STEPS: &str = "steps";

/// An open store; clones are the same one. One process has it open at a time
/// (the lock on the state sees to it).
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    dir: PathBuf,
    /// This process writes to it, and no other does.
    owned: bool,
    /// For `syncfs`.
    folder: File,
    tmp: PathBuf,
    spares: Arc<scratch::Spares>,
    records: Records,
    index: Mutex<Index>,
    /// One at a time puts an object into place.
    installing: Mutex<()>,
    /// One at a time syncs; who waited finds its work done.
    syncing: Mutex<()>,
    /// One collection at a time.
    collecting: Mutex<()>,
    /// Closed while a collection decides; passed by whoever looks an object up.
    gate: RwLock<()>,
    sessions: sessions::Sessions,
}

/// What was read or made so far; `unsaved` is not on disk yet.
#[derive(Default)]
struct Index {
    objects: HashMap<StorePath, Arc<ObjectInfo>>,
    realisations: HashMap<RealisationKey, Outputs>,
    unsaved_objects: Vec<Arc<ObjectInfo>>,
    unsaved_realisations: Vec<RealisationKey>,
    whole: whole::Whole,
}

impl Store {
    /// Opens the store in `dir`, the real place, creating what is missing and
    /// sweeping what an interrupted process left.
    ///
    /// # Errors
    /// When the folders cannot be made, opened or swept.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let own = dir.join(".kiln");
        let tmp = own.join("tmp");
        create(dir, 0o755)?;
        for folder in ["", "objects", "realisations", "companions"] {
            create(&own.join(folder), 0o755)?;
        }
        // What is built lies there before it was looked at: nobody else's to see, but
        // a step's user walks through to its own, whose name nobody is told.
        for (folder, mode) in [(tmp, 0o700), (own.join(STEPS), 0o711)] {
            create(&folder, mode)?;
            std::fs::set_permissions(&folder, Permissions::from_mode(mode))
                .map_err(|e| StoreError::io("set the mode of", &folder, e))?;
            sweep(&folder)?;
        }
        Self::of_folder(dir, true)
    }

    /// Opens the store in `dir` to read it, whoever owns it: nothing is made or
    /// swept, and nothing can be published.
    ///
    /// # Errors
    /// When there is none, or it cannot be opened.
    pub fn open_to_read(dir: &Path) -> Result<Self, StoreError> {
        let own = dir.join(".kiln");
        std::fs::metadata(own.join("objects")).map_err(|e| StoreError::io("open", &own, e))?;
        Self::of_folder(dir, false)
    }

    fn of_folder(dir: &Path, owned: bool) -> Result<Self, StoreError> {
        let own = dir.join(".kiln");
        let folder = File::open(dir).map_err(|e| StoreError::io("open", dir, e))?;
        let inner = Inner {
            dir: dir.to_owned(),
            owned,
            folder,
            records: Records::new(&own),
            tmp: own.join("tmp"),
            spares: scratch::Spares::new(own.join(STEPS)),
            index: Mutex::default(),
            installing: Mutex::default(),
            syncing: Mutex::default(),
            collecting: Mutex::default(),
            gate: RwLock::default(),
            sessions: sessions::Sessions::default(),
        };
        let inner = Arc::new(inner);
        Ok(Store { inner })
    }

    /// The real folder that holds the objects.
    pub fn dir(&self) -> &Path {
        &self.inner.dir
    }

    /// Where an object lies, or would lie, on this host.
    pub fn real_path(&self, path: &StorePath) -> PathBuf {
        self.inner.dir.join(path.base_name())
    }

    /// Whether the object is there.
    pub fn contains(&self, path: &StorePath) -> bool {
        self.info(path).is_some()
    }

    /// What is known of the object; `None` when it is not there.
    pub fn info(&self, path: &StorePath) -> Option<Arc<ObjectInfo>> {
        let _open = self.pass();
        let info = self.look(path)?;
        self.inner.sessions.touch(path);
        Some(info)
    }

    /// As [`Store::info`], of no consequence for garbage: for who holds the gate.
    fn look(&self, path: &StorePath) -> Option<Arc<ObjectInfo>> {
        let known = self.index().objects.get(path).cloned();
        let info = match known {
            Some(info) => return self.is_in_place(path).then_some(info),
            None => Arc::new(self.inner.records.object(path)?),
        };
        if !self.is_in_place(path) {
            return None;
        }
        let mut index = self.index();
        Some(index.objects.entry(path.clone()).or_insert(info).clone())
    }

    /// From the folder's own descriptor: no path to walk for each object.
    fn is_in_place(&self, path: &StorePath) -> bool {
        fs::stat_at(&self.inner.folder, path.base_name().as_ref()).is_ok()
    }

    /// These objects and all they refer to.
    ///
    /// # Errors
    /// When one of them is not there.
    pub fn closure(
        &self,
        roots: impl IntoIterator<Item = StorePath>,
    ) -> Result<BTreeSet<StorePath>, StoreError> {
        let mut closure = BTreeSet::new();
        let mut waiting: Vec<StorePath> = roots.into_iter().collect();
        while let Some(path) = waiting.pop() {
            if closure.contains(&path) {
                continue;
            }
            let Some(info) = self.info(&path) else {
                return Err(StoreError::Missing(path));
            };
            waiting.extend(info.references.iter().cloned());
            closure.insert(path);
        }
        Ok(closure)
    }

    /// A new empty folder on the store's file system.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn scratch(&self) -> Result<Scratch, StoreError> {
        Scratch::new_in(&self.inner.tmp)
    }

    /// A folder for one step.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn step_scratch(&self) -> Result<StepScratch, StoreError> {
        self.inner.spares.take()
    }

    /// Takes a file with these bytes, which may refer to `candidates`.
    ///
    /// # Errors
    /// As [`Store::publish`].
    pub fn add_file(
        &self,
        name: &str,
        bytes: &[u8],
        executable: bool,
        candidates: &BTreeSet<StorePath>,
    ) -> Result<StorePath, PublishError> {
        let scratch = Scratch::name_in(&self.inner.tmp);
        let path = scratch.path();
        write_file(path, bytes, executable).map_err(|e| StoreError::io("write", path, e))?;
        self.publish(PublishRequest {
            path,
            name,
            candidates,
            scratch_self: None,
        })
    }

    /// Puts a canonical tree in its place; a second copy is removed.
    fn install(&self, tree: &Path, info: ObjectInfo) -> Result<StorePath, StoreError> {
        let (path, place) = (info.path.clone(), self.real_path(&info.path));
        let _one = lock(&self.inner.installing);
        if self.is_in_place(&path) {
            if self.contains(&path) {
                fs::remove_all(tree).map_err(|e| StoreError::io("remove", tree, e))?;
                return Ok(path);
            }
            // Left by a process that ended before it wrote the record.
            fs::remove_all(&place).map_err(|e| StoreError::io("remove", &place, e))?;
        }
        rename(tree, &place).map_err(|e| StoreError::io("put into place", &place, e))?;
        let info = Arc::new(info);
        let _open = self.pass();
        self.inner.sessions.touch(&path);
        let mut index = self.index();
        index.objects.insert(path.clone(), info.clone());
        index.unsaved_objects.push(info);
        Ok(path)
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        lock(&self.inner.index)
    }
}

/// A lock whose data is whole between any two statements: a panic elsewhere
/// leaves nothing half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A folder of this mode, whatever the umask; one that is there stays as it is.
fn create(folder: &Path, mode: u32) -> Result<(), StoreError> {
    let failed = |e| StoreError::io("create", folder, e);
    if folder.is_dir() {
        return Ok(());
    }
    std::fs::create_dir_all(folder).map_err(failed)?;
    std::fs::set_permissions(folder, Permissions::from_mode(mode)).map_err(failed)
}

fn sweep(tmp: &Path) -> Result<(), StoreError> {
    for entry in std::fs::read_dir(tmp).map_err(|e| StoreError::io("list", tmp, e))? {
        let path = entry.map_err(|e| StoreError::io("list", tmp, e))?.path();
        fs::remove_all(&path).map_err(|e| StoreError::io("remove", &path, e))?;
    }
    Ok(())
}

/// Moves a tree, whose top folder becomes read-only only in its new place.
fn rename(tree: &Path, place: &Path) -> std::io::Result<()> {
    let top = match std::fs::symlink_metadata(tree)?.is_dir() {
        true => Some(File::open(tree)?),
        false => None,
    };
    std::fs::rename(tree, place)?;
    if let Some(top) = top {
        top.set_permissions(Permissions::from_mode(0o555))?;
        nar::set_mtime(&top)?;
    }
    Ok(())
}

/// A new file; the mode it gets in the store follows from `executable`.
pub(crate) fn write_file(path: &Path, bytes: &[u8], executable: bool) -> std::io::Result<()> {
    use std::io::Write;
    let mode = if executable { 0o755 } else { 0o644 };
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(bytes)
}

#[cfg(test)]
mod tests;
