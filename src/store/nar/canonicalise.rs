//! What an object looks like on disk: files 0444 or 0555, folders 0555,
//! modified one second after the epoch, owned by kiln, no extended attributes,
//! each file its own.

use super::super::fs;
use super::TreeError;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat, renameat};
use nix::sys::stat::{FileStat, Mode, UtimensatFlags, fchmod, futimens, utimensat};
use nix::sys::time::TimeSpec;
use nix::unistd::{Gid, Uid, fchown, fchownat};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

const MTIME: TimeSpec = TimeSpec::new(1, 0);

/// Makes entries canonical for one owner.
#[derive(Clone, Copy)]
pub(crate) struct Canonicaliser {
    uid: Uid,
    gid: Gid,
}

impl Canonicaliser {
    /// Everything will belong to whom this process acts as.
    pub(crate) fn for_this_process() -> Self {
        Canonicaliser {
            uid: Uid::effective(),
            gid: Gid::effective(),
        }
    }

    /// Before a file is opened: refuses setuid, makes it readable, and gives
    /// one with several names its own content (the others may lie elsewhere).
    pub(super) fn prepare_file(
        self,
        folder: BorrowedFd<'_>,
        name: &OsStr,
        stat: &FileStat,
        inside: &Path,
    ) -> Result<(), TreeError> {
        if stat.st_nlink > 1 && stat.st_mode & 0o6000 == 0 {
            let failed = |e: io::Error| TreeError::io("copy the hard link", inside, e);
            return copy(folder, name, stat).map_err(failed);
        }
        make_readable(folder, name, stat, inside)
    }

    /// A file, by the descriptor it was read by.
    pub(super) fn file(self, file: &File, stat: &FileStat) -> Result<(), Errno> {
        self.own(file.as_fd(), stat)?;
        fs::clear_xattrs(file)?;
        let executable = stat.st_mode & 0o100 != 0;
        fchmod(file, mode(if executable { 0o555 } else { 0o444 }))?;
        set_mtime(file)
    }

    /// A folder, after what is in it. The top one stays writable: a folder
    /// that is read-only cannot be renamed to another by its owner.
    pub(super) fn folder(
        self,
        folder: BorrowedFd<'_>,
        stat: &FileStat,
        top: bool,
    ) -> Result<(), Errno> {
        self.own(folder, stat)?;
        fs::clear_xattrs(folder)?;
        fchmod(folder, mode(if top { 0o755 } else { 0o555 }))?;
        set_mtime(folder)
    }

    /// A symlink itself.
    pub(super) fn symlink(
        self,
        folder: BorrowedFd<'_>,
        name: &OsStr,
        stat: &FileStat,
    ) -> Result<(), Errno> {
        if self.is_foreign(stat) {
            let itself = AtFlags::AT_SYMLINK_NOFOLLOW;
            fchownat(folder, name, Some(self.uid), Some(self.gid), itself)?;
        }
        set_mtime_of(folder, name)
    }

    pub(super) fn own(self, file: BorrowedFd<'_>, stat: &FileStat) -> Result<(), Errno> {
        match self.is_foreign(stat) {
            true => fchown(file, Some(self.uid), Some(self.gid)),
            false => Ok(()),
        }
    }

    fn is_foreign(self, stat: &FileStat) -> bool {
        stat.st_uid != self.uid.as_raw() || stat.st_gid != self.gid.as_raw()
    }
}

/// Before a file is opened: refuses setuid, and lets its owner read it.
pub(super) fn make_readable(
    folder: BorrowedFd<'_>,
    name: &OsStr,
    stat: &FileStat,
    inside: &Path,
) -> Result<(), TreeError> {
    if stat.st_mode & 0o6000 != 0 {
        let (path, mode) = (inside.to_owned(), stat.st_mode & 0o7777);
        return Err(TreeError::Setuid { path, mode });
    }
    if stat.st_mode & 0o400 == 0 {
        let mode = stat.st_mode & 0o777 | 0o400;
        let made = fs::chmod_at(folder, name, mode);
        made.map_err(|e| TreeError::io("make readable", inside, e))?;
    }
    Ok(())
}

/// Sets the one time every entry has, of a symlink itself.
pub(super) fn set_mtime_of(folder: BorrowedFd<'_>, name: &OsStr) -> Result<(), Errno> {
    let itself = UtimensatFlags::NoFollowSymlink;
    utimensat(folder, name, &MTIME, &MTIME, itself)
}

/// Sets the one time every entry has.
pub(crate) fn set_mtime(file: impl AsFd) -> Result<(), Errno> {
    futimens(file, &MTIME, &MTIME)
}

/// Puts a copy with one name where a file with several is.
fn copy(folder: BorrowedFd<'_>, name: &OsStr, stat: &FileStat) -> io::Result<()> {
    if stat.st_mode & 0o400 == 0 {
        fs::chmod_at(folder, name, stat.st_mode & 0o777 | 0o400)?;
    }
    let mut from = File::from(fs::open_file(folder, name, OFlag::O_RDONLY)?);
    let unique = OsString::from(format!(".copy-{:016x}", fastrand::u64(..)));
    let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_CLOEXEC;
    let mut to = File::from(openat(folder, unique.as_os_str(), flags, mode(0o600))?);
    io::copy(&mut from, &mut to)?;
    fchmod(&to, mode(stat.st_mode & 0o777 | 0o400))?;
    Ok(renameat(folder, unique.as_os_str(), folder, name)?)
}

pub(super) fn mode(bits: u32) -> Mode {
    Mode::from_bits_truncate(bits)
}
