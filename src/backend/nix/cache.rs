//! What Nix keeps of repositories and archives it fetched: below `cache` of its
//! home. It never removes any of that, so what is old goes here; Nix fetches again
//! what it still needs. Nothing goes while something is evaluated.

use super::NixConfig;
use super::program::make_home;
use nix::fcntl::{Flock, FlockArg};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Held shared while Nix evaluates, and alone while something goes.
const LOCK: &str = "cache.lock";
/// All of it, below its home.
const WHOLE: &str = "cache";
/// Where Nix keeps its caches, below its home.
const CACHE: &str = "cache/nix";
/// A bare repository for each URL that commits were fetched from.
const REPOSITORIES: &str = "gitv3";
/// What archives hold, since Nix 2.20: a bare repository.
const ARCHIVES: &str = "tarball-cache";
/// What Nix says of a cache that it cannot read, in lower case.
const DAMAGE: [&str; 3] = [
    "file is not a database",
    "database disk image is malformed",
    "not a directory",
];
/// Begins the name of what is being removed.
const REMOVED: &str = "removed-by-kiln";

/// As long as this is there, nothing goes.
#[derive(Debug)]
pub(super) struct InUse(#[expect(dead_code, reason = "held for its lock")] Flock<File>);

impl InUse {
    /// Waits while something goes: for renames only. Blocking.
    ///
    /// # Errors
    /// When the folder or the lock in it cannot be made.
    pub fn begin(home: &Path) -> io::Result<Self> {
        make_home(home)?;
        let file = File::options()
            .create(true)
            .append(true)
            .open(home.join(LOCK))?;
        let lock = Flock::lock(file, FlockArg::LockShared);
        Ok(InUse(lock.map_err(|(_, errno)| io::Error::from(errno))?))
    }
}

/// Removes what is older than the configuration's age, unless it may be in use.
/// What cannot be removed is said in the log: it is tried again. Blocking.
pub(super) fn prune(config: &NixConfig) {
    let folder = config.home.join(CACHE);
    let done = set_aside(&config.home, &folder, config.cache_age);
    let removed = done.and_then(|()| remove(&folder));
    if let Err(error) = removed.and_then(|()| remove(&config.home)) {
        tracing::warn!(%error, folder = %folder.display(), "what Nix fetched long ago stays");
    }
}

/// Whether an evaluation failed for a damaged cache of this home.
pub(super) fn is_damage(home: &Path, message: &str) -> bool {
    // In quotation marks, and by the standard library that Nix uses in brackets.
    let whole = home.join(WHOLE).display().to_string();
    let names_it = ['\'', '[']
        .iter()
        .any(|before| message.contains(&format!("{before}{whole}")));
    let lower = message.to_lowercase();
    names_it && DAMAGE.iter().any(|words| lower.contains(words))
}

/// Puts away all that Nix keeps there, damaged as it is; whether that is done, which
/// it is not while something else is evaluated.
pub(super) async fn is_set_aside(home: &Path) -> bool {
    let folder = home.to_owned();
    let done = tokio::task::spawn_blocking(move || set_aside_whole(&folder)).await;
    let done = done.unwrap_or_else(|error| Err(io::Error::other(error)));
    done.unwrap_or_else(|error| {
        tracing::warn!(%error, home = %home.display(), "a damaged cache of Nix stays");
        false
    })
}

fn set_aside_whole(home: &Path) -> io::Result<bool> {
    let Some(_alone) = alone(home)? else {
        return Ok(false);
    };
    remove(home)?; // the name is free then
    absent_is_fine(fs::rename(
        home.join(WHOLE),
        home.join(format!("{REMOVED}-{WHOLE}")),
    ))?;
    if let Err(error) = remove(home) {
        tracing::warn!(%error, home = %home.display(), "a damaged cache of Nix stays behind");
    }
    Ok(true)
}

/// Renames what is old, which no Nix finds any more.
fn set_aside(home: &Path, folder: &Path, age: Duration) -> io::Result<()> {
    let old: Vec<PathBuf> = entries(folder)?
        .into_iter()
        .filter(|path| is_old(path, age))
        .collect();
    if old.is_empty() {
        return Ok(());
    }
    let Some(_alone) = alone(home)? else {
        return Ok(()); // next time
    };
    for path in old {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        fs::rename(&path, folder.join(format!("{REMOVED}-{name}")))?;
    }
    Ok(())
}

/// Nothing is evaluated as long as it is held; `None`: something is.
fn alone(home: &Path) -> io::Result<Option<Flock<File>>> {
    let lock = File::options().append(true).open(home.join(LOCK))?;
    Ok(Flock::lock(lock, FlockArg::LockExclusiveNonblock).ok())
}

/// Also what an earlier one left.
fn remove(folder: &Path) -> io::Result<()> {
    for path in children(folder)? {
        let name = path.file_name().unwrap_or_default();
        if name.to_string_lossy().starts_with(REMOVED) {
            let is_folder = path.symlink_metadata().is_ok_and(|found| found.is_dir());
            absent_is_fine(match is_folder {
                true => fs::remove_dir_all(path),
                false => fs::remove_file(path),
            })?;
        }
    }
    Ok(())
}

fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut entries = children(&folder.join(REPOSITORIES))?;
    entries.extend(children(folder)?.into_iter().filter(|path| {
        let name = path.file_name().unwrap_or_default();
        name.to_string_lossy().starts_with(ARCHIVES)
    }));
    entries.retain(|path| path.is_dir());
    Ok(entries)
}

/// A repository is as old as the oldest thing in it: those that are used are
/// written to, and grow for ever.
fn is_old(path: &Path, age: Duration) -> bool {
    let times = children(path).unwrap_or_default().into_iter();
    let times = times.filter_map(|child| child.symlink_metadata().ok()?.modified().ok());
    let oldest = times.min();
    let since = oldest.and_then(|oldest| SystemTime::now().duration_since(oldest).ok());
    since.is_some_and(|since| since > age)
}

/// Nothing in a folder that is not there.
fn children(folder: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(folder) {
        Ok(entries) => entries.map(|entry| Ok(entry?.path())).collect(),
        Err(error) => absent_is_fine(Err(error)).map(|()| Vec::new()),
    }
}

fn absent_is_fine(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}
