//! Secrets taken out of a log as it comes. Pure: bytes in, bytes out. What cannot
//! belong to a secret any more goes out at once; held back is at most the length
//! of the longest pattern, and nothing when no secret may have begun.

use super::patterns::{Patterns, SHORTEST};
use std::collections::VecDeque;
use std::sync::Arc;

/// What stands where a secret stood.
pub const REDACTED: &[u8] = b"[redacted]";

/// One log on its way.
pub struct Redactor {
    patterns: Arc<Patterns>,
    at: usize,
    /// Bytes that may yet turn out to be a secret's; `true`: they are.
    held: VecDeque<(u8, bool)>,
    /// The last byte that went out was a secret's: the next is no other secret.
    inside: bool,
}

impl Redactor {
    pub fn new(patterns: Arc<Patterns>) -> Self {
        Redactor {
            patterns,
            at: 0,
            held: VecDeque::new(),
            inside: false,
        }
    }

    /// Takes the next bytes; returns what may be shown.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut shown = Vec::with_capacity(bytes.len());
        for byte in bytes {
            self.at = self.patterns.step(self.at, *byte);
            self.held.push_back((*byte, false));
            self.mark(self.patterns.ends(self.at));
            let over = self.held.len() - self.patterns.depth(self.at);
            self.release(over, &mut shown);
        }
        shown
    }

    /// The log has ended. The beginning of a secret that it ends with is not
    /// shown either, unless it is too short to be told from a word.
    pub fn finish(&mut self) -> Vec<u8> {
        let begun = self.patterns.depth(self.at);
        if begun >= SHORTEST {
            self.mark(begun);
        }
        let mut shown = Vec::new();
        self.release(self.held.len(), &mut shown);
        self.at = 0;
        shown
    }

    fn mark(&mut self, last: usize) {
        for (_, secret) in self.held.iter_mut().rev().take(last) {
            *secret = true;
        }
    }

    fn release(&mut self, count: usize, shown: &mut Vec<u8>) {
        for (byte, secret) in self.held.drain(..count) {
            match (secret, self.inside) {
                (true, true) => {}
                (true, false) => shown.extend_from_slice(REDACTED),
                (false, _) => shown.push(byte),
            }
            self.inside = secret;
        }
    }
}

/// A whole text, as one piece.
pub fn redact(patterns: &Arc<Patterns>, text: &str) -> String {
    let mut redactor = Redactor::new(Arc::clone(patterns));
    let mut shown = redactor.push(text.as_bytes());
    shown.extend(redactor.finish());
    String::from_utf8_lossy(&shown).into_owned()
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
