//! `[native] keep_failed`: the folder of a step that failed, moved out of the
//! store's scratch folder for its owner to look at. The newest few stay.

use crate::store::remove_all;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// Folders kept.
const COUNT: usize = 10;

/// Moves `scratch` to `folder`; `None` when it cannot be kept, which is said.
pub(super) fn keep(folder: &Path, step: &str, scratch: &Path) -> Option<PathBuf> {
    let now = crate::model::now().unix_timestamp_nanos() / 1_000_000;
    let kept = folder.join(format!("{now:015}-{step}"));
    let done = make(folder)
        .and_then(|()| fs::rename(scratch, &kept))
        .and_then(|()| trim(folder));
    match done {
        Ok(()) => Some(kept),
        Err(error) => {
            tracing::warn!(%error, kept = %kept.display(), "a failed step's folder is not kept");
            None
        }
    }
}

/// What a step left is its owner's alone to see.
fn make(folder: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

/// The oldest leave: their names begin with when they were kept.
fn trim(folder: &Path) -> io::Result<()> {
    let entries = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    let mut kept: Vec<PathBuf> = entries.iter().map(fs::DirEntry::path).collect();
    kept.sort();
    let over = kept.len().saturating_sub(COUNT);
    kept[..over].iter().try_for_each(|path| remove_all(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_folders_of_failed_steps_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("failed");
        let mut kept = Vec::new();
        for n in 0..COUNT + 2 {
            let scratch = dir.path().join("scratch");
            fs::create_dir(&scratch).unwrap();
            fs::write(scratch.join("n"), n.to_string()).unwrap();
            kept.push(keep(&folder, &format!("step{n:02}"), &scratch).unwrap());
        }
        assert!(!kept[0].exists() && !kept[1].exists());
        assert!(kept[2..].iter().all(|path| path.join("n").is_file()));
    }
}
