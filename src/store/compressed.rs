//! Scratch paths inside compressed files, where they cannot be replaced: an
//! output that holds one would be another object each time it is built elsewhere.
//!
//! What is looked into: files that begin as gzip, zstd or xz do, up to
//! [`BYTES_MAX`] bytes of what comes out of each. Other encodings, streams that
//! begin inside a file, and archives in archives are not.

use super::nar::{Part, Sink};
use super::references::{Known, ScanError, Scanner};
use super::xz;
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Bytes looked at in one file: more come out of bombs, and of what takes too long.
const BYTES_MAX: u64 = 256 << 20;
/// log2 of the largest window a zstd stream may ask for: 128 MiB of memory.
const WINDOW_LOG_MAX: u32 = 27;

/// How a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packed {
    Gzip,
    Zstd,
    Xz,
}

impl Packed {
    /// As the first bytes of a file say.
    pub(super) fn of(begins: &[u8]) -> Option<Self> {
        if begins.starts_with(&[0x1f, 0x8b, 8]) {
            return Some(Packed::Gzip);
        }
        if begins.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
            return Some(Packed::Zstd);
        }
        let xz = begins.starts_with(&[0xfd, b'7', b'z', b'X', b'Z', 0]);
        xz.then_some(Packed::Xz)
    }

    fn decoder(self, file: File) -> io::Result<Box<dyn Read>> {
        let input = BufReader::new(file);
        Ok(match self {
            Packed::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(input)),
            Packed::Xz => Box::new(xz::Decoder::new(input)),
            Packed::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(input)?;
                decoder.window_log_max(WINDOW_LOG_MAX)?;
                Box::new(decoder)
            }
        })
    }
}

/// Refuses the object at `root` when one of `files` holds a scratch digest of `known`.
pub(super) fn check(
    root: &Path,
    files: &[(PathBuf, Packed)],
    known: &Known,
) -> Result<(), ScanError> {
    let scratch = known.only_scratch();
    if scratch.meanings.is_empty() {
        return Ok(());
    }
    for (inside, packed) in files {
        // Joining an empty path would append a slash, and follow a link.
        let path = match inside.as_os_str().is_empty() {
            true => root.to_owned(),
            false => root.join(inside),
        };
        if holds_scratch(&path, *packed, &scratch)? {
            let file = inside.clone();
            return Err(ScanError::DigestCompressed { file });
        }
    }
    Ok(())
}

/// What is no such stream after all is data, as far as it goes.
fn holds_scratch(path: &Path, packed: Packed, scratch: &Known) -> Result<bool, ScanError> {
    let mut options = OpenOptions::new();
    let opened = options.read(true).custom_flags(libc::O_NOFOLLOW).open(path);
    let file = opened.map_err(|e| super::TreeError::io("open", path, e))?;
    let Ok(decoder) = packed.decoder(file) else {
        return Ok(false);
    };
    let mut decoder = decoder.take(BYTES_MAX);
    let mut scanner = Scanner::new(scratch);
    scanner.begin(path, Part::Content)?;
    while let Ok(read @ 1..) = decoder.read(scanner.room(128 << 10)) {
        scanner.filled(read)?;
        if scanner.has_found() {
            return Ok(true);
        }
    }
    Ok(false)
}
