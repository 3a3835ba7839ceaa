//! What survives a restart. Files are the truth (`files.rs`), sled is the index
//! (`index.rs`); a transition writes files, then the index, then answers.

pub mod check;
pub mod files;

use crate::model::{Generation, GenerationNumber};
use std::path::PathBuf;

/// A cheap, cloneable reader of what is recorded; never blocks on the Builder.
#[derive(Clone)]
pub struct Reader {}

impl Reader {
    pub fn generation(&self, _number: GenerationNumber) -> Option<Generation> {
        todo!()
    }
    /// The newest generation of any outcome.
    pub fn latest(&self) -> Option<Generation> {
        todo!()
    }
    /// The newest built generation.
    pub fn current(&self) -> Option<Generation> {
        todo!()
    }
    /// The newest built generation before current.
    pub fn previous(&self) -> Option<Generation> {
        todo!()
    }
    /// At most `size` generations below `before`, newest first.
    pub fn page(&self, _before: Option<GenerationNumber>, _size: usize) -> Vec<Generation> {
        todo!()
    }
    /// Commit id of `refs/kiln/baseline`.
    pub fn baseline(&self) -> Option<String> {
        todo!()
    }
    /// What status must warn of (recovery, degraded durability).
    pub fn warnings(&self) -> Vec<String> {
        todo!()
    }
    /// The folder with a generation's logs: `evaluation.log`, and `steps/<name>.log`
    /// with their order in `steps/index` (one name per line, failed ones first).
    pub fn logs(&self, _number: GenerationNumber) -> PathBuf {
        todo!()
    }
}
