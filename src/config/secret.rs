//! Files that hold a secret: read at every use, only when nobody else can
//! have read or written them.

use nix::fcntl::OFlag;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// More than any token or key needs.
const LIMIT: u64 = 64 << 10;

/// Why a secret was not read. No variant holds any of its content.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    #[error("cannot read the secret file {path}")]
    Read { path: PathBuf, source: io::Error },
    #[error("the secret file {path} is a symbolic link; name the file it leads to")]
    Link { path: PathBuf },
    #[error("the secret file {path} is not a regular file")]
    NotAFile { path: PathBuf },
    #[error("the secret file {path} belongs to uid {owner}; type: chown {uid} {path}")]
    Owner { path: PathBuf, owner: u32, uid: u32 },
    #[error(
        "the secret file {path} can be read by others (mode {mode:04o}); type: chmod 600 {path}"
    )]
    Open { path: PathBuf, mode: u32 },
    #[error("the secret file {path} is larger than 64 KiB")]
    TooLarge { path: PathBuf },
    #[error("the secret file {path} is not text")]
    NotText { path: PathBuf },
    #[error("the secret file {path} is empty")]
    Empty { path: PathBuf },
}

/// The text of a secret file, without white space around it. The file must be
/// a regular one, no link, belong to root or to this process's user, and be
/// closed to everybody else.
///
/// # Errors
/// Says which of that does not hold and the command that mends it.
pub fn read_secret_file(path: &Path) -> Result<String, SecretError> {
    let file = open(path)?;
    let at = || path.to_owned();
    let read = |source| SecretError::Read { path: at(), source };
    check(path, &file.metadata().map_err(read)?)?;
    let mut bytes = Vec::new();
    file.take(LIMIT + 1).read_to_end(&mut bytes).map_err(read)?;
    if bytes.len() as u64 > LIMIT {
        return Err(SecretError::TooLarge { path: at() });
    }
    // The cause would hold the bytes: it is dropped.
    let text = String::from_utf8(bytes).map_err(|_| SecretError::NotText { path: at() })?;
    match text.trim() {
        "" => Err(SecretError::Empty { path: at() }),
        secret => Ok(secret.to_owned()),
    }
}

fn open(path: &Path) -> Result<File, SecretError> {
    // O_NONBLOCK: a pipe in the file's place must not hold us up.
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits())
        .open(path);
    opened.map_err(|source| match source.raw_os_error() {
        Some(libc::ELOOP) => SecretError::Link {
            path: path.to_owned(),
        },
        _ => SecretError::Read {
            path: path.to_owned(),
            source,
        },
    })
}

fn check(path: &Path, metadata: &Metadata) -> Result<(), SecretError> {
    let path = path.to_owned();
    let uid = nix::unistd::geteuid().as_raw();
    let (owner, mode) = (metadata.uid(), metadata.mode() & 0o7777);
    if !metadata.is_file() {
        return Err(SecretError::NotAFile { path });
    }
    if owner != 0 && owner != uid {
        return Err(SecretError::Owner { path, owner, uid });
    }
    if mode & 0o077 != 0 {
        return Err(SecretError::Open { path, mode });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn secret(folder: &Path, mode: u32) -> PathBuf {
        let path = folder.join("token");
        fs::write(&path, "s3cret\n").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        path
    }

    #[test]
    fn a_closed_file_is_read_without_its_newline() {
        let dir = tempfile::tempdir().unwrap();
        for mode in [0o400, 0o600] {
            assert_eq!(
                read_secret_file(&secret(dir.path(), mode)).unwrap(),
                "s3cret"
            );
            fs::remove_file(dir.path().join("token")).unwrap();
        }
    }

    #[test]
    fn a_file_open_to_others_is_refused_with_the_command_that_closes_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = secret(dir.path(), 0o640);
        let error = read_secret_file(&path).unwrap_err().to_string();
        let path = path.display();
        assert_eq!(
            error,
            format!(
                "the secret file {path} can be read by others (mode 0640); type: chmod 600 {path}"
            )
        );
    }

    #[test]
    fn links_folders_pipes_and_emptiness_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let link = dir.path().join("link");
        symlink(secret(dir.path(), 0o600), &link).unwrap();
        assert!(matches!(
            read_secret_file(&link),
            Err(SecretError::Link { .. })
        ));
        assert!(matches!(
            read_secret_file(dir.path()),
            Err(SecretError::NotAFile { .. })
        ));
        let pipe = dir.path().join("pipe");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRUSR).unwrap();
        assert!(matches!(
            read_secret_file(&pipe),
            Err(SecretError::NotAFile { .. })
        ));
        let empty = secret(dir.path(), 0o600);
        fs::write(&empty, " \n").unwrap();
        assert!(matches!(
            read_secret_file(&empty),
            Err(SecretError::Empty { .. })
        ));
    }

    #[test]
    fn a_file_of_another_user_is_refused() {
        if !nix::unistd::geteuid().is_root() {
            return; // only root can make one
        }
        let dir = tempfile::tempdir().unwrap();
        let path = secret(dir.path(), 0o600);
        std::os::unix::fs::chown(&path, Some(12345), None).unwrap();
        let error = read_secret_file(&path).unwrap_err().to_string();
        assert!(
            error.contains("belongs to uid 12345; type: chown 0 "),
            "{error}"
        );
    }
}
