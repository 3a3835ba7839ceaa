//! What was made along the way: objects that are kept as long as another one
//! is, without being part of it.
//!
//! A graph's steps give objects that its result need not refer to, a compiler
//! for one. They stay while the graph does, so that the next commit finds them.

use super::{Store, StoreError, StorePath};
use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::Write;

impl Store {
    /// Keeps `companions` as long as `owner` is kept, unless space is short.
    /// Durable after [`Store::sync`]; losing it costs work, never truth.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep_with<'p>(
        &self,
        owner: &StorePath,
        companions: impl IntoIterator<Item = &'p StorePath>,
    ) -> Result<(), StoreError> {
        let file = self.inner.records.companions_file(owner);
        let mut lines = String::new();
        for path in companions {
            lines.push_str(&path.base_name());
            lines.push('\n');
        }
        if lines.is_empty() {
            return Ok(());
        }
        let opened = OpenOptions::new().append(true).create(true).open(&file);
        // One write: a line is torn by a crash only, and a torn line is no path.
        opened
            .and_then(|mut file| file.write_all(lines.as_bytes()))
            .map_err(|e| StoreError::io("write", &file, e))
    }

    /// What is kept with `owner`; lines that cannot be read are none.
    pub fn kept_with(&self, owner: &StorePath) -> BTreeSet<StorePath> {
        let file = self.inner.records.companions_file(owner);
        let text = match std::fs::read_to_string(&file) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return BTreeSet::new(),
            Err(e) => {
                tracing::warn!(file = %file.display(), "cannot read what is kept: {e}");
                return BTreeSet::new();
            }
        };
        let paths = text.lines().map(StorePath::from_base_name);
        paths.filter_map(Result::ok).collect()
    }
}
