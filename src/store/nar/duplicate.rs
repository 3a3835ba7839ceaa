//! A second tree with the bytes of a first and nothing else of it: no file or
//! folder that somebody may still hold a descriptor of.

use super::super::folder::Folder;
use super::super::fs::{self, DEPTH_MAX};
use super::{TreeError, kind_name, open_parent};
use nix::fcntl::OFlag;
use nix::sys::stat::{FileStat, SFlag, fstat};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

/// Copies the tree at `from` to `name` in `to`.
///
/// # Errors
/// When the tree holds what no object may, or a read or write fails.
pub(crate) fn duplicate(from: &Path, to: &Folder, name: &OsStr) -> Result<(), TreeError> {
    let (parent, from) = open_parent(from)?;
    Duplicate(PathBuf::new()).node((parent.as_fd(), &from), (to, name), 0)
}

/// Where the walk is, inside the tree.
struct Duplicate(PathBuf);

type Source<'a> = (BorrowedFd<'a>, &'a OsStr);
type Target<'a> = (&'a Folder, &'a OsStr);

impl Duplicate {
    fn node(&mut self, from: Source<'_>, to: Target<'_>, depth: usize) -> Result<(), TreeError> {
        let stat = self.host("look at", fs::stat_at(from.0, from.1))?;
        match fs::kind(&stat) {
            SFlag::S_IFREG => self.file(from, to, &stat),
            SFlag::S_IFDIR if depth == DEPTH_MAX => {
                let path = self.0.clone();
                Err(TreeError::TooDeep { path })
            }
            SFlag::S_IFDIR => self.folder(from, to, &stat, depth),
            SFlag::S_IFLNK => {
                let target = self.host("read the link", nix::fcntl::readlinkat(from.0, from.1))?;
                self.host("copy the link", to.0.symlink(to.1, &target))
            }
            other => Err(TreeError::Special {
                path: self.0.clone(),
                kind: kind_name(other),
            }),
        }
    }

    fn file(&self, from: Source<'_>, to: Target<'_>, stat: &FileStat) -> Result<(), TreeError> {
        if stat.st_mode & 0o6000 != 0 {
            let (path, mode) = (self.0.clone(), stat.st_mode & 0o7777);
            return Err(TreeError::Setuid { path, mode });
        }
        if stat.st_mode & 0o400 == 0 {
            let mode = stat.st_mode & 0o777 | 0o400;
            self.host("make readable", fs::chmod_at(from.0, from.1, mode))?;
        }
        let opened = fs::open_file(from.0, from.1, OFlag::O_RDONLY);
        let file = File::from(self.host("open", opened)?);
        let now = self.host("look at", fstat(&file))?;
        if fs::kind(&now) != SFlag::S_IFREG {
            let path = self.0.clone();
            return Err(TreeError::Changed { path });
        }
        // No more than it has now: its writer may not be done.
        let content = file.take(now.st_size.unsigned_abs());
        let copied = to.0.file(to.1, content, now.st_mode & 0o100 != 0);
        self.host("copy", copied)
    }

    fn folder(
        &mut self,
        from: Source<'_>,
        to: Target<'_>,
        stat: &FileStat,
        depth: usize,
    ) -> Result<(), TreeError> {
        if stat.st_mode & 0o700 != 0o700 {
            self.host("open up", fs::chmod_at(from.0, from.1, 0o700))?;
        }
        let mut inside = self.host("open", fs::open_dir(from.0, from.1))?;
        let names = self.host("list", fs::names(&mut inside))?;
        let made = self.host("copy the folder", to.0.create(to.1))?;
        for name in &names {
            self.0.push(name);
            self.node((inside.as_fd(), name), (&made, name), depth + 1)?;
            self.0.pop();
        }
        Ok(())
    }

    fn host<T, E: Into<io::Error>>(
        &self,
        attempted: &'static str,
        result: Result<T, E>,
    ) -> Result<T, TreeError> {
        result.map_err(|source| TreeError::io(attempted, &self.0, source))
    }
}
