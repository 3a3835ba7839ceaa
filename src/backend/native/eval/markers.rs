//! Markers: what an output looks like as text while its store path is not
//! known. `/kiln-` and 52 characters, always the same for the same node, so
//! that joining, formatting and encoding keep it; [`Markers::split`] finds it
//! again.

use crate::backend::native::graph::{OutputRef, Piece, Template};
use sha2::{Digest, Sha256};
use std::collections::HashMap;

const PREFIX: &str = "/kiln-";
const DIGEST: usize = 52;
/// Marker characters in a row that nobody writes by chance.
const PIECE: usize = 20;
/// Any `PIECE` characters of a digest contain one whole aligned block.
const BLOCK: usize = 10;
const ALPHABET: &[u8; 32] = b"0123456789abcdfghijklmnpqrsvwxyz";

/// The text that stands for one output.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Marker(String);

impl Marker {
    /// The marker of one output of the node with this identity.
    pub fn new(identity: &[u8; 32], output: &str) -> Self {
        let digest = Sha256::new()
            .chain_update(b"kiln:marker:1\0")
            .chain_update(identity)
            .chain_update(output.as_bytes())
            .finalize();
        Marker(format!("{PREFIX}{}", base32(&digest.into())))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn digest(&self) -> &str {
        &self.0[PREFIX.len()..]
    }
}

/// Nix's base 32: 52 characters for 32 bytes, the last bits first.
fn base32(bytes: &[u8; 32]) -> String {
    (0..DIGEST)
        .rev()
        .map(|n| {
            let (index, shift) = (n * 5 / 8, n * 5 % 8);
            let low = u16::from(bytes[index]) >> shift;
            let high = bytes
                .get(index + 1)
                .map_or(0, |b| u16::from(*b) << (8 - shift));
            char::from(ALPHABET[usize::from((low | high) & 0x1f)])
        })
        .collect()
}

/// A marker that was cut or changed: its output cannot be found again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{piece:?} is a damaged piece of an output's placeholder: an output's path is not known \
     during evaluation, so upper(), slices, replace() and the like cannot be used on it"
)]
pub struct Damaged {
    /// What is left of it.
    pub piece: String,
}

/// Every marker handed out in one evaluation.
#[derive(Debug, Default)]
pub struct Markers {
    outputs: HashMap<String, OutputRef>,
    blocks: HashMap<[u8; BLOCK], (String, usize)>,
}

impl Markers {
    pub fn insert(&mut self, marker: &Marker, output: OutputRef) {
        let digest = marker.digest();
        for at in (0..=DIGEST - BLOCK).step_by(BLOCK) {
            let block = block_at(digest.as_bytes(), at);
            self.blocks.insert(block, (digest.to_owned(), at));
        }
        self.outputs.insert(digest.to_owned(), output);
    }

    /// Text taken apart into plain pieces and outputs.
    ///
    /// # Errors
    /// When a piece of a marker is found that is no whole marker.
    pub fn split(&self, text: &str) -> Result<Template, Damaged> {
        let mut pieces = Vec::new();
        let mut plain = 0;
        let mut from = 0;
        while let Some(found) = text[from..].find(PREFIX) {
            let start = from + found;
            let digest = text.get(start + PREFIX.len()..start + PREFIX.len() + DIGEST);
            if let Some(output) = digest.and_then(|digest| self.outputs.get(digest)) {
                self.push_text(&mut pieces, &text[plain..start])?;
                pieces.push(Piece::Output(output.clone()));
                from = start + PREFIX.len() + DIGEST;
                plain = from;
            } else {
                from = start + PREFIX.len();
            }
        }
        self.push_text(&mut pieces, &text[plain..])?;
        Ok(Template(pieces))
    }

    fn push_text(&self, pieces: &mut Vec<Piece>, text: &str) -> Result<(), Damaged> {
        if !text.is_empty() {
            self.check(text)?;
            pieces.push(Piece::Text(text.to_owned()));
        }
        Ok(())
    }

    fn check(&self, text: &str) -> Result<(), Damaged> {
        for run in text.split(|c: char| !c.is_ascii_alphanumeric()) {
            if run.len() < PIECE || self.blocks.is_empty() {
                continue;
            }
            let lower = run.to_ascii_lowercase();
            if let Some((start, end)) = self.piece_in(lower.as_bytes()) {
                return Err(Damaged {
                    piece: run[start..end].to_owned(),
                });
            }
        }
        Ok(())
    }

    /// Where a run of characters agrees with a marker long enough.
    fn piece_in(&self, run: &[u8]) -> Option<(usize, usize)> {
        (0..=run.len() - BLOCK).find_map(|at| {
            let (digest, offset) = self.blocks.get(&block_at(run, at))?;
            let digest = digest.as_bytes();
            let before = (0..at.min(*offset))
                .take_while(|n| run[at - 1 - n] == digest[offset - 1 - n])
                .count();
            let after = (run[at..].iter().zip(&digest[*offset..]))
                .take_while(|(a, b)| a == b)
                .count();
            (before + after >= PIECE).then_some((at - before, at + after))
        })
    }
}

fn block_at(bytes: &[u8], at: usize) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    block.copy_from_slice(&bytes[at..at + BLOCK]);
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> (Markers, Marker) {
        let marker = Marker::new(&[7; 32], "out");
        let mut markers = Markers::default();
        let output = OutputRef {
            node: 0,
            output: "out".into(),
        };
        markers.insert(&marker, output);
        (markers, marker)
    }

    #[test]
    fn a_marker_is_found_wherever_it_stands() {
        let (markers, marker) = known();
        let m = marker.as_str();
        assert_eq!(m.len(), 58);
        for text in [
            m.into(),
            format!("{m}abc"),
            format!("x={m}:{m}/bin"),
            format!("/kiln-{m}"),
        ] {
            let split = markers.split(&text).unwrap();
            assert_eq!(split.join(|_| Ok::<_, ()>(m.to_owned())).unwrap(), text);
            assert!(split.outputs().next().is_some(), "{text}");
        }
    }

    #[test]
    fn e03_a_cut_or_changed_marker_is_told_from_plain_text() {
        let (markers, marker) = known();
        let m = marker.as_str();
        for bad in [
            m.to_uppercase(),
            m[1..].to_owned(),
            m[..57].to_owned(),
            m[20..41].to_owned(),
        ] {
            assert!(markers.split(&bad).is_err(), "{bad}");
        }
        for good in [
            "/kiln-",
            &m[..25],
            "0123456789abcdef0123456789abcdef0123456789abcdef",
        ] {
            assert!(markers.split(good).is_ok(), "{good}");
        }
    }
}
