//! Whether a tree is the object it is said to be: its address is computed anew
//! from its bytes and what it is said to refer to. Whoever says so need not be
//! trusted.

use super::flat::keeps_promise;
use super::identity::Content;
use super::nar::{self, Canonicaliser};
use super::references::{Known, Meaning, ScanError, Scanned, Scanner};
use super::{Hash, ObjectInfo, StorePath};
use std::collections::BTreeSet;
use std::path::Path;

/// A tree that is not the object.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// Its bytes cannot be read, or are none an object may have.
    #[error(transparent)]
    Unreadable(#[from] ScanError),
    /// Its bytes, or what it refers to, are those of another object.
    #[error(
        "{claimed} does not hold what its digest says: with these references its content is {found}'s"
    )]
    Differs { claimed: StorePath, found: String },
}

/// What is looked for in the tree, besides its own digest.
#[derive(Debug, Clone, Copy)]
pub(super) enum Look<'a> {
    /// The tree refers to exactly these, itself among them when it does.
    Said(&'a BTreeSet<StorePath>),
    /// Nobody says: to those of these that occur in it, or to none where it is data.
    Among(&'a BTreeSet<StorePath>),
}

/// Proves that the tree at `tree` is the object `claimed`; with a canonicaliser
/// it is made canonical by the same pass.
///
/// # Errors
/// When it is not, or cannot be read.
pub(super) fn prove(
    tree: &Path,
    claimed: &StorePath,
    references: Look<'_>,
    canonicaliser: Option<Canonicaliser>,
) -> Result<ObjectInfo, ProofError> {
    let mut known = Known::default();
    if let Look::Among(candidates) = references {
        for path in candidates {
            known.insert(path, Meaning::Candidate(path.clone()));
        }
    }
    known.insert(claimed, Meaning::Own);
    let scanned = scan(tree, &known, canonicaliser)?;
    let others = |set: &BTreeSet<StorePath>| -> BTreeSet<StorePath> {
        set.iter()
            .filter(|path| *path != claimed)
            .cloned()
            .collect()
    };
    let guesses = match references {
        Look::Said(said) => vec![others(said)],
        Look::Among(_) => vec![scanned.references.clone(), BTreeSet::new()],
    };
    let mentions_itself = !scanned.self_offsets.is_empty();
    let says_so = |said: &BTreeSet<StorePath>| said.contains(claimed) == mentions_itself;
    let agrees = match references {
        Look::Said(said) => says_so(said),
        Look::Among(_) => true,
    };
    let right = guesses
        .into_iter()
        .find(|guess| is_address(tree, claimed, &scanned, guess));
    let Some(mut references) = right.filter(|_| agrees) else {
        return Err(differs(claimed, &scanned));
    };
    let mut nar_hash = scanned.nar_modulo_self;
    if mentions_itself {
        references.insert(claimed.clone());
        nar_hash = nar_of(tree, None)?.0;
    }
    Ok(ObjectInfo::new(
        claimed.clone(),
        nar_hash,
        scanned.nar_size,
        references,
    ))
}

fn scan(
    tree: &Path,
    known: &Known,
    canonicaliser: Option<Canonicaliser>,
) -> Result<Scanned, ScanError> {
    let mut scanner = Scanner::new(known);
    nar::pack(tree, &mut scanner, canonicaliser)?;
    Ok(scanner.finish())
}

/// Hash and size of the NAR of the tree, whatever it is; with a canonicaliser it
/// is made canonical by the same pass.
pub(super) fn nar_of(
    tree: &Path,
    canonicaliser: Option<Canonicaliser>,
) -> Result<(Hash, u64), ScanError> {
    let scanned = scan(tree, &Known::default(), canonicaliser)?;
    Ok((scanned.nar_modulo_self, scanned.nar_size))
}

fn is_address(
    tree: &Path,
    claimed: &StorePath,
    scanned: &Scanned,
    references: &BTreeSet<StorePath>,
) -> bool {
    let is_data = references.is_empty() && scanned.self_offsets.is_empty();
    address(claimed.name(), scanned, references).is_some_and(|path| path == *claimed)
        || is_data && keeps_promise(tree, scanned.nar_modulo_self, claimed)
}

fn address(name: &str, scanned: &Scanned, references: &BTreeSet<StorePath>) -> Option<StorePath> {
    let content = Content {
        nar_modulo_self: scanned.nar_modulo_self,
        self_offsets: &scanned.self_offsets,
        references,
        name,
    };
    content.path().ok()
}

fn differs(claimed: &StorePath, scanned: &Scanned) -> ProofError {
    let found = address(claimed.name(), scanned, &scanned.references);
    ProofError::Differs {
        claimed: claimed.clone(),
        found: found.map_or_else(|| "another object".to_owned(), |path| path.to_string()),
    }
}
