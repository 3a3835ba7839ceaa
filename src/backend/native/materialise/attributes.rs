//! `.kiln/attributes.json`: what a tree says beyond what a store object can
//! hold, for whoever applies the tree.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Where it lies in a tree.
pub const ATTRIBUTES_FILE: &str = ".kiln/attributes.json";

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
