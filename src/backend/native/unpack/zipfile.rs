//! zip, by its central directory: stored and deflated files.

use super::archive::ReadSeek;
use super::tree::{Tree, UnpackError, lossy};
use std::io::Read;
use zip::ZipArchive;
use zip::read::ZipFile;

/// A symlink's target lies in its content.
const TARGET_MAX: u64 = 4096;
const EXECUTABLE: u32 = 0o100;

/// Unpacks every file of a zip.
pub(super) fn unpack(input: &mut dyn ReadSeek, tree: &mut Tree<'_>) -> Result<(), UnpackError> {
    let mut archive = ZipArchive::new(input).map_err(UnpackError::damaged)?;
    for index in 0..archive.len() {
        one(
            &mut archive.by_index(index).map_err(UnpackError::damaged)?,
            tree,
        )?;
    }
    Ok(())
}

fn one<R: Read>(file: &mut ZipFile<'_, R>, tree: &mut Tree<'_>) -> Result<(), UnpackError> {
    let name = file.name_raw().to_vec();
    if name.contains(&b'\\') {
        let why = "has a backslash, which not every system takes for a part of a name";
        return Err(UnpackError::Name {
            name: lossy(&name),
            why,
        });
    }
    if file.is_symlink() {
        let mut target = Vec::new();
        file.take(TARGET_MAX)
            .read_to_end(&mut target)
            .map_err(UnpackError::damaged)?;
        return tree.symlink(&name, &target);
    }
    if file.is_dir() {
        return tree.folder(&name);
    }
    let mode = file.unix_mode().unwrap_or_default();
    // Writers that know no modes leave the kind out.
    if !matches!(mode & 0o170_000, 0 | 0o100_000) {
        return Err(UnpackError::Kind {
            name: lossy(&name),
            kind: "a device or a pipe",
        });
    }
    tree.file(&name, mode & EXECUTABLE != 0, file).map(drop)
}
