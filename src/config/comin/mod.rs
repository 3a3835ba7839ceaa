//! A configuration of comin, said in kiln's words.
//!
//! ```text
//! YAML ─yaml─▶ tree with places ─fields─▶ typed values ─translate─▶ TOML and notes
//! ```
//! What kiln has a word for becomes it; everything else is said as a comment
//! with why and what to do, keys that comin itself does not know too: nothing is
//! dropped silently. The keys and their defaults are those comin reads
//! (`internal/types/types.go` and `internal/config/config.go` of its repository,
//! June 2026), and those its NixOS module writes. In: a text. Out: a text.

mod fields;
mod remotes;
#[cfg(test)]
mod tests;
mod translate;
mod yaml;

pub use yaml::MAX_SIZE;

use super::Config;
use yaml::{Place, YamlError, quoted};

/// What a file could not be translated for.
#[derive(Debug, thiserror::Error)]
#[error("{file}:{}:{}: {message}", .at.line, .at.column)]
pub struct ImportError {
    file: String,
    at: Place,
    message: String,
}

/// A configuration of kiln, and what it could not say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// A `kiln.toml`; the notes are comments of it.
    pub text: String,
    pub notes: Vec<Note>,
    /// What keeps the text from being a valid configuration, where something does.
    pub problem: Option<String>,
}

/// A key that has no counterpart, or one that needs a hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Of the YAML file; 0 where it is about the whole.
    pub line: usize,
    /// From the top, such as `remotes[0].auth.username`.
    pub key: String,
    /// Why it is not taken over, and what to do.
    pub message: String,
    /// It made the host safer: what it did is lost unless somebody acts.
    pub is_loss: bool,
}

/// Translates the text of a comin configuration; errors call it `file`.
///
/// # Errors
/// The text is no YAML, larger than any configuration, or a value is not of the
/// kind its key has.
pub fn import(text: &str, file: &str) -> Result<Imported, ImportError> {
    let translated = yaml::read(text).and_then(translate::translate);
    let (text, notes) = translated.map_err(|YamlError { at, message }| ImportError {
        file: file.to_owned(),
        at,
        message,
    })?;
    let checked = super::parse(&text, "kiln.toml").map(|_: Config| ());
    let problem = checked.err().map(|error| error.to_string());
    Ok(Imported {
        text,
        notes,
        problem,
    })
}

/// Collects what is to be said, in the order of the file.
#[derive(Debug, Default)]
struct Notes(Vec<Note>);

impl Notes {
    fn add(&mut self, at: Place, key: impl Into<String>, message: impl Into<String>) {
        self.note(at.line, key.into(), message.into(), false);
    }

    /// Something that made the host safer.
    fn loss(&mut self, at: Place, key: impl Into<String>, message: impl Into<String>) {
        self.note(at.line, key.into(), message.into(), true);
    }

    /// About the file as a whole.
    fn whole(&mut self, key: impl Into<String>, message: impl Into<String>) {
        self.note(0, key.into(), message.into(), false);
    }

    fn note(&mut self, line: usize, key: String, message: String, is_loss: bool) {
        self.0.push(Note {
            line,
            key,
            message,
            is_loss,
        });
    }

    /// What nobody asked for.
    fn unknown(&mut self, fields: fields::Fields) {
        for left in fields.left() {
            let message =
                "unknown here; left out: look up in comin's documentation whether it did anything";
            self.add(left.at, left.value, message);
        }
    }
}

impl Note {
    /// As comments of a TOML file: no line of it can be anything else.
    fn comment(&self) -> String {
        let key = match self.key.chars().any(char::is_control) || self.key.len() > 200 {
            true => quoted(&self.key),
            false => self.key.clone(),
        };
        let place = match self.line {
            0 => String::new(),
            line => format!("line {line}, "),
        };
        let message = self.message.lines().collect::<Vec<_>>().join("\n#   ");
        let loss = if self.is_loss { "ATTENTION: " } else { "" };
        format!("# {loss}{place}{key}: {message}\n")
    }
}
