//! Writing into a folder by its descriptor, one name at a time: no link is
//! ever followed, whoever chose the names.

use super::fs::open_file;
use nix::fcntl::{AT_FDCWD, OFlag, openat};
use nix::sys::stat::{Mode, mkdirat};
use nix::unistd::symlinkat;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;

/// An open folder.
pub(crate) struct Folder(OwnedFd);

impl Folder {
    /// Opens a folder of kiln's own; the last name must be no link.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let folder = open_file(AT_FDCWD, path.as_os_str(), OFlag::O_DIRECTORY)?;
        Ok(Folder(folder))
    }

    /// Makes a folder in this one and opens it. What is there already is an error.
    pub(crate) fn create(&self, name: &OsStr) -> io::Result<Self> {
        mkdirat(&self.0, name, Mode::from_bits_truncate(0o755))?;
        Ok(Folder(open_file(&self.0, name, OFlag::O_DIRECTORY)?))
    }

    /// Makes a file with all that `content` gives. What is there already is an error.
    pub(crate) fn file(
        &self,
        name: &OsStr,
        mut content: impl Read,
        executable: bool,
    ) -> io::Result<()> {
        let always = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL;
        let flags = always | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let mode = Mode::from_bits_truncate(if executable { 0o755 } else { 0o644 });
        let mut file = File::from(openat(&self.0, name, flags, mode)?);
        io::copy(&mut content, &mut file)?;
        file.flush()
    }

    /// Makes a symlink. What is there already is an error.
    pub(crate) fn symlink(&self, name: &OsStr, target: &OsStr) -> io::Result<()> {
        Ok(symlinkat(target, &self.0, name)?)
    }
}
