//! The truth: small files, each replaced whole (temporary, fsync, rename,
//! fsync of the folder), so that a reader sees the old or the new one, never
//! a part, whatever is pulled when.

use super::record::{decode, encode};
use super::{Places, StateError, fail_point};
use crate::model::{CommitId, Generation, GenerationNumber, Hold, Suspension};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Replaces `path` by `bytes`, durably: when this returns, a power cut keeps it.
///
/// # Errors
/// The I/O error with the path; then the old content is still there.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), StateError> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    let mut temporary = tempfile::Builder::new()
        .prefix(".new-")
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o640))
        .tempfile_in(folder)
        .map_err(|e| StateError::io("create a file in", folder, e))?;
    temporary
        .write_all(bytes)
        .map_err(|e| StateError::io("write", path, e))?;
    temporary
        .as_file()
        .sync_all()
        .map_err(|e| StateError::io("make durable", path, e))?;
    fail_point::reach("file-written");
    temporary
        .persist(path)
        .map_err(|e| StateError::io("replace", path, e.error))?;
    fail_point::reach("file-replaced");
    sync_folder(folder)
}

/// Removes `path`, durably; it need not exist.
///
/// # Errors
/// The I/O error with the path.
pub fn remove(path: &Path) -> Result<(), StateError> {
    match fs::remove_file(path) {
        Ok(()) => sync_folder(path.parent().unwrap_or(Path::new("/"))),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(StateError::io("remove", path, e)),
    }
}

/// Points the symlink `link` at `target`, durably and in one step.
///
/// # Errors
/// The I/O error with the path.
pub fn point(link: &Path, target: &Path) -> Result<(), StateError> {
    let folder = link.parent().unwrap_or(Path::new("/"));
    let name = link.file_name().unwrap_or_default().to_string_lossy();
    if fs::read_link(link).is_ok_and(|found| found == target) {
        return sync_folder(folder); // next to nothing, when it was durable before
    }
    let temporary = folder.join(format!(".new-{name}"));
    let _ = fs::remove_file(&temporary); // left by a crash
    std::os::unix::fs::symlink(target, &temporary)
        .map_err(|e| StateError::io("link", &temporary, e))?;
    fail_point::reach("link-made");
    fs::rename(&temporary, link).map_err(|e| StateError::io("replace", link, e))?;
    sync_folder(folder)
}

/// Makes a folder's entries durable.
pub(super) fn sync_folder(folder: &Path) -> Result<(), StateError> {
    File::open(folder)
        .and_then(|f| f.sync_all())
        .map_err(|e| StateError::io("make durable", folder, e))
}

/// At most 16 MiB of `path`, not following a link; `None` when it is absent.
pub(crate) fn read(path: &Path) -> Result<Option<Vec<u8>>, StateError> {
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW)
        .open(path);
    let file = match opened {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(StateError::io("open", path, e)),
    };
    let mut bytes = Vec::new();
    file.take(16 << 20)
        .read_to_end(&mut bytes)
        .map_err(|e| StateError::io("read", path, e))?;
    Ok(Some(bytes))
}

/// A record's value, `None` when the file is absent.
pub(super) fn load<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, StateError> {
    match read(path)? {
        Some(bytes) => decode(&bytes, path).map(Some),
        None => Ok(None),
    }
}

/// A generation as its file has it.
///
/// # Errors
/// When the file cannot be read or understood; absent is `None`.
pub fn read_generation(
    state: &Path,
    number: GenerationNumber,
) -> Result<Option<Generation>, StateError> {
    load(
        &Places::new(state)
            .generation(number)
            .join("generation.json"),
    )
}

/// The number `current` points to, `None` before the first build.
///
/// # Errors
/// When the link is there and says something else.
pub fn read_current(state: &Path) -> Result<Option<GenerationNumber>, StateError> {
    let link = Places::new(state).current();
    let target = match fs::read_link(&link) {
        Ok(target) => target,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(StateError::io("read the link", &link, e)),
    };
    // generations/<n>/result
    let number = target
        .iter()
        .nth(1)
        .and_then(|part| part.to_str()?.parse().ok());
    match number {
        Some(number) => Ok(Some(GenerationNumber(number))),
        None => Err(StateError::Unexpected {
            path: link,
            message: format!(
                "points to {}, not to generations/<number>/result",
                target.display()
            ),
        }),
    }
}

/// Numbers of all generations with a folder, oldest first.
///
/// # Errors
/// When the folder cannot be listed.
pub fn numbers(state: &Path) -> Result<Vec<GenerationNumber>, StateError> {
    let folder = Places::new(state).generations();
    let entries = fs::read_dir(&folder).map_err(|e| StateError::io("list", &folder, e))?;
    let mut numbers: Vec<_> = entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .map(GenerationNumber)
        .collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// The commit `refs/kiln/baseline` names; what is no commit names none.
pub(super) fn read_baseline(places: &Places) -> Result<Option<CommitId>, StateError> {
    let bytes = read(&places.baseline())?;
    Ok(bytes.and_then(|bytes| String::from_utf8_lossy(&bytes).trim().parse().ok()))
}

pub(super) fn read_suspension(places: &Places) -> Result<Option<Suspension>, StateError> {
    load(&places.suspension())
}

/// The newest generation when the baseline was moved by hand.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Reset {
    pub generation: GenerationNumber,
}

pub(super) fn read_hold(places: &Places) -> Result<Option<Hold>, StateError> {
    load(&places.hold())
}

/// The sequence number up to which events may have been handed out.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Sequence {
    pub reserved: u64,
}

/// Reserves event numbers up to `reserved`, durably.
pub(crate) fn replace_sequence(places: &Places, reserved: u64) -> Result<(), StateError> {
    replace(&places.sequence(), &encode(&Sequence { reserved })?)
}
