//! What one evaluation knows and gathers: the commit's files, the nodes made,
//! the hosts declared. Every built-in name reaches it through the evaluator.

use super::arena::Arena;
use super::files::Files;
use super::paths;
use super::trace::Trace;
use super::values::OutputValue;
use crate::backend::native::graph::{Node, Template};
use crate::model::Location;
use starlark::any::ProvidesStaticType;
use starlark::codemap::FileSpan;
use starlark::eval::Evaluator;
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::sync::Arc;
use time::OffsetDateTime;

/// A message for the user; Starlark adds the place of the call.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Said(String);

/// An error with this text, to be placed at the call.
pub fn said(message: impl Into<String>) -> starlark::Error {
    starlark::Error::new_native(Said(message.into()))
}

/// Files of this name prefix ship with kiln.
pub const LIBRARY: &str = "@kiln//";

#[derive(ProvidesStaticType)]
pub struct State {
    pub files: Files,
    pub arena: RefCell<Arena>,
    pub hosts: RefCell<Vec<Declared>>,
    /// Names given to `secret()`, by whatever host.
    pub secrets: RefCell<BTreeSet<String>>,
    pub commit: String,
    pub commit_time: OffsetDateTime,
    pub phase: Cell<Phase>,
    pub trace: Arc<Trace>,
}

/// What is being run; hosts are declared in the second only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The top level of a loaded file.
    Loading,
    /// The top level of `kiln.star`.
    Declaring,
    /// A host's root function.
    Root,
}

/// A host as `host()` declared it; its root and meta are values of the module.
#[derive(Debug, Clone)]
pub struct Declared {
    pub name: String,
    pub system: Option<String>,
    pub platform: Option<String>,
    pub machine_id: Option<String>,
    pub needs: Vec<String>,
    pub location: Location,
}

impl Declared {
    /// Names no program can write, so that they collide with none.
    pub fn root_slot(&self) -> String {
        format!("root of {}", self.name)
    }

    pub fn meta_slot(&self) -> String {
        format!("meta of {}", self.name)
    }
}

impl State {
    pub fn new(
        files: Files,
        commit: String,
        commit_time: OffsetDateTime,
        trace: Arc<Trace>,
    ) -> Self {
        State {
            trace,
            files,
            arena: RefCell::default(),
            hosts: RefCell::default(),
            secrets: RefCell::default(),
            commit,
            commit_time,
            phase: Cell::new(Phase::Declaring),
        }
    }

    /// The state of the evaluation a built-in name was called in.
    ///
    /// # Errors
    /// When called outside of an evaluation, which would be a mistake in kiln.
    pub fn of<'a>(eval: &Evaluator<'_, 'a, '_>) -> starlark::Result<&'a State> {
        let state = eval.extra.and_then(|extra| extra.downcast_ref());
        state.ok_or_else(|| said("this name works in an evaluation by kiln only"))
    }

    /// Takes a node in and gives its value.
    pub fn add(&self, node: Node) -> starlark::Result<OutputValue> {
        let (number, outputs) =
            (self.arena.borrow_mut().add(node)).map_err(|limit| said(limit.to_string()))?;
        Ok(OutputValue::new(number, outputs))
    }

    /// Text taken apart into plain pieces and outputs.
    pub fn split(&self, text: &str) -> starlark::Result<Template> {
        let split = self.arena.borrow().split(text);
        split.map_err(|damaged| said(damaged.to_string()))
    }

    /// The folder, from the subdirectory, of the file that called; paths in a
    /// file kiln ships start at the subdirectory.
    pub fn folder(&self, eval: &Evaluator<'_, '_, '_>) -> String {
        match eval.call_stack_top_location() {
            Some(span) if !span.filename().starts_with(LIBRARY) => {
                paths::parent(self.files.inner(span.filename())).to_owned()
            }
            _ => String::new(),
        }
    }
}

/// Where the user called: the innermost place that is not in a shipped file.
pub fn called_at(eval: &Evaluator<'_, '_, '_>) -> Option<Location> {
    (0..eval.call_stack_count())
        .filter_map(|n| eval.call_stack_nth_location(n))
        .find(|span| !span.filename().starts_with(LIBRARY))
        .map(|span| location(&span))
}

/// A span's beginning, counted from 1.
pub fn location(span: &FileSpan) -> Location {
    let begin = span.resolve_span().begin;
    let from_one = |n: usize| u32::try_from(n).map_or(u32::MAX, |n| n.saturating_add(1));
    Location {
        file: span.filename().to_owned(),
        line: from_one(begin.line),
        column: from_one(begin.column),
    }
}
