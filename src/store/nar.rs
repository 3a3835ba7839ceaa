//! The NAR format, byte for byte Nix's own: one stream for a tree, in which
//! only names, contents, link targets and the executable bit stand.

use super::fs::{self, DEPTH_MAX};
use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::{FileStat, SFlag, fstat};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

mod canonicalise;
mod duplicate;
mod restore;
pub(super) use canonicalise::{Canonicaliser, set_mtime};
pub(super) use duplicate::duplicate;
pub use restore::{RestoreError, restore};

/// A tree that cannot be packed.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// The host's file system failed.
    #[error("cannot {attempted} {path}")]
    Io {
        attempted: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    /// Neither file, folder nor symlink.
    #[error("{path} is a {kind}: a store object holds files, folders and symlinks only")]
    Special { path: PathBuf, kind: &'static str },
    /// setuid or setgid.
    #[error(
        "{path} has mode {mode:04o}: setuid and setgid are not allowed in the store; remove the bit in the step, or set it where the tree is applied"
    )]
    Setuid { path: PathBuf, mode: u32 },
    /// More folders inside each other than are packed.
    #[error("{path} lies more than {DEPTH_MAX} folders deep")]
    TooDeep { path: PathBuf },
    /// Its length changed under the reader.
    #[error("{path} changed while it was read")]
    Changed { path: PathBuf },
}

impl TreeError {
    pub(super) fn io(attempted: &'static str, path: &Path, source: impl Into<io::Error>) -> Self {
        TreeError::Io {
            attempted,
            path: path.to_owned(),
            source: source.into(),
        }
    }
}

/// Which bytes of an entry a [`Sink`] is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Name,
    Content,
    Target,
}

/// Takes a NAR as it is made.
pub(super) trait Sink {
    type Error: From<TreeError>;
    /// What the format puts around the tree's own bytes.
    fn frame(&mut self, bytes: &[u8]) -> Result<(), Self::Error>;
    /// The tree's own bytes for `part` of the entry at `path` follow.
    fn begin(&mut self, path: &Path, part: Part) -> Result<(), Self::Error>;
    /// A piece of them.
    fn data(&mut self, bytes: &[u8]) -> Result<(), Self::Error>;
    /// There are no more.
    fn end(&mut self) -> Result<(), Self::Error>;
}

/// Writes the NAR of the tree at `path`; changes nothing.
///
/// # Errors
/// When the tree holds what no NAR can, or a read or write fails.
pub fn dump(path: &Path, out: &mut dyn Write) -> Result<(), TreeError> {
    // Whoever asks may come by a link; only what is packed is not followed.
    let path = match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) if parent != Path::new("") => std::fs::canonicalize(parent)
            .map_err(|e| TreeError::io("find", parent, e))?
            .join(name),
        _ => path.to_owned(),
    };
    pack(&path, &mut Plain(out), None)
}

/// Feeds the NAR of the tree at `path` to `sink`. With a canonicaliser each
/// entry is made canonical through the descriptor it was read by.
pub(super) fn pack<S: Sink>(
    path: &Path,
    sink: &mut S,
    canonicaliser: Option<Canonicaliser>,
) -> Result<(), S::Error> {
    let (parent, name) = open_parent(path)?;
    let mut packer = Packer {
        sink,
        canonicaliser,
        path: path.to_owned(),
        inside: PathBuf::new(),
        buffer: vec![0; 128 * 1024],
    };
    packer.tokens(&["nix-archive-1"])?;
    packer.node(parent.as_fd(), &name, 0)
}

/// The folder that holds `path`, and the name there. The folder itself must be
/// no link: whoever made the tree may have made the folder too.
pub(super) fn open_parent(path: &Path) -> Result<(Dir, std::ffi::OsString), TreeError> {
    let name = path.file_name().unwrap_or(OsStr::new(".")).to_owned();
    let parent = match path.parent() {
        Some(parent) if path.file_name().is_some() && parent != Path::new("") => parent,
        _ if path.file_name().is_none() => path,
        _ => Path::new("."),
    };
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    match Dir::open(parent, flags, nix::sys::stat::Mode::empty()) {
        Ok(dir) => Ok((dir, name)),
        Err(errno) => Err(TreeError::io("open the folder", parent, errno)),
    }
}

struct Packer<'s, S> {
    sink: &'s mut S,
    canonicaliser: Option<Canonicaliser>,
    /// For messages about the host.
    path: PathBuf,
    /// Inside the object: what a [`Sink`] is told.
    inside: PathBuf,
    buffer: Vec<u8>,
}

impl<S: Sink> Packer<'_, S> {
    fn node(&mut self, folder: BorrowedFd<'_>, name: &OsStr, depth: usize) -> Result<(), S::Error> {
        let stat = self.host("look at", fs::stat_at(folder, name))?;
        self.tokens(&["(", "type"])?;
        match fs::kind(&stat) {
            SFlag::S_IFREG => self.file(folder, name, &stat)?,
            SFlag::S_IFDIR => self.folder(folder, name, &stat, depth)?,
            SFlag::S_IFLNK => self.symlink(folder, name, &stat)?,
            other => {
                let (path, kind) = (self.inside.clone(), kind_name(other));
                return Err(TreeError::Special { path, kind }.into());
            }
        }
        self.tokens(&[")"])
    }

    fn file(
        &mut self,
        folder: BorrowedFd<'_>,
        name: &OsStr,
        stat: &FileStat,
    ) -> Result<(), S::Error> {
        if let Some(canonicaliser) = self.canonicaliser {
            canonicaliser.prepare_file(folder, name, stat, &self.inside)?;
        }
        let opened = fs::open_file(folder, name, OFlag::O_RDONLY);
        let mut file = File::from(self.host("open", opened)?);
        let stat = self.host("look at", fstat(&file))?;
        if fs::kind(&stat) != SFlag::S_IFREG {
            return Err(self.changed());
        }
        self.tokens(&["regular"])?;
        if stat.st_mode & 0o100 != 0 {
            self.tokens(&["executable", ""])?;
        }
        self.tokens(&["contents"])?;
        self.content(&mut file, stat.st_size.unsigned_abs())?;
        match self.canonicaliser {
            Some(canonicaliser) => {
                let done = canonicaliser.file(&file, &stat);
                self.host("make canonical", done)
            }
            None => Ok(()),
        }
    }

    fn content(&mut self, file: &mut File, size: u64) -> Result<(), S::Error> {
        self.sink.frame(&size.to_le_bytes())?;
        self.sink.begin(&self.inside, Part::Content)?;
        let mut left = size;
        while left > 0 {
            let want = self
                .buffer
                .len()
                .min(usize::try_from(left).unwrap_or(usize::MAX));
            let read = file.read(&mut self.buffer[..want]);
            let read = self.host("read", read)?;
            if read == 0 {
                return Err(self.changed());
            }
            self.sink.data(&self.buffer[..read])?;
            left -= read as u64;
        }
        self.sink.end()?;
        self.sink.frame(padding(size))
    }

    fn folder(
        &mut self,
        folder: BorrowedFd<'_>,
        name: &OsStr,
        stat: &FileStat,
        depth: usize,
    ) -> Result<(), S::Error> {
        if depth == DEPTH_MAX {
            let path = self.inside.clone();
            return Err(TreeError::TooDeep { path }.into());
        }
        if self.canonicaliser.is_some() && stat.st_mode & 0o700 != 0o700 {
            let opened = fs::chmod_at(folder, name, 0o700);
            self.host("open up", opened)?;
        }
        let mut inside = self.host("open", fs::open_dir(folder, name))?;
        let names = self.host("list", fs::names(&mut inside))?;
        self.tokens(&["directory"])?;
        for name in &names {
            self.entry(inside.as_fd(), name, depth)?;
        }
        match self.canonicaliser {
            Some(canonicaliser) => {
                let done = canonicaliser.folder(inside.as_fd(), stat, depth == 0);
                self.host("make canonical", done)
            }
            None => Ok(()),
        }
    }

    fn entry(
        &mut self,
        folder: BorrowedFd<'_>,
        name: &OsStr,
        depth: usize,
    ) -> Result<(), S::Error> {
        self.path.push(name);
        self.inside.push(name);
        self.tokens(&["entry", "(", "name"])?;
        self.own(Part::Name, name.as_bytes())?;
        self.tokens(&["node"])?;
        self.node(folder, name, depth + 1)?;
        self.tokens(&[")"])?;
        self.path.pop();
        self.inside.pop();
        Ok(())
    }

    fn symlink(
        &mut self,
        folder: BorrowedFd<'_>,
        name: &OsStr,
        stat: &FileStat,
    ) -> Result<(), S::Error> {
        let target = self.host("read the link", nix::fcntl::readlinkat(folder, name))?;
        self.tokens(&["symlink", "target"])?;
        self.own(Part::Target, target.as_bytes())?;
        match self.canonicaliser {
            Some(canonicaliser) => {
                let done = canonicaliser.symlink(folder, name, stat);
                self.host("make canonical", done)
            }
            None => Ok(()),
        }
    }

    /// A string of the tree's own.
    fn own(&mut self, part: Part, bytes: &[u8]) -> Result<(), S::Error> {
        self.sink.frame(&(bytes.len() as u64).to_le_bytes())?;
        self.sink.begin(&self.inside, part)?;
        self.sink.data(bytes)?;
        self.sink.end()?;
        self.sink.frame(padding(bytes.len() as u64))
    }

    /// Strings of the format, in one piece.
    fn tokens(&mut self, tokens: &[&str]) -> Result<(), S::Error> {
        let mut bytes = Vec::with_capacity(64);
        for token in tokens {
            bytes.extend_from_slice(&(token.len() as u64).to_le_bytes());
            bytes.extend_from_slice(token.as_bytes());
            bytes.extend_from_slice(padding(token.len() as u64));
        }
        self.sink.frame(&bytes)
    }

    fn host<T, E: Into<io::Error>>(
        &self,
        attempted: &'static str,
        result: Result<T, E>,
    ) -> Result<T, S::Error> {
        result.map_err(|source| TreeError::io(attempted, &self.path, source).into())
    }

    fn changed(&self) -> S::Error {
        let path = self.path.clone();
        TreeError::Changed { path }.into()
    }
}

/// The zeros that bring a string to a multiple of 8.
pub(super) fn padding(length: u64) -> &'static [u8] {
    const ZEROS: [u8; 8] = [0; 8];
    &ZEROS[..(length.next_multiple_of(8) - length) as usize]
}

fn kind_name(kind: SFlag) -> &'static str {
    match kind {
        SFlag::S_IFIFO => "named pipe",
        SFlag::S_IFSOCK => "socket",
        SFlag::S_IFBLK => "block device",
        SFlag::S_IFCHR => "character device",
        _ => "file of unknown kind",
    }
}

/// Writes the stream as it is.
struct Plain<'w>(&'w mut dyn Write);

impl Sink for Plain<'_> {
    type Error = TreeError;
    fn frame(&mut self, bytes: &[u8]) -> Result<(), TreeError> {
        self.0
            .write_all(bytes)
            .map_err(|source| TreeError::io("write the archive of", Path::new("the tree"), source))
    }
    fn begin(&mut self, _: &Path, _: Part) -> Result<(), TreeError> {
        Ok(())
    }
    fn data(&mut self, bytes: &[u8]) -> Result<(), TreeError> {
        self.frame(bytes)
    }
    fn end(&mut self) -> Result<(), TreeError> {
        Ok(())
    }
}

/// Looks for an entry without following links; `None` when there is none.
pub(super) fn exists(path: &Path) -> Result<bool, io::Error> {
    match std::fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(e) if e.raw_os_error() == Some(Errno::ENOENT as i32) => Ok(false),
        Err(e) => Err(e),
    }
}

#[cfg(test)]
mod tests;
