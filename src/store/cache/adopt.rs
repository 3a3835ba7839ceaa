//! Taking a tree from elsewhere as the object it is said to be.

use super::super::flat::keeps_promise;
use super::super::identity::Content;
use super::super::publish::scan;
use super::super::references::{Known, Meaning};
use super::super::{ObjectInfo, Outputs, PublishError, RealisationKey, Store, StoreError};
use super::narinfo::NarInfo;
use std::path::Path;

/// A tree that is not what it is said to be.
#[derive(Debug, thiserror::Error)]
pub enum AdoptError {
    #[error(transparent)]
    Publish(#[from] PublishError),
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
        let mut known = Known::default();
        known.insert(&info.path, Meaning::Own);
        let scanned = scan(tree, info.path.name(), &known)?;
        let refers_to_itself = !scanned.self_offsets.is_empty();
        let is_same = refers_to_itself || scanned.nar_modulo_self == info.nar_hash;
        if scanned.nar_size != info.nar_size || !is_same {
            return Err(AdoptError::Unpacked);
        }
        let mut references = info.references.clone();
        let claims_itself = references.remove(&info.path);
        let content = Content {
            nar_modulo_self: scanned.nar_modulo_self,
            self_offsets: &scanned.self_offsets,
            references: &references,
            name: info.path.name(),
        };
        let by_content =
            claims_itself == refers_to_itself && content.path().is_ok_and(|path| path == info.path);
        let is_data = info.references.is_empty() && !refers_to_itself;
        let is_promised = || is_data && keeps_promise(tree, scanned.nar_modulo_self, &info.path);
        if !(is_trusted || by_content || is_promised()) {
            return Err(AdoptError::Untrusted);
        }
        let (path, references) = (info.path.clone(), info.references.clone());
        let object = ObjectInfo::new(path, info.nar_hash, info.nar_size, references);
        self.install(tree, object).map_err(PublishError::Store)?;
        Ok(())
    }

    /// Every realisation on disk that can be read.
    pub(super) fn recorded(&self) -> Result<Vec<(RealisationKey, Outputs)>, StoreError> {
        let records = self.inner.records.realisations()?.into_iter();
        let read = |(key, _, outputs)| Some((key, outputs?));
        Ok(records.filter_map(read).collect())
    }
}
