//! What is looked for: secrets in the forms they are printed in, as one
//! automaton (Aho and Corasick), so that a byte costs the same for one secret
//! as for twenty.

use std::collections::VecDeque;

/// Shorter ones would be found in words that are none.
pub const SHORTEST: usize = 8;
/// Bytes of one pattern; of a longer line each piece is looked for.
const LONGEST: usize = 1 << 10;

pub(super) const STANDARD: &[u8; 64] =
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL_SAFE: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const UPPER: &[u8; 16] = b"0123456789ABCDEF";
const LOWER: &[u8; 16] = b"0123456789abcdef";

/// The secrets of one moment.
#[derive(Default)]
pub struct Patterns {
    nodes: Vec<Node>,
}

#[derive(Default)]
struct Node {
    /// Bytes from the root: of all that was read last, this much begins a pattern.
    depth: usize,
    /// Where the longest shorter beginning stands.
    fallback: usize,
    /// Bytes of the longest pattern that ends here; 0: none does.
    ends: usize,
    next: Vec<(u8, usize)>,
}

impl Patterns {
    /// Each line of a secret is looked for by itself: as it is, percent-encoded
    /// (RFC 3986) and within base64 (RFC 4648, both alphabets, wherever in the
    /// encoded text it begins). Lines below [`SHORTEST`] bytes are not looked for.
    pub fn new(secrets: &[String]) -> Self {
        let mut patterns = Patterns {
            nodes: vec![Node::default()],
        };
        let lines = secrets.iter().flat_map(|secret| secret.lines());
        let lines = lines.map(str::trim).filter(|line| line.len() >= SHORTEST);
        for piece in lines.flat_map(|line| pieces(line.as_bytes())) {
            for form in forms(piece) {
                patterns.add(&form);
            }
        }
        patterns.link();
        patterns
    }

    /// Nothing is looked for.
    pub fn is_empty(&self) -> bool {
        self.nodes.len() < 2
    }

    fn add(&mut self, pattern: &[u8]) {
        let mut at = 0;
        for (depth, byte) in (1..).zip(pattern) {
            at = self.child(at, *byte).unwrap_or_else(|| {
                let new = self.nodes.len();
                self.nodes[at].next.push((*byte, new));
                self.nodes.push(Node {
                    depth,
                    ..Node::default()
                });
                new
            });
        }
        self.nodes[at].ends = pattern.len();
    }

    /// Breadth first: a node's fallback is nearer to the root than itself.
    fn link(&mut self) {
        let mut queue: VecDeque<usize> = self.nodes[0].next.iter().map(|(_, at)| *at).collect();
        while let Some(at) = queue.pop_front() {
            for (byte, child) in self.nodes[at].next.clone() {
                let fallback = self.step(self.nodes[at].fallback, byte);
                self.nodes[child].fallback = fallback;
                self.nodes[child].ends = self.nodes[child].ends.max(self.nodes[fallback].ends);
                queue.push_back(child);
            }
        }
    }

    fn child(&self, at: usize, byte: u8) -> Option<usize> {
        let mut next = self.nodes[at].next.iter();
        next.find(|(key, _)| *key == byte).map(|(_, child)| *child)
    }

    /// Where one stands after `byte`; 0 is where one begins.
    pub fn step(&self, mut at: usize, byte: u8) -> usize {
        loop {
            match self.child(at, byte) {
                Some(child) => return child,
                None if at == 0 => return 0,
                None => at = self.nodes[at].fallback,
            }
        }
    }

    /// Of what was read last, the bytes that may be the beginning of a secret.
    pub fn depth(&self, at: usize) -> usize {
        self.nodes[at].depth
    }

    /// Of what was read last, the bytes that are a secret; 0: none.
    pub fn ends(&self, at: usize) -> usize {
        self.nodes[at].ends
    }
}

/// A line in pieces of at most [`LONGEST`]; the last one overlaps the one before,
/// so that none is short.
fn pieces(line: &[u8]) -> Vec<&[u8]> {
    let mut pieces: Vec<&[u8]> = line.chunks_exact(LONGEST).collect();
    if !line.len().is_multiple_of(LONGEST) {
        pieces.push(&line[line.len().saturating_sub(LONGEST)..]);
    }
    pieces
}

fn forms(secret: &[u8]) -> Vec<Vec<u8>> {
    let mut forms = vec![secret.to_vec()];
    forms.extend([UPPER, LOWER].map(|digits| percent(secret, digits)));
    for alphabet in [STANDARD, URL_SAFE] {
        forms.extend((0..3).map(|before| base64_within(secret, before, alphabet)));
    }
    forms
}

/// All but the unreserved characters encoded.
fn percent(secret: &[u8], digits: &[u8; 16]) -> Vec<u8> {
    let mut text = Vec::with_capacity(secret.len() * 3);
    for byte in secret {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => text.push(*byte),
            byte => text.extend([
                b'%',
                digits[usize::from(byte >> 4)],
                digits[usize::from(byte & 15)],
            ]),
        }
    }
    text
}

/// What base64 makes of the secret after `before` other bytes (modulo 3),
/// without the characters that its neighbours have a part in.
pub(super) fn base64_within(secret: &[u8], before: usize, alphabet: &[u8; 64]) -> Vec<u8> {
    let bits = (before + secret.len()) * 8;
    let bit = |at: usize| match (at / 8).checked_sub(before) {
        Some(byte) => usize::from(secret[byte] >> (7 - at % 8) & 1),
        None => 0,
    };
    let own = (before * 8).div_ceil(6)..bits / 6;
    let digit = |at: usize| (at * 6..at * 6 + 6).fold(0, |digit, at| digit << 1 | bit(at));
    own.map(|at| alphabet[digit(at)]).collect()
}
