//! Takes typed values out of the written tables: every wrong one is an error at
//! its place, every one taken is noted with its origin.

use super::error::Problem;
use super::file::{Entry, Node, Place, Sources, Table, Value};
use super::units::{parse_duration, parse_size};
use crate::suggest::nearest;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

/// A value in effect and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// `builder.eval_timeout`, `remotes.origin.url`.
    pub key: String,
    /// As TOML.
    pub value: String,
    /// `file:line`, or `default`.
    pub origin: String,
}

/// The files behind the tables, and the notes of what was taken from them.
#[derive(Debug, Default)]
pub(super) struct Reading {
    pub sources: Sources,
    pub settings: RefCell<Vec<Setting>>,
}

/// One table of the configuration, or its absence.
pub(super) struct Section<'a> {
    reading: &'a Reading,
    /// `builder`, `remotes.origin.auth`; empty at the top.
    name: String,
    table: Option<&'a Table>,
}

impl<'a> Section<'a> {
    /// `keys` are all a table may have.
    pub fn open(
        reading: &'a Reading,
        name: &str,
        table: Option<&'a Table>,
        keys: &[&str],
    ) -> Result<Self, Problem> {
        let section = Section {
            reading,
            name: name.to_owned(),
            table,
        };
        let unknown = |entry: &(&String, &Entry)| !keys.contains(&entry.0.as_str());
        // The first in the file, not in the alphabet.
        let first = table.into_iter().flatten().filter(unknown);
        match first.min_by_key(|(_, entry)| entry.key.order()) {
            Some((key, entry)) => Err(section.unknown_key(key, &entry.key, keys)),
            None => Ok(section),
        }
    }

    fn unknown_key(&self, key: &str, place: &Place, keys: &[&str]) -> Problem {
        let table = match self.name.as_str() {
            "" => String::new(),
            name => format!(" in `{name}`"),
        };
        let hint = match nearest(key, keys.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("known are {}", keys.join(", ")),
        };
        let message = format!("unknown key `{key}`{table}; {hint}");
        self.reading.sources.problem(place, message)
    }

    fn entry(&self, key: &str) -> Option<&'a Entry> {
        self.table?.get(key)
    }

    fn path(&self, key: &str) -> String {
        match self.name.as_str() {
            "" => key.to_owned(),
            name => format!("{name}.{key}"),
        }
    }

    /// `message` at the value of `key`, or about the file when it is not set.
    pub fn problem(&self, key: &str, message: &str) -> Problem {
        let message = format!("`{}`: {message}", self.path(key));
        match self.entry(key) {
            Some(entry) => self.reading.sources.problem(&entry.node.place, message),
            None => self.reading.sources.problem_of_file(message),
        }
    }

    /// Takes `key`; `default` is read in its place when it is not set.
    fn take<T>(
        &self,
        key: &str,
        default: Value,
        read: impl FnOnce(&Value) -> Result<T, String>,
    ) -> Result<T, Problem> {
        let entry = self.entry(key);
        let value = entry.map_or(&default, |entry| &entry.node.value);
        let taken = read(value).map_err(|message| self.problem(key, &message))?;
        let origin = |entry: &Entry| self.reading.sources.origin(&entry.node.place);
        self.reading.settings.borrow_mut().push(Setting {
            key: self.path(key),
            value: value.to_toml(),
            origin: entry.map_or_else(|| "default".to_owned(), origin),
        });
        Ok(taken)
    }

    /// Any text, made into something else by `read`.
    pub fn text_as<T>(
        &self,
        key: &str,
        default: &str,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<T, Problem> {
        self.take(key, Value::Text(default.to_owned()), |value| match value {
            Value::Text(text) => read(text),
            other => Err(expected("a text in quotes", other)),
        })
    }

    pub fn text(&self, key: &str, default: &str) -> Result<String, Problem> {
        self.text_as(key, default, |text| Ok(text.to_owned()))
    }

    /// Text that parses, such as a name.
    pub fn parsed<T: FromStr<Err: ToString>>(
        &self,
        key: &str,
        default: &str,
    ) -> Result<T, Problem> {
        self.text_as(key, default, |text| {
            text.parse().map_err(|e: T::Err| e.to_string())
        })
    }

    /// An empty text is none.
    pub fn optional(&self, key: &str) -> Result<Option<String>, Problem> {
        let text = self.text(key, "")?;
        Ok((!text.is_empty()).then_some(text))
    }

    /// Refuses a table without `key`.
    pub fn require(&self, key: &str) -> Result<(), Problem> {
        match self.entry(key) {
            Some(_) => Ok(()),
            None => Err(self.missing(key)),
        }
    }

    fn missing(&self, key: &str) -> Problem {
        let message = format!("`{}` is missing", self.path(key));
        let first = self.table.into_iter().flatten();
        match first.min_by_key(|(_, entry)| entry.key.order()) {
            Some((_, entry)) => self.reading.sources.problem(&entry.key, message),
            None => self.reading.sources.problem_of_file(message),
        }
    }

    /// A duration longer than nothing.
    pub fn duration(&self, key: &str, default: &str) -> Result<Duration, Problem> {
        self.text_as(key, default, |text| match parse_duration(text)? {
            Duration::ZERO => Err("it must be longer than nothing".into()),
            duration => Ok(duration),
        })
    }

    /// A duration that may be `0s`.
    pub fn duration_or_zero(&self, key: &str, default: &str) -> Result<Duration, Problem> {
        self.text_as(key, default, parse_duration)
    }

    /// A duration; empty is none.
    pub fn optional_duration(&self, key: &str) -> Result<Option<Duration>, Problem> {
        self.text_as(key, "", |text| match text {
            "" => Ok(None),
            text => match parse_duration(text)? {
                Duration::ZERO => Err("it must be longer than nothing".into()),
                duration => Ok(Some(duration)),
            },
        })
    }

    /// Bytes, more than none.
    pub fn size(&self, key: &str, default: &str) -> Result<u64, Problem> {
        self.text_as(key, default, |text| match parse_size(text)? {
            0 => Err("it must be more than nothing".into()),
            bytes => Ok(bytes),
        })
    }

    /// Bytes; empty is none.
    pub fn optional_size(&self, key: &str) -> Result<Option<u64>, Problem> {
        match self.entry(key).map(|entry| &entry.node.value) {
            None => self.optional(key).map(|_| None),
            Some(Value::Text(text)) if text.is_empty() => self.optional(key).map(|_| None),
            Some(_) => self.size(key, "").map(Some),
        }
    }

    /// Bytes, as somebody wrote them; `default` is shown where nobody did.
    pub fn explicit_size(&self, key: &str, default: &str) -> Result<Option<u64>, Problem> {
        let bytes = self.size(key, default)?;
        Ok(self.entry(key).map(|_| bytes))
    }

    pub fn boolean(&self, key: &str, default: bool) -> Result<bool, Problem> {
        self.take(key, Value::Boolean(default), |value| match value {
            Value::Boolean(yes) => Ok(*yes),
            other => Err(expected("true or false", other)),
        })
    }

    /// A whole number within `range`.
    pub fn number(
        &self,
        key: &str,
        default: u32,
        range: RangeInclusive<u32>,
    ) -> Result<u32, Problem> {
        self.take(key, Value::Integer(default.into()), |value| match value {
            Value::Integer(number) => u32::try_from(*number)
                .ok()
                .filter(|number| range.contains(number))
                .ok_or_else(|| format!("it must be {} to {}", range.start(), range.end())),
            other => Err(expected("a whole number", other)),
        })
    }

    pub fn texts(&self, key: &str, default: &[&str]) -> Result<Vec<String>, Problem> {
        let default = default.iter().map(|text| Node::text(text)).collect();
        self.take(key, Value::Array(default), |value| match value {
            Value::Array(items) => items.iter().map(item_text).collect(),
            other => Err(expected("a list of texts", other)),
        })
    }

    /// A list of texts, each made into something else by `read`.
    pub fn texts_as<T>(
        &self,
        key: &str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Vec<T>, Problem> {
        let texts = self.texts(key, &[])?;
        let read = texts.iter().map(|text| read(text));
        read.collect::<Result<_, _>>()
            .map_err(|message| self.problem(key, &message))
    }

    /// A table whose keys are not kiln's, such as the settings of another program;
    /// numbers and booleans count as the texts they are written as.
    pub fn pairs(
        &self,
        key: &str,
        check: impl Fn(&str, &str) -> Result<(), String>,
    ) -> Result<BTreeMap<String, String>, Problem> {
        self.take(key, Value::Table(Table::new()), |value| match value {
            Value::Table(table) => table
                .iter()
                .map(|(name, entry)| {
                    let text = entry.node.value.as_scalar().ok_or_else(|| {
                        format!(
                            "{name}: {}",
                            expected("a text, a number or true or false", &entry.node.value)
                        )
                    })?;
                    check(name, &text)?;
                    Ok((name.clone(), text))
                })
                .collect(),
            other => Err(expected("a table", other)),
        })
    }

    /// One of a closed set of words.
    pub fn choice<T: Copy>(
        &self,
        key: &str,
        default: &str,
        words: &[(&str, T)],
    ) -> Result<T, Problem> {
        self.text_as(key, default, |text| choose(text, words))
    }

    /// Several of a closed set of words.
    pub fn choices<T: Copy>(
        &self,
        key: &str,
        default: &[&str],
        words: &[(&str, T)],
    ) -> Result<Vec<T>, Problem> {
        let texts = self.texts(key, default)?;
        let chosen = texts.iter().map(|text| choose(text, words));
        chosen
            .collect::<Result<_, _>>()
            .map_err(|message| self.problem(key, &message))
    }

    /// An absolute path; empty is none.
    pub fn optional_path(&self, key: &str) -> Result<Option<PathBuf>, Problem> {
        self.text_as(key, "", |text| match text {
            "" => Ok(None),
            text => absolute(text).map(Some),
        })
    }

    pub fn path_value(&self, key: &str, default: &str) -> Result<PathBuf, Problem> {
        self.text_as(key, default, absolute)
    }

    /// The table below `key`, with all the keys it may have.
    pub fn section(&self, key: &str, keys: &[&str]) -> Result<Section<'a>, Problem> {
        let table = match self.entry(key).map(|entry| &entry.node.value) {
            None => None,
            Some(Value::Table(table)) => Some(table),
            Some(other) => return Err(self.problem(key, &expected("a table", other))),
        };
        Section::open(self.reading, &self.path(key), table, keys)
    }

    /// The tables below `key`. Each is called by its `name`, else by its number.
    pub fn items(&self, key: &str, keys: &[&str]) -> Result<Vec<Section<'a>>, Problem> {
        let items = match self.entry(key).map(|entry| &entry.node.value) {
            None => return Ok(Vec::new()),
            Some(Value::Array(items)) => items,
            Some(other) => {
                let wanted = format!("one `[[{key}]]` or more");
                return Err(self.problem(key, &expected(&wanted, other)));
            }
        };
        let open = |(number, item): (usize, &'a Node)| match &item.value {
            Value::Table(table) => {
                let number = (number + 1).to_string();
                let name = item.name().unwrap_or(&number);
                let name = format!("{}.{name}", self.path(key));
                Section::open(self.reading, &name, Some(table), keys)
            }
            other => Err(self.problem(key, &expected("tables", other))),
        };
        items.iter().enumerate().map(open).collect()
    }

    /// Refuses `key`, whose feature is not in this version, unless it is not
    /// set, or set to what it is without the feature. `key` may be a table, and
    /// is then refused as soon as there is anything in it.
    pub fn not_yet(&self, key: &str) -> Result<(), Problem> {
        match self.entry(key) {
            Some(entry) if !entry.node.value.is_off() => Err(self.later(key, entry)),
            _ => Ok(()),
        }
    }

    /// Refuses `key` when it is set to anything but the word `without`.
    pub fn only_yet(&self, key: &str, without: &str) -> Result<(), Problem> {
        self.defaults_yet(&[(key, &Value::Text(without.to_owned()).to_toml())])
    }

    /// Refuses the keys that are set to anything but this, written as in TOML:
    /// what they change is not in this version.
    pub fn defaults_yet(&self, keys: &[(&str, &str)]) -> Result<(), Problem> {
        for (key, default) in keys {
            if let Some(entry) = self.entry(key)
                && entry.node.value.to_toml() != *default
            {
                return Err(self.later(key, entry));
            }
        }
        Ok(())
    }

    fn later(&self, key: &str, entry: &Entry) -> Problem {
        let path = self.path(key);
        let (what, place) = match &entry.node.value {
            Value::Array(items) => match items.first() {
                Some(Node {
                    value: Value::Table(_),
                    place,
                }) => (format!("[[{path}]]"), place),
                _ => (path, &entry.key),
            },
            Value::Table(_) => (format!("[{path}]"), &entry.node.place),
            value => (format!("{path} = {}", value.to_toml()), &entry.key),
        };
        let message = format!("`{what}` is not in this version yet; remove it");
        self.reading.sources.problem(place, message)
    }
}

fn expected(wanted: &str, found: &Value) -> String {
    format!("expected {wanted}, found {}", found.kind())
}

fn item_text(item: &Node) -> Result<String, String> {
    match item.value.as_text() {
        Some(text) => Ok(text.to_owned()),
        None => Err(expected("a list of texts", &item.value)),
    }
}

fn choose<T: Copy>(text: &str, words: &[(&str, T)]) -> Result<T, String> {
    if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
        return Ok(*value);
    }
    let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
    let hint = match nearest(text, words.iter().copied()) {
        Some(meant) => format!("did you mean {meant:?}?"),
        None => format!("it is one of {}", words.join(", ")),
    };
    Err(format!("{text:?} is not known; {hint}"))
}

fn absolute(text: &str) -> Result<PathBuf, String> {
    let path = Path::new(text);
    match path.is_absolute() && !text.contains('\0') {
        true => Ok(path.to_owned()),
        false => Err(format!("{text:?} must be an absolute path")),
    }
}
