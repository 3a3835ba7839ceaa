//! The folders of a step that lie on the disk, made before it exists with the
//! caller's rights: where its outputs arrive, and a mount point for its root.

use super::spec::{Attempt, Layout, SetupError, Spec, User};
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, lchown};
use std::path::Path;

/// Fills the empty scratch folder.
///
/// # Errors
/// Names the folder that could not be made or given to the step's user.
pub(super) fn prepare(spec: &Spec) -> Result<(), SetupError> {
    let layout = Layout(&spec.scratch);
    let private = || format!("close {} to others", spec.scratch.display());
    fs::set_permissions(&spec.scratch, Permissions::from_mode(0o700)).attempt(private)?;
    make(&layout.root())?;
    let mut given = vec![layout.store(), layout.work()];
    if spec.limits.scratch_on_disk {
        given.extend([layout.build(), layout.tmp()]);
    }
    for folder in given {
        make(&folder)?;
        own(&folder, spec.user)?;
    }
    Ok(())
}

fn make(folder: &Path) -> Result<(), SetupError> {
    fs::create_dir(folder).attempt(|| format!("make the folder {}", folder.display()))
}

/// Gives a file to the build user; as an ordinary user it is ours already.
fn own(path: &Path, user: User) -> Result<(), SetupError> {
    let User::Build(id) = user else {
        return Ok(());
    };
    lchown(path, Some(id), Some(id)).attempt(|| format!("give {} to uid {id}", path.display()))
}

/// Lets the step reopen its own output (`> /dev/stderr`).
pub(super) fn own_output(user: User) -> Result<(), SetupError> {
    let User::Build(id) = user else {
        return Ok(());
    };
    chown("/proc/self/fd/1", Some(id), Some(id))
        .attempt(|| format!("give the step's log pipe to uid {id}"))
}
