//! The files of a host's root: trees laid out, sources looked into, the rest by
//! name. A repository can make a graph unfold without end: there are limits.

use super::sources::joined;
use super::{InspectError, Inspection};
use crate::backend::inspect::{Content, File, Files};
use crate::backend::native::graph::{Entry, EntryKind, Node, OutputRef, Template, TreeNode};

/// Files of one result.
const FILES_MAX: usize = 200_000;
/// Bytes of text that the evaluation wrote.
const TEXT_MAX: usize = 128 << 20;
/// Trees inside trees; each takes its part of the thread's stack.
const DEPTH_MAX: usize = 100;

struct Layout<'i, 'g> {
    inspection: &'i Inspection<'g>,
    files: Files,
    text: usize,
    /// Counted over what later entries replaced, too.
    placed: usize,
}

pub(super) fn of_root(inspection: &Inspection<'_>) -> Result<Files, InspectError> {
    let mut layout = Layout {
        inspection,
        files: Files::new(),
        text: 0,
        placed: 0,
    };
    layout.output("", &inspection.graph.root, "", 0)?;
    Ok(layout.files)
}

impl Layout<'_, '_> {
    /// What lies at `at` when this output does.
    fn output(
        &mut self,
        at: &str,
        output: &OutputRef,
        attributes: &str,
        depth: usize,
    ) -> Result<(), InspectError> {
        if depth > DEPTH_MAX {
            let what = format!("trees lie in each other more than {DEPTH_MAX} deep");
            return Err(InspectError::Limit(what));
        }
        let file = match self.inspection.node(output)? {
            Node::Tree(tree) => return self.tree(at, tree, depth),
            Node::Source(source) => {
                for (path, file) in self.inspection.sources.files(source)? {
                    self.place(&joined(at, &path), file)?;
                }
                return Ok(());
            }
            Node::File(file) => File {
                executable: file.executable,
                ..File::plain(self.text(&file.content)?)
            },
            Node::Step(_) | Node::Fetch(_) | Node::Unpack(_) => {
                File::plain(Content::Built(self.inspection.label(output)?))
            }
        };
        let attributes = attributes.to_owned();
        self.place(at, File { attributes, ..file })
    }

    fn tree(&mut self, at: &str, tree: &TreeNode, depth: usize) -> Result<(), InspectError> {
        for base in &tree.base {
            match self.inspection.node(base)? {
                node @ (Node::Step(_) | Node::Fetch(_) | Node::Unpack(_)) => {
                    let file = Content::Built(self.inspection.label(base)?);
                    let path = format!("(files of {})", node.name());
                    self.place(&joined(at, &path), File::plain(file))?;
                }
                Node::Source(_) | Node::File(_) | Node::Tree(_) => {
                    self.output(at, base, "", depth + 1)?;
                }
            }
        }
        for (path, entry) in &tree.entries {
            let path = joined(at, path);
            let attributes = attributes(entry);
            self.remove(&path);
            let content = match &entry.kind {
                EntryKind::Removed => continue,
                EntryKind::Link(output) | EntryKind::Copy(output) => {
                    self.output(&path, output, &attributes, depth + 1)?;
                    continue;
                }
                EntryKind::Text(text) => self.text(text)?,
                EntryKind::Symlink(target) => Content::Symlink(self.join(target)?),
                EntryKind::Folder => Content::Folder,
            };
            let file = File {
                attributes,
                ..File::plain(content)
            };
            self.place(&path, file)?;
        }
        Ok(())
    }

    fn place(&mut self, at: &str, file: File) -> Result<(), InspectError> {
        self.placed += 1;
        if self.placed > FILES_MAX {
            let what = format!("the result has more than {FILES_MAX} files");
            return Err(InspectError::Limit(what));
        }
        self.files.insert(at.to_owned(), file);
        Ok(())
    }

    /// What a base had there goes, with all beneath it.
    fn remove(&mut self, at: &str) {
        self.files.remove(at);
        let beneath = format!("{at}/");
        let inside = self.files.range(beneath.clone()..);
        let inside: Vec<String> = inside
            .map(|(path, _)| path)
            .take_while(|path| path.starts_with(&beneath))
            .cloned()
            .collect();
        for path in inside {
            self.files.remove(&path);
        }
    }

    fn text(&mut self, template: &Template) -> Result<Content, InspectError> {
        Ok(Content::Text(self.join(template)?))
    }

    fn join(&mut self, template: &Template) -> Result<String, InspectError> {
        let text = template.join(|output| self.inspection.label(output))?;
        self.text += text.len();
        match self.text > TEXT_MAX {
            true => Err(InspectError::Limit(format!(
                "the result's texts have more than {} MiB",
                TEXT_MAX >> 20
            ))),
            false => Ok(text),
        }
    }
}

fn attributes(entry: &Entry) -> String {
    let pairs = [
        ("mode", &entry.mode),
        ("owner", &entry.owner),
        ("group", &entry.group),
    ];
    let words = pairs.iter().filter_map(|(name, value)| {
        let value = value.as_ref()?;
        Some(format!("{name} {value}"))
    });
    words.collect::<Vec<_>>().join(", ")
}
