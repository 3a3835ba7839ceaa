//! Puts final digests where scratch digests stand, in a tree that is
//! canonical already and stays so.

use super::nar::{Part, TreeError, set_mtime};
use super::path::DIGEST_CHARS;
use super::references::{DigestText, Rewrite};
use nix::fcntl::AT_FDCWD;
use nix::sys::stat::{UtimensatFlags, utimensat};
use nix::sys::time::TimeSpec;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileExt, OpenOptionsExt, PermissionsExt, symlink};
use std::path::Path;

/// Rewrites the object at `root`, whose own digest is now known.
pub(super) fn apply(root: &Path, rewrites: &[Rewrite], own: DigestText) -> Result<(), TreeError> {
    for rewrite in rewrites {
        // Joining an empty path would append a slash, and follow a link.
        let path = match rewrite.file.as_os_str().is_empty() {
            true => root.to_owned(),
            false => root.join(&rewrite.file),
        };
        let done = match rewrite.part {
            Part::Target => target(root, &path, rewrite, own),
            Part::Content | Part::Name => content(&path, rewrite, own),
        };
        done.map_err(|e| TreeError::io("put the final path into", &path, e))?;
    }
    Ok(())
}

fn content(path: &Path, rewrite: &Rewrite, own: DigestText) -> io::Result<()> {
    let mode = fs::symlink_metadata(path)?.permissions();
    fs::set_permissions(path, Permissions::from_mode(0o600))?;
    let nofollow = libc::O_NOFOLLOW;
    let file = OpenOptions::new()
        .write(true)
        .custom_flags(nofollow)
        .open(path)?;
    for (offset, by) in &rewrite.places {
        file.write_all_at(&by.unwrap_or(own), *offset)?;
    }
    file.set_permissions(mode)?;
    Ok(set_mtime(&file)?)
}

fn target(root: &Path, path: &Path, rewrite: &Rewrite, own: DigestText) -> io::Result<()> {
    let mut target = fs::read_link(path)?.as_os_str().as_bytes().to_vec();
    for (offset, by) in &rewrite.places {
        let start = usize::try_from(*offset).unwrap_or(usize::MAX);
        let place = target.get_mut(start..start.saturating_add(DIGEST_CHARS));
        place
            .ok_or(io::ErrorKind::InvalidData)?
            .copy_from_slice(&by.unwrap_or(own));
    }
    let target = OsString::from_vec(target);
    match path.parent() {
        Some(folder) if path != root => in_folder(root, folder, || replace(path, &target)),
        _ => replace(path, &target),
    }
}

/// Opens a read-only folder of the object up for one change.
fn in_folder(
    root: &Path,
    folder: &Path,
    change: impl FnOnce() -> io::Result<()>,
) -> io::Result<()> {
    fs::set_permissions(folder, Permissions::from_mode(0o755))?;
    change()?;
    if folder != root {
        fs::set_permissions(folder, Permissions::from_mode(0o555))?;
    }
    Ok(set_mtime(File::open(folder)?)?)
}

fn replace(path: &Path, target: &OsString) -> io::Result<()> {
    fs::remove_file(path)?;
    symlink(target, path)?;
    let (time, itself) = (TimeSpec::new(1, 0), UtimensatFlags::NoFollowSymlink);
    Ok(utimensat(AT_FDCWD, path, &time, &time, itself)?)
}
