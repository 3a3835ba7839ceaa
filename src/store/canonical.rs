//! The canonical encoding: tuples as bytes, so that two tuples have the same
//! bytes only when they are the same. `docs/formats.md` is normative.

use super::Hash;
use sha2::{Digest, Sha256};

/// Hashes a tuple field by field. Every field says how long it is, so no
/// value can be mistaken for the border between two.
#[derive(Clone)]
pub struct Canonical(Sha256);

impl Canonical {
    /// A tuple of this kind, such as `kiln:drv:1`; the number is raised when
    /// the meaning of the fields changes.
    pub fn new(kind: &str) -> Self {
        Canonical(Sha256::new()).text(kind)
    }

    /// A field of bytes.
    #[must_use]
    pub fn bytes(mut self, bytes: &[u8]) -> Self {
        self = self.number(bytes.len() as u64);
        self.0.update(bytes);
        self
    }

    /// A field of text.
    #[must_use]
    pub fn text(self, text: impl AsRef<str>) -> Self {
        self.bytes(text.as_ref().as_bytes())
    }

    /// A number, a count or a truth.
    #[must_use]
    pub fn number(mut self, number: u64) -> Self {
        self.0.update(number.to_le_bytes());
        self
    }

    /// A field that may be absent: a list of none or one.
    #[must_use]
    pub fn option<T>(self, option: Option<T>, field: impl FnMut(Self, T) -> Self) -> Self {
        self.list(option.into_iter().collect::<Vec<_>>(), field)
    }

    /// A list: its length, then each item; the order counts.
    #[must_use]
    pub fn list<I>(self, items: I, item: impl FnMut(Self, I::Item) -> Self) -> Self
    where
        I: IntoIterator,
        I::IntoIter: ExactSizeIterator,
    {
        let items = items.into_iter();
        let tuple = self.number(items.len() as u64);
        items.fold(tuple, item)
    }

    /// A list of texts.
    #[must_use]
    pub fn texts<I>(self, items: I) -> Self
    where
        I: IntoIterator,
        I::Item: ToString,
        I::IntoIter: ExactSizeIterator,
    {
        self.list(items, |tuple, item| tuple.text(item.to_string()))
    }

    /// The sha256 of the tuple.
    pub fn finish(self) -> Hash {
        Hash(self.0.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_encoding_is_lengths_and_bytes() {
        let tuple = Canonical::new("t").text("ab").number(7).texts(["x"]);
        let mut bytes = Vec::new();
        for part in [&1u64.to_le_bytes()[..], b"t", &2u64.to_le_bytes(), b"ab"] {
            bytes.extend_from_slice(part);
        }
        for part in [7u64, 1, 1] {
            bytes.extend_from_slice(&part.to_le_bytes());
        }
        bytes.push(b'x');
        assert_eq!(tuple.finish(), Hash::of(&bytes));
    }

    #[test]
    fn moving_a_border_changes_the_hash() {
        let pair = |a: &str, b: &str| Canonical::new("t").text(a).text(b).finish();
        assert_ne!(pair("ab", "c"), pair("a", "bc"));
        let lists = |a: &[&str], b: &[&str]| Canonical::new("t").texts(a).texts(b).finish();
        assert_ne!(lists(&["a", "b"], &[]), lists(&["a"], &["b"]));
        let some = |o: Option<&str>| Canonical::new("t").option(o, Canonical::text).finish();
        assert_ne!(some(None), some(Some("")));
    }
}
