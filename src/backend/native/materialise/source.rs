//! A `source()`: files of the commit, read from Git objects and not from a
//! work tree, so that what is built is what is committed.

use super::pattern::Pattern;
use super::{MaterialiseError, remembered};
use crate::backend::native::graph::{SourceKind, SourceNode};
use crate::store::{Canonical, DEPTH_MAX, Folder, RealisationKey, Store, StorePath};
use git2::{Blob, Odb, Oid, Repository};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Bytes of one file.
const FILE_MAX: u64 = 256 << 20;
/// Entries of folders looked at: a few objects can name each other into more.
const ENTRIES_MAX: u64 = 1_000_000;
/// Bytes of all files.
const TOTAL_MAX: u64 = 4 << 30;
/// What the source is called while it is written.
const TOP: &str = "source";
/// Longest text a Git LFS pointer has.
const LFS_POINTER_MAX: usize = 1024;

/// Takes a source into the store. `cancelled` is asked before each entry.
///
/// # Errors
/// [`MaterialiseError::Cancelled`] once `cancelled` says so; otherwise
/// When the repository cannot be read, or the source holds what a store object
/// may not: submodules, LFS pointers, unsafe names.
pub fn source(
    store: &Store,
    repository: &Path,
    node: &SourceNode,
    cancelled: &dyn Fn() -> bool,
) -> Result<StorePath, MaterialiseError> {
    remembered(store, key(node), || {
        let scratch = store.scratch()?;
        write(repository, node, scratch.path(), cancelled)?;
        Ok(store.publish_data(&scratch.path().join(TOP), &node.name)?)
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

fn write(
    repository: &Path,
    node: &SourceNode,
    to: &Path,
    cancelled: &dyn Fn() -> bool,
) -> Result<(), MaterialiseError> {
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
        cancelled,
        folders: vec![Folder::open(to).map_err(|e| MaterialiseError::io("open", to, e))?],
        to: to.join(TOP),
        parts: Vec::new(),
        root: node.path.clone(),
        entries: 0,
        bytes: 0,
        written: 0,
    };
    match node.kind {
        SourceKind::Folder => {
            writer.make_folder(OsStr::new(TOP))?;
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
    cancelled: &'r dyn Fn() -> bool,
    /// For messages.
    to: PathBuf,
    /// The scratch folder, the source, and those of `parts` that were made: by
    /// descriptor, so that nothing a tree names can lead elsewhere.
    folders: Vec<Folder>,
    /// Where the walk is, below the source.
    parts: Vec<Vec<u8>>,
    /// Where the source is in the repository.
    root: String,
    entries: u64,
    bytes: u64,
    written: u64,
}

impl<'r> Writer<'r> {
    fn folder(&mut self, id: Oid, included: bool) -> Result<(), MaterialiseError> {
        if self.parts.len() >= DEPTH_MAX {
            return Err(self.too_large("the depth of its folders", DEPTH_MAX as u64));
        }
        let tree = self.repository.find_tree(id);
        let tree = tree.map_err(|e| unreadable(&id.to_string(), &self.shown(), e))?;
        let mut names = BTreeSet::new();
        for entry in &tree {
            self.entries += 1;
            self.parts.push(entry.name_bytes().to_vec());
            // Git never writes this; two of one name could be a link and what goes through it.
            if !names.insert(entry.name_bytes().to_vec()) {
                return Err(self.refused("is there twice in one Git tree"));
            }
            if (self.cancelled)() {
                return Err(MaterialiseError::Cancelled);
            }
            if self.entries > ENTRIES_MAX {
                return Err(self.too_large("the number of entries of the source", ENTRIES_MAX));
            }
            self.entry(entry.id(), entry.filemode_raw(), included)?;
            self.parts.pop();
            self.folders.truncate(self.parts.len() + 2);
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
        let blob = self.blob(id)?;
        if is_lfs_pointer(blob.content()) {
            return Err(MaterialiseError::LfsPointer { file: self.shown() });
        }
        self.place(|folder, name| folder.file(name, blob.content(), executable))
    }

    fn symlink(&mut self, id: Oid) -> Result<(), MaterialiseError> {
        let blob = self.blob(id)?;
        let target = blob.content();
        if target.is_empty() || target.contains(&0) || target.len() >= 4096 {
            return Err(self.refused("is a symlink whose target no file system takes"));
        }
        self.place(|folder, name| folder.symlink(name, OsStr::from_bytes(target)))
    }

    /// A blob whose size was looked at first.
    fn blob(&mut self, id: Oid) -> Result<Blob<'r>, MaterialiseError> {
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
        blob.map_err(|e| unreadable(&id.to_string(), &self.shown(), e))
    }

    /// Writes the entry at hand into its folder, which is made first.
    fn place(
        &mut self,
        write: impl FnOnce(&Folder, &OsStr) -> std::io::Result<()>,
    ) -> Result<(), MaterialiseError> {
        self.written += 1;
        for made in self.folders.len()..=self.parts.len() {
            // The scratch folder and the source come before the parts.
            let name = self.parts[made - 2].clone();
            self.make_folder(OsStr::from_bytes(&name))?;
        }
        let name = self.parts.last().map_or(TOP.as_bytes(), Vec::as_slice);
        let folder = &self.folders[self.parts.len()];
        write(folder, OsStr::from_bytes(name))
            .map_err(|e| MaterialiseError::io("write", &self.real(), e))
    }

    /// Makes a folder in the last of `folders`.
    fn make_folder(&mut self, name: &OsStr) -> Result<(), MaterialiseError> {
        let Some(folder) = self.folders.last() else {
            return Ok(());
        };
        let made = folder.create(name);
        let made = made.map_err(|e| MaterialiseError::io("create", &self.real(), e))?;
        self.folders.push(made);
        Ok(())
    }

    /// Where the entry at hand is written, for messages.
    fn real(&self) -> PathBuf {
        let parts = self.parts.iter().map(|part| OsStr::from_bytes(part));
        [self.to.as_os_str()].into_iter().chain(parts).collect()
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
