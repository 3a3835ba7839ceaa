//! Where a remote is: its URL taken apart, and what of it may be shown.

use crate::model::Failure;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// A remote's place, by the transport that reaches it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// A repository on this host.
    Local(PathBuf),
    /// `git://`, unauthenticated and unencrypted.
    Git,
    Https,
}

/// Which transport reaches `url`.
///
/// # Errors
/// A certain failure with its cure for everything kiln does not fetch from.
pub fn locate(url: &str) -> Result<Location, Failure> {
    let shown = display_url(url);
    let refuse =
        |why: &str, hint: &str| Err(Failure::certain(format!("{shown}: {why}")).hint(hint));
    match url.split_once("://") {
        None if url.starts_with('/') => Ok(Location::Local(url.into())),
        None if url.contains(':') => refuse("fetching over ssh comes later", USE_HTTPS),
        None => refuse("a path must be absolute", "begin the path with /"),
        Some(("file", rest)) => match file_path(rest) {
            Some(path) => Ok(Location::Local(path)),
            None => refuse("names another host", "write file:///absolute/path"),
        },
        Some(("https", _)) => Ok(Location::Https),
        Some(("git", _)) => Ok(Location::Git),
        Some(("ssh" | "git+ssh" | "ssh+git", _)) => {
            refuse("fetching over ssh comes later", USE_HTTPS)
        }
        Some(("http", _)) => refuse("http is neither private nor authentic", USE_HTTPS),
        Some(_) => refuse("kiln does not fetch by this scheme", USE_HTTPS),
    }
}

const USE_HTTPS: &str = "use an https:// URL";

/// The path of a remote on this host.
pub fn local_path(url: &str) -> Option<PathBuf> {
    match locate(url) {
        Ok(Location::Local(path)) => Some(path),
        _ => None,
    }
}

/// The URL as it may be shown and logged: without user, password and query.
pub fn display_url(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    let path = path.split(['?', '#']).next().unwrap_or_default();
    format!("{scheme}://{host}{path}")
}

/// `rest` of `file://rest`, percent-decoded as Git does.
fn file_path(rest: &str) -> Option<PathBuf> {
    let path = rest.strip_prefix("localhost").unwrap_or(rest);
    path.starts_with('/')
        .then(|| PathBuf::from(OsString::from_vec(percent_decoded(path.as_bytes()))))
}

fn percent_decoded(text: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [byte, tail @ ..] = rest {
        let escaped = (*byte == b'%').then(|| tail.get(..2)).flatten();
        let value = escaped
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        decoded.push(value.unwrap_or(*byte));
        rest = if value.is_some() { &tail[2..] } else { tail };
    }
    decoded
}

/// The folders of a repository on this host. Nothing of it is executed and its
/// configuration is not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalRepository {
    /// Holds `HEAD`.
    pub git_dir: PathBuf,
    /// Holds `objects`, `refs` and `packed-refs`; differs from `git_dir` in a linked work tree.
    pub common_dir: PathBuf,
}

impl LocalRepository {
    /// The repository at `path`: bare, a work tree, or a linked work tree.
    pub fn find(path: &Path) -> Option<Self> {
        let dot_git = path.join(".git");
        let git_dir = match std::fs::metadata(&dot_git) {
            Ok(found) if found.is_file() => linked(&dot_git, "gitdir: ")?,
            Ok(_) => dot_git,
            Err(_) => path.to_owned(),
        };
        let common_dir = linked(&git_dir.join("commondir"), "").unwrap_or_else(|| git_dir.clone());
        let found = git_dir.join("HEAD").exists() && common_dir.join("objects").is_dir();
        found.then_some(LocalRepository {
            git_dir,
            common_dir,
        })
    }
}

/// The path a small file names after `prefix`, relative to the file's folder.
fn linked(file: &Path, prefix: &str) -> Option<PathBuf> {
    let text = std::fs::read(file).ok()?;
    let target = text
        .strip_prefix(prefix.as_bytes())?
        .trim_ascii_end()
        .to_vec();
    Some(file.parent()?.join(OsString::from_vec(target)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s14_no_credentials_are_shown() {
        for (url, shown) in [
            ("https://u:p@host/x.git", "https://host/x.git"),
            ("https://u:p@w@host:1/x", "https://host:1/x"),
            ("https://host/a@b", "https://host/a@b"),
            ("https://host/x?private_token=abc", "https://host/x"),
            ("https://u:p@host", "https://host"),
            ("/srv/a@b.git", "/srv/a@b.git"),
        ] {
            assert_eq!(display_url(url), shown);
        }
    }

    #[test]
    fn every_scheme_is_known_or_refused_with_a_cure() {
        assert_eq!(locate("/srv/x"), Ok(Location::Local("/srv/x".into())));
        assert_eq!(
            locate("file:///srv/a%20b"),
            Ok(Location::Local("/srv/a b".into()))
        );
        assert_eq!(
            locate("file:///a%zz%4"),
            Ok(Location::Local("/a%zz%4".into()))
        );
        assert_eq!(locate("git://h/x"), Ok(Location::Git));
        assert_eq!(locate("https://h/x"), Ok(Location::Https));
        for bad in [
            "http://h/x",
            "ssh://h/x",
            "git@h:x",
            "ext::sh -c id",
            "ext://x",
            "x/y",
            "file://h/x",
            "",
        ] {
            let failure = locate(bad).unwrap_err();
            assert!(!failure.hint.is_empty(), "{bad}");
        }
    }
}
