//! The files of the commit, read from Git's objects: no work tree, no filters,
//! nothing outside the tree.

use super::asked::{Asked, Asking, CommitFacts, Question};
use super::paths;
use super::pattern::Pattern;
use crate::backend::native::graph::SourceKind;
use crate::store::DEPTH_MAX;
use git2::{ObjectType, Oid, Repository, Tree};
use std::collections::HashSet;
use std::path::Path;

const LFS: &[u8] = b"version https://git-lfs.github.com/spec/";
const MODE_TYPE: i32 = 0o170_000;

/// The tree of a commit, below the repository's subdirectory.
pub struct Files {
    repository: Repository,
    root: Oid,
    /// The subdirectory, `""` when it is the tree itself.
    subdir: String,
    /// What was asked, for whoever remembers the evaluation.
    pub(super) asking: Asking,
}

/// Something in the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    pub object: Oid,
    /// `None` is a submodule: its files are not in the commit.
    pub kind: Option<SourceKind>,
}

impl Files {
    /// Opens the tree `tree` and steps into `subdir`.
    ///
    /// # Errors
    /// Says what could not be read, or that there is no such folder.
    pub fn open(repository: &Path, tree: &str, subdir: &str) -> Result<Self, String> {
        let subdir = paths::resolve("", subdir)?;
        let read = |attempted: &str, e: &git2::Error| {
            format!(
                "cannot {attempted} of {}: {}",
                repository.display(),
                e.message()
            )
        };
        let opened = Repository::open(repository).map_err(|e| read("open the repository", &e))?;
        let root = Oid::from_str(tree).map_err(|e| read("parse the tree's id", &e))?;
        let files = Files {
            repository: opened,
            root,
            subdir: String::new(),
            asking: Asking::default(),
        };
        let found = files.look(&subdir)?;
        match found {
            Some(Found {
                object,
                kind: Some(SourceKind::Folder),
            }) => Ok(Files {
                root: object,
                subdir,
                ..files
            }),
            _ => Err(format!("the commit has no folder {subdir:?} (subdir)")),
        }
    }

    /// A path from the subdirectory as the user knows it: from the
    /// repository's root.
    pub fn shown(&self, path: &str) -> String {
        paths::join(&self.subdir, path)
    }

    /// The other way round.
    pub fn inner<'a>(&self, shown: &'a str) -> &'a str {
        let inner = shown.strip_prefix(&self.subdir).unwrap_or(shown);
        inner.strip_prefix('/').unwrap_or(inner)
    }

    /// Everything asked so far; `None` when it cannot be relied on.
    pub fn asked(&self) -> Option<Asked> {
        self.asking.all()
    }

    /// What lies at a normal path; `None` when nothing does.
    ///
    /// # Errors
    /// When Git's objects cannot be read.
    pub fn find(&self, path: &str) -> Result<Option<Found>, String> {
        self.asks(Question::Object(path.to_owned()));
        self.look(path)
    }

    /// The same, as a part of another question.
    pub(super) fn look(&self, path: &str) -> Result<Option<Found>, String> {
        let mut found = Found {
            object: self.root,
            kind: Some(SourceKind::Folder),
        };
        for part in path.split('/').filter(|part| !part.is_empty()) {
            if found.kind != Some(SourceKind::Folder) {
                return Ok(None);
            }
            let tree = self.tree(found.object)?;
            match tree.get_name(part) {
                Some(_) if tree.iter().filter(|e| e.name() == Some(part)).count() > 1 => {
                    return Err(twice(&self.shown(path)));
                }
                Some(entry) => found = describe(&entry),
                None => return Ok(None),
            }
        }
        Ok(Some(found))
    }

    /// A file's text.
    ///
    /// # Errors
    /// When there is no such file, or it is no UTF-8 text.
    pub fn text(&self, path: &str) -> Result<String, String> {
        let shown = self.shown(path);
        match self.find(path)? {
            Some(found) => match found.kind {
                Some(SourceKind::File | SourceKind::Executable) => {
                    let bytes = self.bytes(found.object)?;
                    if bytes.starts_with(LFS) {
                        return Err(lfs(&shown));
                    }
                    String::from_utf8(bytes).map_err(|e| {
                        let at = e.utf8_error().valid_up_to();
                        format!("{shown} is not UTF-8 text (byte {at}); use source({path:?}) to hand on its bytes")
                    })
                }
                Some(SourceKind::Folder) => Err(format!("{shown} is a folder, not a file")),
                Some(SourceKind::Symlink) => {
                    Err(format!("{shown} is a symlink: name the file it points to"))
                }
                None => Err(submodule(&shown)),
            },
            None => Err(self.missing(path)),
        }
    }

    /// Looks at every file that `filter` selects below `at`; their number.
    ///
    /// # Errors
    /// When a selected file is an LFS pointer or a submodule.
    pub fn check_source(&self, at: &str, filter: &Filter) -> Result<usize, String> {
        let mut selected = 0;
        self.selected(at, filter, &mut |path, found| {
            selected += 1;
            self.check_file(&self.shown(&paths::join(at, path)), found)
        })?;
        Ok(selected)
    }

    /// Every file below `at` that `filter` selects, by its path from there; a
    /// file is itself, at `""`.
    ///
    /// # Errors
    /// What `visit` says, or when Git's objects cannot be read.
    pub fn selected(
        &self,
        at: &str,
        filter: &Filter,
        visit: &mut impl FnMut(&str, Found) -> Result<(), String>,
    ) -> Result<(), String> {
        let Some(found) = self.look(at)? else {
            return Ok(());
        };
        match found.kind {
            Some(SourceKind::Folder) => {
                self.walk(
                    at,
                    found.object,
                    "",
                    0,
                    &mut |path, found| match filter.selects(path) {
                        true => visit(path, found),
                        false => Ok(()),
                    },
                )
            }
            None | Some(_) => visit("", found),
        }
    }

    /// The commit's facts are part of no file: they are asked for by name.
    pub fn asks_commit(&self, commit: CommitFacts<'_>) {
        self.ask(Question::Commit, commit);
    }

    /// Notes a question of files.
    pub(super) fn asks(&self, question: Question) {
        let nobody = CommitFacts {
            id: "",
            time: time::OffsetDateTime::UNIX_EPOCH,
        };
        self.ask(question, nobody);
    }

    /// The files below `folder` whose path from there agrees with a pattern.
    ///
    /// # Errors
    /// When a pattern is none, or Git's objects cannot be read.
    pub fn glob(&self, folder: &str, texts: &[String]) -> Result<Vec<String>, String> {
        let patterns = texts.iter().map(|text| Pattern::new(text));
        let patterns = patterns.collect::<Result<Vec<_>, _>>()?;
        self.asks(Question::Glob {
            folder: folder.to_owned(),
            patterns: texts.to_vec(),
        });
        self.matching(folder, &patterns)
    }

    pub(super) fn matching(
        &self,
        folder: &str,
        patterns: &[Pattern],
    ) -> Result<Vec<String>, String> {
        let Some(found) = self.look(folder)? else {
            return Ok(Vec::new());
        };
        let mut paths = Vec::new();
        if found.kind == Some(SourceKind::Folder) {
            self.walk(folder, found.object, "", 0, &mut |path, found| {
                if found.kind.is_some() && patterns.iter().any(|pattern| pattern.matches(path)) {
                    paths.push(path.to_owned());
                }
                Ok(())
            })?;
        }
        paths.sort();
        Ok(paths)
    }

    /// "There is no such file", with the nearest name in its folder.
    pub fn missing(&self, path: &str) -> String {
        let shown = self.shown(path);
        let mut message = format!("the commit has no file {shown:?}");
        let folder = paths::parent(path);
        self.asks(Question::Names(folder.to_owned()));
        let names = self.names(folder).unwrap_or_default();
        let wanted = path.rsplit('/').next().unwrap_or(path);
        match crate::suggest::nearest(wanted, names.iter().map(String::as_str)) {
            Some(near) => {
                message += &format!(
                    ", did you mean {:?}?",
                    paths::join(paths::parent(&shown), near)
                );
            }
            None => message += " (is it committed, or at least known to Git?)",
        }
        message
    }

    pub(super) fn names(&self, folder: &str) -> Result<Vec<String>, String> {
        match self.look(folder)? {
            Some(found) if found.kind == Some(SourceKind::Folder) => {
                let tree = self.tree(found.object)?;
                Ok(tree
                    .iter()
                    .filter_map(|e| e.name().map(str::to_owned))
                    .collect())
            }
            _ => Ok(Vec::new()),
        }
    }

    fn check_file(&self, shown: &str, found: Found) -> Result<(), String> {
        match found.kind {
            None => Err(submodule(shown)),
            Some(SourceKind::File | SourceKind::Executable) if self.is_lfs(found.object)? => {
                Err(lfs(shown))
            }
            Some(_) => Ok(()),
        }
    }

    /// Pointers are short: only short blobs are read.
    fn is_lfs(&self, object: Oid) -> Result<bool, String> {
        let database = self
            .repository
            .odb()
            .map_err(|e| self.unreadable(object, &e))?;
        let (size, _) = database
            .read_header(object)
            .map_err(|e| self.unreadable(object, &e))?;
        Ok((100..1024).contains(&size) && self.bytes(object)?.starts_with(LFS))
    }

    /// Below `folder`, which lies at `at`; `path` is from there.
    fn walk(
        &self,
        at: &str,
        folder: Oid,
        path: &str,
        depth: usize,
        visit: &mut impl FnMut(&str, Found) -> Result<(), String>,
    ) -> Result<(), String> {
        if depth >= DEPTH_MAX {
            return Err(format!(
                "limit reached: {path} lies deeper than {DEPTH_MAX} folders"
            ));
        }
        let mut names = HashSet::new();
        for entry in &self.tree(folder)? {
            let Some(name) = entry.name() else {
                let name = String::from_utf8_lossy(entry.name_bytes()).into_owned();
                return Err(format!("the name of {path}/{name} is not UTF-8 text"));
            };
            if escapes(name) {
                return Err(format!(
                    "{path:?} holds an entry named {name:?}, which no file may have"
                ));
            }
            let (path, found) = (paths::join(path, name), describe(&entry));
            if !names.insert(name.to_owned()) {
                return Err(twice(&self.shown(&paths::join(at, &path))));
            }
            match found.kind {
                Some(SourceKind::Folder) => self.walk(at, found.object, &path, depth + 1, visit)?,
                _ => visit(&path, found)?,
            }
        }
        Ok(())
    }

    fn tree(&self, object: Oid) -> Result<Tree<'_>, String> {
        let tree = self.repository.find_tree(object);
        tree.map_err(|e| self.unreadable(object, &e))
    }

    /// What cannot be read today may be readable tomorrow.
    fn unreadable(&self, object: Oid, error: &git2::Error) -> String {
        self.asking.be_unsure();
        format!("cannot read the Git object {object}: {}", error.message())
    }

    fn bytes(&self, object: Oid) -> Result<Vec<u8>, String> {
        let blob = self.repository.find_blob(object);
        Ok(blob
            .map_err(|e| self.unreadable(object, &e))?
            .content()
            .to_vec())
    }
}

/// The `include` and `exclude` of a `source`.
#[derive(Debug, Default)]
pub struct Filter {
    pub include: Vec<Pattern>,
    pub exclude: Vec<Pattern>,
}

impl Filter {
    /// Empty `include` means everything; `exclude` wins.
    pub fn selects(&self, path: &str) -> bool {
        (self.include.is_empty() || self.include.iter().any(|pattern| pattern.selects(path)))
            && !self.exclude.iter().any(|pattern| pattern.selects(path))
    }
}

/// Names only a forged tree has: Git itself writes none of them.
fn escapes(name: &str) -> bool {
    matches!(name, "" | "." | "..") || name.contains('/') || name.eq_ignore_ascii_case(".git")
}

/// Git writes no such tree either; which of the two is meant, nobody knows.
fn twice(path: &str) -> String {
    format!("the commit holds {path:?} twice in one folder, which no file system can")
}

fn describe(entry: &git2::TreeEntry<'_>) -> Found {
    let kind = match (entry.kind(), entry.filemode() & MODE_TYPE) {
        (Some(ObjectType::Tree), _) => Some(SourceKind::Folder),
        (Some(ObjectType::Commit), _) => None,
        (_, 0o120_000) => Some(SourceKind::Symlink),
        _ if entry.filemode() & 0o111 != 0 => Some(SourceKind::Executable),
        _ => Some(SourceKind::File),
    };
    Found {
        object: entry.id(),
        kind,
    }
}

fn lfs(shown: &str) -> String {
    format!(
        "{shown} is a Git LFS pointer, not the file itself: keep the file in Git, or fetch() it by its hash"
    )
}

fn submodule(shown: &str) -> String {
    format!(
        "{shown} is a submodule: its files are no part of this commit; keep them in the repository, or fetch() an archive of them"
    )
}
