//! Typed values out of a map of comin's; what nobody asked for is left over and
//! can be named.

use super::yaml::{Entry, Node, Place, Value, YamlError, quoted};

/// One map, or its absence.
pub(super) struct Fields {
    /// `remotes[0].auth`; empty at the top.
    path: String,
    entries: Vec<Entry>,
}

/// A value with where it stood.
pub(super) struct Found<T> {
    pub at: Place,
    pub value: T,
}

impl Fields {
    pub fn of(path: impl Into<String>, node: Node) -> Result<Self, YamlError> {
        let path = path.into();
        let entries = match node.value {
            Value::Map(entries) => entries,
            Value::Nothing => Vec::new(),
            other => {
                let what = if path.is_empty() { "the file" } else { &path };
                let message = format!("{what} must be a map, it is {}", other.kind());
                return Err(node.at.error(message));
            }
        };
        Ok(Fields { path, entries })
    }

    /// The name of `key` from the top.
    pub fn path(&self, key: &str) -> String {
        match self.path.as_str() {
            "" => key.to_owned(),
            path => format!("{path}.{key}"),
        }
    }

    /// Takes what is written for `key`; nothing is not written.
    pub fn take(&mut self, key: &str) -> Option<Found<Node>> {
        let place = self.entries.iter().position(|entry| entry.key == key)?;
        let Entry { at, node, .. } = self.entries.remove(place);
        let is_written = node.value != Value::Nothing;
        is_written.then_some(Found { at, value: node })
    }

    fn scalar(&mut self, key: &str, wanted: &str) -> Result<Option<Found<String>>, YamlError> {
        match self.take(key) {
            None => Ok(None),
            Some(Found { at, value: node }) => match node.value {
                Value::Scalar(value) => Ok(Some(Found { at, value })),
                other => Err(self.wrong(key, node.at, wanted, other.kind())),
            },
        }
    }

    fn wrong(&self, key: &str, at: Place, wanted: &str, found: &str) -> YamlError {
        at.error(format!(
            "{}: expected {wanted}, found {found}",
            self.path(key)
        ))
    }

    /// A text that is not empty.
    pub fn text(&mut self, key: &str) -> Result<Option<Found<String>>, YamlError> {
        let text = self.scalar(key, "a text")?;
        Ok(text.filter(|found| !found.value.is_empty()))
    }

    /// A number of seconds, ports or such.
    pub fn number(&mut self, key: &str) -> Result<Option<Found<u32>>, YamlError> {
        let Some(Found { at, value }) = self.scalar(key, "a number")? else {
            return Ok(None);
        };
        match value.parse() {
            Ok(value) => Ok(Some(Found { at, value })),
            Err(_) => Err(self.wrong(key, at, "a number that is not negative", &quoted(&value))),
        }
    }

    /// A boolean, in the words YAML had for it before 1.2 too, as comin takes them.
    pub fn flag(&mut self, key: &str) -> Result<Option<Found<bool>>, YamlError> {
        let Some(Found { at, value }) = self.scalar(key, "true or false")? else {
            return Ok(None);
        };
        match value.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" => Ok(Some(Found { at, value: true })),
            "false" | "no" | "off" => Ok(Some(Found { at, value: false })),
            _ => Err(self.wrong(key, at, "true or false", &quoted(&value))),
        }
    }

    /// The map below `key`; an empty one when it is not written.
    pub fn map(&mut self, key: &str) -> Result<Fields, YamlError> {
        let path = self.path(key);
        match self.take(key) {
            Some(found) => Fields::of(path, found.value),
            None => Ok(Fields {
                path,
                entries: Vec::new(),
            }),
        }
    }

    /// The values below `key`; none when it is not written.
    pub fn list(&mut self, key: &str) -> Result<Vec<Node>, YamlError> {
        let Some(Found { value: node, .. }) = self.take(key) else {
            return Ok(Vec::new());
        };
        match node.value {
            Value::List(items) => Ok(items),
            other => Err(self.wrong(key, node.at, "a list", other.kind())),
        }
    }

    /// What nobody asked for: names from the top, and where they stand.
    pub fn left(self) -> Vec<Found<String>> {
        let Fields { path, entries } = self;
        let name = |entry: Entry| Found {
            at: entry.at,
            value: match path.as_str() {
                "" => entry.key,
                path => format!("{path}.{}", entry.key),
            },
        };
        entries.into_iter().map(name).collect()
    }
}
