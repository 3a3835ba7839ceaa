//! sled never gives space back: an index that has grown far beyond what lives
//! in it is copied at the start, before anything uses it.

use super::index::Index;
use super::{Places, StateError, fail_point, files};
use std::fs;
use std::path::Path;

/// It may be this many times as large as what lives in it.
const FACTOR: u64 = 4;
/// Below this it is not worth the copy.
const FLOOR: u64 = 16 << 20;

/// The index at its place, which holds `live` bytes; a copy where it has grown.
pub(super) fn opened(places: &Places, live: u64) -> Result<Index, StateError> {
    let path = places.index();
    let size = size(&path).map_err(|e| StateError::io("look at", &path, e))?;
    if size <= FLOOR.max(live.saturating_mul(FACTOR)) {
        return Index::open(&path);
    }
    tracing::info!(
        size,
        live,
        "the index has grown: it is copied to a smaller one"
    );
    let new = new_path(places);
    let index = Index::open(&path)?;
    index.copy_to(&Index::make(&new)?)?;
    drop(index);
    fail_point::reach("compacted");
    let rename = |from: &Path, to: &Path| {
        fs::rename(from, to).map_err(|e| StateError::io("move", from, e))?;
        files::sync_folder(&places.folder)
    };
    rename(&path, &old_path(places))?;
    fail_point::reach("compacted-moved-aside");
    rename(&new, &path)?;
    fail_point::reach("compacted-in-place");
    settle(places)?;
    Index::open(&path)
}

/// Ends what a crash interrupted: the copy counts once it is in place.
pub(super) fn settle(places: &Places) -> Result<(), StateError> {
    let (path, old, new) = (places.index(), old_path(places), new_path(places));
    if old.exists() && !path.exists() {
        fs::rename(&old, &path).map_err(|e| StateError::io("move back", &old, e))?;
    }
    for left in [old, new] {
        if left.exists() {
            fs::remove_dir_all(&left).map_err(|e| StateError::io("remove", &left, e))?;
        }
    }
    Ok(())
}

fn old_path(places: &Places) -> std::path::PathBuf {
    places.folder.join("sled.old")
}

pub(super) fn new_path(places: &Places) -> std::path::PathBuf {
    places.folder.join("sled.new")
}

/// Bytes of all files below `path`.
fn size(path: &Path) -> std::io::Result<u64> {
    let mut total = 0;
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        total += match metadata.is_dir() {
            true => size(&entry.path())?,
            false => metadata.len(),
        };
    }
    Ok(total)
}
