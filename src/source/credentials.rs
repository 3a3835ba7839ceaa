//! What an `https://` remote is shown: tokens, read from their files at every use.

use crate::model::Failure;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

/// A token file is one short line.
const TOKEN_LIMIT: u64 = 64 << 10;

/// The token, from a file that only root or the agent can have written and read.
pub(super) fn read_token(path: &Path) -> Result<String, Failure> {
    let bad = |why: &str| {
        Failure::certain(format!("cannot use token_file {}: {why}", path.display()))
            .hint(format!("chown root {0} && chmod 600 {0}", path.display()))
    };
    let file = std::fs::OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path)
        .map_err(|error| bad(&error.to_string()))?;
    let about = file.metadata().map_err(|error| bad(&error.to_string()))?;
    let trusted = about.uid() == 0 || about.uid() == nix::unistd::geteuid().as_raw();
    if !about.is_file() || !trusted || about.mode() & 0o077 != 0 {
        return Err(bad(
            "it must be a file of root or the agent, closed to others",
        ));
    }
    let mut token = String::new();
    file.take(TOKEN_LIMIT)
        .read_to_string(&mut token)
        .map_err(|error| bad(&error.to_string()))?;
    match token.trim() {
        "" => Err(bad("it is empty")),
        token => Ok(token.to_owned()),
    }
}

pub(super) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group = chunk
            .iter()
            .fold(0u32, |group, byte| group << 8 | u32::from(*byte))
            << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let digit = (group >> (18 - 6 * place)) & 63;
            text.push(if place <= chunk.len() {
                DIGITS[digit as usize].into()
            } else {
                '='
            });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_rfc_4648() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn s14_a_token_file_others_can_read_or_that_is_a_link_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (token, link) = (folder.path().join("token"), folder.path().join("link"));
        std::fs::write(&token, "secret\n").unwrap();
        std::os::unix::fs::symlink(&token, &link).unwrap();
        let mode =
            |mode| std::fs::set_permissions(&token, std::fs::Permissions::from_mode(mode)).unwrap();
        mode(0o644);
        assert!(read_token(&token).is_err());
        mode(0o600);
        assert_eq!(read_token(&token).unwrap(), "secret");
        assert!(read_token(&link).is_err());
        assert!(read_token(folder.path()).is_err());
    }
}
