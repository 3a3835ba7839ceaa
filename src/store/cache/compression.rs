//! How archives are compressed: zstd is written; what a well-kept decoder is in
//! the tree for is read.

use std::fmt;
use std::io::{self, Read, Write};
use std::str::FromStr;

/// zstd's level: where more costs more time than it saves bytes.
const LEVEL: i32 = 8;
/// log2 of the largest window a stream may ask for: 128 MiB of memory.
const WINDOW_LOG_MAX: u32 = 27;

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
    /// The bytes that were compressed.
    ///
    /// # Errors
    /// When this compression cannot be read, with its name.
    pub fn decoder<'r>(self, input: Box<dyn Read + 'r>) -> io::Result<Box<dyn Read + 'r>> {
        match self {
            Compression::None => Ok(input),
            Compression::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::new(input)?;
                decoder.window_log_max(WINDOW_LOG_MAX)?;
                Ok(Box::new(decoder))
            }
            Compression::Xz | Compression::Gzip | Compression::Bzip2 => {
                let what = format!("archives compressed by {self} are not read; push with zstd");
                Err(io::Error::new(io::ErrorKind::Unsupported, what))
            }
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
            let mut decoder = Compression::Zstd.decoder(input)?;
            decoder.read_to_end(&mut read).map(|_| read)
        };
        assert_eq!(read(packed.clone()).unwrap(), text);
        assert!(read(packed[..packed.len() - 1].to_vec()).is_err());
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
