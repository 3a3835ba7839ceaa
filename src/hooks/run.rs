//! One attempt as the agent sees it: a folder with the request, the lock, the
//! log and, in the end, the outcome.

use crate::process;
use crate::state::files;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;
use time::OffsetDateTime;
use tokio::sync::oneshot;

/// What a runner is told, in `request.json`.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Request {
    /// Tells this run from every other one in the same folder.
    #[serde(with = "time::serde::rfc3339")]
    pub started_at: OffsetDateTime,
    pub attempt: u32,
    pub command: Vec<String>,
    pub user: Option<String>,
    pub timeout: Duration,
    /// The whole environment.
    pub env: BTreeMap<String, String>,
    /// For its standard input.
    pub input: String,
    /// Whose first line is the process id of the agent: one that the hook
    /// started is no part of the hook.
    pub agent: PathBuf,
}

/// What a runner leaves, in `outcome.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Outcome {
    /// Of the request.
    #[serde(with = "time::serde::rfc3339")]
    pub started_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub ended_at: OffsetDateTime,
    pub end: End,
    /// Empty when it went well.
    pub log_tail: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum End {
    /// As a shell says it.
    Exited {
        code: i32,
    },
    TimedOut,
}

impl Outcome {
    /// It could not be started, or its runner was lost.
    pub fn not_run(started_at: OffsetDateTime, why: String) -> Self {
        Outcome {
            started_at,
            ended_at: crate::model::now(),
            end: End::Exited { code: NOT_RUN },
            log_tail: why,
        }
    }
}

/// As a shell says it of what it cannot run.
pub(super) const NOT_RUN: i32 = 126;

/// Files of one hook of one generation.
pub(super) struct Folder<'a>(pub &'a Path);

impl Folder<'_> {
    pub fn request(&self) -> PathBuf {
        self.0.join("request.json")
    }
    pub fn lock(&self) -> PathBuf {
        self.0.join("lock")
    }
    pub fn log(&self) -> PathBuf {
        self.0.join("log")
    }
    pub fn outcome(&self) -> PathBuf {
        self.0.join("outcome.json")
    }
}

/// Starts a runner for `request`. Blocking; does not wait for the hook.
///
/// # Errors
/// When the folder cannot be written, another run holds it, or no process can
/// be started.
pub(super) fn begin(folder: &Path, request: &Request) -> io::Result<()> {
    let places = Folder(folder);
    // A hook's output is its owner's: nobody else reads it.
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(0o750).create(folder)?;
    let lock = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW)
        .open(places.lock())?;
    flock(&lock, libc::LOCK_EX | libc::LOCK_NB).map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => io::Error::other("an earlier run of it has not ended"),
        _ => error,
    })?;
    let json = serde_json::to_vec_pretty(request)?;
    files::replace(&places.request(), &json).map_err(io::Error::other)?;
    // The lock belongs to the open file: the runner inherits it with the
    // descriptor, and our copy is closed without letting go of it.
    process::detach("hook-runner", folder, lock)
}

/// As [`nix::fcntl::Flock`], which unlocks for everyone when it is dropped.
fn flock(file: &File, operation: libc::c_int) -> io::Result<()> {
    // SAFETY: a system call on a descriptor that is open as long as `file`.
    match unsafe { libc::flock(file.as_raw_fd(), operation) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Waits until no runner holds the folder; answers with the outcome of the run
/// that began at `started_at`, if it left one.
pub(super) async fn ended(folder: &Path, started_at: OffsetDateTime) -> Option<Outcome> {
    let (sender, released) = oneshot::channel();
    let path = Folder(folder).lock();
    // A thread of its own, since nothing but its end wakes it: whoever stops
    // waiting leaves it to the end of the hook or of this process. One at most.
    let waiting = std::thread::Builder::new().spawn(move || {
        let _ = sender.send(wait_for_release(&path));
    });
    if let Err(error) = waiting {
        tracing::error!(%error, "the end of a hook cannot be waited for");
        std::future::pending::<()>().await;
    }
    match released.await {
        Ok(Err(error)) if error.kind() != io::ErrorKind::NotFound => {
            tracing::error!(%error, folder = %folder.display(), "waiting for the end of a hook");
        }
        _ => {}
    }
    read_outcome(folder).filter(|outcome| outcome.started_at == started_at)
}

fn wait_for_release(lock: &Path) -> io::Result<()> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW)
        .open(lock)?;
    loop {
        match flock(&file, libc::LOCK_SH) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            locked => return locked,
        }
    }
}

fn read_outcome(folder: &Path) -> Option<Outcome> {
    let bytes = files::read(&Folder(folder).outcome()).inspect_err(|error| {
        tracing::error!(%error, "the outcome of a hook is lost");
    });
    let outcome = serde_json::from_slice(&bytes.ok()??);
    outcome
        .inspect_err(|error| {
            tracing::error!(%error, folder = %folder.display(), "the outcome of a hook is damaged");
        })
        .ok()
}
