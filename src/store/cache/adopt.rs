//! Taking a tree from elsewhere as the object it is said to be.

use super::super::nar::Canonicaliser;
use super::super::proof::{Look, ProofError, nar_of, prove};
use super::super::references::ScanError;
use super::super::{ObjectInfo, Outputs, RealisationKey, Store, StoreError};
use super::narinfo::NarInfo;
use std::path::Path;

/// A tree that is not what it is said to be.
#[derive(Debug, thiserror::Error)]
pub enum AdoptError {
    #[error(transparent)]
    Unreadable(#[from] ScanError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("what was unpacked differs from the archive")]
    Unpacked,
    #[error(
        "no trusted key signed it, and its content is not what its path says: add the key of who made it to public_keys, or leave the cache out"
    )]
    Untrusted,
}

impl Store {
    /// Takes a tree, in a scratch folder of this store, whose archive had the
    /// hash and size of `info`. Unless `is_trusted`, its path must follow from
    /// its content.
    ///
    /// # Errors
    /// When the tree is another one, or the host fails.
    pub(super) fn adopt(
        &self,
        tree: &Path,
        info: &NarInfo,
        is_trusted: bool,
    ) -> Result<(), AdoptError> {
        let canonicaliser = Some(Canonicaliser::for_this_process());
        let found = match is_trusted {
            true => nar_of(tree, canonicaliser)?,
            false => match prove(
                tree,
                &info.path,
                Look::Said(&info.references),
                canonicaliser,
            ) {
                Ok(proven) => (proven.nar_hash, proven.nar_size),
                Err(ProofError::Unreadable(error)) => return Err(error.into()),
                Err(ProofError::Differs { .. }) => return Err(AdoptError::Untrusted),
            },
        };
        if found != (info.nar_hash, info.nar_size) {
            return Err(AdoptError::Unpacked);
        }
        let (path, references) = (info.path.clone(), info.references.clone());
        let object = ObjectInfo::new(path, info.nar_hash, info.nar_size, references);
        self.install(tree, object)?;
        Ok(())
    }

    /// Every realisation on disk that can be read.
    pub(super) fn recorded(&self) -> Result<Vec<(RealisationKey, Outputs)>, StoreError> {
        let records = self.inner.records.realisations()?.into_iter();
        let read = |(key, _, outputs)| Some((key, outputs?));
        Ok(records.filter_map(read).collect())
    }
}
