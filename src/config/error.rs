//! What is wrong with a configuration, shown at its line with a caret.

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::PathBuf;

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file, or one beside it in `conf.d`, could not be read.
    #[error("cannot read the configuration {path}")]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It was read and something in it is wrong.
    #[error(transparent)]
    Invalid(Box<Problem>),
}

impl From<Problem> for ConfigError {
    fn from(problem: Problem) -> Self {
        ConfigError::Invalid(Box::new(problem))
    }
}

/// One thing that is wrong, and where. Displayed as `file:line:column: message`,
/// then the line with a caret below; a password in that line is masked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Problem {
    /// The file as it was named.
    pub file: String,
    /// What is wrong and what to do.
    pub message: String,
    /// Missing when it is about the file as a whole.
    pub position: Option<Position>,
}

/// A place in a file, with the line it is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// In characters, at least 1, never beyond the end of the line.
    pub width: usize,
    /// The line, with passwords masked character by character.
    pub text: String,
}

impl Position {
    /// The place of the bytes `span` of `text`.
    pub(super) fn of(text: &str, span: &Range<usize>) -> Self {
        let start = floor_boundary(text, span.start);
        let begin = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        let stop = floor_boundary(text, span.end.min(end)).max(start);
        let line = text[begin..end].trim_end_matches('\r');
        Position {
            line: text[..begin].matches('\n').count() + 1,
            column: text[begin..start].chars().count() + 1,
            width: text[start..stop].chars().count().max(1),
            text: masked(line),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(at) = &self.position else {
            return write!(f, "{}: {}", self.file, self.message);
        };
        let Position { line, column, .. } = at;
        let margin = " ".repeat(line.to_string().len());
        // Tabs stay tabs, so that the caret stands below its character.
        let indent: String = at.text.chars().take(column - 1).map(blank).collect();
        let indent = format!("{indent:<width$}", width = column - 1);
        writeln!(f, "{}:{line}:{column}: {}", self.file, self.message)?;
        writeln!(f, "{margin} |")?;
        writeln!(f, "{line} | {}", at.text)?;
        write!(f, "{margin} | {indent}{}", "^".repeat(at.width))
    }
}

fn blank(c: char) -> char {
    if c == '\t' { '\t' } else { ' ' }
}

fn floor_boundary(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    (0..=at)
        .rev()
        .find(|&i| text.is_char_boundary(i))
        .unwrap_or(0)
}

/// The line with the password of every url in it replaced by asterisks: an
/// error is logged and mailed around, the file it quotes is not.
fn masked(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        out.push_str(before);
        match password(after) {
            Some(range) => {
                out.push_str(&after[..range.start]);
                out.extend(after[range.clone()].chars().map(|_| '*'));
                rest = &after[range.end..];
            }
            None => rest = after,
        }
    }
    out.push_str(rest);
    out
}

/// Where the password lies in what follows `://`.
pub(super) fn password(after_scheme: &str) -> Option<Range<usize>> {
    let end = after_scheme
        .find(|c: char| c == '/' || c == '"' || c == '\'' || c.is_whitespace())
        .unwrap_or(after_scheme.len());
    let at = after_scheme[..end].rfind('@')?;
    let colon = after_scheme[..at].find(':')?;
    (colon + 1 < at).then_some(colon + 1..at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_counts_characters_not_bytes_and_stays_in_its_line() {
        let text = "a = 1\nü = \"ö\"  # x\nb";
        let span = text.find('"').unwrap()..text.len();
        let at = Position::of(text, &span);
        assert_eq!((at.line, at.column, at.width), (2, 5, 8));
        assert_eq!(Position::of("", &(0..9)).column, 1);
        assert_eq!(Position::of("ü", &(1..2)).column, 1, "inside a character");
    }

    #[test]
    fn a_password_is_never_shown() {
        for (line, shown) in [
            (
                "url = \"https://u:geheim@h/x\"",
                "url = \"https://u:******@h/x\"",
            ),
            (
                "u='git://a:p@q@h' # https://b:c@d",
                "u='git://a:***@h' # https://b:*@d",
            ),
            (
                "url = \"https://u@h:80/x:y@z\"",
                "url = \"https://u@h:80/x:y@z\"",
            ),
        ] {
            assert_eq!(masked(line), shown);
        }
    }
}
