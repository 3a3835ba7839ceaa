//! Temporary roots: what a build or a reader came by, for as long as it works.
//!
//! A session roots every object that anybody looks at or publishes while it
//! lives, with its closure. That is more than it needs and never less, and
//! costs no list to keep. Another process roots an object by a shared lock on
//! its record ([`pin`]), which the kernel lets go of when the process ends.

use super::record::Records;
use super::{StoreError, StorePath, lock};
use nix::fcntl::{Flock, FlockArg};
use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex};

/// While it lives, nothing it came by is collected.
#[derive(Debug)]
pub struct Session {
    begun: u64,
    sessions: Sessions,
}

impl Drop for Session {
    fn drop(&mut self) {
        let mut inner = lock(&self.sessions.0);
        inner.live.remove(&self.begun);
        if inner.live.is_empty() {
            inner.touched = HashMap::new();
        }
    }
}

/// All sessions of one store.
#[derive(Debug, Clone, Default)]
pub(super) struct Sessions(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    /// Counts beginnings: what orders a touch and a session.
    clock: u64,
    live: BTreeSet<u64>,
    touched: HashMap<StorePath, u64>,
}

impl Sessions {
    pub(super) fn begin(&self) -> Session {
        let mut inner = lock(&self.0);
        inner.clock += 1;
        let begun = inner.clock;
        inner.live.insert(begun);
        Session {
            begun,
            sessions: self.clone(),
        }
    }

    /// Somebody came by the object.
    pub(super) fn touch(&self, path: &StorePath) {
        let mut inner = lock(&self.0);
        if !inner.live.is_empty() {
            let clock = inner.clock;
            match inner.touched.get_mut(path) {
                Some(touched) => *touched = clock,
                None => drop(inner.touched.insert(path.clone(), clock)),
            }
        }
    }

    /// Forgets what only sessions that ended came by.
    pub(super) fn prune(&self) {
        let mut inner = lock(&self.0);
        let oldest = inner.live.first().copied().unwrap_or(u64::MAX);
        inner.touched.retain(|_, touched| *touched >= oldest);
    }

    /// What live sessions may have come by.
    pub(super) fn touched(&self) -> Vec<StorePath> {
        lock(&self.0).touched.keys().cloned().collect()
    }
}

/// Roots an object of a store that another process may own, until the answer
/// is dropped or this process ends; a program this process becomes keeps it
/// with `inherited`. Needs no right but to read.
///
/// # Errors
/// [`StoreError::Missing`] when the object is not there (any more).
pub fn pin(store: &Path, path: &StorePath, inherited: bool) -> Result<Pin, StoreError> {
    let record = Records::new(&store.join(".kiln")).object_file(path);
    let file = match File::open(&record) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            return Err(StoreError::Missing(path.clone()));
        }
        file => file.map_err(|e| StoreError::io("open", &record, e))?,
    };
    let failed = |e: nix::errno::Errno| StoreError::io("lock", &record, e);
    if inherited {
        let none = nix::fcntl::FdFlag::empty();
        nix::fcntl::fcntl(&file, nix::fcntl::FcntlArg::F_SETFD(none)).map_err(failed)?;
    }
    let file = Flock::lock(file, FlockArg::LockShared).map_err(|(_, errno)| failed(errno))?;
    // A collection may have removed it while the lock was waited for.
    match file.metadata().is_ok_and(|found| found.nlink() > 0) {
        true => Ok(Pin(file)),
        false => Err(StoreError::Missing(path.clone())),
    }
}

/// Holds an object that [`pin`] rooted.
#[derive(Debug)]
pub struct Pin(#[expect(dead_code, reason = "held for its lock")] Flock<File>);

/// Who holds a record.
#[derive(Debug)]
pub(super) enum Claim {
    /// Nobody, and nobody can while this lives.
    Ours(Flock<File>),
    /// Another process, by [`pin`].
    Pinned,
    /// There is no such record.
    Gone,
}

/// Tries to become the only one to hold the record.
pub(super) fn claim(record: &Path) -> Result<Claim, StoreError> {
    let file = match File::open(record) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Claim::Gone),
        file => file.map_err(|e| StoreError::io("open", record, e))?,
    };
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(claimed) => Ok(Claim::Ours(claimed)),
        Err((_, nix::errno::Errno::EWOULDBLOCK)) => Ok(Claim::Pinned),
        Err((_, errno)) => Err(StoreError::io("lock", record, errno)),
    }
}
