//! A sha256, as kiln writes and reads it.

use super::encoding;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;

/// A sha256; written `sha256-<base64>`, as in subresource integrity.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Hash(pub [u8; 32]);

/// A text that is no sha256.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no sha256: write \"sha256-\" and base64, or 64 hex digits")]
pub struct InvalidHash(pub String);

impl Hash {
    /// The sha256 of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Hash(Sha256::digest(bytes).into())
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256-{}", encoding::base64(&self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Hash {
    type Err = InvalidHash;

    /// Reads `sha256-<base64>`, `sha256:<hex or Nix base32>` and bare hex.
    fn from_str(text: &str) -> Result<Self, InvalidHash> {
        let bytes = if let Some(base64) = text.strip_prefix("sha256-") {
            encoding::from_base64(base64)
        } else {
            let digits = text.strip_prefix("sha256:").unwrap_or(text);
            encoding::from_hex(digits).or_else(|| encoding::from_base32(digits))
        };
        bytes
            .map(Hash)
            .ok_or_else(|| InvalidHash(text.chars().take(100).collect()))
    }
}

impl From<Hash> for String {
    fn from(hash: Hash) -> String {
        hash.to_string()
    }
}

impl TryFrom<String> for Hash {
    type Error = InvalidHash;
    fn try_from(text: String) -> Result<Self, InvalidHash> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_one_hash_reads_as_that_hash() {
        let hash = Hash::of(b"");
        for text in [
            "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "sha256:0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73",
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        ] {
            assert_eq!(text.parse::<Hash>().unwrap(), hash, "{text}");
        }
        assert!(hash.to_string().starts_with("sha256-47DEQ"));
        assert!("sha512-47DEQ".parse::<Hash>().is_err());
    }
}
