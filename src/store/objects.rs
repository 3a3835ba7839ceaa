//! A store with the roots that keep its objects: what `kiln store` works on,
//! through the agent or, where none runs, under the state's lock.

use super::{Collected, Collection, Root, Roots, Store, StoreError};
use std::path::Path;

/// A store and its roots; clones are the same ones.
#[derive(Clone)]
pub struct Objects {
    pub store: Store,
    pub roots: Roots,
}

impl Objects {
    /// A store whose roots are the links in the folders below `generations`.
    pub fn new(store: Store, generations: &Path) -> Self {
        Objects {
            store,
            roots: Roots::new(generations),
        }
    }

    /// Removes what is not kept; with `dry_run` only says so.
    ///
    /// # Errors
    /// As [`Store::gc`].
    pub fn collect(
        &self,
        dry_run: bool,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Collected, StoreError> {
        self.store.gc(&Collection {
            roots: &|| self.roots.objects(&self.store),
            dry_run,
            companions: true,
            cancelled,
        })
    }

    /// Every root.
    ///
    /// # Errors
    /// As [`Roots::find`].
    pub fn list_roots(&self) -> Result<Vec<Root>, StoreError> {
        self.roots.find(&self.store)
    }
}
