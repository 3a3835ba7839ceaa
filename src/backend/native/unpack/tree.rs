//! The tree an archive becomes. Every name is walked from the top folder's
//! descriptor, part by part, following nothing; what is there stays.

use crate::store::DEPTH_MAX;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat};
use nix::sys::stat::{Mode, SFlag, fstatat, mkdirat};
use nix::unistd::{LinkatFlags, symlinkat};
use serde::{Deserialize, Serialize};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

/// Longest part of a name, and longest target of a symlink, in bytes.
const NAME_MAX: usize = 255;
const TARGET_MAX: usize = 4095;
/// Copied at once.
const PIECE: usize = 128 << 10;

/// What one archive may become.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Limits {
    /// Of all files together; a hard link counts as its file once more.
    pub bytes: u64,
    /// Files, folders and links.
    pub entries: u64,
}

/// An archive that is not unpacked. Names in it are shown escaped.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    #[error("this is no archive kiln can unpack: tar (plain, gz, xz, zst or bz2), zip or deb")]
    Unknown,
    #[error("the archive is damaged: {0}")]
    Damaged(String),
    /// A name that must not reach the file system.
    #[error("the archive has the name {name:?}, which {why}")]
    Name { name: String, why: &'static str },
    #[error("the archive has {name:?} twice")]
    Twice { name: String },
    /// A device, a pipe, a socket, an encrypted file.
    #[error(
        "the archive has {name:?}, which is {kind}: only files, folders and links are unpacked"
    )]
    Kind { name: String, kind: &'static str },
    /// A hard link to what is no file unpacked before.
    #[error(
        "the archive has {name:?}, a hard link to {target:?}, which is no file before it in the archive"
    )]
    Link { name: String, target: String },
    #[error("the archive holds more than the {0} bytes allowed: raise [limits] output_size")]
    TooLarge(u64),
    #[error("the archive has more than the {0} entries allowed")]
    TooMany(u64),
    /// This host's part failed.
    #[error("cannot write {name:?}: {source}")]
    Write {
        name: String,
        source: std::io::Error,
    },
}

impl UnpackError {
    pub(super) fn damaged(error: impl std::fmt::Display) -> Self {
        UnpackError::Damaged(error.to_string())
    }
}

/// What is unpacked so far, below one open folder.
pub struct Tree<'p> {
    top: OwnedFd,
    limits: Limits,
    entries: u64,
    bytes: u64,
    /// The folder the last entry lay in: archives list by folder.
    last: Option<(Vec<u8>, OwnedFd)>,
    progress: &'p mut dyn FnMut(u64),
}

impl<'p> Tree<'p> {
    /// Into this folder, which is empty; `progress` gets the bytes written so
    /// far, often.
    pub fn new(top: OwnedFd, limits: Limits, progress: &'p mut dyn FnMut(u64)) -> Self {
        Tree {
            top,
            limits,
            entries: 0,
            bytes: 0,
            last: None,
            progress,
        }
    }

    /// Files, folders and links made.
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// Of all files made.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// A folder; one that is there already is fine.
    pub(super) fn folder(&mut self, name: &[u8]) -> Result<(), UnpackError> {
        let parts = parts(name)?;
        self.inside(name, &parts).map(drop)
    }

    /// A file with what `content` holds; answers with its size.
    pub(super) fn file(
        &mut self,
        name: &[u8],
        executable: bool,
        content: &mut dyn Read,
    ) -> Result<u64, UnpackError> {
        let (parts, last) = split(name)?;
        self.count()?;
        let folder = self.inside(name, &parts)?;
        let mode = Mode::from_bits_truncate(if executable { 0o755 } else { 0o644 });
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW;
        let file = openat(folder, last, flags | OFlag::O_CLOEXEC, mode);
        let mut file = File::from(file.map_err(|errno| failed(name, errno))?);
        let mut piece = vec![0; PIECE];
        let mut size = 0;
        loop {
            let read = match content.read(&mut piece) {
                Ok(0) => return Ok(size),
                Ok(read) => read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(UnpackError::damaged(error)),
            };
            self.add(read as u64)?;
            size += read as u64;
            file.write_all(&piece[..read])
                .map_err(|source| UnpackError::Write {
                    name: lossy(name),
                    source,
                })?;
        }
    }

    /// A symlink with this target, which is text: nothing here follows it.
    pub(super) fn symlink(&mut self, name: &[u8], target: &[u8]) -> Result<(), UnpackError> {
        let (parts, last) = split(name)?;
        if target.is_empty() || target.len() > TARGET_MAX || target.contains(&0) {
            let why = "is a symlink whose target is empty, too long or has a NUL";
            return Err(named(name, why));
        }
        self.count()?;
        let folder = self.inside(name, &parts)?;
        symlinkat(OsStr::from_bytes(target), folder, last).map_err(|errno| failed(name, errno))
    }

    /// Another name of a file that was unpacked before.
    pub(super) fn hard_link(&mut self, name: &[u8], target: &[u8]) -> Result<(), UnpackError> {
        let nothing = || UnpackError::Link {
            name: lossy(name),
            target: lossy(target),
        };
        let (target_parts, target_last) = split(target)?;
        let (parts, last) = split(name)?;
        self.count()?;
        let from = self.existing(&target_parts).ok_or_else(nothing)?;
        let itself = AtFlags::AT_SYMLINK_NOFOLLOW;
        let found = fstatat(&from, target_last, itself).map_err(|_| nothing())?;
        if SFlag::from_bits_truncate(found.st_mode & SFlag::S_IFMT.bits()) != SFlag::S_IFREG {
            return Err(nothing());
        }
        // In the store each name has bytes of its own.
        self.add(found.st_size.unsigned_abs())?;
        let folder = self.inside(name, &parts)?;
        nix::unistd::linkat(&from, target_last, folder, last, LinkatFlags::empty())
            .map_err(|errno| failed(name, errno))
    }

    fn count(&mut self) -> Result<(), UnpackError> {
        self.entries += 1;
        match self.entries > self.limits.entries {
            true => Err(UnpackError::TooMany(self.limits.entries)),
            false => Ok(()),
        }
    }

    fn add(&mut self, bytes: u64) -> Result<(), UnpackError> {
        self.bytes = self.bytes.saturating_add(bytes);
        (self.progress)(self.bytes);
        match self.bytes > self.limits.bytes {
            true => Err(UnpackError::TooLarge(self.limits.bytes)),
            false => Ok(()),
        }
    }

    /// The folder these parts lead to, made where it is missing.
    fn inside(&mut self, name: &[u8], parts: &[&OsStr]) -> Result<BorrowedFd<'_>, UnpackError> {
        let path: Vec<u8> = parts.join(OsStr::new("/")).as_bytes().to_vec();
        if self.last.as_ref().is_none_or(|(last, _)| *last != path) {
            let mut folder = self.top.try_clone().map_err(|source| UnpackError::Write {
                name: lossy(name),
                source,
            })?;
            for part in parts {
                folder = match open_folder(&folder, part) {
                    Err(Errno::ENOENT) => {
                        self.count()?;
                        mkdirat(&folder, *part, Mode::from_bits_truncate(0o755))
                            .and_then(|()| open_folder(&folder, part))
                            .map_err(|errno| failed(name, errno))?
                    }
                    Err(Errno::ENOTDIR | Errno::ELOOP) => {
                        return Err(named(name, "leads through a link or a file"));
                    }
                    opened => opened.map_err(|errno| failed(name, errno))?,
                };
            }
            self.last = Some((path, folder));
        }
        Ok(self
            .last
            .as_ref()
            .map_or(self.top.as_fd(), |(_, folder)| folder.as_fd()))
    }

    /// The folder these parts lead to, if there is one.
    fn existing(&self, parts: &[&OsStr]) -> Option<OwnedFd> {
        let top = self.top.try_clone().ok()?;
        parts
            .iter()
            .try_fold(top, |folder, part| open_folder(&folder, part).ok())
    }
}

fn open_folder(folder: &OwnedFd, part: &OsStr) -> Result<OwnedFd, Errno> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    openat(folder, part, flags, Mode::empty())
}

/// The parts of a name; none for the top folder itself.
fn parts(name: &[u8]) -> Result<Vec<&OsStr>, UnpackError> {
    if name.first() == Some(&b'/') {
        return Err(named(name, "is absolute"));
    }
    if name.iter().any(|byte| *byte < b' ' || *byte == 0x7f) {
        return Err(named(name, "has a control character"));
    }
    let mut parts = Vec::new();
    for part in name.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => return Err(named(name, "leads out of its folder ('..')")),
            part if part.len() > NAME_MAX => return Err(named(name, "is too long")),
            part => parts.push(OsStr::from_bytes(part)),
        }
    }
    match parts.len() >= DEPTH_MAX {
        true => Err(named(name, "lies too deep")),
        false => Ok(parts),
    }
}

/// The folder's parts, and the entry's own.
fn split(name: &[u8]) -> Result<(Vec<&OsStr>, &OsStr), UnpackError> {
    let mut parts = parts(name)?;
    match parts.pop() {
        Some(last) => Ok((parts, last)),
        None => Err(named(name, "names no file")),
    }
}

fn failed(name: &[u8], errno: Errno) -> UnpackError {
    let name = lossy(name);
    match errno {
        Errno::EEXIST => UnpackError::Twice { name },
        errno => UnpackError::Write {
            name,
            source: errno.into(),
        },
    }
}

fn named(name: &[u8], why: &'static str) -> UnpackError {
    let name = lossy(name);
    UnpackError::Name { name, why }
}

/// As it is shown: not endless, whatever an archive says.
pub(super) fn lossy(name: &[u8]) -> String {
    String::from_utf8_lossy(&name[..name.len().min(300)]).into_owned()
}
