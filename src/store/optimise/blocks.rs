//! Files that share their blocks, where the file system can (btrfs, XFS): the
//! kernel compares them itself and shares only what is equal.

use nix::errno::Errno;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::path::Path;

/// `_IOWR(0x94, 54, struct file_dedupe_range)`
const FIDEDUPERANGE: u64 = 0xc018_9436;
/// `_IOWR('f', 11, struct fiemap)`
const FS_IOC_FIEMAP: u64 = 0xc020_660b;
/// Bytes in one call; file systems take no more at a time.
const AT_ONCE: u64 = 16 << 20;
/// `fiemap_extent.fe_flags`: where it lies is not known, or not in blocks of its own.
const UNKNOWN_PLACE: u32 = 0x2 | 0x4 | 0x100 | 0x200 | 0x400;

/// `struct file_dedupe_range` with one `struct file_dedupe_range_info`.
#[repr(C)]
struct DedupeRange {
    src_offset: u64,
    src_length: u64,
    dest_count: u16,
    reserved1: u16,
    reserved2: u32,
    dest_fd: i64,
    dest_offset: u64,
    bytes_deduped: u64,
    status: i32,
    reserved: u32,
}

/// `struct fiemap` with one `struct fiemap_extent`.
#[repr(C)]
#[derive(Default)]
struct Fiemap {
    start: u64,
    length: u64,
    flags: u32,
    mapped_extents: u32,
    extent_count: u32,
    reserved: u32,
    logical: u64,
    physical: u64,
    extent_length: u64,
    extent_reserved: [u64; 2],
    extent_flags: u32,
    extent_reserved_2: [u32; 3],
}

/// Whether this file system shares blocks: found out by the first two files.
#[derive(Debug, Default)]
pub struct Sharing {
    cannot: bool,
}

impl Sharing {
    /// Lets `path` share the blocks of `first`, of equal content: whether it did
    /// not before. `None` where the file system cannot.
    ///
    /// # Errors
    /// When a file cannot be opened, or the disk fails.
    pub fn share(&mut self, first: &Path, path: &Path, length: u64) -> io::Result<Option<bool>> {
        if self.cannot {
            return Ok(None);
        }
        let (first, file) = (File::open(first)?, File::open(path)?);
        let place = begins_at(&first);
        if place.is_some() && place == begins_at(&file) {
            return Ok(Some(false));
        }
        let mut done = 0;
        while done < length {
            match dedupe(first.as_raw_fd(), file.as_raw_fd(), done, length - done) {
                Ok(0) => return Ok(Some(done > 0)), // the rest cannot be shared, or differs
                Ok(shared) => done += shared,
                Err(Errno::EOPNOTSUPP | Errno::ENOTTY | Errno::EINVAL | Errno::ENOSYS)
                    if done == 0 =>
                {
                    self.cannot = true;
                    return Ok(None);
                }
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(Some(true))
    }
}

/// How many bytes are shared now.
fn dedupe(from: RawFd, to: RawFd, offset: u64, length: u64) -> Result<u64, Errno> {
    let mut range = DedupeRange {
        src_offset: offset,
        src_length: length.min(AT_ONCE),
        dest_count: 1,
        reserved1: 0,
        reserved2: 0,
        dest_fd: i64::from(to),
        dest_offset: offset,
        bytes_deduped: 0,
        status: 0,
        reserved: 0,
    };
    // SAFETY: the structure is as the kernel wants it, with the one destination it
    // announces, and lives through the call.
    Errno::result(unsafe { libc::ioctl(from, FIDEDUPERANGE as _, &raw mut range) })?;
    match range.status {
        0 => Ok(range.bytes_deduped),
        1 => Ok(0), // FILE_DEDUPE_RANGE_DIFFERS
        errno => Err(Errno::from_raw(-errno)),
    }
}

/// Where a file's first bytes lie on the disk; `None` where nobody can say.
fn begins_at(file: &File) -> Option<u64> {
    let mut map = Fiemap {
        length: u64::MAX,
        extent_count: 1,
        ..Fiemap::default()
    };
    // SAFETY: the structure has room for the one extent it announces, and lives
    // through the call.
    let asked = unsafe { libc::ioctl(file.as_raw_fd(), FS_IOC_FIEMAP as _, &raw mut map) };
    let known = asked == 0 && map.mapped_extents == 1 && map.extent_flags & UNKNOWN_PLACE == 0;
    known.then_some(map.physical)
}
