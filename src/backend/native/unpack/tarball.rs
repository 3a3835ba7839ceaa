//! tar: ustar, pax and GNU, as the `tar` crate reads their headers.

use super::tree::{Tree, UnpackError, lossy};
use std::io::Read;
use tar::EntryType;

/// Unpacks every entry of an uncompressed tar.
pub(super) fn unpack(input: &mut dyn Read, tree: &mut Tree<'_>) -> Result<(), UnpackError> {
    let mut archive = tar::Archive::new(input);
    for entry in archive.entries().map_err(UnpackError::damaged)? {
        one(&mut entry.map_err(UnpackError::damaged)?, tree)?;
    }
    Ok(())
}

fn one<R: Read>(entry: &mut tar::Entry<'_, R>, tree: &mut Tree<'_>) -> Result<(), UnpackError> {
    let name = entry.path_bytes().into_owned();
    let target = |entry: &tar::Entry<'_, R>| {
        let target = entry.link_name_bytes().map(std::borrow::Cow::into_owned);
        target.ok_or_else(|| UnpackError::damaged(format!("{:?} has no target", lossy(&name))))
    };
    let kind = match entry.header().entry_type() {
        // Old tars know no type for folders.
        EntryType::Regular if name.ends_with(b"/") => return tree.folder(&name),
        EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
            let mode = entry.header().mode().map_err(UnpackError::damaged)?;
            let promised = entry.size();
            let size = tree.file(&name, mode & 0o100 != 0, entry)?;
            return match size == promised {
                true => Ok(()),
                false => Err(UnpackError::damaged(format!(
                    "{:?} ends after {size} of {promised} bytes",
                    lossy(&name)
                ))),
            };
        }
        EntryType::Directory => return tree.folder(&name),
        EntryType::Symlink => return tree.symlink(&name, &target(entry)?),
        EntryType::Link => return tree.hard_link(&name, &target(entry)?),
        EntryType::XGlobalHeader | EntryType::XHeader => return Ok(()),
        EntryType::Char | EntryType::Block => "a device",
        EntryType::Fifo => "a pipe",
        _ => "of an unknown kind",
    };
    let name = lossy(&name);
    Err(UnpackError::Kind { name, kind })
}
