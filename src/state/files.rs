// SKELETON
use crate::model::{Generation, GenerationNumber};
use std::path::Path;

/// A recorded generation, read without an agent.
///
/// # Errors
/// When the file is missing, unreadable or no generation.
pub fn read_generation(
    _state_dir: &Path,
    _number: GenerationNumber,
) -> std::io::Result<Generation> {
    todo!()
}
