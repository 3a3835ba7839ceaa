//! YAML to a tree with the place of every value, within bounds: what a file
//! makes of itself by aliases counts like what it writes.

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span, StrInput};
use std::collections::BTreeMap;

/// Bytes of a file. One of a host with many remotes has a few KiB.
pub const MAX_SIZE: usize = 1 << 20;
/// Values, those that aliases repeat included.
const MAX_VALUES: usize = 10_000;
/// Values within values.
const MAX_DEPTH: usize = 32;

/// A place in a file, counted from 1, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub line: usize,
    pub column: usize,
}

/// Why a file is not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}:{}: {message}", .at.line, .at.column)]
pub struct YamlError {
    pub at: Place,
    pub message: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// What a plain scalar without text, `~` and `null` are.
    Nothing,
    Scalar(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    pub at: Place,
    pub value: Value,
}

/// One key of a map, and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub key: String,
    pub at: Place,
    pub node: Node,
}

impl Place {
    fn of(marker: &Marker) -> Self {
        Place {
            line: marker.line(),
            column: marker.col() + 1,
        }
    }

    pub(super) fn error(self, message: impl Into<String>) -> YamlError {
        YamlError {
            at: self,
            message: message.into(),
        }
    }
}

impl Value {
    /// What people call it.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Value::Nothing => "nothing",
            Value::Scalar(_) => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }

    fn count(&self) -> usize {
        match self {
            Value::Nothing | Value::Scalar(_) => 1,
            Value::List(items) => 1 + items.iter().map(|item| item.value.count()).sum::<usize>(),
            Value::Map(entries) => 1 + entries.iter().map(|e| e.node.value.count()).sum::<usize>(),
        }
    }
}

/// Reads the one document of a text.
///
/// # Errors
/// The first thing that is no YAML, or more than a configuration can need.
pub fn read(text: &str) -> Result<Node, YamlError> {
    let begin = Place { line: 1, column: 1 };
    if text.len() > MAX_SIZE {
        return Err(begin.error("the file is larger than 1 MiB: that is no configuration"));
    }
    let mut reader = Reader {
        events: Parser::new_from_str(text),
        anchors: BTreeMap::new(),
        values: 0,
    };
    let mut document = None;
    while let Some((event, span)) = reader.next()? {
        let at = Place::of(&span.start);
        match event {
            Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd | Event::Nothing => {}
            Event::StreamEnd => break,
            _ if document.is_some() => {
                return Err(at.error("a second document begins here; there may be one"));
            }
            event => document = Some(reader.node(event, span, 0)?),
        }
    }
    document.ok_or_else(|| begin.error("the file is empty"))
}

struct Reader<'a> {
    events: Parser<'a, StrInput<'a>>,
    /// What an alias stands for, by the parser's number of the anchor.
    anchors: BTreeMap<usize, Node>,
    /// So far.
    values: usize,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<Option<(Event<'a>, Span)>, YamlError> {
        let event = self.events.next_event().transpose();
        event.map_err(|error| Place::of(error.marker()).error(error.info()))
    }

    /// The next event within a list or a map.
    fn within(&mut self, at: Place) -> Result<(Event<'a>, Span), YamlError> {
        let event = self.next()?;
        event.ok_or_else(|| at.error("the file ends within this"))
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, YamlError> {
        let at = Place::of(&span.start);
        if depth > MAX_DEPTH {
            return Err(at.error("more than 32 values lie within each other"));
        }
        self.counted(at, 1)?;
        let (anchor, value) = match event {
            Event::Alias(anchor) => return self.alias(anchor, at),
            Event::Scalar(text, style, anchor, _) => (anchor, scalar(&text, style)),
            Event::SequenceStart(anchor, _) => (anchor, Value::List(self.list(at, depth)?)),
            Event::MappingStart(anchor, _) => (anchor, Value::Map(self.map(at, depth)?)),
            _ => return Err(at.error("a value is missing here")),
        };
        let node = Node { at, value };
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    /// The same value again: it is counted before it is copied.
    fn alias(&mut self, anchor: usize, at: Place) -> Result<Node, YamlError> {
        let Some(known) = self.anchors.get(&anchor) else {
            return Err(at.error("this alias stands for something that is not there yet"));
        };
        let count = known.value.count();
        self.counted(at, count)?;
        let known = self.anchors.get(&anchor).map(|node| node.value.clone());
        let value = known.unwrap_or(Value::Nothing);
        Ok(Node { at, value })
    }

    fn counted(&mut self, at: Place, more: usize) -> Result<(), YamlError> {
        self.values = self.values.saturating_add(more);
        match self.values > MAX_VALUES {
            true => Err(at.error("more than 10,000 values: that is no configuration")),
            false => Ok(()),
        }
    }

    fn list(&mut self, at: Place, depth: usize) -> Result<Vec<Node>, YamlError> {
        let mut items = Vec::new();
        loop {
            match self.within(at)? {
                (Event::SequenceEnd, _) => return Ok(items),
                (event, span) => items.push(self.node(event, span, depth + 1)?),
            }
        }
    }

    fn map(&mut self, at: Place, depth: usize) -> Result<Vec<Entry>, YamlError> {
        let mut entries: Vec<Entry> = Vec::new();
        loop {
            let (event, span) = self.within(at)?;
            let at = Place::of(&span.start);
            let key = match event {
                Event::MappingEnd => return Ok(entries),
                Event::Scalar(key, ..) => key.into_owned(),
                _ => return Err(at.error("a key must be a text")),
            };
            if key == "<<" {
                return Err(at.error("merge keys are not read: write out what is merged"));
            }
            if entries.iter().any(|entry| entry.key == key) {
                return Err(at.error(format!("the key {} is here twice", quoted(&key))));
            }
            let (event, span) = self.within(at)?;
            let node = self.node(event, span, depth + 1)?;
            entries.push(Entry { key, at, node });
        }
    }
}

fn scalar(text: &str, style: ScalarStyle) -> Value {
    let is_nothing = matches!(text, "" | "~" | "null" | "Null" | "NULL");
    match style == ScalarStyle::Plain && is_nothing {
        true => Value::Nothing,
        false => Value::Scalar(text.to_owned()),
    }
}

/// A text of a file, on one line and short enough to be shown.
pub fn quoted(text: &str) -> String {
    let short: String = text.chars().take(100).collect();
    match short.len() == text.len() {
        true => format!("{short:?}"),
        false => format!("{short:?}.."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        read(text).expect_err(text).to_string()
    }

    #[test]
    fn values_have_their_places_and_aliases_are_what_they_stand_for() {
        let node = read("a: &x [1, 'null']\nb: *x\nc:\n  d: ~\n").unwrap();
        let Value::Map(entries) = node.value else {
            panic!("a map");
        };
        let keys: Vec<&str> = entries.iter().map(|entry| entry.key.as_str()).collect();
        assert_eq!(keys, ["a", "b", "c"]);
        assert_eq!(entries[1].node.at, Place { line: 2, column: 4 });
        assert_eq!(entries[0].node.value, entries[1].node.value);
        let text = |text: &str| Value::Scalar(text.into());
        let Value::List(items) = &entries[0].node.value else {
            panic!("a list");
        };
        assert_eq!(
            (&items[0].value, &items[1].value),
            (&text("1"), &text("null"))
        );
        let Value::Map(inner) = &entries[2].node.value else {
            panic!("a map");
        };
        assert_eq!(inner[0].node.value, Value::Nothing);
    }

    #[test]
    fn what_would_grow_without_end_is_refused() {
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..9 {
            let before = level - 1;
            let items = vec![format!("*a{before}"); 10].join(", ");
            bomb.push_str(&format!("a{level}: &a{level} [{items}]\n"));
        }
        assert!(error(&bomb).contains("more than 10,000 values"));
        let nested = |depth| "[".repeat(depth) + &"]".repeat(depth);
        assert!(error(&nested(40)).contains("more than 32 values"));
        error(&nested(100_000)); // the parser's own limit
        assert!(error(&"- x\n".repeat(20_000)).contains("more than 10,000"));
        assert!(error(&" ".repeat(MAX_SIZE + 1)).contains("larger than 1 MiB"));
        assert!(error("a: &a [*a]").contains("not there yet"));
    }

    #[test]
    fn what_is_ambiguous_or_no_yaml_is_refused_at_its_place() {
        assert_eq!(error("a: 1\na: 2"), "2:1: the key \"a\" is here twice");
        assert_eq!(
            error("b: &b {x: 1}\na:\n  <<: *b").split(": ").next(),
            Some("3:3")
        );
        assert_eq!(error("? [a]\n: b"), "1:3: a key must be a text");
        assert!(error("a: b\n---\nc: d").starts_with("3:1: a second document"));
        assert!(error("a: [1").contains("expected ',' or ']'"));
        assert_eq!(error("# nothing"), "1:1: the file is empty");
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "[-a-c:&*!|>{}\\[\\],'\"#%\\n ]{0,60}") {
            let _ = read(&text);
        }
    }
}
