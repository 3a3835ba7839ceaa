//! Newtypes parsed at birth: whoever holds one need not check it again.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Text that is not the name it was taken for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {text:?} is not valid: {why}")]
pub struct InvalidName {
    pub what: &'static str,
    pub text: String,
    pub why: &'static str,
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $what:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(String);

        impl $type {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl FromStr for $type {
            type Err = InvalidName;
            fn from_str(text: &str) -> Result<Self, InvalidName> {
                let check: fn(&str) -> Result<(), &'static str> = $check;
                match check(text) {
                    Ok(()) => Ok($type(text.to_owned())),
                    Err(why) => Err(InvalidName { what: $what, text: text.to_owned(), why }),
                }
            }
        }
        impl TryFrom<String> for $type {
            type Error = InvalidName;
            fn try_from(text: String) -> Result<Self, InvalidName> {
                text.parse()
            }
        }
        impl From<$type> for String {
            fn from(name: $type) -> String {
                name.0
            }
        }
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// A full Git commit id: 40 lower-case hex digits.
    CommitId, "commit id", |text| {
        let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        match text.len() == 40 && text.bytes().all(hex) {
            true => Ok(()),
            false => Err("a commit id has 40 lower-case hex digits"),
        }
    }
);
name!(
    /// A remote's name in the configuration; part of a ref name.
    RemoteName, "remote name", |text| plain(text, false)
);
name!(
    /// A branch, without `refs/heads/`.
    BranchName, "branch name", |text| plain(text, true)
);
name!(
    /// A host as `kiln.star` declares it.
    HostName, "host name", |text| plain(text, false)
);
name!(
    /// A hook in the configuration; the name of a folder.
    HookName, "hook name", |text| plain(text, false)
);

impl CommitId {
    /// The first twelve digits, for people.
    pub fn short(&self) -> &str {
        &self.0[..12]
    }
}

/// The rules of `git check-ref-format` that matter for a name that becomes part
/// of a ref, a file name and a command line.
fn plain(text: &str, slashes: bool) -> Result<(), &'static str> {
    if text.is_empty() || text.len() > 200 {
        return Err("it must have 1 to 200 characters");
    }
    if text.starts_with(['-', '.', '/']) || text.ends_with(['/', '.']) || text.ends_with(".lock") {
        return Err("it may not begin with '-', '.' or '/', nor end with '/', '.' or '.lock'");
    }
    if text.contains("..") || text.contains("//") || text.contains("/.") || text.contains("@{") {
        return Err("it may not contain '..', '//', '/.' or '@{'");
    }
    if !slashes && text.contains('/') {
        return Err("it may not contain '/'");
    }
    let bad = |c: char| c.is_control() || c.is_whitespace() || "~^:?*[\\".contains(c);
    match text.contains(bad) {
        true => Err("it may not contain white space, control characters or any of ~^:?*[\\"),
        false => Ok(()),
    }
}

/// A generation's number, from 1; never used twice on a host.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Default,
)]
#[serde(transparent)]
pub struct GenerationNumber(pub u32);

impl fmt::Display for GenerationNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_would_leave_their_ref_or_folder_are_refused() {
        for bad in [
            "", "-x", ".x", "a..b", "a/../b", "a b", "a\nb", "x.lock", "a:b", "a//b", "a/.b",
        ] {
            assert!(bad.parse::<BranchName>().is_err(), "{bad:?}");
        }
        assert!("feature/x".parse::<BranchName>().is_ok());
        assert!("feature/x".parse::<RemoteName>().is_err());
        assert!(
            "ABCDEF0123456789abcdef0123456789abcdef01"
                .parse::<CommitId>()
                .is_err()
        );
    }
}
