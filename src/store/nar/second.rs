//! A second tree with the bytes of a first and nothing else of it, canonical
//! from the start: made by the pass that reads the first, so that nothing is
//! read twice, and no file of it is one that somebody may still hold open.

use super::super::fs;
use super::canonicalise::{Canonicaliser, mode, set_mtime, set_mtime_of};
use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::{fchmod, fstat, mkdirat};
use nix::unistd::symlinkat;
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

/// A folder of the second tree, or the one around it.
#[derive(Debug)]
pub(in crate::store) struct Second(OwnedFd);

impl Second {
    /// A folder of kiln's own, in which nothing is yet. What it would hand on to
    /// what is made in it is taken away: an owner, attributes.
    pub(in crate::store) fn in_folder(path: &Path) -> io::Result<Self> {
        let folder = fs::open_file(nix::fcntl::AT_FDCWD, path.as_os_str(), OFlag::O_DIRECTORY)?;
        Canonicaliser::for_this_process().own(folder.as_fd(), &fstat(&folder)?)?;
        fs::clear_xattrs(&folder)?;
        fchmod(&folder, mode(0o700))?;
        Ok(Second(folder))
    }

    /// A file to write to.
    pub(super) fn file(&self, name: &OsStr) -> Result<File, Errno> {
        let always = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL;
        let flags = always | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        openat(&self.0, name, flags, mode(0o600)).map(File::from)
    }

    /// All of the file is written.
    pub(super) fn end_file(file: &File, executable: bool) -> Result<(), Errno> {
        fchmod(file, mode(if executable { 0o555 } else { 0o444 }))?;
        set_mtime(file)
    }

    /// A folder in this one.
    pub(super) fn folder(&self, name: &OsStr) -> Result<Self, Errno> {
        mkdirat(&self.0, name, mode(0o700))?;
        fs::open_file(&self.0, name, OFlag::O_DIRECTORY).map(Second)
    }

    /// All of this folder is there. The top one stays writable, to be moved.
    pub(super) fn end_folder(&self, top: bool) -> Result<(), Errno> {
        fchmod(&self.0, mode(if top { 0o755 } else { 0o555 }))?;
        set_mtime(&self.0)
    }

    pub(super) fn symlink(&self, name: &OsStr, target: &OsStr) -> Result<(), Errno> {
        symlinkat(target, &self.0, name)?;
        set_mtime_of(self.0.as_fd(), name)
    }
}
