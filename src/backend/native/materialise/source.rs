//! A `source()`: files of the commit, read from Git objects and not from a
//! work tree, so that what is built is what is committed.

use super::pattern::Pattern;
use super::{MaterialiseError, remembered};
use crate::backend::native::graph::{SourceKind, SourceNode};
use crate::store::{Canonical, RealisationKey, Store, StorePath, write_file};
use git2::{Odb, Oid, Repository};
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// Bytes of one file.
const FILE_MAX: u64 = 2 << 30;
/// Entries of folders looked at: a few objects can name each other into more.
const ENTRIES_MAX: u64 = 1_000_000;
/// Bytes of all files.
const TOTAL_MAX: u64 = 16 << 30;
/// Folders inside each other; what the store takes.
const DEPTH_MAX: usize = 100;
/// Longest text a Git LFS pointer has.
const LFS_POINTER_MAX: usize = 1024;

/// Takes a source into the store.
///
/// # Errors
/// When the repository cannot be read, or the source holds what a store object
/// may not: submodules, LFS pointers, unsafe names.
pub fn source(
    store: &Store,
    repository: &Path,
    node: &SourceNode,
) -> Result<StorePath, MaterialiseError> {
    remembered(store, key(node), || {
        let scratch = store.scratch()?;
        let path = scratch.path().join("source");
        write(repository, node, &path)?;
        Ok(store.publish_data(&path, &node.name)?)
    })
}

fn key(node: &SourceNode) -> RealisationKey {
    let kind = match node.kind {
        SourceKind::Folder => "folder",
        SourceKind::File => "file",
        SourceKind::Executable => "executable",
        SourceKind::Symlink => "symlink",
    };
    Canonical::new("kiln:source:1")
        .text(&node.object)
        .text(kind)
        .texts(&node.include)
        .texts(&node.exclude)
        .text(&node.name)
        .finish()
        .into()
}

fn write(repository: &Path, node: &SourceNode, to: &Path) -> Result<(), MaterialiseError> {
    let opened = |source| MaterialiseError::Repository {
        path: repository.to_owned(),
        source,
    };
    let repository = Repository::open(repository).map_err(opened)?;
    let odb = repository.odb().map_err(opened)?;
    let object =
        Oid::from_str(&node.object).map_err(|e| unreadable(&node.object, &node.path, e))?;
    let patterns = |texts: &[String]| texts.iter().map(|text| Pattern::new(text)).collect();
    let mut writer = Writer {
        repository: &repository,
        odb,
        include: patterns(&node.include),
        exclude: patterns(&node.exclude),
        to: to.to_owned(),
        parts: Vec::new(),
        root: node.path.clone(),
        folder: PathBuf::new(),
        entries: 0,
        bytes: 0,
        written: 0,
    };
    match node.kind {
        SourceKind::Folder => {
            writer.make_folder(to)?;
            writer.folder(object, node.include.is_empty())?;
            match writer.written == 0 && !node.include.is_empty() {
                true => Err(MaterialiseError::NothingMatches {
                    path: node.path.clone(),
                    include: node.include.clone(),
                }),
                false => Ok(()),
            }
        }
        SourceKind::File => writer.file(object, false),
        SourceKind::Executable => writer.file(object, true),
        SourceKind::Symlink => writer.symlink(object),
    }
}

struct Writer<'r> {
    repository: &'r Repository,
    odb: Odb<'r>,
    include: Vec<Pattern>,
    exclude: Vec<Pattern>,
    to: PathBuf,
    /// Where the walk is, below the source.
    parts: Vec<Vec<u8>>,
    /// Where the source is in the repository.
    root: String,
    /// The folder made last: most files have it in common with the one before.
    folder: PathBuf,
    entries: u64,
    bytes: u64,
    written: u64,
}

impl Writer<'_> {
    fn folder(&mut self, id: Oid, included: bool) -> Result<(), MaterialiseError> {
        if self.parts.len() > DEPTH_MAX {
            return Err(self.too_large("the depth of its folders", DEPTH_MAX as u64));
        }
        let tree = self.repository.find_tree(id);
        let tree = tree.map_err(|e| unreadable(&id.to_string(), &self.shown(), e))?;
        for entry in &tree {
            self.entries += 1;
            self.parts.push(entry.name_bytes().to_vec());
            if self.entries > ENTRIES_MAX {
                return Err(self.too_large("the number of entries of the source", ENTRIES_MAX));
            }
            self.entry(entry.id(), entry.filemode_raw(), included)?;
            self.parts.pop();
        }
        Ok(())
    }

    fn entry(&mut self, id: Oid, mode: i32, included: bool) -> Result<(), MaterialiseError> {
        let named = |patterns: &[Pattern]| patterns.iter().any(|p| p.matches(&self.parts));
        if named(&self.exclude) {
            return Ok(());
        }
        let included = included || named(&self.include);
        let is_folder = mode & 0o170_000 == 0o040_000;
        if !included && !is_folder {
            return Ok(());
        }
        self.check_name()?;
        match mode & 0o170_000 {
            0o040_000 => self.folder(id, included),
            0o120_000 => self.symlink(id),
            0o160_000 => Err(MaterialiseError::Submodule { file: self.shown() }),
            _ => self.file(id, mode & 0o100 != 0),
        }
    }

    fn file(&mut self, id: Oid, executable: bool) -> Result<(), MaterialiseError> {
        let content = self.content(id)?;
        if is_lfs_pointer(&content) {
            return Err(MaterialiseError::LfsPointer { file: self.shown() });
        }
        let path = self.place()?;
        write_file(&path, &content, executable).map_err(|e| MaterialiseError::io("write", &path, e))
    }

    fn symlink(&mut self, id: Oid) -> Result<(), MaterialiseError> {
        let target = self.content(id)?;
        if target.is_empty() || target.contains(&0) || target.len() >= 4096 {
            return Err(self.refused("is a symlink whose target no file system takes"));
        }
        let path = self.place()?;
        std::os::unix::fs::symlink(OsString::from_vec(target), &path)
            .map_err(|e| MaterialiseError::io("create the symlink", &path, e))
    }

    /// The bytes of a blob whose size was looked at first.
    fn content(&mut self, id: Oid) -> Result<Vec<u8>, MaterialiseError> {
        let failed = |e| unreadable(&id.to_string(), &self.shown(), e);
        let (size, _) = self.odb.read_header(id).map_err(failed)?;
        if size as u64 > FILE_MAX {
            return Err(self.too_large("its size in bytes", FILE_MAX));
        }
        self.bytes += size as u64;
        if self.bytes > TOTAL_MAX {
            return Err(self.too_large("the size of the source in bytes", TOTAL_MAX));
        }
        let blob = self.repository.find_blob(id);
        let blob = blob.map_err(|e| unreadable(&id.to_string(), &self.shown(), e))?;
        Ok(blob.content().to_vec())
    }

    /// Where the entry at hand is written; its folder is there afterwards.
    fn place(&mut self) -> Result<PathBuf, MaterialiseError> {
        self.written += 1;
        let mut path = self.to.clone();
        path.extend(
            self.parts
                .iter()
                .map(|part| std::ffi::OsStr::from_bytes(part)),
        );
        if let Some(folder) = path.parent()
            && !self.parts.is_empty()
            && folder != self.folder
        {
            self.make_folder(folder)?;
            self.folder = folder.to_owned();
        }
        Ok(path)
    }

    fn make_folder(&self, folder: &Path) -> Result<(), MaterialiseError> {
        fs::create_dir_all(folder).map_err(|e| MaterialiseError::io("create", folder, e))
    }

    /// Git refuses these names too, but whoever wrote the objects need not have used Git.
    fn check_name(&self) -> Result<(), MaterialiseError> {
        let name = self.parts.last().map_or(&[][..], Vec::as_slice);
        match name {
            b"" | b"." | b".." => Err(self.refused("is no name a file can have")),
            name if name.eq_ignore_ascii_case(b".git") => {
                Err(self.refused("is a name Git keeps for itself"))
            }
            name if name.contains(&b'/') || name.contains(&0) || name.len() > 255 => {
                Err(self.refused("is no name a file can have"))
            }
            _ => Ok(()),
        }
    }

    /// The entry at hand as it lies in the repository.
    fn shown(&self) -> String {
        let below = self
            .parts
            .iter()
            .map(|part| String::from_utf8_lossy(part).into_owned());
        let root = (self.root != ".").then(|| self.root.clone());
        root.into_iter().chain(below).collect::<Vec<_>>().join("/")
    }

    fn refused(&self, reason: &'static str) -> MaterialiseError {
        let file = self.shown();
        MaterialiseError::Unsafe { file, reason }
    }

    fn too_large(&self, what: &'static str, limit: u64) -> MaterialiseError {
        let file = self.shown();
        MaterialiseError::TooLarge { file, what, limit }
    }
}

fn unreadable(id: &str, file: &str, source: git2::Error) -> MaterialiseError {
    MaterialiseError::Object {
        id: id.to_owned(),
        file: file.to_owned(),
        source,
    }
}

fn is_lfs_pointer(content: &[u8]) -> bool {
    content.len() <= LFS_POINTER_MAX
        && content.starts_with(b"version https://git-lfs.github.com/spec/")
}
