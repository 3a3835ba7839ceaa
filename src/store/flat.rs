//! Taking one file whose bytes' hash was promised.

use super::publish::scan;
use super::references::Known;
use super::{FixedMode, FixedOutput, Hash, ObjectInfo, PublishError, Store, StoreError, StorePath};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// Read at once.
const PIECE: usize = 256 << 10;

impl Store {
    /// Takes the file at `path` when its bytes have the promised hash. It is
    /// data: whatever paths stand in it, it refers to none.
    ///
    /// A copy is hashed and taken, since whoever wrote the file may still hold
    /// it open; what lies at `path` stays.
    ///
    /// # Errors
    /// [`PublishError::HashDiffers`] with both hashes; when the name is
    /// refused; or the host fails.
    pub fn publish_flat(
        &self,
        path: &Path,
        fixed: &FixedOutput,
    ) -> Result<StorePath, PublishError> {
        let object = fixed.path()?;
        let own = self.scratch()?;
        let copy = own.path().join("copy");
        let mode = if fixed.mode == FixedMode::Executable {
            0o755
        } else {
            0o644
        };
        let mut options = OpenOptions::new();
        let to = options.write(true).create_new(true).mode(mode).open(&copy);
        let mut to = to.map_err(|e| StoreError::io("create", &copy, e))?;
        let found = copied(path, &mut to).map_err(|e| StoreError::io("copy", path, e))?;
        if found != fixed.hash {
            return Err(PublishError::HashDiffers {
                name: fixed.name.clone(),
                promised: fixed.hash,
                found,
            });
        }
        drop(to);
        let scanned = scan(&copy, &fixed.name, &Known::default())?;
        let (nar_hash, nar_size) = (scanned.nar_modulo_self, scanned.nar_size);
        let info = ObjectInfo::new(object, nar_hash, nar_size, BTreeSet::new());
        Ok(self.install(&copy, info)?)
    }
}

/// The hash of the bytes of a file.
///
/// # Errors
/// When it cannot be read.
pub fn hash_file(path: &Path) -> std::io::Result<Hash> {
    copied(path, &mut std::io::sink())
}

/// Whether `claimed` is the path of an output whose hash was promised, of the NAR
/// or of the bytes of a file, and the tree, whose NAR has `nar_hash`, keeps it.
pub(super) fn keeps_promise(tree: &Path, nar_hash: Hash, claimed: &StorePath) -> bool {
    let promised = |hash, mode| {
        let name = claimed.name().to_owned();
        let fixed = FixedOutput { hash, mode, name };
        fixed.path().is_ok_and(|path| path == *claimed)
    };
    let of_file = || {
        let found = std::fs::symlink_metadata(tree).ok()?;
        let mode = match found.permissions().mode() & 0o111 {
            0 => FixedMode::Flat,
            _ => FixedMode::Executable,
        };
        // Only a file can be hashed so; anything else keeps no such promise.
        Some(found.is_file() && promised(hash_file(tree).ok()?, mode))
    };
    promised(nar_hash, FixedMode::Nar) || of_file().unwrap_or(false)
}

/// Copies the file's bytes, which are hashed on their way.
fn copied(path: &Path, to: &mut dyn Write) -> std::io::Result<Hash> {
    let mut options = OpenOptions::new();
    let mut from: File = options
        .read(true)
        .custom_flags(libc::O_NOFOLLOW)
        .open(path)?;
    let mut hash = Sha256::new();
    let mut piece = vec![0; PIECE];
    loop {
        let read = from.read(&mut piece)?;
        if read == 0 {
            return Ok(Hash(hash.finalize().into()));
        }
        hash.update(&piece[..read]);
        to.write_all(&piece[..read])?;
    }
}
