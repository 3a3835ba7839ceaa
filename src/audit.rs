//! The audit log: who asked for which change, and what came of it. One JSON
//! object a line in `audit.jsonl`, closed to everybody but the agent's user.
//!
//! ```text
//! ready (room is set aside; else the change is refused) ▶ the change ▶ append, fsync ▶ the answer
//! ```
//! In: [`Entry`]s of the server. Out: lines `{time, seq, uid, user, via, action,
//! target, reason, result, message}`, `seq` without gaps, over restarts and
//! rotation too. It decides nothing and holds no secret: it is given names,
//! commit ids and words that people wrote as a reason.
//!
//! A file beyond [`ROTATE_AT`] becomes `audit.jsonl.1`, that one `.2` and so on;
//! [`KEPT`] old ones are kept. A crash leaves at most a torn last line, which
//! nobody was answered for: the next start cuts it off.

mod tail;

use serde::Serialize;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use time::OffsetDateTime;

/// Bytes beyond which a new file is begun.
pub const ROTATE_AT: u64 = 8 << 20;
/// Files kept besides the one that is written.
pub const KEPT: u32 = 4;
/// Room set aside before a change begins: lines of more changes than are under way.
const ROOM: u64 = 256 << 10;
/// Characters of a text that came from outside; more are cut.
const TEXT: usize = 1000;

/// The log cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    #[error("cannot {action} the audit log {}: {source}", .path.display())]
    Io {
        action: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("the audit log {} is not a regular file: move it away", .0.display())]
    NotAFile(PathBuf),
    #[error("a write to the audit log was lost")]
    Lost,
    #[error("a line of the audit log has no JSON form: {0}")]
    Encode(#[from] serde_json::Error),
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditResult {
    /// It was done.
    Done,
    /// It was not allowed, or made no sense now.
    Refused,
    /// The agent or its host could not.
    Failed,
}

/// One line, but for its number.
#[derive(Debug, Clone)]
pub struct Entry {
    pub time: OffsetDateTime,
    /// Absent where the kernel could not tell.
    pub uid: Option<u32>,
    pub user: String,
    /// How the caller came: `unix`.
    pub via: &'static str,
    /// The rpc, such as `Builder.Suspend`.
    pub action: &'static str,
    /// What it is about: a generation, a revision, a remote.
    pub target: String,
    /// In the caller's own words.
    pub reason: String,
    pub result: AuditResult,
    /// What came of it, or why not.
    pub message: String,
}

/// As it is written, in the order of the outside contract.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(with = "time::serde::rfc3339")]
    time: OffsetDateTime,
    seq: u64,
    uid: Option<u32>,
    user: &'a str,
    via: &'a str,
    action: &'a str,
    target: &'a str,
    reason: &'a str,
    result: AuditResult,
    message: &'a str,
}

impl<'a> Line<'a> {
    fn new(seq: u64, entry: &'a Entry) -> Self {
        Line {
            time: entry.time,
            seq,
            uid: entry.uid,
            user: &entry.user,
            via: entry.via,
            action: entry.action,
            target: &entry.target,
            reason: &entry.reason,
            result: entry.result,
            message: &entry.message,
        }
    }
}

/// The log of one state directory. Its methods block.
#[derive(Debug)]
pub struct AuditLog {
    path: PathBuf,
    rotate_at: u64,
    writer: Mutex<Writer>,
}

#[derive(Debug)]
struct Writer {
    file: File,
    length: u64,
    /// Of the newest line.
    seq: u64,
}

impl AuditLog {
    /// Opens the log at `path`, making it when it is missing; a torn last line
    /// is cut off.
    ///
    /// # Errors
    /// When something else lies there, or it cannot be read or written.
    pub fn open(path: &Path) -> Result<Self, AuditError> {
        Self::open_with(path, ROTATE_AT)
    }

    fn open_with(path: &Path, rotate_at: u64) -> Result<Self, AuditError> {
        let file = open_file(path)?;
        let length = tail::mend(&file).map_err(io_error("mend", path))?;
        let here = tail::last_seq(&file, length).map_err(io_error("read", path))?;
        let seq = match here {
            Some(seq) => seq,
            None => seq_before(path)?,
        };
        let writer = Mutex::new(Writer { file, length, seq });
        Ok(AuditLog {
            path: path.to_owned(),
            rotate_at,
            writer,
        })
    }

    /// Makes sure that the lines of the changes under way can be written:
    /// begins a new file where it is time, and sets room aside on the disk.
    ///
    /// # Errors
    /// When they cannot: then nothing may be changed.
    pub fn ready(&self) -> Result<(), AuditError> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.is_in_place(&writer) {
            writer.file = open_file(&self.path)?;
            writer.length = tail::mend(&writer.file).map_err(io_error("mend", &self.path))?;
        }
        if writer.length >= self.rotate_at {
            self.rotate(&mut writer)?;
        }
        set_aside(&writer.file, writer.length).map_err(io_error("make room for", &self.path))
    }

    /// Whether the file is still where it was: people move logs away.
    fn is_in_place(&self, writer: &Writer) -> bool {
        let identity = |found: fs::Metadata| (found.dev(), found.ino());
        let ours = writer.file.metadata().map(identity);
        let there = fs::symlink_metadata(&self.path).map(identity);
        matches!((ours, there), (Ok(ours), Ok(there)) if ours == there)
    }

    fn rotate(&self, writer: &mut Writer) -> Result<(), AuditError> {
        for number in (1..KEPT).rev() {
            let (from, to) = (self.old(number), self.old(number + 1));
            match fs::rename(&from, &to) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(io_error("rotate", &from)(error));
                }
                _ => {}
            }
        }
        fs::rename(&self.path, self.old(1)).map_err(io_error("rotate", &self.path))?;
        writer.file = open_file(&self.path)?;
        writer.length = 0;
        Ok(())
    }

    fn old(&self, number: u32) -> PathBuf {
        old(&self.path, number)
    }

    /// Writes one line; when this returns a power cut keeps it.
    ///
    /// # Errors
    /// When it is not on the disk; then no part of it is left where possible.
    pub fn append(&self, entry: &Entry) -> Result<(), AuditError> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let seq = writer.seq + 1;
        let mut bytes = serde_json::to_vec(&Line::new(seq, &entry.clone().bounded()))?;
        bytes.push(b'\n');
        let written = (&writer.file)
            .write_all(&bytes)
            .and_then(|()| writer.file.sync_data());
        if let Err(error) = written {
            let _ = writer.file.set_len(writer.length); // the next start cuts it off
            return Err(io_error("write", &self.path)(error));
        }
        writer.length += bytes.len() as u64;
        writer.seq = seq;
        Ok(())
    }
}

impl Entry {
    /// The same with texts of a length that the room set aside holds.
    fn bounded(mut self) -> Self {
        for text in [
            &mut self.user,
            &mut self.target,
            &mut self.reason,
            &mut self.message,
        ] {
            if let Some((end, _)) = text.char_indices().nth(TEXT) {
                text.truncate(end);
                text.push('…');
            }
        }
        self
    }
}

fn old(path: &Path, number: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}

/// The number of the newest line before this file, 0 where there is none.
fn seq_before(path: &Path) -> Result<u64, AuditError> {
    let before = old(path, 1);
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW)
        .open(&before);
    let file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(io_error("read", &before)(error)),
    };
    let length = file.metadata().map_err(io_error("read", &before))?.len();
    let seq = tail::last_seq(&file, length).map_err(io_error("read", &before))?;
    Ok(seq.unwrap_or(0))
}

/// Opens or makes it, for the agent's user alone, never through a link.
fn open_file(path: &Path) -> Result<File, AuditError> {
    let is_special = fs::symlink_metadata(path).is_ok_and(|found| !found.is_file());
    if is_special {
        return Err(AuditError::NotAFile(path.to_owned()));
    }
    let file = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW)
        .open(path)
        .map_err(io_error("open", path))?;
    file.set_permissions(Permissions::from_mode(0o600))
        .map_err(io_error("close to others", path))?;
    let folder = path.parent().unwrap_or(Path::new("/"));
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(io_error("make durable", path))?;
    Ok(file)
}

/// Sets room aside behind `length` without growing the file, where the file
/// system can do that.
fn set_aside(file: &File, length: u64) -> io::Result<()> {
    let (length, room) = (length.cast_signed(), ROOM.cast_signed());
    // SAFETY: the descriptor is open as long as `file` lives; no memory is handed over.
    let result =
        unsafe { libc::fallocate(file.as_raw_fd(), libc::FALLOC_FL_KEEP_SIZE, length, room) };
    if result == 0 {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    match error.raw_os_error() {
        Some(libc::EOPNOTSUPP | libc::ENOSYS | libc::EINTR) => Ok(()),
        _ => Err(error),
    }
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> AuditError {
    let path = path.to_owned();
    move |source| AuditError::Io {
        action,
        path,
        source,
    }
}

#[cfg(test)]
mod tests;
