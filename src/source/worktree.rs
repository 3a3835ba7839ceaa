//! The files of a work tree as they are, tracked and unignored ones, as a tree
//! object. Nothing is written to the person's repository, no link is followed,
//! no filter runs.

use super::dev::DevError;
use super::repository::index_entry;
use git2::{Index, ObjectType, Oid, Repository, StatusOptions};
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2, readlinkat};
use nix::sys::stat::{SFlag, fstat};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The files that are not as committed, sorted; ignored ones are left out.
pub(super) fn changed(user: &Repository, root: &Path) -> Result<Vec<PathBuf>, DevError> {
    if user.workdir().is_none() {
        return Ok(Vec::new());
    }
    let mut options = StatusOptions::new();
    options
        .include_untracked(true)
        .recurse_untracked_dirs(true)
        .include_ignored(false)
        .exclude_submodules(true)
        .update_index(false);
    let statuses = user
        .statuses(Some(&mut options))
        .map_err(|source| DevError::Git {
            doing: "compare the work tree of",
            path: root.to_owned(),
            source,
        })?;
    let paths = statuses
        .iter()
        .map(|entry| PathBuf::from(OsStr::from_bytes(entry.path_bytes())));
    // A folder is another repository inside this one: not ours.
    let mut paths: Vec<_> = paths
        .filter(|path| !path.as_os_str().as_bytes().ends_with(b"/"))
        .collect();
    paths.sort();
    paths.dedup();
    Ok(paths)
}

/// Writes the tree of the work tree at `root` to `state`; `committed` is the
/// tree of its commit. Returns its id.
pub(super) fn snapshot(
    user: &Repository,
    state: &Repository,
    root: &Path,
    committed: &str,
) -> Result<String, DevError> {
    let git = |source| DevError::Git {
        doing: "take the work tree of",
        path: root.to_owned(),
        source,
    };
    let base = Oid::from_str(committed)
        .and_then(|id| state.find_tree(id))
        .map_err(git)?;
    let mut index = Index::new()
        .and_then(|mut index| index.read_tree(&base).map(|()| index))
        .map_err(git)?;
    let changed = changed(user, root)?;
    let folder = File::open(root).map_err(|source| DevError::File {
        path: root.to_owned(),
        source,
    })?;
    // Removed first: a file may have become a folder, and the other way round.
    for path in &changed {
        let _ = index.remove(path, 0); // an untracked one is not there
    }
    for path in changed {
        let found = read(&folder, &path).map_err(|source| DevError::File {
            path: root.join(&path),
            source,
        })?;
        if let Some((mode, bytes)) = found {
            let id = state
                .odb()
                .and_then(|odb| odb.write(ObjectType::Blob, &bytes))
                .map_err(git)?;
            index.add(&index_entry(&path, mode, id)).map_err(git)?;
        }
    }
    Ok(index.write_tree_to(state).map_err(git)?.to_string())
}

/// Mode and content as Git keeps them; `None` for what is gone or is no file.
fn read(root: &File, path: &Path) -> io::Result<Option<(u32, Vec<u8>)>> {
    let opened = match open_beneath(root, path, OFlag::O_PATH | OFlag::O_NOFOLLOW) {
        Err(nix::Error::ENOENT | nix::Error::ENOTDIR | nix::Error::ELOOP) => return Ok(None),
        opened => opened?,
    };
    let mode = fstat(&opened)?.st_mode;
    match SFlag::from_bits_truncate(mode & SFlag::S_IFMT.bits()) {
        SFlag::S_IFLNK => {
            let target = readlinkat(&opened, "")?;
            Ok(Some((0o120_000, target.as_bytes().to_vec())))
        }
        SFlag::S_IFREG => {
            let mut bytes = Vec::new();
            let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
            File::from(open_beneath(root, path, flags)?).read_to_end(&mut bytes)?;
            let executable = mode & 0o100 != 0;
            Ok(Some((
                if executable { 0o100_755 } else { 0o100_644 },
                bytes,
            )))
        }
        _ => Ok(None),
    }
}

/// No component of `path` may be a link: it could lead out of the work tree. A
/// last one is opened itself by `O_PATH | O_NOFOLLOW`.
fn open_beneath(root: &File, path: &Path, flags: OFlag) -> nix::Result<OwnedFd> {
    let how = OpenHow::new()
        .flags(flags | OFlag::O_CLOEXEC)
        .resolve(ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_SYMLINKS);
    openat2(root, path, how)
}
