//! Threads that write the small files of a copy: making a file costs the kernel
//! more than reading, hashing and scanning it together. Whoever reads goes on,
//! and writes himself while the threads have enough to do.

use super::TreeError;
use super::second::Second;
use nix::errno::Errno;
use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Scope;

/// Files that wait for one thread; each is a piece at most.
const WAITING: usize = 32;
/// More threads wait for the file system's journal.
const THREADS_MAX: usize = 3;

/// A file that was read.
pub(super) struct Job {
    /// Where it was read, for messages.
    pub path: PathBuf,
    pub folder: Arc<Second>,
    pub name: OsString,
    pub content: Vec<u8>,
    pub executable: bool,
}

impl Job {
    fn run(self) -> Result<(), TreeError> {
        let write = || -> std::io::Result<()> {
            let mut file = self.folder.file(&self.name)?;
            file.write_all(&self.content)?;
            Ok(Second::end_file(&file, self.executable)?)
        };
        let failed = |e: std::io::Error| TreeError::io("write the copy of", &self.path, e);
        write().map_err(failed)?;
        end_folder(self.folder).map_err(|e| failed(e.into()))
    }
}

/// Whoever holds a folder last ends it: all that is in it is there.
pub(super) fn end_folder(folder: Arc<Second>) -> Result<(), Errno> {
    match Arc::into_inner(folder) {
        Some(folder) => folder.end_folder(),
        None => Ok(()),
    }
}

/// The threads; they end when this is dropped and the last file is written.
pub(super) struct Writers<'s> {
    /// `None`: there is one processor.
    queue: Option<SyncSender<Job>>,
    failure: &'s Mutex<Option<TreeError>>,
}

impl<'s> Writers<'s> {
    pub(super) fn start<'env>(
        scope: &'s Scope<'s, 'env>,
        failure: &'s Mutex<Option<TreeError>>,
    ) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = (processors - 1).min(THREADS_MAX);
        let (queue, jobs) = sync_channel(WAITING * threads);
        let jobs = Arc::new(Mutex::new(jobs));
        for _ in 0..threads {
            let jobs = jobs.clone();
            scope.spawn(move || work(&jobs, failure));
        }
        Writers {
            queue: (threads > 0).then_some(queue),
            failure,
        }
    }

    /// Writes the file, now or soon; an error may be an earlier file's.
    pub(super) fn write(&self, job: Job) -> Result<(), TreeError> {
        if let Some(failure) = lock(self.failure).take() {
            return Err(failure);
        }
        let left = match &self.queue {
            Some(queue) => queue.try_send(job),
            None => Err(TrySendError::Full(job)),
        };
        match left {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(job) | TrySendError::Disconnected(job)) => job.run(),
        }
    }
}

fn work(jobs: &Mutex<Receiver<Job>>, failure: &Mutex<Option<TreeError>>) {
    loop {
        let job = lock(jobs).recv();
        let Ok(job) = job else { return };
        if let Err(error) = job.run() {
            lock(failure).get_or_insert(error);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
