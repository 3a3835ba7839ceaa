//! One pass over an object: its hash, what it refers to, and where its own
//! scratch path stands.
//!
//! A reference is a path's 32 digits anywhere in names, contents or link
//! targets. Scratch digests are replaced in the stream before it is hashed:
//! the object's own by zeros, a sibling output's by that output's final one.

use super::compressed::Packed;
use super::encoding::{self, IS_BASE32};
use super::nar::{Part, Sink, TreeError};
use super::path::{DIGEST_CHARS, STORE_PREFIX};
use super::{Hash, StorePath};
use sha2::{Digest, Sha256};
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

/// A digest as it stands in text.
pub(super) type DigestText = [u8; DIGEST_CHARS];

/// Bytes of the past a match may need: the prefix, and a digest but one digit.
const KEEP: usize = STORE_PREFIX.len() + DIGEST_CHARS - 1;

/// Places that are rewritten: more are no program's doing.
const REWRITES_MAX: usize = 4 << 20;

/// What a known digest stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meaning {
    /// An object this one may refer to.
    Candidate(StorePath),
    /// The object itself, by its scratch path.
    Own,
    /// Another output of the same step, by its scratch path; its final path
    /// once it has one.
    Sibling {
        scratch: StorePath,
        path: Option<StorePath>,
    },
}

/// What may be mentioned, and whether any other store path is an error.
#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    pub meanings: HashMap<DigestText, Meaning>,
    pub refuse_others: bool,
}

impl Known {
    pub(super) fn insert(&mut self, path: &StorePath, meaning: Meaning) {
        self.meanings.insert(digest_text(path), meaning);
    }

    /// The scratch paths among it, each as if it were the object's own.
    pub(super) fn only_scratch(&self) -> Known {
        let scratch = |(digest, meaning): (&DigestText, &Meaning)| match meaning {
            Meaning::Own | Meaning::Sibling { .. } => Some((*digest, Meaning::Own)),
            Meaning::Candidate(_) => None,
        };
        Known {
            meanings: self.meanings.iter().filter_map(scratch).collect(),
            refuse_others: false,
        }
    }
}

/// What an object mentions and may not.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// A store path the step did not get.
    #[error(
        "{file} mentions {mentioned}, which is not among the inputs: name it as a dependency, or keep it out of the output"
    )]
    Foreign { file: PathBuf, mentioned: String },
    /// A file is named after the scratch path.
    #[error(
        "the name of {file} holds the digest of an output's own path, which is replaced when the output is taken: name the file otherwise"
    )]
    DigestInName { file: PathBuf },
    /// Compressed, the scratch path cannot be replaced.
    #[error(
        "the compressed {file} holds the digest of an output's own path, which cannot be replaced there: leave the file uncompressed, or keep the path out of it"
    )]
    DigestCompressed { file: PathBuf },
    /// More self-references than are rewritten.
    #[error("{file}: the output mentions its own path more than {REWRITES_MAX} times")]
    TooManyRewrites { file: PathBuf },
}

/// Digests to replace in one file or link target.
#[derive(Debug)]
pub(super) struct Rewrite {
    /// Inside the object; empty when the object is a file itself.
    pub file: PathBuf,
    pub part: Part,
    /// Where, and by what; `None` is the object's own digest.
    pub places: Vec<(u64, Option<DigestText>)>,
}

/// What the pass found.
#[derive(Debug)]
pub(super) struct Scanned {
    /// With own digests as zeros.
    pub nar_modulo_self: Hash,
    pub nar_size: u64,
    pub self_offsets: Vec<u64>,
    pub references: BTreeSet<StorePath>,
    /// Scratch paths of siblings without a final path yet.
    pub siblings: BTreeSet<StorePath>,
    pub rewrites: Vec<Rewrite>,
    /// Files that begin as compressed ones do.
    pub compressed: Vec<(PathBuf, Packed)>,
}

/// The sink that hashes and scans.
pub(super) struct Scanner<'k> {
    known: &'k Known,
    sha: Sha256,
    /// Bytes of the NAR hashed.
    nar: u64,
    /// Bytes of the part at hand that were hashed.
    part_done: u64,
    /// Begins with the bytes of the part that are not hashed yet, so many.
    buffer: Vec<u8>,
    pending: usize,
    /// Where in `pending` the next digest may begin.
    next: usize,
    file: PathBuf,
    part: Part,
    rewritten: usize,
    found: Scanned,
}

impl<'k> Scanner<'k> {
    pub(super) fn new(known: &'k Known) -> Self {
        Scanner {
            known,
            sha: Sha256::new(),
            nar: 0,
            part_done: 0,
            buffer: Vec::new(),
            pending: 0,
            next: 0,
            file: PathBuf::new(),
            part: Part::Name,
            rewritten: 0,
            found: Scanned {
                nar_modulo_self: Hash([0; 32]),
                nar_size: 0,
                self_offsets: Vec::new(),
                references: BTreeSet::new(),
                siblings: BTreeSet::new(),
                rewrites: Vec::new(),
                compressed: Vec::new(),
            },
        }
    }

    pub(super) fn finish(mut self) -> Scanned {
        self.found.nar_modulo_self = Hash(self.sha.finalize().into());
        self.found.nar_size = self.nar;
        self.found
    }

    /// Whether an own digest was found.
    pub(super) fn has_found(&self) -> bool {
        !self.found.self_offsets.is_empty()
    }

    /// Looks at every digest that lies wholly in `pending`.
    fn scan(&mut self) -> Result<(), ScanError> {
        if self.known.meanings.is_empty() && !self.known.refuse_others {
            return Ok(());
        }
        let is_foreign = |byte: &u8| !IS_BASE32[usize::from(*byte)];
        while let Some(window) = self.window() {
            match window.iter().rposition(is_foreign) {
                Some(foreign) => self.next += foreign + 1,
                None => self.run()?,
            }
        }
        Ok(())
    }

    /// What may be a digest, at `next`.
    fn window(&self) -> Option<&[u8]> {
        self.buffer[..self.pending].get(self.next..self.next + DIGEST_CHARS)
    }

    /// Looks at each digest of a run of digits that begins at `next`.
    fn run(&mut self) -> Result<(), ScanError> {
        while let Some(window) = self.window() {
            if !IS_BASE32[usize::from(window[DIGEST_CHARS - 1])] {
                break;
            }
            let mut digest = [0; DIGEST_CHARS];
            digest.copy_from_slice(window);
            if self.digest(digest)? {
                self.next += DIGEST_CHARS;
                break; // what follows was not looked at yet
            }
            self.next += 1;
        }
        Ok(())
    }

    /// Whether the digest at `next` is known; replaced where need be.
    fn digest(&mut self, digest: DigestText) -> Result<bool, ScanError> {
        match self.known.meanings.get(&digest) {
            Some(Meaning::Candidate(path)) => {
                self.found.references.insert(path.clone());
            }
            Some(Meaning::Own) => {
                let offset = self.nar + self.next as u64;
                self.found.self_offsets.push(offset);
                self.replace(None)?;
            }
            Some(Meaning::Sibling {
                path: Some(path), ..
            }) => {
                self.found.references.insert(path.clone());
                self.replace(Some(digest_text(path)))?;
            }
            Some(Meaning::Sibling {
                scratch,
                path: None,
            }) => {
                self.refuse_in_name()?;
                self.found.siblings.insert(scratch.clone());
            }
            None => return self.unknown().map(|()| false),
        }
        Ok(true)
    }

    /// Puts the final digest, or zeros for the own one, where a scratch digest is.
    fn replace(&mut self, by: Option<DigestText>) -> Result<(), ScanError> {
        self.refuse_in_name()?;
        self.rewritten += 1;
        if self.rewritten > REWRITES_MAX {
            let file = self.file.clone();
            return Err(ScanError::TooManyRewrites { file });
        }
        let place = (self.part_done + self.next as u64, by);
        let (file, part) = (&self.file, self.part);
        match self.found.rewrites.last_mut() {
            Some(last) if last.file == *file && last.part == part => last.places.push(place),
            _ => self.found.rewrites.push(Rewrite {
                file: file.clone(),
                part,
                places: vec![place],
            }),
        }
        self.buffer[self.next..self.next + DIGEST_CHARS]
            .copy_from_slice(&by.unwrap_or([0; DIGEST_CHARS]));
        Ok(())
    }

    fn refuse_in_name(&self) -> Result<(), ScanError> {
        match self.part {
            Part::Name => Err(ScanError::DigestInName {
                file: self.file.clone(),
            }),
            Part::Content | Part::Target => Ok(()),
        }
    }

    fn unknown(&self) -> Result<(), ScanError> {
        let before = &self.buffer[..self.next];
        if !self.known.refuse_others || !before.ends_with(STORE_PREFIX.as_bytes()) {
            return Ok(());
        }
        let start = self.next - STORE_PREFIX.len();
        let in_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-._?=/".contains(byte);
        let mentioned = self.buffer[start..self.pending]
            .iter()
            .copied()
            .take_while(in_name);
        Err(ScanError::Foreign {
            file: self.file.clone(),
            mentioned: mentioned.take(250).map(char::from).collect(),
        })
    }

    fn hash(&mut self, bytes: usize) {
        self.sha.update(&self.buffer[..bytes]);
        self.buffer.copy_within(bytes..self.pending, 0);
        self.pending -= bytes;
        self.nar += bytes as u64;
        self.part_done += bytes as u64;
        self.next = self.next.saturating_sub(bytes);
    }
}

impl Sink for Scanner<'_> {
    type Error = ScanError;

    fn frame(&mut self, bytes: &[u8]) -> Result<(), ScanError> {
        self.sha.update(bytes);
        self.nar += bytes.len() as u64;
        Ok(())
    }

    fn begin(&mut self, path: &Path, part: Part) -> Result<(), ScanError> {
        if self.file != path {
            path.clone_into(&mut self.file);
        }
        (self.part, self.part_done, self.next) = (part, 0, 0);
        Ok(())
    }

    fn room(&mut self, want: usize) -> &mut [u8] {
        let end = self.pending + want;
        if self.buffer.len() < end {
            self.buffer.resize(end, 0);
        }
        &mut self.buffer[self.pending..end]
    }

    fn filled(&mut self, length: usize) -> Result<(), ScanError> {
        let is_start = self.part_done == 0 && self.pending == 0;
        let packed = is_start.then(|| Packed::of(&self.buffer[..length]));
        if let (Part::Content, Some(Some(packed))) = (self.part, packed) {
            self.found.compressed.push((self.file.clone(), packed));
        }
        self.pending += length;
        self.scan()?;
        self.hash(self.pending.saturating_sub(KEEP));
        Ok(())
    }

    fn end(&mut self) -> Result<(), ScanError> {
        self.hash(self.pending);
        Ok(())
    }
}

/// A path's digest as it stands in text.
pub(super) fn digest_text(path: &StorePath) -> DigestText {
    let mut text = [0; DIGEST_CHARS];
    text.copy_from_slice(encoding::base32(path.digest()).as_bytes());
    text
}

#[cfg(test)]
#[path = "references_tests.rs"]
mod tests;
