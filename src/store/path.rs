//! Store paths: parsed once, written one way.

use super::encoding;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The folder every store path is written with, wherever the store lies.
pub const STORE_DIR: &str = "/var/lib/kiln/store";

/// [`STORE_DIR`] and a slash: what stands before a digest in text.
pub const STORE_PREFIX: &str = "/var/lib/kiln/store/";

/// Characters of a digest in text.
pub const DIGEST_CHARS: usize = 32;

const NAME_MAX: usize = 211;

/// `/var/lib/kiln/store/<32 base32 digits>-<name>`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct StorePath {
    digest: [u8; 20],
    name: String,
}

/// A text that is no store path, or a name no object can have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidStorePath {
    /// Not `/var/lib/kiln/store/<digest>-<name>`.
    #[error("{0:?} is no store path: it must read {STORE_DIR}/<32 base32 digits>-<name>")]
    Path(String),
    /// The name breaks the rules.
    #[error(
        "{0:?} cannot name a store object: 1 to {NAME_MAX} of a-z A-Z 0-9 + - . _ ? =, not beginning with a dot"
    )]
    Name(String),
}

impl StorePath {
    /// A path from its parts.
    ///
    /// # Errors
    /// When `name` cannot name a store object.
    pub fn new(digest: [u8; 20], name: impl Into<String>) -> Result<Self, InvalidStorePath> {
        let name = name.into();
        check_name(&name)?;
        Ok(StorePath { digest, name })
    }

    /// Reads `<32 base32 digits>-<name>`, the last part of a store path.
    ///
    /// # Errors
    /// When the text is anything else.
    pub fn from_base_name(text: &str) -> Result<Self, InvalidStorePath> {
        let invalid = || InvalidStorePath::Path(shown(text));
        let (digest, rest) = text.split_at_checked(DIGEST_CHARS).ok_or_else(invalid)?;
        let digest = encoding::from_base32(digest).ok_or_else(invalid)?;
        Self::new(digest, rest.strip_prefix('-').ok_or_else(invalid)?)
    }

    /// The store path `text` begins with, and what follows it: empty or from
    /// the slash on.
    pub fn split_from(text: &str) -> Option<(Self, &str)> {
        let inside = text.strip_prefix(STORE_PREFIX)?;
        let (base, rest) = inside.split_at(inside.find('/').unwrap_or(inside.len()));
        Some((Self::from_base_name(base).ok()?, rest))
    }

    /// The 160 bits that tell objects apart.
    pub fn digest(&self) -> &[u8; 20] {
        &self.digest
    }

    /// The digest as it stands in text: 32 base32 digits.
    pub fn digest_text(&self) -> String {
        encoding::base32(&self.digest)
    }

    /// What stands behind the digest.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `<digest>-<name>`: the object's file name in whatever folder holds the store.
    pub fn base_name(&self) -> String {
        format!("{}-{}", self.digest_text(), self.name)
    }
}

/// Checks that a store object can have this name.
///
/// # Errors
/// When it is empty, too long, begins with a dot or has a foreign character.
pub fn check_name(name: &str) -> Result<(), InvalidStorePath> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"+-._?=".contains(&b);
    let valid =
        (1..=NAME_MAX).contains(&name.len()) && !name.starts_with('.') && name.bytes().all(allowed);
    match valid {
        true => Ok(()),
        false => Err(InvalidStorePath::Name(shown(name))),
    }
}

/// What an error shows of a text that may be anything.
fn shown(text: &str) -> String {
    text.chars().take(300).collect()
}

impl fmt::Display for StorePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{STORE_PREFIX}{}-{}", self.digest_text(), self.name)
    }
}

impl fmt::Debug for StorePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for StorePath {
    type Err = InvalidStorePath;
    fn from_str(text: &str) -> Result<Self, InvalidStorePath> {
        match text.strip_prefix(STORE_PREFIX) {
            Some(base_name) => Self::from_base_name(base_name),
            None => Err(InvalidStorePath::Path(shown(text))),
        }
    }
}

impl From<StorePath> for String {
    fn from(path: StorePath) -> String {
        path.to_string()
    }
}

impl TryFrom<String> for StorePath {
    type Error = InvalidStorePath;
    fn try_from(text: String) -> Result<Self, InvalidStorePath> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "/var/lib/kiln/store/0123456789abcdfghijklmnpqrsvwxyz-hello-1.0";

    #[test]
    fn a_store_path_reads_as_it_is_written() {
        let path: StorePath = TEXT.parse().unwrap();
        assert_eq!(path.to_string(), TEXT);
        assert_eq!(path.name(), "hello-1.0");
        assert_eq!(serde_json::to_string(&path).unwrap(), format!("{TEXT:?}"));
    }

    #[test]
    fn what_is_no_store_path_is_refused() {
        for text in [
            "",
            "/nix/store/0123456789abcdfghijklmnpqrsvwxyz-x",
            "/var/lib/kiln/store/0123456789abcdfghijklmnpqrsvwxyz",
            "/var/lib/kiln/store/0123456789abcdfghijklmnpqrsvwxyz-",
            "/var/lib/kiln/store/0123456789abcdfghijklmnpqrsvwxyz-.x",
            "/var/lib/kiln/store/0123456789abcdfghijklmnpqrsvwxyz-a/b",
            "/var/lib/kiln/store/0123456789abcdefghijklmnpqrsvwxy-x",
            "/var/lib/kiln/store/ééééééééééééééééé-x",
        ] {
            assert!(text.parse::<StorePath>().is_err(), "{text}");
        }
        assert!(check_name(&"a".repeat(212)).is_err());
        assert!(check_name(&"a".repeat(211)).is_ok());
    }

    #[test]
    fn text_that_begins_with_a_store_path_is_split() {
        let inside = format!("{TEXT}/bin/x");
        let (path, rest) = StorePath::split_from(&inside).unwrap();
        assert_eq!((path.to_string().as_str(), rest), (TEXT, "/bin/x"));
        assert!(StorePath::split_from("/etc/passwd").is_none());
    }
}
