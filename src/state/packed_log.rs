//! Logs at rest: independent zstd frames of a fixed size and a table of where
//! they lie, so that any offset is found without reading what is before it. It
//! is zstd's seekable format: `zstdcat` reads it whole.
//!
//! While a step runs its log is plain text, so that a crash loses nothing of it
//! and followers read what was written last. When its generation has ended, the
//! text is packed beside it and then removed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// What a packed log's name has after the plain one's.
pub(crate) const SUFFIX: &str = ".zst";
/// Text bytes of a frame.
const FRAME: usize = 128 << 10;
/// Much of text compresses well at any level; this one is fast.
const LEVEL: i32 = 3;
const SKIPPABLE: u32 = 0x184D_2A5E;
const SEEKABLE: u32 = 0x8F92_EAB1;
/// Count of frames, descriptor, magic number.
const FOOTER: usize = 9;
/// Bytes of an entry of the table: compressed and text length.
const ENTRY: usize = 8;
/// More frames than any log that is kept has.
const FRAMES_MAX: usize = 1 << 20;

/// Packs every plain log in `folder`; what is packed already stays.
///
/// The folder is held by its descriptor: an attempt that makes it anew
/// meanwhile is not touched.
///
/// # Errors
/// When something cannot be read or written; the plain log then stays.
pub(super) fn pack_folder(folder: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options
        .read(true)
        .custom_flags(libc::O_DIRECTORY | libc::O_NOFOLLOW);
    let held = match options.open(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        held => held?,
    };
    let held_path = PathBuf::from(format!("/proc/self/fd/{}", held.as_raw_fd()));
    for entry in fs::read_dir(&held_path)? {
        let entry = entry?;
        let is_log = entry.path().extension().is_some_and(|ext| ext == "log");
        if is_log && entry.file_type()?.is_file() {
            pack(&entry.path())?;
        }
    }
    Ok(())
}

/// Text first, then the name, then the plain log goes: a crash leaves one of
/// them whole.
fn pack(plain: &Path) -> io::Result<()> {
    let packed = packed_path(plain);
    let new = packed.with_extension("new");
    let written = write(&mut File::open(plain)?, &new);
    let placed = written.and_then(|()| fs::rename(&new, &packed));
    match placed {
        Ok(()) => fs::remove_file(plain),
        Err(error) => {
            let _ = fs::remove_file(&new); // it may not have been made
            Err(error)
        }
    }
}

/// `x.log` packed is `x.log.zst`.
pub(crate) fn packed_path(plain: &Path) -> PathBuf {
    let mut name = plain.as_os_str().to_owned();
    name.push(SUFFIX);
    name.into()
}

fn write(text: &mut impl Read, to: &Path) -> io::Result<()> {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o640)
        .open(to)?;
    let mut out = BufWriter::new(file);
    let mut table = Vec::new();
    let mut frame = Vec::with_capacity(FRAME);
    loop {
        frame.clear();
        text.by_ref().take(FRAME as u64).read_to_end(&mut frame)?;
        if frame.is_empty() {
            break;
        }
        let compressed = zstd::bulk::compress(&frame, LEVEL)?;
        out.write_all(&compressed)?;
        for length in [compressed.len(), frame.len()] {
            let length = u32::try_from(length).map_err(io::Error::other)?;
            table.extend_from_slice(&length.to_le_bytes());
        }
    }
    let frames = u32::try_from(table.len() / ENTRY).map_err(io::Error::other)?;
    let size = u32::try_from(table.len() + FOOTER).map_err(io::Error::other)?;
    out.write_all(&SKIPPABLE.to_le_bytes())?;
    out.write_all(&size.to_le_bytes())?;
    out.write_all(&table)?;
    out.write_all(&frames.to_le_bytes())?;
    out.write_all(&[0])?;
    out.write_all(&SEEKABLE.to_le_bytes())?;
    // The plain log goes next: what takes its place is on the disk first.
    out.into_inner()
        .map_err(io::IntoInnerError::into_error)?
        .sync_data()
}

/// A packed log, opened.
pub(crate) struct PackedLog {
    file: File,
    /// Of each frame: where it begins, its compressed and its text length.
    frames: Vec<(u64, u32, u32)>,
}

impl PackedLog {
    /// The packed form of the log `plain`.
    ///
    /// # Errors
    /// When there is none, or it is damaged.
    pub(crate) fn open(plain: &Path) -> io::Result<Self> {
        let file = File::open(packed_path(plain))?;
        let length = file.metadata()?.len();
        let mut footer = [0; FOOTER];
        let at = length.checked_sub(FOOTER as u64).ok_or_else(damaged)?;
        file.read_exact_at(&mut footer, at)?;
        let count = word(&footer, 0)? as usize;
        if word(&footer, 5)? != SEEKABLE || footer[4] != 0 || count > FRAMES_MAX {
            return Err(damaged());
        }
        let mut table = vec![0; count * ENTRY];
        let at = at.checked_sub(table.len() as u64).ok_or_else(damaged)?;
        file.read_exact_at(&mut table, at)?;
        let mut frames = Vec::with_capacity(count);
        let mut begin = 0;
        for entry in table.chunks_exact(ENTRY) {
            let (compressed, text) = (word(entry, 0)?, word(entry, 4)?);
            if text as usize > FRAME || begin + u64::from(compressed) > at {
                return Err(damaged());
            }
            frames.push((begin, compressed, text));
            begin += u64::from(compressed);
        }
        Ok(PackedLog { file, frames })
    }

    /// Bytes of its text.
    pub(crate) fn length(&self) -> u64 {
        self.frames.iter().map(|frame| u64::from(frame.2)).sum()
    }

    /// At most `most` bytes of text from `position` on, of one frame; none at
    /// its end.
    ///
    /// # Errors
    /// When it cannot be read, or is damaged.
    pub(crate) fn read_at(&self, position: u64, most: usize) -> io::Result<Vec<u8>> {
        let mut before = 0;
        for &(begin, compressed, text) in &self.frames {
            let inside = position - before;
            before += u64::from(text);
            if position >= before {
                continue;
            }
            let mut packed = vec![0; compressed as usize];
            self.file.read_exact_at(&mut packed, begin)?;
            let mut text = zstd::bulk::decompress(&packed, text as usize)?;
            text.drain(..usize::try_from(inside).map_or(text.len(), |n| n.min(text.len())));
            text.truncate(most);
            return Ok(text);
        }
        Ok(Vec::new())
    }
}

fn word(bytes: &[u8], at: usize) -> io::Result<u32> {
    let word = bytes.get(at..at + 4).and_then(|word| word.try_into().ok());
    word.map(u32::from_le_bytes).ok_or_else(damaged)
}

fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the packed log is damaged")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(lines: u32) -> Vec<u8> {
        let mut text = Vec::new();
        for line in 0..lines {
            writeln!(text, "line {line} of a step").unwrap();
        }
        text
    }

    #[test]
    fn a_packed_log_is_smaller_and_every_offset_of_it_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let plain = folder.path().join("00001-a.log");
        let text = text(40_000);
        assert!(text.len() > 4 * FRAME);
        fs::write(&plain, &text).unwrap();
        pack_folder(folder.path()).unwrap();
        assert!(!plain.exists());
        let size = fs::metadata(packed_path(&plain)).unwrap().len();
        assert!(size < text.len() as u64 / 4, "{size}");
        let packed = PackedLog::open(&plain).unwrap();
        assert_eq!(packed.length(), text.len() as u64);
        for position in [0, 1, FRAME - 1, FRAME, FRAME * 3 + 7, text.len() - 1] {
            let read = packed.read_at(position as u64, 1000).unwrap();
            assert!(!read.is_empty());
            assert_eq!(read, text[position..position + read.len()]);
        }
        assert_eq!(packed.read_at(text.len() as u64, 10).unwrap(), b"");
        assert_eq!(packed.read_at(u64::MAX, 10).unwrap(), b"");
        let mut whole = Vec::new();
        while let Some(piece) = Some(packed.read_at(whole.len() as u64, usize::MAX).unwrap())
            .filter(|piece| !piece.is_empty())
        {
            whole.extend(piece);
        }
        assert_eq!(whole, text);
    }

    #[test]
    fn an_empty_log_is_packed_too() {
        let folder = tempfile::tempdir().unwrap();
        let plain = folder.path().join("00001-a.log");
        fs::write(&plain, "").unwrap();
        pack_folder(folder.path()).unwrap();
        let packed = PackedLog::open(&plain).unwrap();
        assert_eq!(
            (packed.length(), packed.read_at(0, 1).unwrap()),
            (0, vec![])
        );
    }

    #[test]
    fn a_truncated_or_changed_packed_log_is_an_error_and_no_panic() {
        let folder = tempfile::tempdir().unwrap();
        let plain = folder.path().join("00001-a.log");
        fs::write(&plain, text(20_000)).unwrap();
        pack_folder(folder.path()).unwrap();
        let file = packed_path(&plain);
        let whole = fs::read(&file).unwrap();
        for length in (0..whole.len()).step_by(whole.len() / 50) {
            fs::write(&file, &whole[..length]).unwrap();
            assert!(PackedLog::open(&plain).is_err(), "{length}");
        }
        for at in (0..whole.len()).step_by(whole.len() / 200) {
            let mut changed = whole.clone();
            changed[at] ^= 0xff;
            fs::write(&file, changed).unwrap();
            let read = PackedLog::open(&plain).and_then(|packed| packed.read_at(0, 10));
            drop(read); // whatever it says, it says it
        }
    }

    #[test]
    fn a_folder_made_anew_while_it_is_packed_is_not_touched() {
        let folder = tempfile::tempdir().unwrap();
        let steps = folder.path().join("steps");
        fs::create_dir(&steps).unwrap();
        let held = File::open(&steps).unwrap();
        fs::write(steps.join("00001-a.log"), "old").unwrap();
        fs::remove_dir_all(&steps).unwrap();
        fs::create_dir(&steps).unwrap();
        fs::write(steps.join("00001-a.log"), "new").unwrap();
        let through = PathBuf::from(format!("/proc/self/fd/{}", held.as_raw_fd()));
        let _ = pack(&through.join("00001-a.log"));
        assert_eq!(fs::read(steps.join("00001-a.log")).unwrap(), b"new");
    }
}
