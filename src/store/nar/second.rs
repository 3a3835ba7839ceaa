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
pub(in crate::store) struct Second {
    folder: OwnedFd,
    /// How many folders of the tree it is in; `None`: it is the one around it.
    depth: Option<usize>,
}

impl Second {
    /// A folder of kiln's own, in which nothing is yet. What it would hand on to
    /// what is made in it is taken away: an owner, attributes.
    pub(in crate::store) fn in_folder(path: &Path) -> io::Result<Self> {
        let folder = fs::open_file(nix::fcntl::AT_FDCWD, path.as_os_str(), OFlag::O_DIRECTORY)?;
        Canonicaliser::for_this_process().own(folder.as_fd(), &fstat(&folder)?)?;
        fs::clear_xattrs(&folder)?;
        fchmod(&folder, mode(0o700))?;
        Ok(Second {
            folder,
            depth: None,
        })
    }

    /// A file to write to.
    pub(super) fn file(&self, name: &OsStr) -> Result<File, Errno> {
        let always = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL;
        let flags = always | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        openat(&self.folder, name, flags, mode(0o600)).map(File::from)
    }

    /// All of the file is written.
    pub(super) fn end_file(file: &File, executable: bool) -> Result<(), Errno> {
        fchmod(file, mode(if executable { 0o555 } else { 0o444 }))?;
        set_mtime(file)
    }

    /// A folder in this one.
    pub(super) fn folder(&self, name: &OsStr) -> Result<Self, Errno> {
        mkdirat(&self.folder, name, mode(0o700))?;
        let folder = fs::open_file(&self.folder, name, OFlag::O_DIRECTORY)?;
        let depth = Some(self.depth.map_or(0, |depth| depth + 1));
        Ok(Second { folder, depth })
    }

    /// All of this folder is there. The top one stays writable, to be moved.
    pub(super) fn end_folder(&self) -> Result<(), Errno> {
        match self.depth {
            None => return Ok(()),
            Some(0) => fchmod(&self.folder, mode(0o755))?,
            Some(_) => fchmod(&self.folder, mode(0o555))?,
        }
        set_mtime(&self.folder)
    }

    pub(super) fn symlink(&self, name: &OsStr, target: &OsStr) -> Result<(), Errno> {
        symlinkat(target, &self.folder, name)?;
        set_mtime_of(self.folder.as_fd(), name)
    }
}
