//! Closures as one stream, in Nix's export format, so that `nix-store --import`
//! reads it (with this store's folder) and `nix-store --export` writes it.
//!
//! ```text
//! archive = { u64(1) nar u64("NIXE") str(path) u64(count) { str(reference) } str(deriver) u64(0) } u64(0)
//! ```
//! What comes in is believed in nothing: the address of each object is computed
//! anew, and what it refers to must be here or have come before it. All of an
//! archive is taken, or nothing of it.

use super::nar::{self, Canonicaliser, RestoreError, TreeError};
use super::proof::{Look, ProofError, prove};
use super::{Hash, InvalidStorePath, ObjectInfo, Store, StoreError, StorePath};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::path::PathBuf;

/// "NIXE", as a number.
const MAGIC: u64 = 0x4558_494e;
/// References of one object, and objects of one archive: more are nobody's.
const COUNT_MAX: u64 = 1 << 20;
/// Longest path or deriver.
const TEXT_MAX: u64 = 4096;

/// Why a closure cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("export {path}: {source}")]
    Tree { path: StorePath, source: TreeError },
    /// The object is not what its record says.
    #[error("{path} is damaged: its content has the hash {found}, and its record says {recorded}")]
    Damaged {
        path: StorePath,
        found: Hash,
        recorded: Hash,
    },
    #[error("cannot write the archive: {0}")]
    Write(#[source] io::Error),
}

/// Why an archive is refused; nothing of it was taken.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error("object {nth} of the archive: {source}")]
    Nar { nth: u64, source: RestoreError },
    #[error("object {nth} of the archive: {what}")]
    Malformed { nth: u64, what: String },
    #[error("object {nth} of the archive ends early")]
    Truncated { nth: u64 },
    #[error("object {nth} of the archive: {source}")]
    Path { nth: u64, source: InvalidStorePath },
    #[error(transparent)]
    Differs(#[from] ProofError),
    /// A reference to what is not there.
    #[error(
        "{path} refers to {missing}, which is neither in the store nor before it in the archive"
    )]
    Missing { path: StorePath, missing: StorePath },
    #[error("cannot read the archive: {0}")]
    Read(#[source] io::Error),
    #[error("the import was cancelled")]
    Cancelled,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ImportError {
    /// Whether the archive is at fault, not this host.
    pub fn is_certain(&self) -> bool {
        match self {
            ImportError::Nar { source, .. } => {
                !matches!(source, RestoreError::Read(_) | RestoreError::Write { .. })
            }
            ImportError::Malformed { .. }
            | ImportError::Truncated { .. }
            | ImportError::Path { .. }
            | ImportError::Differs(_)
            | ImportError::Missing { .. } => true,
            ImportError::Read(_) | ImportError::Cancelled | ImportError::Store(_) => false,
        }
    }
}

impl Store {
    /// Writes `paths` and all they refer to, each after what it refers to.
    ///
    /// # Errors
    /// When one is not there or is damaged, or `out` fails; what was written
    /// then has no end and is refused by whoever reads it.
    pub fn export(
        &self,
        paths: impl IntoIterator<Item = StorePath>,
        out: &mut dyn Write,
    ) -> Result<(), ExportError> {
        let _session = self.session();
        let closure: Vec<StorePath> = self.closure(paths)?.into_iter().collect();
        for path in self.referrers_first(&closure).iter().rev() {
            let info = self.info(path);
            let info = info.ok_or_else(|| StoreError::Missing(path.clone()))?;
            self.export_one(&info, out)?;
        }
        number(out, 0).map_err(ExportError::Write)
    }

    fn export_one(&self, info: &ObjectInfo, out: &mut dyn Write) -> Result<(), ExportError> {
        number(out, 1).map_err(ExportError::Write)?;
        let mut hashed = Hashed {
            out,
            sha: Sha256::new(),
        };
        let dumped = nar::dump(&self.real_path(&info.path), &mut hashed);
        dumped.map_err(|source| ExportError::Tree {
            path: info.path.clone(),
            source,
        })?;
        let (found, recorded) = (Hash(hashed.sha.finalize().into()), info.nar_hash);
        if found != recorded {
            return Err(ExportError::Damaged {
                path: info.path.clone(),
                found,
                recorded,
            });
        }
        trailer(out, info).map_err(ExportError::Write)
    }

    /// Takes an archive whole or not at all; answers with its objects in their
    /// order. They have no root: a generation that uses them keeps them.
    ///
    /// # Errors
    /// When the archive is damaged, lies, or has an object of more than `limit`
    /// bytes; when `cancelled` says so; when the host fails.
    pub fn import(
        &self,
        input: &mut dyn Read,
        limit: u64,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Vec<StorePath>, ImportError> {
        let _session = self.session();
        let scratch = self.scratch()?;
        let mut import = Import {
            store: self,
            input,
            nth: 0,
            staged: Vec::new(),
            paths: BTreeSet::new(),
        };
        while import.another()? {
            if cancelled() {
                return Err(ImportError::Cancelled);
            }
            let tree = scratch.path().join(import.nth.to_string());
            import.object(tree, limit)?;
        }
        let mut paths = Vec::new();
        for (tree, info) in import.staged {
            paths.push(self.install(&tree, info)?);
        }
        self.sync()?;
        Ok(paths)
    }
}

/// An archive being read; what it held is staged.
struct Import<'i> {
    store: &'i Store,
    input: &'i mut dyn Read,
    /// Counts objects from 1.
    nth: u64,
    staged: Vec<(PathBuf, ObjectInfo)>,
    paths: BTreeSet<StorePath>,
}

impl Import<'_> {
    fn another(&mut self) -> Result<bool, ImportError> {
        self.nth += 1;
        match self.number()? {
            0 => Ok(false),
            1 if self.nth <= COUNT_MAX => Ok(true),
            1 => Err(self.malformed("more objects than an archive may have")),
            _ => Err(self.malformed("this is not an archive of store objects")),
        }
    }

    fn object(&mut self, tree: PathBuf, limit: u64) -> Result<(), ImportError> {
        let nth = self.nth;
        let restored = nar::restore(&mut *self.input, &tree, limit);
        restored.map_err(|source| ImportError::Nar { nth, source })?;
        if self.number()? != MAGIC {
            return Err(self.malformed("what follows its content is not what an archive has there"));
        }
        let path = self.path()?;
        let count = self.number()?;
        if count > COUNT_MAX {
            return Err(self.malformed("more references than an object may have"));
        }
        let mut references = BTreeSet::new();
        for _ in 0..count {
            references.insert(self.path()?);
        }
        self.text()?; // the deriver: nobody can prove it
        if self.number()? != 0 {
            return Err(self.malformed("signatures of this kind are not known"));
        }
        for reference in references.iter().filter(|reference| **reference != path) {
            if !self.paths.contains(reference) && !self.store.contains(reference) {
                return Err(ImportError::Missing {
                    path,
                    missing: reference.clone(),
                });
            }
        }
        let canonicaliser = Some(Canonicaliser::for_this_process());
        let info = prove(&tree, &path, Look::Said(&references), canonicaliser)?;
        self.paths.insert(path);
        self.staged.push((tree, info));
        Ok(())
    }

    fn path(&mut self) -> Result<StorePath, ImportError> {
        let nth = self.nth;
        let text = self.text()?;
        text.parse()
            .map_err(|source| ImportError::Path { nth, source })
    }

    fn text(&mut self) -> Result<String, ImportError> {
        let length = self.number()?;
        if length > TEXT_MAX {
            return Err(self.malformed("a text that is too long"));
        }
        let padded = length.next_multiple_of(8);
        let mut bytes = Vec::new();
        let read = (&mut *self.input).take(padded).read_to_end(&mut bytes);
        read.map_err(ImportError::Read)?;
        if bytes.len() as u64 != padded {
            return Err(ImportError::Truncated { nth: self.nth });
        }
        let zeros = bytes.split_off(usize::try_from(length).unwrap_or(usize::MAX));
        if zeros.iter().any(|byte| *byte != 0) {
            return Err(self.malformed("padding that is not zero"));
        }
        String::from_utf8(bytes).map_err(|_| self.malformed("a text that is not UTF-8"))
    }

    fn number(&mut self) -> Result<u64, ImportError> {
        let mut bytes = [0; 8];
        match self.input.read_exact(&mut bytes) {
            Ok(()) => Ok(u64::from_le_bytes(bytes)),
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => {
                Err(ImportError::Truncated { nth: self.nth })
            }
            Err(e) => Err(ImportError::Read(e)),
        }
    }

    fn malformed(&self, what: &str) -> ImportError {
        let what = what.to_owned();
        ImportError::Malformed {
            nth: self.nth,
            what,
        }
    }
}

/// Hashes what it passes on.
struct Hashed<'w> {
    out: &'w mut dyn Write,
    sha: Sha256,
}

impl Write for Hashed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write_all(bytes)?;
        self.sha.update(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn trailer(out: &mut dyn Write, info: &ObjectInfo) -> io::Result<()> {
    number(out, MAGIC)?;
    text(out, &info.path.to_string())?;
    number(out, info.references.len() as u64)?;
    for reference in &info.references {
        text(out, &reference.to_string())?;
    }
    text(out, "")?;
    number(out, 0)
}

fn text(out: &mut dyn Write, text: &str) -> io::Result<()> {
    number(out, text.len() as u64)?;
    out.write_all(text.as_bytes())?;
    out.write_all(nar::padding(text.len() as u64))
}

fn number(out: &mut dyn Write, number: u64) -> io::Result<()> {
    out.write_all(&number.to_le_bytes())
}

#[cfg(test)]
#[path = "archive_tests.rs"]
mod tests;
