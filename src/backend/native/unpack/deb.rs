//! deb: an `ar` archive whose member `data.tar` is the package's files.

use super::archive::{self, ReadSeek};
use super::tree::{Tree, UnpackError};
use std::io::{Read, SeekFrom};

/// Of `ar`.
pub(super) const MAGIC: &[u8] = b"!<arch>\n";
/// A member's header: name (16), time (12), owner (6), group (6), mode (8),
/// size (10), end (2).
const HEADER: usize = 60;
const SIZE: std::ops::Range<usize> = 48..58;

/// Unpacks the files of a Debian package.
pub(super) fn unpack(input: &mut dyn ReadSeek, tree: &mut Tree<'_>) -> Result<(), UnpackError> {
    let mut at = MAGIC.len() as u64;
    loop {
        input
            .seek(SeekFrom::Start(at))
            .map_err(UnpackError::damaged)?;
        let mut header = [0; HEADER];
        if input.read_exact(&mut header).is_err() {
            return Err(UnpackError::damaged(
                "this ar archive has no data.tar: it is no deb",
            ));
        }
        let text = std::str::from_utf8(&header[SIZE])
            .unwrap_or_default()
            .trim_end();
        let (Ok(size), b"`\n") = (text.parse::<u64>(), &header[HEADER - 2..]) else {
            return Err(UnpackError::damaged("a member's header of the deb is none"));
        };
        if header.starts_with(b"data.tar") {
            return archive::tar(&mut input.take(size), tree);
        }
        // Members begin at even places.
        let next = at
            .checked_add(HEADER as u64)
            .and_then(|at| at.checked_add(size));
        let next = next.and_then(|at| at.checked_add(at % 2));
        at = next.ok_or_else(|| UnpackError::damaged("a member of the deb is endless"))?;
    }
}
