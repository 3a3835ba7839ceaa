//! What differs between two graphs, and between the files of two results.

use super::{Content, DerivationGraph, File, Files, GraphNode};
use git2::{DiffOptions, Patch};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Read};
use std::path::Path;

/// Bytes of a file whose lines are compared; a larger one is said to differ.
pub const LINES_MAX: u64 = 1 << 20;

/// How one side differs from the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Added,
    Removed,
    Changed,
}

/// A path whose file differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileChange<'f> {
    pub path: &'f str,
    pub from: Option<&'f File>,
    pub to: Option<&'f File>,
}

/// A node that only one graph has, or that is made of something else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeChange {
    pub name: String,
    pub kind: String,
    pub change: Change,
    /// Empty where there is none.
    pub from: String,
    pub to: String,
}

impl FileChange<'_> {
    pub fn change(&self) -> Change {
        match (self.from, self.to) {
            (None, _) => Change::Added,
            (Some(_), None) => Change::Removed,
            (Some(_), Some(_)) => Change::Changed,
        }
    }
}

/// Both sides as they can be compared: where nothing is known of one before it is
/// built, the files of the other are one whole too.
pub fn comparable<'f>(from: &'f Files, to: &'f Files) -> (Cow<'f, Files>, Cow<'f, Files>) {
    let whole = |files: &Files| {
        let count = format!(
            "{} files, to be compared once the other is built",
            files.len()
        );
        Cow::Owned([(String::new(), File::plain(Content::Built(count)))].into())
    };
    match (is_unknown(from), is_unknown(to)) {
        (true, false) if !to.is_empty() => (Cow::Borrowed(from), whole(to)),
        (false, true) if !from.is_empty() => (whole(from), Cow::Borrowed(to)),
        _ => (Cow::Borrowed(from), Cow::Borrowed(to)),
    }
}

/// The result as a whole is yet to be built.
fn is_unknown(files: &Files) -> bool {
    let whole = files.get("").map(|file| &file.content);
    matches!(whole, Some(Content::Built(_)))
}

/// The paths that differ, in order.
///
/// # Errors
/// When a file that must be read cannot be; with its path.
pub fn changed_files<'f>(from: &'f Files, to: &'f Files) -> io::Result<Vec<FileChange<'f>>> {
    let mut changes = Vec::new();
    for (path, old) in from {
        let new = to.get(path);
        if match new {
            Some(new) => !same(old, new)?,
            None => true,
        } {
            let from = Some(old);
            changes.push(FileChange {
                path,
                from,
                to: new,
            });
        }
    }
    let added = to.iter().filter(|(path, _)| !from.contains_key(*path));
    changes.extend(added.map(|(path, new)| FileChange {
        path,
        from: None,
        to: Some(new),
    }));
    changes.sort_by_key(|change| change.path);
    Ok(changes)
}

/// The nodes that differ, by kind and name: of equal names those that both have
/// are left out, the rest are paired in their order.
pub fn changed_nodes(from: &DerivationGraph, to: &DerivationGraph) -> Vec<NodeChange> {
    let (mut old, mut new) = (by_name(from), by_name(to));
    let mut keys: Vec<_> = old.keys().chain(new.keys()).copied().collect();
    keys.sort_unstable();
    keys.dedup();
    let mut changes = Vec::new();
    for key in keys {
        let mut left = old.remove(&key).unwrap_or_default();
        let mut right = new.remove(&key).unwrap_or_default();
        left.retain(|id| !right.remove(id));
        let (mut left, mut right) = (left.into_iter(), right.into_iter());
        for _ in 0..left.len().max(right.len()) {
            changes.push(node_change(key, left.next(), right.next()));
        }
    }
    changes
}

fn by_name(graph: &DerivationGraph) -> BTreeMap<(&str, &str), BTreeSet<&str>> {
    let mut named: BTreeMap<_, BTreeSet<&str>> = BTreeMap::new();
    for GraphNode {
        name,
        kind,
        identity,
        ..
    } in &graph.nodes
    {
        let same = named.entry((kind.as_str(), name.as_str())).or_default();
        same.insert(identity);
    }
    named
}

fn node_change((kind, name): (&str, &str), from: Option<&str>, to: Option<&str>) -> NodeChange {
    let text = |side: Option<&str>| side.unwrap_or_default().to_owned();
    NodeChange {
        name: name.to_owned(),
        kind: kind.to_owned(),
        change: match (from, to) {
            (None, _) => Change::Added,
            (Some(_), None) => Change::Removed,
            (Some(_), Some(_)) => Change::Changed,
        },
        from: text(from),
        to: text(to),
    }
}

fn same(old: &File, new: &File) -> io::Result<bool> {
    if (old.executable, &old.attributes) != (new.executable, &new.attributes) {
        return Ok(false);
    }
    if old.content == new.content {
        return Ok(true);
    }
    match (&old.content, &new.content) {
        (Content::OnDisk(old), Content::OnDisk(new)) => same_bytes(old, new),
        // One repository: another object is another content.
        (Content::Blob { .. }, Content::Blob { .. }) => Ok(false),
        (old, new) if is_file(old) && is_file(new) => {
            Ok(match (old.lines()?, new.lines()?) {
                (Some(old), Some(new)) => old == new,
                _ => false, // too large to be sure
            })
        }
        _ => Ok(false),
    }
}

fn is_file(content: &Content) -> bool {
    match content {
        Content::Text(_) | Content::OnDisk(_) | Content::Blob { .. } => true,
        Content::Symlink(_) | Content::Folder | Content::Built(_) => false,
    }
}

fn same_bytes(old: &Path, new: &Path) -> io::Result<bool> {
    let (mut old, mut new) = (open(old)?, open(new)?);
    if old.metadata()?.len() != new.metadata()?.len() {
        return Ok(false);
    }
    let (mut left, mut right) = ([0; 1 << 14], [0; 1 << 14]);
    loop {
        let read = old.read(&mut left)?;
        if read == 0 {
            return Ok(true);
        }
        // As long as the other by what was asked before, unless it is being written.
        match new.read_exact(&mut right[..read]) {
            Ok(()) if left[..read] == right[..read] => {}
            Ok(()) => return Ok(false),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
            Err(error) => return Err(error),
        }
    }
}

fn open(path: &Path) -> io::Result<fs::File> {
    fs::File::open(path)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

impl Content {
    /// What stands in it, for a person; `None` when it is too large.
    fn lines(&self) -> io::Result<Option<Vec<u8>>> {
        match self {
            Content::Text(text) if text.len() as u64 > LINES_MAX => Ok(None),
            Content::Text(text) => Ok(Some(text.clone().into_bytes())),
            Content::OnDisk(path) => {
                let mut bytes = Vec::new();
                let read = open(path)?.take(LINES_MAX + 1).read_to_end(&mut bytes)?;
                Ok(Some(bytes).filter(|_| read as u64 <= LINES_MAX))
            }
            Content::Blob { repository, object } => blob(repository, object),
            Content::Symlink(target) => Ok(Some(format!("-> {target}\n").into_bytes())),
            Content::Folder => Ok(Some(b"(an empty folder)\n".to_vec())),
            Content::Built(label) => Ok(Some(format!("{label}\n").into_bytes())),
        }
    }
}

fn blob(repository: &Path, object: &str) -> io::Result<Option<Vec<u8>>> {
    let read = || {
        let id = git2::Oid::from_str(object)?;
        let opened = git2::Repository::open(repository)?;
        let (size, _) = opened.odb()?.read_header(id)?;
        if size as u64 > LINES_MAX {
            return Ok(None);
        }
        Ok(Some(opened.find_blob(id)?.content().to_vec()))
    };
    read().map_err(|error: git2::Error| {
        let place = repository.display();
        io::Error::other(format!("{object} of {place}: {}", error.message()))
    })
}

/// The change as a unified diff, with the lines it adds and takes away.
///
/// # Errors
/// When a file cannot be read.
pub fn unified(change: &FileChange<'_>) -> io::Result<(String, u32, u32)> {
    let bytes = |side: Option<&File>| match side {
        Some(file) => file.content.lines(),
        None => Ok(Some(Vec::new())),
    };
    let mut text = format!("diff a/{path} b/{path}\n", path = shown(change.path));
    described(change, &mut text);
    let (Some(old), Some(new)) = (bytes(change.from)?, bytes(change.to)?) else {
        return Ok((text + "Files differ, and are too large to be shown\n", 0, 0));
    };
    if old == new {
        return Ok((text, 0, 0));
    }
    if [&old, &new].iter().any(|side| is_binary(side)) {
        return Ok((text + "Binary files differ\n", 0, 0));
    }
    let (added, removed) = lines(change, &old, &new, &mut text).map_err(io::Error::other)?;
    Ok((text, added, removed))
}

/// As `git diff` tells a file's mode.
fn described(change: &FileChange<'_>, text: &mut String) {
    let words = |file: &File| {
        let bit = if file.executable { "executable" } else { "" };
        let parts = [bit, file.attributes.as_str()];
        let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        parts.join(", ")
    };
    let (old, new) = (change.from.map(words), change.to.map(words));
    match (old, new) {
        (Some(old), Some(new)) if old != new => {
            text.push_str(&format!("old attributes: {old}\nnew attributes: {new}\n"));
        }
        (None, Some(new)) if !new.is_empty() => text.push_str(&format!("attributes: {new}\n")),
        _ => {}
    }
}

fn lines(
    change: &FileChange<'_>,
    old: &[u8],
    new: &[u8],
    text: &mut String,
) -> Result<(u32, u32), git2::Error> {
    let side = |side: char, file: Option<&File>| match file {
        Some(_) => format!("{side}/{}", shown(change.path)),
        None => "/dev/null".to_owned(),
    };
    let (from, to) = (side('a', change.from), side('b', change.to));
    text.push_str(&format!("--- {from}\n+++ {to}\n"));
    let mut options = DiffOptions::new();
    options.force_text(true);
    let patch = Patch::from_buffers(old, None, new, None, Some(&mut options))?;
    let (mut added, mut removed) = (0, 0);
    for at in 0..patch.num_hunks() {
        let (hunk, count) = patch.hunk(at)?;
        text.push_str(&String::from_utf8_lossy(hunk.header()));
        for line in 0..count {
            let line = patch.line_in_hunk(at, line)?;
            match line.origin() {
                '+' => added += 1,
                '-' => removed += 1,
                _ => {}
            }
            if matches!(line.origin(), '+' | '-' | ' ') {
                text.push(line.origin());
            }
            text.push_str(&String::from_utf8_lossy(line.content()));
        }
    }
    Ok((added, removed))
}

/// As Git decides: a zero byte near the beginning, or no text at all.
fn is_binary(bytes: &[u8]) -> bool {
    bytes[..bytes.len().min(8000)].contains(&0) || std::str::from_utf8(bytes).is_err()
}

/// A path in a header, where a line end would begin another line.
fn shown(path: &str) -> String {
    match path.is_empty() {
        true => ".".into(),
        false => path.escape_debug().to_string(),
    }
}

#[cfg(test)]
#[path = "compare_tests.rs"]
mod tests;
