//! What differs between two results: unified diffs, counts, objects.

use super::text::{GREEN, RED, paint, plain};
use crate::pb::{ChangeKind, DiffResponse, FileDiff, ObjectDiff};
use std::fmt::Write as _;

/// Digits of an identity that people are shown.
const SHORT: usize = 12;

/// Files by path with their lines, then objects.
pub fn diff(diff: &DiffResponse, color: bool) -> String {
    let mut text = String::new();
    let mut host = None;
    for file in &diff.files {
        heading(&mut text, &mut host, &file.host, hosts(diff));
        match file.unified.is_empty() {
            true => {
                let (sign, path) = (sign(file.change()), path(file));
                let _ = writeln!(text, "{sign} {path} (left out: the answer is too large)");
            }
            false => lines(&mut text, &file.unified, color),
        }
    }
    objects(&mut text, diff);
    text
}

/// A line for each file, and how many there are.
pub fn stat(diff: &DiffResponse) -> String {
    let mut text = String::new();
    let mut host = None;
    for file in &diff.files {
        heading(&mut text, &mut host, &file.host, hosts(diff));
        let (sign, path) = (sign(file.change()), path(file));
        let (added, removed) = (file.added_lines, file.removed_lines);
        let _ = writeln!(text, "{sign} {path} | +{added} -{removed}");
    }
    objects(&mut text, diff);
    let sum = |count: fn(&FileDiff) -> u32| {
        let counts = diff.files.iter().map(|file| u64::from(count(file)));
        counts.sum::<u64>()
    };
    let (added, removed) = (sum(|file| file.added_lines), sum(|file| file.removed_lines));
    let files = diff.files.len();
    let _ = writeln!(
        text,
        "{files} files differ, {added} lines added, {removed} removed"
    );
    text
}

/// In one line; the result as a whole is `.`.
fn path(file: &FileDiff) -> String {
    match file.path.is_empty() {
        true => ".".to_owned(),
        false => plain(&file.path).replace('\n', "?"),
    }
}

/// Whether more than one host is spoken of.
fn hosts(diff: &DiffResponse) -> bool {
    let names = diff.files.iter().map(|file| &file.host);
    let mut names = names.chain(diff.objects.iter().map(|object| &object.host));
    let first = names.next();
    names.any(|name| Some(name) != first)
}

fn heading<'d>(text: &mut String, last: &mut Option<&'d str>, host: &'d str, several: bool) {
    if several && *last != Some(host) {
        let _ = writeln!(text, "host {}", plain(host));
        *last = Some(host);
    }
}

fn lines(text: &mut String, unified: &str, color: bool) {
    for line in plain(unified).split_inclusive('\n') {
        let code = match line.as_bytes().first() {
            Some(b'+') if !line.starts_with("+++ ") => GREEN,
            Some(b'-') if !line.starts_with("--- ") => RED,
            _ => {
                text.push_str(line);
                continue;
            }
        };
        let (body, end) = match line.strip_suffix('\n') {
            Some(body) => (body, "\n"),
            None => (line, "\n"),
        };
        text.push_str(&paint(body, code, color));
        text.push_str(end);
    }
}

fn objects(text: &mut String, diff: &DiffResponse) {
    let mut host = None;
    for object in &diff.objects {
        heading(text, &mut host, &object.host, hosts(diff));
        let _ = writeln!(text, "{}", object_line(object));
    }
}

fn object_line(object: &ObjectDiff) -> String {
    let short = |identity: &str| {
        let name = identity.rsplit('/').next().unwrap_or(identity);
        plain(name.get(..SHORT).unwrap_or(name))
    };
    let (from, to) = (short(&object.from), short(&object.to));
    let made = match (from.is_empty(), to.is_empty()) {
        (true, _) => to,
        (_, true) => from,
        (false, false) => format!("{from} -> {to}"),
    };
    let sign = sign(object.change());
    format!(
        "{sign} {} {} ({made})",
        plain(&object.kind),
        plain(&object.name)
    )
}

fn sign(change: ChangeKind) -> char {
    match change {
        ChangeKind::Added => '+',
        ChangeKind::Removed => '-',
        ChangeKind::Changed | ChangeKind::Unspecified => '~',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_shown_by_host_with_colours_and_counted() {
        let file = |host: &str, path: &str, change: ChangeKind| FileDiff {
            path: path.into(),
            unified: format!(
                "diff a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n@@ -1 +1 @@\n-a\x1b]0;t\x07\n+b\n"
            ),
            change: change.into(),
            added_lines: 1,
            removed_lines: 1,
            host: host.into(),
        };
        let mut answer = DiffResponse {
            files: vec![
                file("a", "etc/x", ChangeKind::Changed),
                file("b", "etc/x", ChangeKind::Added),
            ],
            objects: vec![ObjectDiff {
                name: "shop".into(),
                kind: "step".into(),
                change: ChangeKind::Changed.into(),
                from: "1".repeat(64),
                to: "2".repeat(64),
                host: "a".into(),
            }],
        };
        let text = diff(&answer, true);
        assert!(
            text.starts_with("host a\ndiff a/etc/x b/etc/x\n--- a/etc/x\n"),
            "{text}"
        );
        assert!(
            text.contains("\x1b[31m-a0;t\x1b[0m\n\x1b[32m+b\x1b[0m\nhost b\n"),
            "{text:?}"
        );
        assert!(
            text.ends_with("~ step shop (111111111111 -> 222222222222)\n"),
            "{text}"
        );
        answer.files.pop();
        answer.objects.clear();
        let text = stat(&answer);
        assert_eq!(
            text,
            "~ etc/x | +1 -1\n1 files differ, 1 lines added, 1 removed\n"
        );
    }
}
