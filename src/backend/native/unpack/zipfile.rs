//! zip, by its central directory: stored and deflated files.

use super::archive::ReadSeek;
use super::tree::{Tree, UnpackError, lossy};
use std::collections::HashSet;
use std::io::{BufReader, Read, SeekFrom};
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
    let (start, known) = (archive.central_directory_start(), archive.len());
    each_once(archive.into_inner(), start, known)
}

/// The reader keeps the last of entries with one name and says nothing of the
/// others; other programs take the first. So the list is walked once more.
fn each_once(input: &mut dyn ReadSeek, start: u64, known: usize) -> Result<(), UnpackError> {
    input
        .seek(SeekFrom::Start(start))
        .map_err(UnpackError::damaged)?;
    let mut input = BufReader::new(input);
    let (mut names, mut listed) = (HashSet::new(), 0);
    while let Some(name) = next_name(&mut input).map_err(UnpackError::damaged)? {
        let is_new = names.insert(name.clone());
        let is_folder = name.ends_with(b"/"); // which is one however often it is said
        if !is_new && !is_folder {
            return Err(twice(lossy(&name)));
        }
        listed += usize::from(is_new);
    }
    match listed == known {
        true => Ok(()),
        // Two spellings of one name, by an extra field.
        false => Err(twice(format!("one of {listed} files"))),
    }
}

fn twice(name: String) -> UnpackError {
    let why = "is there twice, and which one is meant is not said";
    UnpackError::Name { name, why }
}

/// The name of the next entry of the central directory (APPNOTE.TXT, 4.3.12).
fn next_name(input: &mut impl Read) -> std::io::Result<Option<Vec<u8>>> {
    let mut signature = [0; 4];
    input.read_exact(&mut signature)?;
    if signature != *b"PK\x01\x02" {
        return Ok(None);
    }
    let mut header = [0; 42];
    input.read_exact(&mut header)?;
    let length = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
    let mut name = vec![0; length(24).into()];
    input.read_exact(&mut name)?;
    let rest = u64::from(length(26)) + u64::from(length(28));
    std::io::copy(&mut input.take(rest), &mut std::io::sink())?;
    Ok(Some(name))
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
