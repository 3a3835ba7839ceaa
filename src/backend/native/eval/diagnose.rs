//! Errors that teach: Starlark's raw errors become a [`Failure`] with the
//! place, the line with a caret, the way there, and the cure.

use super::names::KEYWORDS;
use super::plain_words::plain_words;
use super::state::{LIBRARY, location};
use super::trace::Trace;
use super::values::OutputValue;
use crate::model::{Failure, Location};
use crate::suggest;
use starlark::ErrorKind;
use starlark::codemap::FileSpan;
use std::fmt::Write;

/// A wide line is cut here.
const WIDTH: usize = 160;

/// What a person is told about an error of the evaluator.
pub fn failure(error: &starlark::Error, trace: Option<&Trace>) -> Failure {
    let raw = match error.kind() {
        ErrorKind::Fail(said) => said.to_string(),
        _ => error.without_diagnostic().to_string(),
    };
    if let (Some(trace), Some(limit)) = (trace, limit_of_loops(&raw)) {
        // The evaluator finds it out between two statements: no place of its
        // own, or that of a later one.
        return at_trace(limit, trace);
    }
    let place = user_place(error);
    let source = place.as_ref().map_or("", |span| span.file.source());
    let message = explain(error.kind(), raw.trim(), source, place.as_ref());
    let mut failure = Failure::certain(message);
    let calls = error.call_stack().frames.iter().rev();
    let calls = calls.filter_map(|frame| frame.location.as_ref());
    failure.log_tail = report(calls, place.as_ref());
    failure.location = place.as_ref().map(location);
    failure
}

/// A failure where the evaluation is, with the way there.
pub fn at_trace(message: String, trace: &Trace) -> Failure {
    placed(Failure::certain(message), trace)
}

/// The failure, where the evaluation is.
pub fn placed(mut failure: Failure, trace: &Trace) -> Failure {
    let statements = trace.statements();
    let user = |span: &&FileSpan| !span.filename().starts_with(LIBRARY);
    let place = statements.iter().find(user).or(statements.first());
    failure.log_tail = report(statements.iter(), place);
    failure.location = place.map(location);
    failure
}

/// The memory limit was reached there.
pub fn out_of_memory(trace: &Trace) -> Failure {
    at_trace(MEMORY_LIMIT.to_owned(), trace).hint(MEMORY_CURE)
}

const MEMORY_LIMIT: &str =
    "limit reached: the memory limit of the evaluation; its values do not fit";
/// What to do about an evaluation that needs too much memory.
pub const MEMORY_CURE: &str = "look for a value that grows without end, or raise the evaluation's memory limit in the configuration";

/// A failure at a known place of a text.
pub fn failure_at(message: String, file: &str, line: usize, column: usize) -> Failure {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let mut failure = Failure::certain(message);
    failure.log_tail = format!("{file}:{line}:{column}\n");
    failure.location = Some(Location {
        file: file.to_owned(),
        line: number(line),
        column: number(column),
    });
    failure
}

/// Where the error is; when that is in a file kiln ships, where the user
/// called into it.
fn user_place(error: &starlark::Error) -> Option<FileSpan> {
    let frames = error.call_stack().frames.iter().rev();
    let places = error
        .span()
        .into_iter()
        .chain(frames.filter_map(|f| f.location.as_ref()));
    let mut places = places.peekable();
    let first = places.peek().copied();
    let user = places.find(|span| !span.filename().starts_with(LIBRARY));
    user.or(first).cloned()
}

/// The line with its caret, then the calls that led there, innermost first.
fn report<'a>(calls: impl Iterator<Item = &'a FileSpan>, place: Option<&FileSpan>) -> String {
    let mut text = String::new();
    if let Some(span) = place {
        snippet(&mut text, span);
    }
    let shown = place.map(location);
    for span in calls {
        let at = location(span);
        if Some(&at) != shown.as_ref() {
            let line = first_line(span);
            let _ = writeln!(
                text,
                "called from {}:{}:{}: {line}",
                at.file, at.line, at.column
            );
        }
        if text.len() > Failure::LOG_TAIL - 2 * WIDTH {
            text.push_str("(and further up)\n");
            break;
        }
    }
    text
}

fn snippet(text: &mut String, span: &FileSpan) {
    let place = span.resolve_span();
    let line = span
        .file
        .source_line(place.begin.line)
        .trim_end_matches(['\n', '\r']);
    let at = location(span);
    let number = at.line.to_string();
    let gap = " ".repeat(number.len());
    let _ = writeln!(text, "{}:{}:{}", at.file, at.line, at.column);
    let _ = writeln!(text, "{gap} |\n{number} | {}", cut(line));
    if place.begin.column < WIDTH {
        let end = match place.end.line == place.begin.line {
            true => place.end.column,
            false => line.trim_end().chars().count(),
        };
        let carets = end.saturating_sub(place.begin.column).clamp(1, WIDTH);
        // Tabs keep their width, so that the caret stands under its place.
        let before: String = (line.chars().take(place.begin.column))
            .map(|c| if c == '\t' { '\t' } else { ' ' })
            .collect();
        let _ = writeln!(text, "{gap} | {before}{}", "^".repeat(carets));
    }
}

fn first_line(span: &FileSpan) -> String {
    let line = span.file.source_line(span.resolve_span().begin.line);
    cut(line.trim())
}

fn cut(line: &str) -> String {
    line.chars().take(WIDTH).collect()
}

/// The message in the user's words, with the cure where one is known.
fn explain(kind: &ErrorKind, raw: &str, source: &str, place: Option<&FileSpan>) -> String {
    if matches!(kind, ErrorKind::Fail(_)) {
        return raw.to_owned();
    }
    if let Some(limit) = limit(kind, raw) {
        return limit;
    }
    if raw.contains("extra named parameter") {
        return misspelt(raw);
    }
    let here = place.map_or("", |span| span.source_span());
    let cure = (CURES.iter().find(|(sign, _)| raw.contains(sign)))
        .map(|(_, cure)| (*cure).to_owned())
        .or_else(|| of_output(raw))
        .or_else(|| adjacent(raw, source, here, place));
    match cure {
        Some(cure) => format!("{}: {cure}", raw.lines().next().unwrap_or(raw)),
        None => plain_words(raw, here).unwrap_or_else(|| raw.to_owned()),
    }
}

/// Signs in the evaluator's messages, and what to do about them.
const CURES: &[(&str, &str)] = &[
    (
        "Immutable",
        "a loaded value is frozen: `x | {..}` makes a changed copy of a dict, `x + [..]` of a list",
    ),
    (
        "Unsupported format character: '0'",
        "use pad(n, 2) from load(\"@kiln//text.star\", \"pad\")",
    ),
    (
        "Variable `pad` not found",
        "load(\"@kiln//text.star\", \"pad\") brings it",
    ),
    ("Unmatched '{'", "render(text, ...) leaves braces alone"),
    ("Unmatched '}'", "render(text, ...) leaves braces alone"),
    (
        "f-string expression is missing closing",
        "render(text, ...) leaves braces alone",
    ),
    (
        "tabs are not allowed",
        "indent with spaces, four for each level",
    ),
    (
        "Unsupported format character",
        "%s, %d, %r and a few more are known; render(text, ...) leaves % alone",
    ),
    (
        "format string",
        "write %% for a single %, or use render(text, ...), which leaves % alone",
    ),
    (
        "cannot use reserved keyword `while`",
        "there is no while: use for over a range()",
    ),
    (
        "cannot use reserved keyword `import`",
        "use load(\"//lib/x.star\", \"name\")",
    ),
];

fn limit(kind: &ErrorKind, raw: &str) -> Option<String> {
    if matches!(kind, ErrorKind::StackOverflow(_)) || raw.contains("Too many recursion levels") {
        return Some(format!(
            "limit reached: calls are nested deeper than {} (a recursion without end?)",
            super::run::MAX_CALLS
        ));
    }
    limit_of_loops(raw)
}

/// The limits that end loops.
fn limit_of_loops(raw: &str) -> Option<String> {
    if raw.contains("Execution duration limit") {
        return Some(format!(
            "limit reached: more than {} steps (a loop without end?)",
            super::run::MAX_STEPS
        ));
    }
    let heap = raw.contains("Heap memory limit of");
    heap.then(|| MEMORY_LIMIT.to_owned())
}

/// A keyword the called name does not have.
fn misspelt(raw: &str) -> String {
    let called = raw.rsplit("call to ").next().unwrap_or("").trim();
    let called = called.split(['(', ' ']).next().unwrap_or(called);
    let Some((_, known)) = KEYWORDS.iter().find(|(name, _)| *name == called) else {
        return format!("{raw}: its definition has no such parameter");
    };
    let mut written = raw.split('`').skip(1).step_by(2);
    let Some(wrong) = written.find(|name| !known.contains(name)) else {
        return raw.to_owned();
    };
    let near = match suggest::nearest(wrong, known.iter().copied()) {
        Some(near) => format!("did you mean {near:?}?"),
        None => format!("it knows {}", known.join(", ")),
    };
    format!("{called}() has no keyword {wrong:?}, {near}")
}

/// Something was tried with an output that only its contents would allow.
fn of_output(raw: &str) -> Option<String> {
    let named = |end: char| raw.contains(&format!("`{}{end}", OutputValue::TYPE));
    if !named('`') && !named(' ') {
        return None;
    }
    Some(match raw.contains("has no attribute") {
        true => "an output has only its step's outputs as attributes; str(d) is its path as text, \
                 and its files cannot be read during evaluation"
            .to_owned(),
        false => "use str(d) or d + \"/bin/x\" for its path as text; its files cannot be read \
                  during evaluation"
            .to_owned(),
    })
}

/// Two string literals side by side, which Python would join.
fn adjacent(raw: &str, source: &str, here: &str, place: Option<&FileSpan>) -> Option<String> {
    if !raw.contains("Parse error") {
        return None;
    }
    let before = &source[..usize::try_from(place?.span.begin().get()).ok()?];
    let literal = |text: &str| {
        text.trim_start_matches(['r', 'b', 'f'])
            .starts_with(['"', '\''])
    };
    (literal(here) && before.trim_end().ends_with(['"', '\'']))
        .then(|| "adjacent texts are not joined: put a + between them".to_owned())
}
