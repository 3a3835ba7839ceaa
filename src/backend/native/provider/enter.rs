//! `kiln shell`: a command that sees the store at its written path, without
//! root. Everything else of the host stays as it is.
//!
//! Root needs a mount namespace only; anybody else gets a user namespace in
//! which it is itself. Where the written path does not exist and cannot be
//! made, the root folder is rebuilt from binds of the host's own entries, with
//! the way to the store in between.

use super::sandbox::mounts::{Held, bind, held, make_private, pivot, restrict, tmpfs};
use super::sandbox::spec::{Attempt, STORE, SetupError};
use super::sandbox::userns::explain;
use nix::fcntl::{OFlag, open};
use nix::mount::{MntFlags, MsFlags, umount2};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{SigHandler, Signal, signal};
use nix::sys::stat::Mode;
use std::convert::Infallible;
use std::ffi::{CString, OsStr, OsString};
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

/// The command could not be run with the store at its written path.
#[derive(Debug, thiserror::Error)]
#[error("run {program} with the store {store} at {STORE}: {source}")]
pub struct EnterError {
    program: String,
    store: String,
    source: SetupError,
}

impl EnterError {
    /// As a shell says it: 127 when the program does not exist, else 126.
    pub fn exit_code(&self) -> u8 {
        match self.source.source.kind() {
            io::ErrorKind::NotFound => 127,
            _ => 126,
        }
    }
}

/// Becomes the command `argv`, looked up in `PATH`, with `store_dir` mounted
/// read-only where store paths are written. Environment, working directory,
/// standard streams and user stay.
///
/// The calling process must have one thread: call it before any runtime starts.
///
/// # Errors
/// When namespaces or mounts are refused or the program cannot be run; the
/// process is then of no use but to print the error and end.
pub fn exec_with_store(store_dir: &Path, argv: &[OsString]) -> Result<Infallible, EnterError> {
    enter(store_dir)
        .and_then(|()| exec(argv))
        .map_err(|source| EnterError {
            program: argv
                .first()
                .map_or_else(String::new, |program| program.display().to_string()),
            store: store_dir.display().to_string(),
            source,
        })
}

fn enter(store_dir: &Path) -> Result<(), SetupError> {
    let here = std::env::current_dir().unwrap_or_else(|_| "/".into());
    let has_mount_point = Path::new(STORE).is_dir() || fs::create_dir_all(STORE).is_ok();
    isolate()?;
    make_private()?;
    // Only now: opened in the old namespace it could not be bound in the new one.
    let store = hold(store_dir)?;
    match has_mount_point {
        true => show(&store, Path::new(STORE))?,
        false => rebuild_root(&store)?,
    }
    // A working directory that is hidden now is left for the root.
    std::env::set_current_dir(&here)
        .or_else(|_| std::env::set_current_dir("/"))
        .attempt(|| format!("return to {}", here.display()))
}

fn isolate() -> Result<(), SetupError> {
    let (uid, gid) = (nix::unistd::geteuid(), nix::unistd::getegid());
    if uid.is_root() && unshare(CloneFlags::CLONE_NEWNS).is_ok() {
        return Ok(());
    }
    unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS)
        .map_err(|errno| explain(errno.into()))
        .attempt(|| "make a user and a mount namespace".into())?;
    for (file, content) in [
        ("setgroups", "deny".to_owned()),
        ("uid_map", format!("{uid} {uid} 1\n")),
        ("gid_map", format!("{gid} {gid} 1\n")),
    ] {
        let path = format!("/proc/self/{file}");
        fs::write(&path, content).attempt(|| format!("write {path}"))?;
    }
    Ok(())
}

/// Keeps a path reachable whatever is mounted over it.
fn hold(path: &Path) -> Result<OwnedFd, SetupError> {
    open(path, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty())
        .attempt(|| format!("open {}", path.display()))
}

fn show(store: &OwnedFd, at: &Path) -> Result<(), SetupError> {
    bind(&held(store), at, MsFlags::empty())?;
    restrict(at, MsFlags::MS_RDONLY)
}

/// A root of binds with a folder of its own for each part of the store's path.
fn rebuild_root(store: &OwnedFd) -> Result<(), SetupError> {
    // A tmpfs hides what it is mounted on: everything is held open before.
    let levels = levels()?;
    let new_root = fs::canonicalize("/tmp").attempt(|| "find /tmp".into())?;
    let new_root = new_root.as_path();
    tmpfs(new_root, "mode=755", MsFlags::empty())?;
    for entry in levels {
        show_entry(&entry, new_root)?;
    }
    // The binds took the tmpfs along, over the host's own /tmp.
    let covered = new_root.join(new_root.strip_prefix("/").unwrap_or(new_root));
    umount2(&covered, MntFlags::MNT_DETACH).attempt(|| "uncover /tmp".into())?;
    let inside = new_root.join(STORE.trim_start_matches('/'));
    fs::create_dir_all(&inside).attempt(|| format!("make {STORE}"))?;
    show(store, &inside)?;
    std::env::set_current_dir(new_root).attempt(|| "enter the new root".into())?;
    pivot()?;
    restrict(Path::new("/"), MsFlags::MS_RDONLY)
}

/// An entry of the host's root, or of a folder on the way to the store.
type Entry = (PathBuf, Held);

/// Everything beside the way to the store. What cannot be read is left out:
/// the command could not have read it either.
fn levels() -> Result<Vec<Entry>, SetupError> {
    let mut entries = Vec::new();
    let mut folder = PathBuf::from("/");
    for part in Path::new(STORE).components() {
        let Component::Normal(next) = part else {
            continue;
        };
        if let Ok(listed) = fs::read_dir(&folder) {
            for entry in listed.flatten().filter(|entry| entry.file_name() != next) {
                let path = entry.path();
                // One that is gone meanwhile is left out.
                if fs::symlink_metadata(&path).is_ok() {
                    let held = Held::open(&path)?;
                    entries.push((path, held));
                }
            }
        }
        folder.push(next);
    }
    Ok(entries)
}

fn show_entry((path, entry): &Entry, new_root: &Path) -> Result<(), SetupError> {
    let inside = new_root.join(path.strip_prefix("/").unwrap_or(path));
    if let Some(parent) = inside.parent() {
        fs::create_dir_all(parent).attempt(|| format!("show {}", path.display()))?;
    }
    entry.show(&inside, MsFlags::MS_REC)
}

fn exec(argv: &[OsString]) -> Result<Infallible, SetupError> {
    let words: Result<Vec<CString>, _> = argv
        .iter()
        .map(|word| CString::new(OsStr::as_bytes(word)))
        .collect();
    let words = words.attempt(|| "pass on an argument".into())?;
    let empty = || io::Error::new(io::ErrorKind::InvalidInput, "no program was given");
    let program = words.first().ok_or_else(empty);
    let program = program.attempt(|| "read the command".into())?;
    // A Rust program ignores SIGPIPE; the command expects what a shell gives it.
    // SAFETY: sets no handler.
    unsafe { signal(Signal::SIGPIPE, SigHandler::SigDfl) }.attempt(|| "reset SIGPIPE".into())?;
    nix::unistd::execvp(program, &words).attempt(|| "start the program".into())
}
