//! The NAR format, byte for byte Nix's own: one stream for a tree, in which
//! only names, contents, link targets and the executable bit stand.

use super::fs::{self, DEPTH_MAX};
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag};
use nix::sys::stat::{FileStat, SFlag, fstat};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

mod canonicalise;
mod restore;
mod second;
mod writers;
pub(super) use canonicalise::{Canonicaliser, set_mtime};
pub use restore::{RestoreError, restore};
pub(super) use second::Second;
use writers::{Job, Writers};

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
    /// Room for the next piece of them, `want` bytes: they are read to where
    /// they are needed, and copied nowhere.
    fn room(&mut self, want: usize) -> &mut [u8];
    /// The first `length` bytes of the room are the next piece.
    fn filled(&mut self, length: usize) -> Result<(), Self::Error>;
    /// There are no more.
    fn end(&mut self) -> Result<(), Self::Error>;

    /// A piece that lies elsewhere.
    fn data(&mut self, bytes: &[u8]) -> Result<(), Self::Error> {
        self.room(bytes.len()).copy_from_slice(bytes);
        self.filled(bytes.len())
    }
}

/// Bytes read at a time: they stay in the processor's cache while they are
/// scanned and hashed.
const PIECE: u64 = 128 << 10;

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
    let mut plain = Plain {
        out,
        buffer: Vec::new(),
    };
    pack(&path, &mut plain, None)
}

/// Feeds the NAR of the tree at `path` to `sink`. With a canonicaliser each
/// entry is made canonical through the descriptor it was read by.
pub(super) fn pack<S: Sink>(
    path: &Path,
    sink: &mut S,
    canonicaliser: Option<Canonicaliser>,
) -> Result<(), S::Error> {
    Packer::of(path, sink, canonicaliser).all(None)
}

/// As [`pack`], and makes a canonical copy of the tree as `name` in `to`.
/// The tree itself stays as it is, but for rights its owner lacks to read it.
pub(super) fn pack_and_copy<S: Sink>(
    path: &Path,
    sink: &mut S,
    to: Second,
    name: &OsStr,
) -> Result<(), S::Error> {
    let (failure, to) = (Mutex::new(None), Arc::new(to));
    std::thread::scope(|scope| {
        let writers = Writers::start(scope, &failure);
        Packer::of(path, sink, None).all(Some((&writers, &to, name)))
    })?;
    match failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(error.into()),
        None => Ok(()),
    }
}

/// The folder that holds `path`, and the name there. The folder itself must be
/// no link: whoever made the tree may have made the folder too.
pub(super) fn open_parent(path: &Path) -> Result<(OwnedFd, std::ffi::OsString), TreeError> {
    let name = path.file_name().unwrap_or(OsStr::new(".")).to_owned();
    let parent = match path.parent() {
        Some(parent) if path.file_name().is_some() && parent != Path::new("") => parent,
        _ if path.file_name().is_none() => path,
        _ => Path::new("."),
    };
    match fs::open_dir(AT_FDCWD, parent.as_os_str()) {
        Ok(dir) => Ok((dir, name)),
        Err(errno) => Err(TreeError::io("open the folder", parent, errno)),
    }
}

/// Reads a piece and writes it to the copy; how long it is.
fn move_piece(
    mut file: &File,
    copy: &mut Copied,
    room: &mut [u8],
) -> Result<usize, (&'static str, io::Error)> {
    let length = file.read(room).map_err(|e| ("read", e))?;
    let piece = &room[..length];
    match copy {
        Copied::No => {}
        Copied::Now(file) => file
            .write_all(piece)
            .map_err(|e| ("write the copy of", e))?,
        Copied::Then(content) => content.extend_from_slice(piece),
    }
    Ok(length)
}

struct Packer<'s, S> {
    sink: &'s mut S,
    canonicaliser: Option<Canonicaliser>,
    /// For messages about the host.
    path: PathBuf,
    /// Inside the object: what a [`Sink`] is told.
    inside: PathBuf,
}

/// An entry, by the folder it is in.
type Entry<'a> = (BorrowedFd<'a>, &'a OsStr);
/// Where the copy of an entry comes.
type Copy<'a> = Option<(&'a Writers<'a>, &'a Arc<Second>, &'a OsStr)>;

/// A file's copy.
enum Copied {
    No,
    /// A large one, as it is read.
    Now(File),
    /// A small one, once it is read.
    Then(Vec<u8>),
}

impl<'s, S: Sink> Packer<'s, S> {
    fn of(path: &Path, sink: &'s mut S, canonicaliser: Option<Canonicaliser>) -> Self {
        Packer {
            sink,
            canonicaliser,
            path: path.to_owned(),
            inside: PathBuf::new(),
        }
    }

    fn all(mut self, copy: Copy<'_>) -> Result<(), S::Error> {
        let (parent, name) = open_parent(&self.path)?;
        self.tokens(&["nix-archive-1"])?;
        self.node((parent.as_fd(), &name), copy, 0)
    }

    fn node(&mut self, entry: Entry<'_>, copy: Copy<'_>, depth: usize) -> Result<(), S::Error> {
        let stat = self.host("look at", fs::stat_at(entry.0, entry.1))?;
        self.tokens(&["(", "type"])?;
        match fs::kind(&stat) {
            SFlag::S_IFREG => self.file(entry, copy, &stat)?,
            SFlag::S_IFDIR => self.folder(entry, copy, &stat, depth)?,
            SFlag::S_IFLNK => self.symlink(entry, copy, &stat)?,
            other => {
                let (path, kind) = (self.inside.clone(), kind_name(other));
                return Err(TreeError::Special { path, kind }.into());
            }
        }
        self.tokens(&[")"])
    }

    fn file(
        &mut self,
        (folder, name): Entry<'_>,
        copy: Copy<'_>,
        stat: &FileStat,
    ) -> Result<(), S::Error> {
        if let Some(canonicaliser) = self.canonicaliser {
            canonicaliser.prepare_file(folder, name, stat, &self.inside)?;
        } else if copy.is_some() {
            canonicalise::make_readable(folder, name, stat, &self.inside)?;
        }
        let opened = fs::open_file(folder, name, OFlag::O_RDONLY);
        let file = File::from(self.host("open", opened)?);
        let stat = self.host("look at", fstat(&file))?;
        if fs::kind(&stat) != SFlag::S_IFREG {
            return Err(self.changed());
        }
        let executable = stat.st_mode & 0o100 != 0;
        self.tokens(match executable {
            true => &["regular", "executable", "", "contents"],
            false => &["regular", "contents"],
        })?;
        let size = stat.st_size.unsigned_abs();
        let mut copied = match copy {
            None => Copied::No,
            Some(_) if size <= PIECE => Copied::Then(Vec::new()),
            Some((_, to, name)) => {
                let made = to.file(name);
                Copied::Now(self.host("make the copy of", made)?)
            }
        };
        // No more than it has now: whoever wrote it may not be done.
        self.content(&file, &mut copied, size)?;
        self.end_copy(copied, copy, executable)?;
        match self.canonicaliser {
            Some(canonicaliser) => {
                let done = canonicaliser.file(&file, &stat);
                self.host("make canonical", done)
            }
            None => Ok(()),
        }
    }

    fn end_copy(&self, copied: Copied, copy: Copy<'_>, executable: bool) -> Result<(), S::Error> {
        match (copied, copy) {
            (Copied::Now(file), _) => self.host("copy", Second::end_file(&file, executable)),
            (Copied::Then(content), Some((writers, folder, name))) => Ok(writers.write(Job {
                path: self.path.clone(),
                folder: folder.clone(),
                name: name.to_owned(),
                content,
                executable,
            })?),
            (Copied::Then(_), None) | (Copied::No, _) => Ok(()),
        }
    }

    fn content(&mut self, file: &File, copy: &mut Copied, size: u64) -> Result<(), S::Error> {
        self.sink.frame(&size.to_le_bytes())?;
        self.sink.begin(&self.inside, Part::Content)?;
        let mut left = size;
        while left > 0 {
            let want = usize::try_from(left.min(PIECE)).unwrap_or(usize::MAX);
            let room = self.sink.room(want);
            let moved = move_piece(file, copy, room);
            let length = moved.map_err(|(doing, e)| TreeError::io(doing, &self.path, e))?;
            if length == 0 {
                return Err(self.changed());
            }
            self.sink.filled(length)?;
            left -= length as u64;
        }
        self.sink.end()?;
        self.sink.frame(padding(size))
    }

    fn folder(
        &mut self,
        (folder, name): Entry<'_>,
        copy: Copy<'_>,
        stat: &FileStat,
        depth: usize,
    ) -> Result<(), S::Error> {
        if depth == DEPTH_MAX {
            let path = self.inside.clone();
            return Err(TreeError::TooDeep { path }.into());
        }
        let changes = self.canonicaliser.is_some() || copy.is_some();
        if changes && stat.st_mode & 0o700 != 0o700 {
            let opened = fs::chmod_at(folder, name, 0o700);
            self.host("open up", opened)?;
        }
        let inside = self.host("open", fs::open_dir(folder, name))?;
        let names = self.host("list", fs::names(&inside))?;
        let made = copy.map(|(writers, to, name)| Ok((writers, Arc::new(to.folder(name)?))));
        let made: Result<_, Errno> = made.transpose();
        let copy = self.host("make the copy of", made)?;
        self.tokens(&["directory"])?;
        for name in &names {
            let copy = copy
                .as_ref()
                .map(|(writers, to)| (*writers, to, name.as_os_str()));
            self.entry((inside.as_fd(), name), copy, depth)?;
        }
        if let Some((_, folder)) = copy {
            self.host("copy", writers::end_folder(folder))?;
        }
        match self.canonicaliser {
            Some(canonicaliser) => {
                let done = canonicaliser.folder(inside.as_fd(), stat, depth == 0);
                self.host("make canonical", done)
            }
            None => Ok(()),
        }
    }

    fn entry(&mut self, entry: Entry<'_>, copy: Copy<'_>, depth: usize) -> Result<(), S::Error> {
        let name = entry.1;
        self.path.push(name);
        self.inside.push(name);
        self.tokens(&["entry", "(", "name"])?;
        self.own(Part::Name, name.as_bytes())?;
        self.tokens(&["node"])?;
        self.node(entry, copy, depth + 1)?;
        self.tokens(&[")"])?;
        self.path.pop();
        self.inside.pop();
        Ok(())
    }

    fn symlink(
        &mut self,
        (folder, name): Entry<'_>,
        copy: Copy<'_>,
        stat: &FileStat,
    ) -> Result<(), S::Error> {
        let target = self.host("read the link", nix::fcntl::readlinkat(folder, name))?;
        self.tokens(&["symlink", "target"])?;
        self.own(Part::Target, target.as_bytes())?;
        if let Some((_, to, name)) = copy {
            self.host("copy the link", to.symlink(name, &target))?;
        }
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
        let mut bytes = Vec::with_capacity(96);
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
struct Plain<'w> {
    out: &'w mut dyn Write,
    buffer: Vec<u8>,
}

impl Plain<'_> {
    fn write(out: &mut dyn Write, bytes: &[u8]) -> Result<(), TreeError> {
        out.write_all(bytes)
            .map_err(|source| TreeError::io("write the archive of", Path::new("the tree"), source))
    }
}

impl Sink for Plain<'_> {
    type Error = TreeError;
    fn frame(&mut self, bytes: &[u8]) -> Result<(), TreeError> {
        Self::write(self.out, bytes)
    }
    fn begin(&mut self, _: &Path, _: Part) -> Result<(), TreeError> {
        Ok(())
    }
    fn room(&mut self, want: usize) -> &mut [u8] {
        if self.buffer.len() < want {
            self.buffer.resize(want, 0);
        }
        &mut self.buffer[..want]
    }
    fn filled(&mut self, length: usize) -> Result<(), TreeError> {
        Self::write(self.out, &self.buffer[..length])
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
