//! Links between objects, relative so that a store anywhere can be looked at
//! in place, and the reading of objects that hold them.

use super::MaterialiseError;
use super::layout::Item;
use crate::store::StorePath;
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// From `at` in a tree to an object beside the tree: a store anywhere can be
/// looked at in place.
pub(super) fn relative(at: &Path, object: &StorePath, rest: &str) -> OsString {
    format!("{}{}{rest}", up(at), object.base_name()).into()
}

/// `../` for each part of a path.
fn up(path: &Path) -> String {
    "../".repeat(path.components().count())
}

/// The target of a link copied with its folder to `at`: one that climbed out
/// of its object to another has to climb further.
pub(super) fn lowered(link: &Path, target: OsString, at: &Path) -> OsString {
    let climb = up(link);
    let Some(outside) = target.as_bytes().strip_prefix(climb.as_bytes()) else {
        return target;
    };
    let base = outside
        .split(|byte| *byte == b'/')
        .next()
        .unwrap_or_default();
    let is_object = std::str::from_utf8(base).is_ok_and(|b| StorePath::from_base_name(b).is_ok());
    match is_object {
        true => OsString::from_vec([up(at).as_bytes(), target.as_bytes()].concat()),
        false => target,
    }
}

pub(super) struct Found {
    pub(super) path: PathBuf,
    pub(super) item: Item,
}

/// Everything in a folder object, by path inside it.
pub(super) fn walk(root: &Path) -> Result<Vec<Found>, MaterialiseError> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let real = root.join(&folder);
        let failed = |e| MaterialiseError::io("list", &real, e);
        for entry in fs::read_dir(&real).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let path = folder.join(entry.file_name());
            let item = item(&entry.path())?;
            if matches!(item, Item::Folder) {
                folders.push(path.clone());
            }
            found.push(Found { path, item });
        }
    }
    // The order of a folder's listing is the file system's: errors must not be.
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

pub(super) fn item(real: &Path) -> Result<Item, MaterialiseError> {
    let failed = |e| MaterialiseError::io("read", real, e);
    let kind = fs::symlink_metadata(real).map_err(failed)?.file_type();
    Ok(if kind.is_dir() {
        Item::Folder
    } else if kind.is_symlink() {
        Item::Symlink(fs::read_link(real).map_err(failed)?.into_os_string())
    } else {
        Item::File(real.to_owned())
    })
}

pub(super) fn is_folder(real: &Path) -> Result<bool, MaterialiseError> {
    Ok(matches!(item(real)?, Item::Folder))
}
