//! Reading a NAR back: a stream from elsewhere, believed in nothing.

use super::super::fs::DEPTH_MAX;
use super::padding;
use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};

/// Longest name of an entry, and longest target of a symlink.
const NAME_MAX: u64 = 255;
const TARGET_MAX: u64 = 4095;

/// A stream that is no NAR, or cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// Not what the format says, or the one way it says it.
    #[error("the archive is damaged at byte {at}: {what}")]
    Malformed { at: u64, what: String },
    /// More bytes than were allowed.
    #[error("the archive is larger than the {limit} bytes allowed")]
    TooLarge { limit: u64 },
    #[error("cannot read the archive: {0}")]
    Read(#[source] io::Error),
    #[error("cannot write {path}: {source}")]
    Write { path: PathBuf, source: io::Error },
}

/// Reads one NAR from `input` and writes its tree to `to`, where nothing may
/// be; answers with the bytes read. What follows in `input` is left there.
///
/// # Errors
/// When the stream is no NAR, is longer than `limit` bytes, ends early, or the
/// tree cannot be written; what was written stays for the caller to remove.
pub fn restore(input: &mut dyn Read, to: &Path, limit: u64) -> Result<u64, RestoreError> {
    let mut reader = Reader {
        input,
        at: 0,
        limit,
    };
    reader.expect("nix-archive-1")?;
    reader.node(to, 0)?;
    Ok(reader.at)
}

struct Reader<'r> {
    input: &'r mut dyn Read,
    at: u64,
    limit: u64,
}

impl Reader<'_> {
    fn node(&mut self, to: &Path, depth: usize) -> Result<(), RestoreError> {
        self.expect("(")?;
        self.expect("type")?;
        match self.token()?.as_slice() {
            b"regular" => self.file(to),
            b"symlink" => self.symlink(to),
            b"directory" if depth < DEPTH_MAX => self.folder(to, depth),
            b"directory" => Err(self.malformed("folders lie too deep in each other")),
            other => Err(self.unexpected("regular, symlink or directory", other)),
        }
    }

    /// A file and its closing parenthesis.
    fn file(&mut self, to: &Path) -> Result<(), RestoreError> {
        let mut token = self.token()?;
        let executable = token == b"executable";
        if executable {
            self.expect("")?;
            token = self.token()?;
        }
        if token != b"contents" {
            return Err(self.unexpected("contents", &token));
        }
        let size = self.length(u64::MAX)?;
        let mode = if executable { 0o755 } else { 0o644 };
        let mut options = OpenOptions::new();
        let file = options.write(true).create_new(true).mode(mode).open(to);
        let copied = file.and_then(|mut file| io::copy(&mut self.input.take(size), &mut file));
        let copied = copied.map_err(|source| write(to, source))?;
        self.at += copied;
        if copied != size {
            return Err(self.malformed("it ends inside a file"));
        }
        self.padding(size)?;
        self.expect(")")
    }

    fn symlink(&mut self, to: &Path) -> Result<(), RestoreError> {
        self.expect("target")?;
        let target = self.string(TARGET_MAX)?;
        if target.is_empty() || target.contains(&0) {
            return Err(self.malformed("a symlink's target is empty or holds a zero byte"));
        }
        symlink(OsStr::from_bytes(&target), to).map_err(|source| write(to, source))?;
        self.expect(")")
    }

    /// A folder, its entries and its closing parenthesis.
    fn folder(&mut self, to: &Path, depth: usize) -> Result<(), RestoreError> {
        fs::create_dir(to).map_err(|source| write(to, source))?;
        let mut last = Vec::new();
        loop {
            match self.token()?.as_slice() {
                b")" => return Ok(()),
                b"entry" => {}
                other => return Err(self.unexpected("entry or )", other)),
            }
            self.expect("(")?;
            self.expect("name")?;
            let name = self.string(NAME_MAX)?;
            self.check_name(&last, &name)?;
            self.expect("node")?;
            self.node(&to.join(OsStr::from_bytes(&name)), depth + 1)?;
            self.expect(")")?;
            last = name;
        }
    }

    /// Strictly ascending names cannot come twice: nothing is written through
    /// a link that was written before.
    fn check_name(&self, last: &[u8], name: &[u8]) -> Result<(), RestoreError> {
        let plain =
            !matches!(name, b"" | b"." | b"..") && !name.contains(&b'/') && !name.contains(&0);
        match plain {
            false => Err(self.unexpected("a plain name", name)),
            true if name <= last => Err(self.unexpected("names in ascending order", name)),
            true => Ok(()),
        }
    }

    fn expect(&mut self, token: &str) -> Result<(), RestoreError> {
        match self.token()? {
            found if found == token.as_bytes() => Ok(()),
            found => Err(self.unexpected(token, &found)),
        }
    }

    fn token(&mut self) -> Result<Vec<u8>, RestoreError> {
        self.string(16)
    }

    fn string(&mut self, max: u64) -> Result<Vec<u8>, RestoreError> {
        let length = self.length(max)?;
        let bytes = self.exactly(length)?;
        self.padding(length)?;
        Ok(bytes)
    }

    /// A length that leaves room for what it announces.
    fn length(&mut self, max: u64) -> Result<u64, RestoreError> {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&self.exactly(8)?);
        let length = u64::from_le_bytes(bytes);
        if length > max {
            return Err(self.malformed(&format!(
                "a string of {length} bytes where {max} are allowed"
            )));
        }
        match length > self.limit.saturating_sub(self.at) {
            true => Err(RestoreError::TooLarge { limit: self.limit }),
            false => Ok(length),
        }
    }

    fn padding(&mut self, length: u64) -> Result<(), RestoreError> {
        let zeros = padding(length);
        match self.exactly(zeros.len() as u64)? == zeros {
            true => Ok(()),
            false => Err(self.malformed("padding that is not zero")),
        }
    }

    /// Small pieces only: lengths were checked.
    fn exactly(&mut self, length: u64) -> Result<Vec<u8>, RestoreError> {
        if length > self.limit.saturating_sub(self.at) {
            return Err(RestoreError::TooLarge { limit: self.limit });
        }
        let mut bytes = Vec::new();
        let read = (&mut *self.input).take(length).read_to_end(&mut bytes);
        self.at += read.map_err(RestoreError::Read)? as u64;
        match bytes.len() as u64 == length {
            true => Ok(bytes),
            false => Err(self.malformed("it ends early")),
        }
    }

    fn unexpected(&self, expected: &str, found: &[u8]) -> RestoreError {
        let found = String::from_utf8_lossy(found);
        self.malformed(&format!("expected {expected:?}, found {found:?}"))
    }

    fn malformed(&self, what: &str) -> RestoreError {
        let what = what.to_owned();
        RestoreError::Malformed { at: self.at, what }
    }
}

fn write(path: &Path, source: io::Error) -> RestoreError {
    let path = path.to_owned();
    RestoreError::Write { path, source }
}
