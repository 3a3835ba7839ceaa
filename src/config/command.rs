//! Commands of the host's owner: run with the agent's rights, so nobody else
//! may have a hand in them.

use nix::unistd::geteuid;
use std::ffi::OsString;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

/// As many links as the kernel follows.
const LINKS: usize = 40;

/// Why a command is not run.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    #[error("cannot look at {}: {source}", .path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} must be an absolute path without ..", .path.display())]
    NotAbsolute { path: PathBuf },
    #[error("{} leads through too many symbolic links", .path.display())]
    Links { path: PathBuf },
    #[error("{} belongs to uid {owner}; it must belong to root or to uid {uid}", .path.display())]
    Owner { path: PathBuf, owner: u32, uid: u32 },
    #[error("{} can be written by others (mode {mode:04o}); type: chmod go-w {}", .path.display(), .path.display())]
    Writable { path: PathBuf, mode: u32 },
    #[error("{} is not a regular file", .path.display())]
    NotAFile { path: PathBuf },
    #[error("{} is not executable; type: chmod +x {}", .path.display(), .path.display())]
    NotExecutable { path: PathBuf },
}

/// Where `path` really lies, when every folder, link and the file itself belong
/// to root or this process's user and can be written by nobody else (a sticky
/// folder such as /tmp protects its entries). Since nobody else can replace any
/// part of the way, the answer stays true until it is run.
///
/// # Errors
/// Says which part of the way does not hold and what mends it.
pub fn owned_command(path: &Path) -> Result<PathBuf, CommandError> {
    if !path.is_absolute() || path.components().any(|part| part == Component::ParentDir) {
        return Err(CommandError::NotAbsolute { path: path.into() });
    }
    let mut links = 0;
    let mut real = PathBuf::from("/");
    let mut left = parts(path);
    check_folder(&real, &look(&real)?)?;
    while let Some(part) = left.pop() {
        if part == ".." {
            real.pop(); // of a link; where it leads back to is checked already
            continue;
        }
        let next = real.join(&part);
        let found = look(&next)?;
        check_owner(&next, &found)?;
        if found.is_symlink() {
            links += 1;
            if links > LINKS {
                return Err(CommandError::Links { path: path.into() });
            }
            let target = std::fs::read_link(&next).map_err(|source| unreadable(&next, source))?;
            if target.is_absolute() {
                real = PathBuf::from("/");
            }
            left.extend(parts(&target));
            continue;
        }
        if found.is_dir() {
            check_folder(&next, &found)?;
        }
        real = next;
    }
    let found = look(&real)?;
    check_file(&real, &found)?;
    Ok(real)
}

/// The parts still to go, the next one last.
fn parts(path: &Path) -> Vec<OsString> {
    let names = path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    });
    let mut names: Vec<OsString> = names.collect();
    names.reverse();
    names
}

fn look(path: &Path) -> Result<Metadata, CommandError> {
    std::fs::symlink_metadata(path).map_err(|source| unreadable(path, source))
}

fn unreadable(path: &Path, source: io::Error) -> CommandError {
    CommandError::Read {
        path: path.into(),
        source,
    }
}

fn check_owner(path: &Path, found: &Metadata) -> Result<(), CommandError> {
    let (owner, uid) = (found.uid(), geteuid().as_raw());
    match owner == 0 || owner == uid {
        true => Ok(()),
        false => Err(CommandError::Owner {
            path: path.into(),
            owner,
            uid,
        }),
    }
}

fn check_folder(path: &Path, found: &Metadata) -> Result<(), CommandError> {
    let mode = found.mode() & 0o7777;
    match mode & 0o022 != 0 && mode & libc::S_ISVTX == 0 {
        true => Err(CommandError::Writable {
            path: path.into(),
            mode,
        }),
        false => Ok(()),
    }
}

fn check_file(path: &Path, found: &Metadata) -> Result<(), CommandError> {
    let mode = found.mode() & 0o7777;
    let path = path.to_owned();
    if !found.is_file() {
        return Err(CommandError::NotAFile { path });
    }
    if mode & 0o022 != 0 {
        return Err(CommandError::Writable { path, mode });
    }
    match mode & 0o111 {
        0 => Err(CommandError::NotExecutable { path }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    fn command(folder: &Path, mode: u32) -> PathBuf {
        let path = folder.join("apply");
        fs::write(&path, "#!/bin/sh\n").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        path
    }

    #[test]
    fn a_command_only_its_owner_can_change_is_found_also_through_links() {
        let dir = tempfile::tempdir().unwrap();
        let path = command(dir.path(), 0o755);
        fs::create_dir(dir.path().join("hooks")).unwrap();
        symlink("../apply", dir.path().join("hooks/relative")).unwrap();
        symlink(dir.path(), dir.path().join("hooks/absolute")).unwrap();
        for way in ["apply", "hooks/relative", "hooks/absolute/apply"] {
            assert_eq!(owned_command(&dir.path().join(way)).unwrap(), path, "{way}");
        }
        assert!(owned_command(Path::new("/bin/sh")).is_ok());
    }

    #[test]
    fn what_others_could_have_a_hand_in_is_refused_with_what_mends_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = command(dir.path(), 0o775);
        let error = owned_command(&path).unwrap_err().to_string();
        assert!(error.contains("chmod go-w"), "{error}");
        let path = command(dir.path(), 0o644);
        let error = owned_command(&path).unwrap_err().to_string();
        assert!(error.contains("chmod +x"), "{error}");
        command(dir.path(), 0o755);
        fs::set_permissions(dir.path(), Permissions::from_mode(0o777)).unwrap();
        let folder = owned_command(&path).unwrap_err();
        assert!(matches!(folder, CommandError::Writable { path, .. } if path == dir.path()));
        fs::set_permissions(dir.path(), Permissions::from_mode(0o1777)).unwrap();
        assert!(owned_command(&path).is_ok(), "sticky");
    }

    #[test]
    fn folders_relative_paths_dots_and_rings_of_links_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        symlink("ring", dir.path().join("ring")).unwrap();
        let refused = |path: &Path| owned_command(path).unwrap_err();
        assert!(matches!(
            refused(&dir.path().join("ring")),
            CommandError::Links { .. }
        ));
        assert!(matches!(refused(dir.path()), CommandError::NotAFile { .. }));
        assert!(matches!(
            refused(Path::new("bin/sh")),
            CommandError::NotAbsolute { .. }
        ));
        assert!(matches!(
            refused(Path::new("/bin/../bin/sh")),
            CommandError::NotAbsolute { .. }
        ));
        assert!(matches!(
            refused(&dir.path().join("none")),
            CommandError::Read { .. }
        ));
    }

    #[test]
    fn a_command_or_a_link_of_another_user_is_refused() {
        if !geteuid().is_root() {
            return; // only root can make one
        }
        let dir = tempfile::tempdir().unwrap();
        let path = command(dir.path(), 0o755);
        chown(&path, Some(12345), None).unwrap();
        let error = owned_command(&path).unwrap_err();
        assert!(matches!(error, CommandError::Owner { owner: 12345, .. }));
        let link = dir.path().join("link");
        symlink("/bin/sh", &link).unwrap();
        std::os::unix::fs::lchown(&link, Some(12345), None).unwrap();
        assert!(matches!(
            owned_command(&link).unwrap_err(),
            CommandError::Owner { .. }
        ));
    }
}
