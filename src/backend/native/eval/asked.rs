//! What an evaluation asked of the commit, with the answers it got: evaluation
//! is pure, so where the answers are the same, so is the outcome.

use super::files::{Files, Filter};
use super::pattern::Pattern;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt::Write;
use time::OffsetDateTime;

/// An evaluation that asks more is not worth remembering.
const MAX_QUESTIONS: usize = 100_000;

/// One question; paths are from the subdirectory, `""` is itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Question {
    /// What lies there: kind and Git object.
    Object(String),
    /// The names in a folder, which errors suggest from.
    Names(String),
    /// The files below `folder` that agree with a pattern.
    Glob {
        folder: String,
        patterns: Vec<String>,
    },
    /// The files a `source()` selects, with their kinds and objects.
    Source {
        path: String,
        include: Vec<String>,
        exclude: Vec<String>,
    },
    /// Which commit it is, and when it was made.
    Commit,
}

/// Questions with their answers, in an order of their own. An answer is short
/// text that is equal for equal answers: an object's id, a digest.
pub type Asked = Vec<(Question, String)>;

/// The commit as `commit()` tells of it.
#[derive(Debug, Clone, Copy)]
pub struct CommitFacts<'a> {
    pub id: &'a str,
    pub time: OffsetDateTime,
}

impl CommitFacts<'_> {
    fn answer(self) -> String {
        format!("{} {}", self.id, self.time.unix_timestamp())
    }
}

/// Gathers while an evaluation runs.
#[derive(Default)]
pub struct Asking {
    answers: RefCell<BTreeMap<Question, String>>,
    /// An object could not be read, or too much was asked: nobody can say
    /// whether the same would be answered again.
    unsure: Cell<bool>,
}

impl Asking {
    pub fn is_new(&self, question: &Question) -> bool {
        !self.answers.borrow().contains_key(question)
    }

    pub fn note(&self, question: Question, answer: String) {
        let mut answers = self.answers.borrow_mut();
        if answers.len() >= MAX_QUESTIONS {
            self.unsure.set(true);
            return;
        }
        answers.insert(question, answer);
    }

    pub fn be_unsure(&self) {
        self.unsure.set(true);
    }

    pub fn is_unsure(&self) -> bool {
        self.unsure.get()
    }

    /// Everything asked so far; `None` when the answers are not to be relied on.
    pub fn all(&self) -> Option<Asked> {
        let answers = self.answers.borrow().clone();
        (!self.unsure.get() && !answers.is_empty()).then(|| answers.into_iter().collect())
    }
}

impl Files {
    /// Whether this commit answers every question as it was answered before.
    pub fn agree(&self, asked: &Asked, commit: CommitFacts<'_>) -> bool {
        !asked.is_empty()
            && asked
                .iter()
                .all(|(question, answer)| self.answer(question, commit) == *answer)
            && !self.asking.is_unsure()
    }

    /// Notes a question with its answer, unless it was asked before.
    pub fn ask(&self, question: Question, commit: CommitFacts<'_>) {
        if self.asking.is_new(&question) {
            let answer = self.answer(&question, commit);
            self.asking.note(question, answer);
        }
    }

    fn answer(&self, question: &Question, commit: CommitFacts<'_>) -> String {
        match question {
            Question::Object(path) => self.object_answer(path),
            Question::Names(folder) => match self.names(folder) {
                Ok(names) => digest(names.iter().map(String::as_str)),
                Err(error) => error,
            },
            Question::Glob { folder, patterns } => self.glob_answer(folder, patterns),
            Question::Source {
                path,
                include,
                exclude,
            } => match include.is_empty() && exclude.is_empty() {
                true => self.object_answer(path),
                false => self.source_answer(path, include, exclude),
            },
            Question::Commit => commit.answer(),
        }
    }

    fn object_answer(&self, path: &str) -> String {
        match self.look(path) {
            Ok(Some(found)) => format!("{:?} {}", found.kind, found.object),
            Ok(None) => "nothing".to_owned(),
            Err(error) => error,
        }
    }

    fn glob_answer(&self, folder: &str, texts: &[String]) -> String {
        let paths = compile(texts).and_then(|patterns| self.matching(folder, &patterns));
        match paths {
            Ok(paths) => digest(paths.iter().map(String::as_str)),
            Err(error) => error,
        }
    }

    fn source_answer(&self, path: &str, include: &[String], exclude: &[String]) -> String {
        let filter = compile(include)
            .and_then(|include| Ok((include, compile(exclude)?)))
            .map(|(include, exclude)| Filter { include, exclude });
        let mut lines = Vec::new();
        let selected = filter.and_then(|filter| {
            self.selected(path, &filter, &mut |path, found| {
                let mut line = String::new();
                let _ = write!(line, "{path}\0{:?}\0{}", found.kind, found.object);
                lines.push(line);
                Ok(())
            })
        });
        match selected {
            Ok(()) => digest(lines.iter().map(String::as_str)),
            Err(error) => error,
        }
    }
}

fn compile(texts: &[String]) -> Result<Vec<Pattern>, String> {
    texts.iter().map(|text| Pattern::new(text)).collect()
}

fn digest<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    }
    hash.finalize().iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
