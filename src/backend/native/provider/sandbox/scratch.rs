//! The folders of a step that lie on the disk, made with the agent's rights
//! before it exists: where its outputs arrive, and what an overlay needs.

use super::spec::{Attempt, Layout, SetupError, Spec, User};
use std::fs::{self, DirBuilder, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, lchown};
use std::path::Path;

/// Who may look at what, whatever an earlier step made of it.
const MODE: u32 = 0o755;
/// Of the scratch folder: nobody else may list it.
const WALKED: u32 = 0o711;

/// Fills the scratch folder; what an earlier step's agent made there is used again.
///
/// # Errors
/// Names the folder that could not be made or given to the step's user.
pub(super) fn prepare(scratch: &Path, spec: &Spec, user: User) -> Result<(), SetupError> {
    open(scratch, user)?;
    let layout = Layout(scratch);
    let mut given = vec![layout.store()];
    if spec.overlaid() {
        given.push(layout.work());
    }
    if spec.limits.scratch_on_disk {
        given.extend([layout.build(), layout.tmp()]);
    }
    given.iter().try_for_each(|folder| make(folder, user))
}

/// The step's user may walk through it.
pub(super) fn open(folder: &Path, user: User) -> Result<(), SetupError> {
    let found = fs::symlink_metadata(folder);
    let found = found.attempt(|| format!("look at {}", folder.display()))?;
    if matches!(user, User::Build(_)) && found.mode() & 0o7777 != WALKED {
        fs::set_permissions(folder, Permissions::from_mode(WALKED))
            .attempt(|| format!("open {} to the step's user", folder.display()))?;
    }
    Ok(())
}

/// The folder above is the agent's alone, so nobody else acts meanwhile.
pub(super) fn make(folder: &Path, user: User) -> Result<(), SetupError> {
    let attempted = || format!("make the folder {}", folder.display());
    match DirBuilder::new().mode(MODE).create(folder) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        made => made.attempt(attempted)?,
    }
    let found = fs::symlink_metadata(folder).attempt(attempted)?;
    if let User::Build(id) = user
        && (found.uid(), found.gid()) != (id, id)
    {
        lchown(folder, Some(id), Some(id))
            .attempt(|| format!("give {} to uid {id}", folder.display()))?;
    }
    if found.mode() & 0o7777 != MODE {
        fs::set_permissions(folder, Permissions::from_mode(MODE)).attempt(attempted)?;
    }
    Ok(())
}
