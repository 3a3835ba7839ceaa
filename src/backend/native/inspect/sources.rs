//! The files of a `source()`: in the store, where a stored graph has them, or
//! in Git, where an evaluation found them.

use super::InspectError;
use crate::backend::inspect::{Content, File};
use crate::backend::native::eval::{Files, Filter, pattern::Pattern};
use crate::backend::native::graph::{SourceKind, SourceNode};
use crate::store::{Canonical, Store, StorePath, encoding};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Folders inside folders that are looked into.
const DEPTH: usize = 256;

/// Where a source's files are.
pub trait SourceFiles {
    /// Equal texts: the same files.
    fn identity(&self, node: &SourceNode) -> Result<String, InspectError>;

    /// Its files by path from its root; a file itself is at `""`.
    fn files(&self, node: &SourceNode) -> Result<Vec<(String, File)>, InspectError>;
}

/// Of a graph that is a store object.
pub struct InStore<'s>(pub &'s Store);

/// Of a graph as the evaluation made it.
pub struct InGit(pub PathBuf);

fn unreadable(node: &SourceNode, why: impl ToString) -> InspectError {
    InspectError::Source {
        name: node.name.clone(),
        why: why.to_string(),
    }
}

impl SourceFiles for InStore<'_> {
    fn identity(&self, node: &SourceNode) -> Result<String, InspectError> {
        let stored = node.stored.clone();
        stored.ok_or_else(|| unreadable(node, "the stored graph does not say where they are"))
    }

    fn files(&self, node: &SourceNode) -> Result<Vec<(String, File)>, InspectError> {
        let path: StorePath =
            (self.identity(node)?.parse()).map_err(|error| unreadable(node, error))?;
        let mut found = Vec::new();
        walk(&self.0.real_path(&path), "", 0, &mut found)
            .map_err(|error| unreadable(node, error))?;
        Ok(found)
    }
}

/// An object of the store holds files, folders and links only.
fn walk(
    real: &Path,
    path: &str,
    depth: usize,
    found: &mut Vec<(String, File)>,
) -> std::io::Result<()> {
    let metadata = fs::symlink_metadata(real)?;
    if metadata.is_symlink() {
        let target = fs::read_link(real)?.to_string_lossy().into_owned();
        found.push((path.to_owned(), File::plain(Content::Symlink(target))));
    } else if metadata.is_file() {
        let file = File {
            executable: metadata.permissions().mode() & 0o111 != 0,
            ..File::plain(Content::OnDisk(real.to_owned()))
        };
        found.push((path.to_owned(), file));
    } else if depth >= DEPTH {
        let why = format!("{} lies deeper than {DEPTH} folders", real.display());
        return Err(std::io::Error::other(why));
    } else {
        for entry in fs::read_dir(real)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            walk(&entry.path(), &joined(path, &name), depth + 1, found)?;
        }
    }
    Ok(())
}

pub(super) fn joined(folder: &str, name: &str) -> String {
    match (folder, name) {
        ("", name) => name.to_owned(),
        (folder, "") => folder.to_owned(),
        (folder, name) => format!("{folder}/{name}"),
    }
}

impl SourceFiles for InGit {
    fn identity(&self, node: &SourceNode) -> Result<String, InspectError> {
        // Other filters may come to the same files.
        let files = self.files(node)?;
        let tuple = Canonical::new("kiln:inspect:files:1");
        let tuple = tuple.list(files.iter(), |tuple, (path, file)| {
            let content = match &file.content {
                Content::Blob { object, .. } => object,
                Content::Symlink(target) | Content::Text(target) | Content::Built(target) => target,
                Content::OnDisk(_) | Content::Folder => "",
            };
            tuple
                .text(path)
                .text(content)
                .number(u64::from(file.executable))
        });
        Ok(encoding::hex(&tuple.finish().0))
    }

    fn files(&self, node: &SourceNode) -> Result<Vec<(String, File)>, InspectError> {
        if node.kind != SourceKind::Folder {
            let file = self.file(&node.object, node.kind);
            return Ok(vec![(String::new(), file)]);
        }
        let read = || {
            let filter = Filter {
                include: patterns(&node.include)?,
                exclude: patterns(&node.exclude)?,
            };
            let files = Files::open(&self.0, &node.object, ".")?;
            let mut found = Vec::new();
            files.selected("", &filter, &mut |path, entry| {
                let kind = entry.kind.ok_or_else(|| format!("{path} is a submodule"))?;
                let object = entry.object.to_string();
                found.push((path.to_owned(), self.file(&object, kind)));
                Ok(())
            })?;
            Ok::<_, String>(found)
        };
        read().map_err(|why| unreadable(node, why))
    }
}

fn patterns(texts: &[String]) -> Result<Vec<Pattern>, String> {
    texts.iter().map(|text| Pattern::new(text)).collect()
}

impl InGit {
    fn file(&self, object: &str, kind: SourceKind) -> File {
        let blob = Content::Blob {
            repository: self.0.clone(),
            object: object.to_owned(),
        };
        let content = match kind {
            SourceKind::Symlink => Content::Symlink(self.target(object).unwrap_or_default()),
            SourceKind::Folder => Content::Folder,
            SourceKind::File | SourceKind::Executable => blob,
        };
        File {
            executable: kind == SourceKind::Executable,
            ..File::plain(content)
        }
    }

    fn target(&self, object: &str) -> Option<String> {
        let repository = git2::Repository::open(&self.0).ok()?;
        let id = git2::Oid::from_str(object).ok()?;
        let blob = repository.find_blob(id).ok()?;
        Some(String::from_utf8_lossy(blob.content()).into_owned())
    }
}
