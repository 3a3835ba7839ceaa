//! `.narinfo`: what a cache says of one object. Written byte for byte as Nix
//! does; read strictly, since it comes from the network.

use super::super::{Hash, StorePath, encoding};
use super::compression::Compression;
use super::signature::{PublicKey, SecretKey, Signature, is_trusted};
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// Bytes of a text that is read: room for some 10,000 references.
pub const NAR_INFO_MAX: u64 = 1 << 20;

/// Longest URL of an archive inside a cache.
const URL_MAX: usize = 512;

/// What a cache says of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NarInfo {
    pub path: StorePath,
    /// Of the archive, relative to the cache.
    pub url: String,
    pub compression: Compression,
    /// Of the file at `url`.
    pub file_hash: Option<Hash>,
    /// Bytes of the file at `url`.
    pub file_size: Option<u64>,
    pub nar_hash: Hash,
    pub nar_size: u64,
    /// Itself among them when it refers to itself.
    pub references: BTreeSet<StorePath>,
    /// Base name of what made it.
    pub deriver: Option<String>,
    pub signatures: BTreeSet<Signature>,
    /// Nix's content address, passed on as it is.
    pub ca: Option<String>,
}

/// A text that is no narinfo.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidNarInfo {
    #[error("it is larger than {NAR_INFO_MAX} bytes")]
    TooLarge,
    #[error("it is cut off: its last line does not end")]
    CutOff,
    #[error("line {0} is not `Name: value`")]
    Line(usize),
    #[error("line {line}, {field}: {why}")]
    Value {
        line: usize,
        field: String,
        why: String,
    },
    #[error("line {line}: a second {field}")]
    Twice { line: usize, field: String },
    #[error("it has no {0}")]
    Missing(&'static str),
}

impl NarInfo {
    /// What is signed: Nix's fingerprint.
    pub fn fingerprint(&self) -> String {
        let references = texts(&self.references, StorePath::to_string);
        format!(
            "1;{};{};{};{}",
            self.path,
            base32(&self.nar_hash),
            self.nar_size,
            references.join(",")
        )
    }

    /// Adds the signature of `key`.
    pub fn sign(&mut self, key: &SecretKey) {
        self.signatures.insert(key.sign(&self.fingerprint()));
    }

    /// Whether one of `keys` signed it.
    pub fn is_signed_by(&self, keys: &[PublicKey]) -> bool {
        is_trusted(keys, &self.fingerprint(), &self.signatures)
    }
}

/// The texts of a set, in the order of the texts: Nix's order, which is not
/// that of the digests' bytes.
fn texts<T>(set: &BTreeSet<T>, text: impl Fn(&T) -> String) -> Vec<String> {
    let mut texts: Vec<String> = set.iter().map(text).collect();
    texts.sort();
    texts
}

fn base32(hash: &Hash) -> String {
    format!("sha256:{}", encoding::base32(&hash.0))
}

impl fmt::Display for NarInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "StorePath: {}", self.path)?;
        writeln!(f, "URL: {}", self.url)?;
        writeln!(f, "Compression: {}", self.compression)?;
        if let Some(hash) = &self.file_hash {
            writeln!(f, "FileHash: {}", base32(hash))?;
        }
        if let Some(size) = self.file_size {
            writeln!(f, "FileSize: {size}")?;
        }
        writeln!(f, "NarHash: {}", base32(&self.nar_hash))?;
        writeln!(f, "NarSize: {}", self.nar_size)?;
        let references = texts(&self.references, StorePath::base_name);
        writeln!(f, "References: {}", references.join(" "))?;
        if let Some(deriver) = &self.deriver {
            writeln!(f, "Deriver: {deriver}")?;
        }
        for signature in texts(&self.signatures, Signature::to_string) {
            writeln!(f, "Sig: {signature}")?;
        }
        match &self.ca {
            Some(ca) => writeln!(f, "CA: {ca}"),
            None => Ok(()),
        }
    }
}

impl FromStr for NarInfo {
    type Err = InvalidNarInfo;

    /// Reads one; fields of a later Nix are passed over.
    fn from_str(text: &str) -> Result<Self, InvalidNarInfo> {
        if text.len() as u64 > NAR_INFO_MAX {
            return Err(InvalidNarInfo::TooLarge);
        }
        let Some(lines) = text.strip_suffix('\n') else {
            return Err(InvalidNarInfo::CutOff);
        };
        let mut fields = Fields::default();
        for (number, line) in lines.split('\n').enumerate() {
            fields.line(number + 1, line)?;
        }
        fields.finish()
    }
}

/// What was read so far.
#[derive(Default)]
struct Fields {
    line: usize,
    path: Option<StorePath>,
    url: Option<String>,
    compression: Option<Compression>,
    file_hash: Option<Hash>,
    file_size: Option<u64>,
    nar_hash: Option<Hash>,
    nar_size: Option<u64>,
    references: Option<BTreeSet<StorePath>>,
    deriver: Option<String>,
    signatures: BTreeSet<Signature>,
    ca: Option<String>,
}

impl Fields {
    fn line(&mut self, number: usize, line: &str) -> Result<(), InvalidNarInfo> {
        self.line = number;
        let (field, value) = line.split_once(':').ok_or(InvalidNarInfo::Line(number))?;
        let value = match value {
            "" => "",
            value => value
                .strip_prefix(' ')
                .ok_or(InvalidNarInfo::Line(number))?,
        };
        let at = (number, field);
        match field {
            "StorePath" => set(&mut self.path, at, value.parse()),
            "URL" => set(&mut self.url, at, url(value)),
            "Compression" => set(&mut self.compression, at, value.parse()),
            "FileHash" => set(&mut self.file_hash, at, hash(value)),
            "FileSize" => set(&mut self.file_size, at, number_of(value)),
            "NarHash" => set(&mut self.nar_hash, at, hash(value)),
            "NarSize" => set(&mut self.nar_size, at, number_of(value)),
            "References" => set(&mut self.references, at, references(value)),
            // Some old caches say so in place of nothing.
            "Deriver" if value == "unknown-deriver" => Ok(()),
            "Deriver" => set(&mut self.deriver, at, deriver(value)),
            "Sig" => {
                let signature = value.parse().map_err(|why| bad(at, &why))?;
                self.signatures.insert(signature);
                Ok(())
            }
            "CA" => set(&mut self.ca, at, plain(value)),
            _ => Ok(()),
        }
    }

    fn finish(self) -> Result<NarInfo, InvalidNarInfo> {
        use InvalidNarInfo::Missing;
        Ok(NarInfo {
            path: self.path.ok_or(Missing("StorePath"))?,
            url: self.url.ok_or(Missing("URL"))?,
            // Nix's meaning of a missing one, from before there were others.
            compression: self.compression.unwrap_or(Compression::Bzip2),
            file_hash: self.file_hash,
            file_size: self.file_size,
            nar_hash: self.nar_hash.ok_or(Missing("NarHash"))?,
            nar_size: self.nar_size.ok_or(Missing("NarSize"))?,
            references: self.references.unwrap_or_default(),
            deriver: self.deriver,
            signatures: self.signatures,
            ca: self.ca,
        })
    }
}

fn set<T, E: fmt::Display>(
    field: &mut Option<T>,
    (line, name): (usize, &str),
    value: Result<T, E>,
) -> Result<(), InvalidNarInfo> {
    let value = value.map_err(|why| bad((line, name), &why))?;
    match field.replace(value) {
        None => Ok(()),
        Some(_) => Err(InvalidNarInfo::Twice {
            line,
            field: name.to_owned(),
        }),
    }
}

fn bad((line, field): (usize, &str), why: &dyn fmt::Display) -> InvalidNarInfo {
    InvalidNarInfo::Value {
        line,
        field: field.to_owned(),
        why: why.to_string(),
    }
}

fn hash(text: &str) -> Result<Hash, String> {
    match text.starts_with("sha256") {
        true => text
            .parse()
            .map_err(|e: super::super::InvalidHash| e.to_string()),
        false => Err("it is no sha256".into()),
    }
}

fn number_of(text: &str) -> Result<u64, &'static str> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match (digits, text.parse()) {
        (true, Ok(number)) => Ok(number),
        _ => Err("it is no number of bytes"),
    }
}

fn references(text: &str) -> Result<BTreeSet<StorePath>, String> {
    let one = |name: &str| StorePath::from_base_name(name).map_err(|e| e.to_string());
    match text {
        "" => Ok(BTreeSet::new()),
        text => text.split(' ').map(one).collect(),
    }
}

/// A file below the cache, and nothing else: whoever wrote the text may be
/// somebody else than whoever serves the cache.
fn url(text: &str) -> Result<String, &'static str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+-._=/".contains(&byte);
    let is_name = |part: &str| !matches!(part, "" | "." | "..");
    match text.len() <= URL_MAX && text.bytes().all(is_plain) && text.split('/').all(is_name) {
        true => Ok(text.to_owned()),
        false => Err("it must name a file below the cache, by plain characters"),
    }
}

fn deriver(text: &str) -> Result<String, String> {
    let path = StorePath::from_base_name(text).map_err(|e| e.to_string())?;
    Ok(path.base_name())
}

fn plain(text: &str) -> Result<String, &'static str> {
    match text.len() <= URL_MAX && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        true => Ok(text.to_owned()),
        false => Err("it has characters that are none of such a text"),
    }
}

#[cfg(test)]
#[path = "narinfo_tests.rs"]
mod tests;
