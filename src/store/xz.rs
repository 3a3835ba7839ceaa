//! Reads xz with bounded memory. The library's own reader of the container takes
//! as large a dictionary as a block asks for, up to 4 GiB; here a block that asks
//! for more than [`DICTIONARY_MAX`] is an error before anything is taken. The
//! container is that of "The .xz File Format" 1.2; checks of blocks are passed
//! over, since whoever reads here knows the hash of the whole or looks for text.

use lzma_rust2::Lzma2Reader;
use std::io::{self, Read};

/// Bytes of memory for one block: twice what `xz -9` asks for.
const DICTIONARY_MAX: u32 = 128 << 20;
const MAGIC: [u8; 6] = [0xfd, b'7', b'z', b'X', b'Z', 0];
/// The filter whose output is what was compressed.
const LZMA2: u64 = 0x21;
/// Bytes of a block's check, by the stream's flags.
const CHECKS: [usize; 16] = [0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64];

/// The bytes that were compressed, of one stream after another.
pub(crate) struct Decoder<R: Read> {
    place: Place<R>,
    check: usize,
}

enum Place<R: Read> {
    /// Before a stream; the first must be there.
    Start {
        input: Counted<R>,
        is_first: bool,
    },
    /// Before a block or the index.
    Between(Counted<R>),
    Block(Box<Lzma2Reader<Counted<R>>>),
    Over,
}

impl<R: Read> Decoder<R> {
    /// Nothing is read before it is asked for.
    pub fn new(input: R) -> Self {
        let input = Counted { input, count: 0 };
        let is_first = true;
        Decoder {
            place: Place::Start { input, is_first },
            check: 0,
        }
    }

    fn stream(&mut self, mut input: Counted<R>, is_first: bool) -> io::Result<Place<R>> {
        let mut head = [0; 12];
        // Streams may have zeros between them, four at a time.
        loop {
            match input.read(&mut head[..1])? {
                0 if !is_first => return Ok(Place::Over),
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                _ if head[0] == 0 && !is_first => {}
                _ => break,
            }
        }
        input.read_exact(&mut head[1..])?;
        if head[..6] != MAGIC {
            return Err(damaged("it is no xz stream"));
        }
        self.check = CHECKS[usize::from(head[7] & 0xf)];
        Ok(Place::Between(input))
    }

    fn block(&self, mut input: Counted<R>) -> io::Result<Place<R>> {
        input.count = 0;
        let size = input.byte()?;
        if size == 0 {
            input.index()?;
            let is_first = false;
            return Ok(Place::Start { input, is_first });
        }
        let mut header = vec![0; usize::from(size) * 4 + 3];
        input.read_exact(&mut header)?;
        let dictionary = dictionary(&header)?;
        if dictionary > DICTIONARY_MAX {
            let limit = DICTIONARY_MAX >> 20;
            return Err(damaged(&format!("a block asks for more than {limit} MiB")));
        }
        input.count = 0;
        Ok(Place::Block(Box::new(Lzma2Reader::new(
            input, dictionary, None,
        ))))
    }
}

impl<R: Read> Read for Decoder<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            self.place = match std::mem::replace(&mut self.place, Place::Over) {
                Place::Over => return Ok(0),
                Place::Start { input, is_first } => self.stream(input, is_first)?,
                Place::Between(input) => self.block(input)?,
                Place::Block(mut block) => {
                    let read = block.read(into)?;
                    if read > 0 || into.is_empty() {
                        self.place = Place::Block(block);
                        return Ok(read);
                    }
                    let mut input = block.into_inner();
                    let padding = input.padding();
                    input.skip(padding + self.check)?;
                    Place::Between(input)
                }
            };
        }
    }
}

/// The dictionary's size from a block's header, its first byte left out.
fn dictionary(header: &[u8]) -> io::Result<u32> {
    let mut fields = Counted {
        input: header,
        count: 0,
    };
    let flags = fields.byte()?;
    for sizes in [0x40, 0x80] {
        if flags & sizes != 0 {
            fields.number()?;
        }
    }
    let (filter, properties) = (fields.number()?, fields.number()?);
    if flags & 3 != 0 || filter != LZMA2 || properties != 1 {
        return Err(damaged("its filters are not read here"));
    }
    match u32::from(fields.byte()? & 0x3f) {
        40 => Ok(u32::MAX),
        bits @ 0..40 => Ok((2 | bits & 1) << (bits / 2 + 11)),
        _ => Err(damaged("the size of its dictionary is none")),
    }
}

/// Knows how many bytes were read, which padding depends on.
struct Counted<R> {
    input: R,
    count: usize,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(into)?;
        self.count = self.count.wrapping_add(read);
        Ok(read)
    }
}

impl<R: Read> Counted<R> {
    fn byte(&mut self) -> io::Result<u8> {
        let mut byte = [0];
        self.read_exact(&mut byte)?;
        Ok(byte[0])
    }

    /// Seven bits in a byte, the lowest first.
    fn number(&mut self) -> io::Result<u64> {
        let mut number = 0;
        for place in 0..9 {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << (7 * place);
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(damaged("a number in it has no end"))
    }

    fn padding(&self) -> usize {
        self.count.wrapping_neg() % 4
    }

    fn skip(&mut self, count: usize) -> io::Result<()> {
        let mut passed = [0; 80];
        self.read_exact(&mut passed[..count.min(80)])
    }

    /// What stands behind the last block: a list of them, and the stream's end.
    fn index(&mut self) -> io::Result<()> {
        const CHECK: usize = 4;
        const FOOTER: usize = 12;
        for _ in 0..self.number()? {
            self.number()?;
            self.number()?;
        }
        let padding = self.padding();
        self.skip(padding + CHECK + FOOTER)
    }
}

fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

/// A stream that holds bytes as they are, for tests: there is no encoder here.
#[cfg(test)]
pub(crate) fn stored(bytes: &[u8]) -> Vec<u8> {
    let mut stream = [&MAGIC[..], &[0; 6], &[2, 0, 0x21, 1, 0x16], &[0; 7]].concat();
    for (number, chunk) in bytes.chunks(1 << 16).enumerate() {
        let control = if number == 0 { 1 } else { 2 };
        let size = u16::try_from(chunk.len() - 1).unwrap_or(u16::MAX);
        stream.push(control);
        stream.extend(size.to_be_bytes());
        stream.extend(chunk);
    }
    stream.push(0);
    stream.resize(stream.len().next_multiple_of(4), 0);
    // The index of no block, with its padding and check, and the footer.
    [stream, vec![0; 8 + 12]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    // `printf 'kiln\nkiln\nkiln\n' | xz`, in hex.
    const XZ: &str = "fd377a585a000004e6d6b4460200210116000000742fe5a3e0000e000b5d00359a49d78aff6c6190000000001a532d02078731d20001270fdf1afc6a1fb6f37d010000000004595a";

    fn packed() -> Vec<u8> {
        crate::store::encoding::from_hex::<72>(XZ).unwrap().to_vec()
    }

    fn read(packed: &[u8]) -> io::Result<Vec<u8>> {
        let mut read = Vec::new();
        Decoder::new(packed).read_to_end(&mut read).map(|_| read)
    }

    #[test]
    fn streams_are_read_one_after_another_with_zeros_between() {
        let text = b"kiln\n".repeat(3);
        assert_eq!(read(&packed()).unwrap(), text);
        let twice = [packed(), vec![0; 8], packed(), vec![0; 4]].concat();
        assert_eq!(read(&twice).unwrap(), text.repeat(2));
    }

    #[test]
    fn what_is_cut_off_anywhere_is_an_error() {
        let packed = packed();
        for length in 0..packed.len() {
            assert!(read(&packed[..length]).is_err(), "{length}");
        }
        assert!(read(b"kiln").is_err());
    }

    #[test]
    fn a_dictionary_beyond_the_limit_is_refused_before_it_is_made() {
        for (bits, fits) in [
            (0x16, true),
            (28, true),
            (30, true),
            (31, false),
            (40, false),
            (41, false),
        ] {
            let mut packed = packed();
            packed[16] = bits; // the property of the one filter
            assert_eq!(read(&packed).is_ok(), fits, "{bits}");
        }
    }
}
