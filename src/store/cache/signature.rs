//! Ed25519 signatures as Nix writes them: `<key name>:<base64>`, for secret
//! keys, public keys and signatures alike. A secret key is the 32 bytes of the
//! seed and the 32 of the public key, as `nix-store
//! --generate-binary-cache-key` writes it.

use super::super::encoding;
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use std::fmt;
use std::str::FromStr;

/// Longest name of a key.
const NAME_MAX: usize = 200;

/// A text that is no key or signature. A secret key's text is not in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKey {
    #[error("{0:?} is no public key: it must read <name>:<base64 of 32 bytes>")]
    Public(String),
    #[error(
        "that is no secret key: it must read <name>:<base64 of 64 bytes>, as `nix-store --generate-binary-cache-key` writes it"
    )]
    Secret,
    #[error("{0:?} cannot name a key: 1 to {NAME_MAX} plain characters without a colon")]
    Name(String),
    #[error("{0:?} is no signature: it must read <key name>:<base64 of 64 bytes>")]
    Signature(String),
}

/// Whose signatures are believed.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PublicKey {
    name: String,
    bytes: [u8; 32],
}

/// One signature.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Signature {
    key: String,
    bytes: [u8; 64],
}

/// Signs; its bytes are shown nowhere.
pub struct SecretKey {
    name: String,
    pair: Ed25519KeyPair,
}

impl PublicKey {
    /// Whether `signature` is this key's and of `text`.
    pub fn verifies(&self, text: &str, signature: &Signature) -> bool {
        let key = UnparsedPublicKey::new(&ED25519, &self.bytes);
        self.name == signature.key && key.verify(text.as_bytes(), &signature.bytes).is_ok()
    }
}

/// Whether one of `signatures` is of `text` and by one of `keys`.
pub fn is_trusted<'s>(
    keys: &[PublicKey],
    text: &str,
    signatures: impl IntoIterator<Item = &'s Signature>,
) -> bool {
    let by_one = |signature| keys.iter().any(|key| key.verifies(text, signature));
    signatures.into_iter().any(by_one)
}

impl Signature {
    /// The name of the key that is said to have made it.
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl SecretKey {
    /// The signature of `text`.
    pub fn sign(&self, text: &str) -> Signature {
        let mut bytes = [0; 64];
        bytes.copy_from_slice(self.pair.sign(text.as_bytes()).as_ref());
        Signature {
            key: self.name.clone(),
            bytes,
        }
    }

    /// The text of a new key of this name.
    ///
    /// # Errors
    /// When no key can have this name, or the host has no random bytes.
    pub fn generate(name: &str) -> Result<String, InvalidKey> {
        let mut seed = [0; 32];
        let filled = SystemRandom::new().fill(&mut seed);
        filled.map_err(|_| InvalidKey::Secret)?;
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| InvalidKey::Secret)?;
        let mut bytes = [0; 64];
        bytes[..32].copy_from_slice(&seed);
        bytes[32..].copy_from_slice(pair.public_key().as_ref());
        let text = format!("{name}:{}", encoding::base64(&bytes));
        match split::<64>(&text) {
            Some((read, _)) if read == name => Ok(text),
            _ => Err(InvalidKey::Name(shown(name))),
        }
    }

    /// What others verify its signatures with.
    pub fn public(&self) -> PublicKey {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(self.pair.public_key().as_ref());
        PublicKey {
            name: self.name.clone(),
            bytes,
        }
    }
}

/// `<name>:<base64>`, where the name is plain.
fn split<const N: usize>(text: &str) -> Option<(String, [u8; N])> {
    let (name, base64) = text.split_once(':')?;
    let is_plain = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
    let fits = (1..=NAME_MAX).contains(&name.len()) && name.bytes().all(is_plain);
    let bytes = encoding::from_base64(base64)?;
    fits.then(|| (name.to_owned(), bytes))
}

/// What an error shows of a text that may be anything.
fn shown(text: &str) -> String {
    text.chars().take(200).collect()
}

impl FromStr for PublicKey {
    type Err = InvalidKey;
    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        let (name, bytes) = split(text).ok_or_else(|| InvalidKey::Public(shown(text)))?;
        Ok(PublicKey { name, bytes })
    }
}

impl FromStr for Signature {
    type Err = InvalidKey;
    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        let (key, bytes) = split(text).ok_or_else(|| InvalidKey::Signature(shown(text)))?;
        Ok(Signature { key, bytes })
    }
}

impl FromStr for SecretKey {
    type Err = InvalidKey;
    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        let (name, bytes) = split::<64>(text).ok_or(InvalidKey::Secret)?;
        let (seed, public) = bytes.split_at(32);
        let pair = Ed25519KeyPair::from_seed_and_public_key(seed, public);
        let pair = pair.map_err(|_| InvalidKey::Secret)?;
        Ok(SecretKey { name, pair })
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.name, encoding::base64(&self.bytes))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.key, encoding::base64(&self.bytes))
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey({})", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Made by `nix-store --generate-binary-cache-key test-1`.
    const SECRET: &str = "test-1:NzABO7zCD3YEXal3RJsGTD6IiP0S1kwPwkHSbkEpY2m0r+RNQql5ErkeKE4llc/49ojm5/pCban/JiGYYS31tA==";
    const PUBLIC: &str = "test-1:tK/kTUKpeRK5HihOJZXP+PaI5uf6Qm2p/yYhmGEt9bQ=";

    #[test]
    fn keys_that_nix_made_sign_and_verify() {
        let secret: SecretKey = SECRET.parse().unwrap();
        let public: PublicKey = PUBLIC.parse().unwrap();
        assert_eq!(secret.public(), public);
        let signature = secret.sign("text");
        let again: Signature = signature.to_string().parse().unwrap();
        assert!(public.verifies("text", &again));
        assert!(!public.verifies("Text", &again));
        assert!(is_trusted(&[public], "text", [&again]));
        assert!(!is_trusted(&[], "text", [&again]));
    }

    #[test]
    fn a_new_key_signs_and_no_two_are_the_same() {
        let [one, two] = [(), ()].map(|()| SecretKey::generate("cache-1").unwrap());
        assert_ne!(one, two);
        let key: SecretKey = one.parse().unwrap();
        assert!(key.public().verifies("x", &key.sign("x")));
        for bad in ["", "a:b", "a b"] {
            assert_eq!(SecretKey::generate(bad), Err(InvalidKey::Name(bad.into())));
        }
    }

    #[test]
    fn a_signature_counts_only_under_its_keys_own_name() {
        let secret: SecretKey = SECRET.parse().unwrap();
        let renamed: PublicKey = PUBLIC.replace("test-1", "test-2").parse().unwrap();
        assert!(!renamed.verifies("text", &secret.sign("text")));
    }

    #[test]
    fn what_is_no_key_is_refused_and_a_secret_is_not_shown() {
        let halves = SECRET.replace("NzAB", "AzAB"); // the seed of another public key
        for text in ["", "name", ":AAAA", "n:AAAA", PUBLIC, &halves] {
            let error = text.parse::<SecretKey>().unwrap_err();
            assert_eq!(error, InvalidKey::Secret, "{text}");
        }
        assert!(SECRET.parse::<PublicKey>().is_err());
        let shown = format!("{:?}", SECRET.parse::<SecretKey>().unwrap());
        assert_eq!(shown, "SecretKey(test-1)");
    }
}
