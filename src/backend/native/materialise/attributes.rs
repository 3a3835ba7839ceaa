//! `.kiln/attributes.json`: what a tree says beyond what a store object can
//! hold, for whoever applies the tree.

use super::MaterialiseError;
use crate::store::StorePath;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path};

/// Where it lies in a tree.
pub const ATTRIBUTES_FILE: &str = ".kiln/attributes.json";

/// More bytes than this are no description of a tree.
const SIZE_MAX: u64 = 16 << 20;

/// What stands before a secret's name in text.
const SECRETS: &str = "/run/kiln/secrets/";

/// The file as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attributes {
    /// 1; raised when the meaning changes.
    pub version: u32,
    /// By path in the tree.
    pub entries: BTreeMap<String, EntryAttributes>,
    /// Every secret any entry names.
    pub secrets: BTreeSet<String>,
}

/// What is said of one path.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct EntryAttributes {
    /// Octal, as it was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Secrets whose path stands in it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub secrets: BTreeSet<String>,
}

impl EntryAttributes {
    pub(super) fn is_empty(&self) -> bool {
        *self == EntryAttributes::default()
    }
}

impl Attributes {
    /// The file for these entries; `None` when there is nothing to say.
    pub(super) fn of(entries: &BTreeMap<String, EntryAttributes>) -> Option<Self> {
        let secrets = entries
            .values()
            .flat_map(|entry| entry.secrets.iter().cloned());
        (!entries.is_empty()).then(|| Attributes {
            version: 1,
            entries: entries.clone(),
            secrets: secrets.collect(),
        })
    }

    /// The file's text.
    pub(super) fn to_json(&self) -> io::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// What the folder object `base`, which lies at `root`, says of itself.
    /// A step may have written it: it is read only when it is a file of the
    /// object's own, and believed only where it speaks of paths in the object.
    pub(super) fn read(base: &StorePath, root: &Path) -> Result<Self, MaterialiseError> {
        let refused = |reason: String| MaterialiseError::Attributes {
            file: format!("{base}/{ATTRIBUTES_FILE}"),
            reason,
        };
        let path = root.join(ATTRIBUTES_FILE);
        let failed = |e| MaterialiseError::io("read", &path, e);
        let Some(file) = open(&path).map_err(failed)? else {
            return Err(refused("is no regular file".into()));
        };
        let mut json = Vec::new();
        let read = file.take(SIZE_MAX + 1).read_to_end(&mut json);
        if read.map_err(failed)? as u64 > SIZE_MAX {
            return Err(refused(format!("has more than {SIZE_MAX} bytes")));
        }
        let read: Attributes = serde_json::from_slice(&json).map_err(|e| refused(e.to_string()))?;
        if read.version != 1 {
            return Err(refused(format!("has version {}, not 1", read.version)));
        }
        match read.entries.keys().find(|path| !is_inside(path)) {
            Some(path) => Err(refused(format!("names {path:?}, no path in the tree"))),
            None => Ok(read),
        }
    }
}

/// The file itself; `None` when it is a link, a pipe or anything else.
fn open(path: &Path) -> io::Result<Option<File>> {
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY;
    match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => Ok(file.metadata()?.is_file().then_some(file)),
        Err(e) if matches!(e.raw_os_error(), Some(libc::ELOOP | libc::ENXIO)) => Ok(None),
        Err(e) => Err(e),
    }
}

/// Whether a path is relative and made of plain names.
fn is_inside(path: &str) -> bool {
    let plain = |part| matches!(part, Component::Normal(_));
    !path.is_empty() && !path.contains('\0') && Path::new(path).components().all(plain)
}

/// Which of the known secrets a text names by their path. Where one name
/// begins with another, the longest that stands there counts.
pub(super) fn secrets_in(text: &[u8], known: &BTreeSet<String>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    if known.is_empty() {
        return found;
    }
    for at in 0..text.len() {
        let Some(rest) = text[at..].strip_prefix(SECRETS.as_bytes()) else {
            continue;
        };
        let named = known
            .iter()
            .filter(|name| rest.starts_with(name.as_bytes()));
        found.extend(named.max_by_key(|name| name.len()).cloned());
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e08_the_longest_secret_named_counts() {
        let known = BTreeSet::from(["db".to_owned(), "db-prod".to_owned(), "x".to_owned()]);
        let text = b"a=/run/kiln/secrets/db-prod\nb=/run/kiln/secrets/x.";
        let found = secrets_in(text, &known);
        assert_eq!(
            found,
            BTreeSet::from(["db-prod".to_owned(), "x".to_owned()])
        );
    }
}
