//! How archives are compressed: zstd is written; that and what Nix writes, or
//! has written, is read.

use std::fmt;
use std::io::{self, Read, Write};
use std::str::FromStr;

/// zstd's level: where more costs more time than it saves bytes.
const LEVEL: i32 = 8;
/// log2 of the largest window a stream may ask for: 128 MiB of memory.
const WINDOW_LOG_MAX: u32 = 27;
/// xz's decoder keeps as much of the past as a stream asks for, up to 4 GiB:
/// its memory is bounded by what it may give.
const XZ_MAX: u64 = 512 << 20;

/// As a narinfo names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    None,
    Zstd,
    Xz,
    Gzip,
    Bzip2,
}

const NAMES: [(Compression, &str); 5] = [
    (Compression::None, "none"),
    (Compression::Zstd, "zstd"),
    (Compression::Xz, "xz"),
    (Compression::Gzip, "gzip"),
    (Compression::Bzip2, "bzip2"),
];

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = NAMES.iter().find(|(compression, _)| compression == self);
        f.write_str(name.map_or("", |(_, name)| name))
    }
}

impl FromStr for Compression {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let known = NAMES.iter().find(|(_, name)| *name == text);
        known.map(|(compression, _)| *compression).ok_or_else(|| {
            let text: String = text.chars().take(50).collect();
            format!("compression {text:?} is not known")
        })
    }
}

impl Compression {
    /// The bytes that were compressed, `size` at most.
    ///
    /// # Errors
    /// When so much is not read from this compression.
    pub fn decoder<'r>(
        self,
        input: Box<dyn Read + 'r>,
        size: u64,
    ) -> io::Result<Box<dyn Read + 'r>> {
        match self {
            Compression::None => Ok(input),
            Compression::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::new(input)?;
                decoder.window_log_max(WINDOW_LOG_MAX)?;
                Ok(Box::new(decoder))
            }
            Compression::Xz if size > XZ_MAX => {
                let what = format!("more than {XZ_MAX} bytes are not read from xz; push with zstd");
                Err(io::Error::new(io::ErrorKind::Unsupported, what))
            }
            Compression::Xz => Ok(Box::new(crate::store::xz::Decoder::new(input))),
            Compression::Gzip => Ok(Box::new(flate2::read::MultiGzDecoder::new(input))),
            Compression::Bzip2 => Ok(Box::new(bzip2::read::MultiBzDecoder::new(input))),
        }
    }
}

/// Writes compressed by zstd what is written to it.
///
/// # Errors
/// When memory is short.
pub fn encoder<W: Write>(output: W) -> io::Result<zstd::stream::write::Encoder<'static, W>> {
    let mut encoder = zstd::stream::write::Encoder::new(output, LEVEL)?;
    encoder.include_checksum(true)?;
    Ok(encoder)
}

#[cfg(test)]
mod tests {
    use super::*;

    // `printf 'kiln\nkiln\nkiln\n' | gzip -n`, xz and bzip2, in hex.
    const GZIP: &str = "1f8b0800000000000003cbceccc9e3ca861300501e2c080f000000";
    const XZ: &str = "fd377a585a000004e6d6b4460200210116000000742fe5a3e0000e000b5d00359a49d78aff6c6190000000001a532d02078731d20001270fdf1afc6a1fb6f37d010000000004595a";
    const BZIP2: &str = "425a6839314159265359e783c0dd00000441000010002d2000223f546419a0a8e4578bb9229c284873c1e06e80";

    #[test]
    fn what_is_compressed_is_read_back_and_a_cut_off_stream_is_an_error() {
        let text = b"kiln ".repeat(10_000);
        let mut encoder = encoder(Vec::new()).unwrap();
        encoder.write_all(&text).unwrap();
        let packed = encoder.finish().unwrap();
        assert!(packed.len() < text.len() / 10);
        let read = |packed: Vec<u8>| {
            let mut read = Vec::new();
            let input = Box::new(io::Cursor::new(packed));
            let mut decoder = Compression::Zstd.decoder(input, u64::MAX)?;
            decoder.read_to_end(&mut read).map(|_| read)
        };
        assert_eq!(read(packed.clone()).unwrap(), text);
        assert!(read(packed[..packed.len() - 1].to_vec()).is_err());
    }

    #[test]
    fn what_other_programs_compressed_is_read() {
        let text = b"kiln\n".repeat(3);
        for (compression, hex) in [
            (Compression::Gzip, GZIP),
            (Compression::Xz, XZ),
            (Compression::Bzip2, BZIP2),
        ] {
            let bytes = (0..hex.len()).step_by(2);
            let bytes = bytes.map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap());
            let packed: Vec<u8> = bytes.collect();
            let mut read = Vec::new();
            let input = Box::new(io::Cursor::new(packed));
            let mut decoder = compression.decoder(input, 1 << 20).unwrap();
            decoder.read_to_end(&mut read).unwrap();
            assert_eq!(read, text, "{compression}");
        }
        let large = Compression::Xz.decoder(Box::new(io::empty()), XZ_MAX + 1);
        assert!(large.is_err());
    }

    #[test]
    fn every_name_reads_as_what_it_is_written_for() {
        for (compression, name) in NAMES {
            assert_eq!(compression.to_string(), name);
            assert_eq!(name.parse(), Ok(compression));
        }
        assert!("brotli".parse::<Compression>().is_err());
    }
}
