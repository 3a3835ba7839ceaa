//! Which archive it is, by its first bytes, and what is inside a compression.

use super::tree::{Tree, UnpackError};
use super::{deb, tarball, zipfile};
use std::io::{BufReader, Read, Seek, SeekFrom};

/// What archives are read from.
pub trait ReadSeek: Read + Seek {}
impl<T: Read + Seek> ReadSeek for T {}

/// What was unpacked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Tar,
    Zip,
    Deb,
}

impl Format {
    /// Whether a single folder at the top is only a wrapping: a deb is laid out
    /// as the file system it goes to, where `usr` alone is as good as any.
    pub fn is_wrapped(self) -> bool {
        match self {
            Format::Tar | Format::Zip => true,
            Format::Deb => false,
        }
    }
}

/// How bytes are compressed, by the first of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compression {
    None,
    Gzip,
    Xz,
    Zstd,
    Bzip2,
}

/// Of a tar's header, where all that is needed to know one stands.
const HEAD: usize = 512;

/// Unpacks an archive from its beginning.
///
/// # Errors
/// When it is none, is damaged, or holds what must not be unpacked; what was
/// made before stays for the caller to remove.
pub fn unpack(archive: &mut dyn ReadSeek, tree: &mut Tree<'_>) -> Result<Format, UnpackError> {
    let mut head = Vec::with_capacity(HEAD);
    archive
        .take(HEAD as u64)
        .read_to_end(&mut head)
        .and_then(|_| archive.seek(SeekFrom::Start(0)))
        .map_err(UnpackError::damaged)?;
    if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        return zipfile::unpack(archive, tree).map(|()| Format::Zip);
    }
    if head.starts_with(deb::MAGIC) {
        return deb::unpack(archive, tree).map(|()| Format::Deb);
    }
    match compression(&head) {
        Compression::None if !is_tar(&head) => Err(UnpackError::Unknown),
        _ => tar(archive, tree).map(|()| Format::Tar),
    }
}

/// A tar, compressed or not; its bytes say which.
pub(super) fn tar(input: &mut dyn Read, tree: &mut Tree<'_>) -> Result<(), UnpackError> {
    let mut input = BufReader::new(input);
    let head = std::io::BufRead::fill_buf(&mut input).map_err(UnpackError::damaged)?;
    match compression(head) {
        Compression::None => tarball::unpack(&mut input, tree),
        Compression::Gzip => {
            tarball::unpack(&mut flate2::bufread::MultiGzDecoder::new(input), tree)
        }
        Compression::Xz => tarball::unpack(&mut lzma_rust2::XzReader::new(input, true), tree),
        Compression::Bzip2 => {
            tarball::unpack(&mut bzip2::bufread::MultiBzDecoder::new(input), tree)
        }
        Compression::Zstd => {
            let decoder = zstd::Decoder::with_buffer(input).map_err(UnpackError::damaged)?;
            tarball::unpack(&mut { decoder }, tree)
        }
    }
}

fn compression(head: &[u8]) -> Compression {
    let known: [(&[u8], Compression); 4] = [
        (&[0x1f, 0x8b], Compression::Gzip),
        (&[0xfd, b'7', b'z', b'X', b'Z', 0], Compression::Xz),
        (&[0x28, 0xb5, 0x2f, 0xfd], Compression::Zstd),
        (b"BZh", Compression::Bzip2),
    ];
    let found = known.iter().find(|(magic, _)| head.starts_with(magic));
    found.map_or(Compression::None, |(_, compression)| *compression)
}

/// A header whose checksum is right: the sum of its bytes, those of the sum
/// itself counted as spaces.
fn is_tar(head: &[u8]) -> bool {
    let Some(field) = head.get(148..156).filter(|_| head.len() == HEAD) else {
        return false;
    };
    let digits: String = field
        .iter()
        .map(|byte| char::from(*byte))
        .skip_while(|c| *c == ' ')
        .take_while(char::is_ascii_digit)
        .collect();
    let sum: u32 = head.iter().map(|byte| u32::from(*byte)).sum();
    let own: u32 = field.iter().map(|byte| u32::from(*byte)).sum();
    u32::from_str_radix(&digits, 8) == Ok(sum - own + 8 * u32::from(b' '))
}
