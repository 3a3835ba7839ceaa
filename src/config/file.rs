//! The files as they are written: TOML with the place of every key and value,
//! and the merge of `conf.d`. Knows no key by name but `name`.

use super::error::{ConfigError, Position, Problem};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::{fs, io};
use toml::de::{DeTable, DeValue};

/// The texts errors and origins point into.
#[derive(Debug, Default)]
pub(super) struct Sources(Vec<Source>);

#[derive(Debug)]
struct Source {
    name: String,
    text: String,
}

/// Bytes of one of the [`Sources`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    source: usize,
    span: Range<usize>,
}

#[derive(Debug, Clone)]
pub(super) enum Value {
    Text(String),
    Integer(i64),
    Boolean(bool),
    Array(Vec<Node>),
    Table(Table),
    /// What no key of kiln takes: a float or a date.
    Other(&'static str),
}

#[derive(Debug, Clone)]
pub(super) struct Node {
    pub value: Value,
    pub place: Place,
}

#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub key: Place,
    pub node: Node,
}

pub(super) type Table = BTreeMap<String, Entry>;

impl Sources {
    /// Reads `path` and what lies in `conf.d` beside it, in the order of the names.
    pub fn read(&mut self, path: &Path) -> Result<Table, ConfigError> {
        let mut merged = self.read_one(path)?;
        let folder = path.parent().unwrap_or(Path::new("")).join("conf.d");
        for file in fragments(&folder)? {
            merge(&mut merged, self.read_one(&file)?);
        }
        Ok(merged)
    }

    fn read_one(&mut self, path: &Path) -> Result<Table, ConfigError> {
        let text = fs::read_to_string(path).map_err(|source| ConfigError::Read {
            path: path.to_owned(),
            source,
        })?;
        Ok(self.parse(&path.display().to_string(), text)?)
    }

    /// Parses `text`; `name` is what errors call it.
    pub fn parse(&mut self, name: &str, text: String) -> Result<Table, Problem> {
        let name = name.to_owned();
        self.0.push(Source { name, text });
        let source = self.0.len() - 1;
        let text = &self.0[source].text;
        match DeTable::parse(text) {
            Ok(table) => Ok(owned_table(table.get_ref(), source)),
            Err(error) => Err(self.syntax_error(source, &error)),
        }
    }

    fn syntax_error(&self, source: usize, error: &toml::de::Error) -> Problem {
        let message = error.message().replace('\n', ", ");
        match error.span() {
            Some(span) => self.problem(&Place { source, span }, message),
            None => self.problem_of_file(message),
        }
    }

    /// `message`, at a place.
    pub fn problem(&self, place: &Place, message: impl Into<String>) -> Problem {
        let Source { name, text } = &self.0[place.source];
        Problem {
            file: name.clone(),
            message: message.into(),
            position: Some(Position::of(text, &place.span)),
        }
    }

    /// `message`, about the first file as a whole.
    pub fn problem_of_file(&self, message: impl Into<String>) -> Problem {
        Problem {
            file: self.0.first().map_or_else(String::new, |s| s.name.clone()),
            message: message.into(),
            position: None,
        }
    }

    /// `file:line` of a place.
    pub fn origin(&self, place: &Place) -> String {
        let Source { name, text } = &self.0[place.source];
        format!("{name}:{}", Position::of(text, &place.span).line)
    }
}

/// The `*.toml` of `conf.d`; a missing folder has none.
fn fragments(folder: &Path) -> Result<Vec<PathBuf>, ConfigError> {
    let names = || -> io::Result<Vec<PathBuf>> {
        fs::read_dir(folder)?
            .map(|entry| Ok(entry?.path()))
            .collect()
    };
    let mut paths = match names() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        names => names.map_err(|source| ConfigError::Read {
            path: folder.to_owned(),
            source,
        })?,
    };
    // `file_name` of `.toml` has no extension, so hidden leftovers of editors
    // such as `.x.toml` are the only ones to leave out by hand.
    let hidden = |path: &Path| {
        path.file_name()
            .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
    };
    paths.retain(|path| path.extension() == Some(OsStr::new("toml")) && !hidden(path));
    paths.sort();
    Ok(paths)
}

fn owned_table(table: &DeTable<'_>, source: usize) -> Table {
    let entry = |(key, value): (&toml::Spanned<_>, &toml::Spanned<DeValue<'_>>)| {
        let entry = Entry {
            key: Place {
                source,
                span: key.span(),
            },
            node: owned(value, source),
        };
        (
            String::from(<_ as AsRef<str>>::as_ref(key.get_ref())),
            entry,
        )
    };
    table.iter().map(entry).collect()
}

fn owned(value: &toml::Spanned<DeValue<'_>>, source: usize) -> Node {
    let place = Place {
        source,
        span: value.span(),
    };
    let value = match value.get_ref() {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or(Value::Other("a number that is too large"), Value::Integer),
        DeValue::Boolean(yes) => Value::Boolean(*yes),
        DeValue::Array(items) => Value::Array(items.iter().map(|i| owned(i, source)).collect()),
        DeValue::Table(table) => Value::Table(owned_table(table, source)),
        DeValue::Float(_) => Value::Other("a float"),
        DeValue::Datetime(_) => Value::Other("a date"),
    };
    Node { value, place }
}

/// Lays `over` on `base`: tables key by key, arrays of tables by `name`,
/// everything else is replaced.
fn merge(base: &mut Table, over: Table) {
    for (key, entry) in over {
        match base.get_mut(&key) {
            Some(under) => merge_node(&mut under.node, entry),
            None => {
                base.insert(key, entry);
            }
        }
    }
}

fn merge_node(under: &mut Node, over: Entry) {
    match (&mut under.value, over.node.value) {
        (Value::Table(base), Value::Table(table)) => merge(base, table),
        (Value::Array(base), Value::Array(items)) if all_tables(base) && all_tables(&items) => {
            items.into_iter().for_each(|item| merge_item(base, item));
        }
        (value, replacement) => {
            *value = replacement;
            under.place = over.node.place;
        }
    }
}

fn merge_item(base: &mut Vec<Node>, item: Node) {
    let same = |known: &&mut Node| known.name().is_some() && known.name() == item.name();
    match (base.iter_mut().find(same), item) {
        (
            Some(Node {
                value: Value::Table(known),
                ..
            }),
            Node {
                value: Value::Table(table),
                ..
            },
        ) => {
            merge(known, table);
        }
        (_, item) => base.push(item),
    }
}

fn all_tables(items: &[Node]) -> bool {
    !items.is_empty()
        && items
            .iter()
            .all(|item| matches!(item.value, Value::Table(_)))
}

impl Place {
    /// Sorts places as they are read: file by file, from the top.
    pub fn order(&self) -> (usize, usize) {
        (self.source, self.span.start)
    }
}

impl Node {
    /// A text that no file holds: a default.
    pub fn text(text: &str) -> Self {
        Node {
            value: Value::Text(text.to_owned()),
            place: Place {
                source: 0,
                span: 0..0,
            },
        }
    }

    /// The `name` of a table.
    pub fn name(&self) -> Option<&str> {
        let Value::Table(table) = &self.value else {
            return None;
        };
        table.get("name")?.node.value.as_text()
    }
}

impl Value {
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A text, a number or a boolean, as text.
    pub fn as_scalar(&self) -> Option<String> {
        match self {
            Value::Text(text) => Some(text.clone()),
            Value::Integer(number) => Some(number.to_string()),
            Value::Boolean(yes) => Some(yes.to_string()),
            Value::Array(_) | Value::Table(_) | Value::Other(_) => None,
        }
    }

    /// Asks for nothing: false, empty, or a table of such.
    pub fn is_off(&self) -> bool {
        match self {
            Value::Text(text) => text.is_empty(),
            Value::Boolean(yes) => !yes,
            Value::Array(items) => items.is_empty(),
            Value::Table(table) => table.values().all(|entry| entry.node.value.is_off()),
            Value::Integer(_) | Value::Other(_) => false,
        }
    }

    /// What people call it.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Text(_) => "a text",
            Value::Integer(_) => "a number",
            Value::Boolean(_) => "true or false",
            Value::Array(_) => "a list",
            Value::Table(_) => "a table",
            Value::Other(kind) => kind,
        }
    }

    /// As it would be written in a file.
    pub fn to_toml(&self) -> String {
        match self {
            Value::Text(text) => toml::Value::String(text.clone()).to_string(),
            Value::Integer(number) => number.to_string(),
            Value::Boolean(yes) => yes.to_string(),
            Value::Array(items) => {
                let items: Vec<_> = items.iter().map(|item| item.value.to_toml()).collect();
                format!("[{}]", items.join(", "))
            }
            Value::Table(table) if table.is_empty() => "{}".to_owned(),
            Value::Table(table) => {
                let pair = |(key, entry): (&String, &Entry)| {
                    format!("{key} = {}", entry.node.value.to_toml())
                };
                let pairs: Vec<_> = table.iter().map(pair).collect();
                format!("{{ {} }}", pairs.join(", "))
            }
            Value::Other(kind) => (*kind).to_owned(),
        }
    }
}
