//! The source of `kiln dev`: a person's own repository, followed wherever its
//! HEAD goes. It is only read; the state's bare repository borrows its objects
//! and takes what is written, so that everything else reads one repository.

use super::Selection;
use super::handle::{EventSink, FetchError, Handle, Request, Shared};
use super::repository::{self, RepositoryError, read_commit};
use super::resolve::{ResolveError, Resolver, revparse};
use super::watch::RepositoryWatch;
use super::{Branch, BranchKind, RemoteStatus, Verdict, worktree};
use crate::model::{BranchName, Origin, RemoteName, now};
use git2::{ErrorCode, Repository};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A change of HEAD is a burst of file events.
const DEBOUNCE: Duration = Duration::from_millis(20);

/// Why there is nothing to build; the message says what to type.
#[derive(Debug, thiserror::Error)]
pub enum DevError {
    #[error("{} does not exist", .0.display())]
    NoPath(PathBuf),
    #[error("{} is not a folder: give the folder it is in", .0.display())]
    NotAFolder(PathBuf),
    #[error("there is no Git repository at or above {at}: type `git -C {at} init && git -C {at} add . && git -C {at} commit -m first`", at = .0.display())]
    NoRepository(PathBuf),
    #[error("the repository at {at} has no commit yet: type `git -C {at} add . && git -C {at} commit -m first`", at = .0.display())]
    NoCommit(PathBuf),
    #[error("{} has no work tree: leave --worktree out", .0.display())]
    NoWorkTree(PathBuf),
    #[error("cannot {doing} {}", .path.display())]
    Git {
        doing: &'static str,
        path: PathBuf,
        source: git2::Error,
    },
    #[error("cannot read {} of the work tree", .path.display())]
    File {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{rev:?} names no commit here: {why}; `git log` lists what there is")]
    Revision { rev: String, why: String },
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

impl DevError {
    /// What was asked for is not there, as opposed to a host in trouble.
    pub fn is_usage(&self) -> bool {
        match self {
            DevError::NoPath(_)
            | DevError::NotAFolder(_)
            | DevError::NoRepository(_)
            | DevError::NoCommit(_)
            | DevError::NoWorkTree(_)
            | DevError::Revision { .. } => true,
            DevError::Git { .. } | DevError::File { .. } | DevError::Repository(_) => false,
        }
    }
}

/// A work tree or bare repository, ready to be read.
#[derive(Debug, Clone)]
pub struct DevSource {
    /// The state's bare repository: every object can be read through it.
    pub repository: PathBuf,
    /// The folder asked for, relative to the root of the tree; `.` for the root.
    pub subdir: String,
    /// The root of the work tree, or the bare repository.
    pub root: PathBuf,
    /// Take the files as they are instead of as committed.
    pub worktree: bool,
    git_dir: PathBuf,
    has_worktree: bool,
}

/// Finds the repository at or above `path` and prepares `state_repository`.
///
/// # Errors
/// When there is no folder, no repository, no commit, or the state cannot be written.
pub fn open(path: &Path, state_repository: &Path) -> Result<DevSource, DevError> {
    repository::accept_any_owner();
    let path = path
        .canonicalize()
        .map_err(|_| DevError::NoPath(path.to_owned()))?;
    if !path.is_dir() {
        return Err(DevError::NotAFolder(path));
    }
    let user = Repository::discover(&path).map_err(|source| match source.code() {
        ErrorCode::NotFound => DevError::NoRepository(path.clone()),
        _ => DevError::Git {
            doing: "open the Git repository at",
            path: path.clone(),
            source,
        },
    })?;
    let root = user.workdir().unwrap_or_else(|| user.path());
    let root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    let subdir = path
        .strip_prefix(&root)
        .ok()
        .filter(|_| user.workdir().is_some());
    let subdir = subdir
        .and_then(Path::to_str)
        .filter(|subdir| !subdir.is_empty());
    let objects = user.commondir().join("objects");
    let objects = objects.canonicalize().unwrap_or(objects);
    repository::open_or_create(state_repository, Some(&objects))?;
    let source = DevSource {
        repository: state_repository.to_owned(),
        subdir: subdir.unwrap_or(".").to_owned(),
        root,
        worktree: false,
        git_dir: user.path().to_owned(),
        has_worktree: user.workdir().is_some(),
    };
    source.head(None)?;
    Ok(source)
}

impl DevSource {
    /// The same source, taking the files of the work tree as they are.
    ///
    /// # Errors
    /// When the repository is bare.
    pub fn with_worktree(self) -> Result<Self, DevError> {
        match self.has_worktree {
            true => Ok(DevSource {
                worktree: true,
                ..self
            }),
            false => Err(DevError::NoWorkTree(self.root)),
        }
    }

    /// The commit at HEAD, or the one `rev` names. Blocking.
    ///
    /// # Errors
    /// When there is none, or it cannot be read.
    pub fn head(&self, rev: Option<&str>) -> Result<Selection, DevError> {
        let user = self.user()?;
        let (id, branch) = match rev {
            Some(rev) => self.revision(&user, rev)?,
            None => self.at_head(&user)?,
        };
        // Through the state's repository, as everybody else will read it.
        let state = repository::open(&self.repository)?;
        let mut commit = read_commit(&state, id)?;
        if self.worktree && rev.is_none() {
            let tree = worktree::snapshot(&user, &state, &self.root, &commit.tree)?;
            commit.dirty = tree != commit.tree;
            commit.tree = tree;
        }
        Ok(Selection {
            commit,
            origin: Origin {
                remote: None,
                branch,
                testing: false,
            },
        })
    }

    /// The files in the source's folder that are not as committed, ignored ones
    /// left out; empty where there is no work tree. Blocking.
    pub fn uncommitted(&self) -> Vec<String> {
        let changed = self
            .user()
            .and_then(|user| worktree::changed(&user, &self.root));
        let prefix = format!("{}/", self.subdir);
        let here =
            |path: &PathBuf| self.subdir == "." || path.to_string_lossy().starts_with(&prefix);
        let paths = changed.unwrap_or_default().into_iter().filter(here);
        paths
            .map(|path| path.to_string_lossy().into_owned())
            .collect()
    }

    /// Follows HEAD (or `rev`) until `cancel` fires; the handle is that of any
    /// other source.
    pub fn start(
        self,
        rev: Option<String>,
        events: EventSink,
        cancel: CancellationToken,
    ) -> (Handle, JoinHandle<()>) {
        let status = self.status();
        let resolver = Resolver::Dev(Box::new(self.clone()));
        let shared = Shared::new(vec![status.clone()], resolver, events);
        let (handle, requests) = Handle::new(&shared);
        let follower = Follower {
            source: Arc::new(self),
            rev,
            shared,
            status,
        };
        #[expect(
            clippy::disallowed_methods,
            reason = "the caller owns the task by its handle and the token"
        )]
        let task = tokio::spawn(async move {
            tokio::select! {
                () = cancel.cancelled() => {}
                () = follower.run(requests) => {}
            }
        });
        (handle, task)
    }

    /// Whether the source's folder of this commit has a file of this name. Blocking.
    pub fn has_file(&self, selection: &Selection, name: &str) -> bool {
        let find = || {
            let repository = repository::open(&self.repository).ok()?;
            let tree = git2::Oid::from_str(&selection.commit.tree).ok()?;
            let tree = repository.find_tree(tree).ok()?;
            let path = Path::new(&self.subdir).join(name);
            tree.get_path(path.strip_prefix(".").unwrap_or(&path))
                .ok()?
                .kind()
        };
        find() == Some(git2::ObjectType::Blob)
    }

    fn user(&self) -> Result<Repository, DevError> {
        Repository::open(&self.git_dir).map_err(|source| self.git_error("open", source))
    }

    fn at_head(&self, user: &Repository) -> Result<(git2::Oid, Option<BranchName>), DevError> {
        let head = user.head().map_err(|source| match source.code() {
            ErrorCode::UnbornBranch | ErrorCode::NotFound => DevError::NoCommit(self.root.clone()),
            _ => self.git_error("read HEAD of", source),
        })?;
        let branch = head
            .name()
            .and_then(|name| name.strip_prefix("refs/heads/"));
        let branch = branch.and_then(|name| name.parse().ok());
        let commit = head
            .peel_to_commit()
            .map_err(|source| self.git_error("read HEAD of", source))?;
        Ok((commit.id(), branch))
    }

    fn revision(
        &self,
        user: &Repository,
        rev: &str,
    ) -> Result<(git2::Oid, Option<BranchName>), DevError> {
        let id = revparse(user, rev).map_err(|error| match error {
            ResolveError::UnknownRevision { rev, why } => DevError::Revision { rev, why },
            other => DevError::Revision {
                rev: rev.into(),
                why: other.to_string(),
            },
        })?;
        let branch = user.find_branch(rev, git2::BranchType::Local).ok();
        Ok((id, branch.and_then(|_| rev.parse().ok())))
    }

    fn git_error(&self, doing: &'static str, source: git2::Error) -> DevError {
        DevError::Git {
            doing,
            path: self.root.clone(),
            source,
        }
    }

    fn status(&self) -> RemoteStatus {
        RemoteStatus {
            name: local_name(),
            url: self.root.display().to_string(),
            reachable: false,
            last_poll: None,
            last_success: None,
            next_poll: None,
            error: String::new(),
            branches: Vec::new(),
        }
    }
}

/// How the person's own repository is called among remotes.
fn local_name() -> RemoteName {
    match "local".parse() {
        Ok(name) => name,
        Err(_) => unreachable!("the name is valid"),
    }
}

/// The task that follows HEAD.
struct Follower {
    source: Arc<DevSource>,
    rev: Option<String>,
    shared: Arc<Shared>,
    status: RemoteStatus,
}

impl Follower {
    async fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        let changed = Arc::new(Notify::new());
        let notice = changed.clone();
        let watch = RepositoryWatch::new(&self.source.root, self.source.worktree, move || {
            notice.notify_one();
        });
        let watch = watch
            .inspect_err(
                |error| tracing::warn!(%error, "cannot watch for changes: use `kiln fetch`"),
            )
            .map(Arc::new)
            .ok();
        self.look(watch.as_ref()).await;
        loop {
            tokio::select! {
                () = changed.notified() => {
                    tokio::time::sleep(DEBOUNCE).await;
                    self.look(watch.as_ref()).await;
                }
                Some(request) = requests.recv() => {
                    let known = |name: &RemoteName| *name == self.status.name;
                    let answer = match request.remotes.iter().find(|name| !known(name)) {
                        Some(name) => Err(FetchError::UnknownRemote {
                            name: name.clone(),
                            known: self.status.name.to_string(),
                        }),
                        None => { self.look(watch.as_ref()).await; Ok(()) }
                    };
                    let _ = request.done.send(answer); // the caller may have gone
                }
            }
        }
    }

    /// Reads HEAD and publishes what changed. Where it cannot be read (a branch
    /// without a commit, a repository being replaced) the selection is kept.
    async fn look(&mut self, watch: Option<&Arc<RepositoryWatch>>) {
        let (source, rev, watch) = (self.source.clone(), self.rev.clone(), watch.cloned());
        let read = tokio::task::spawn_blocking(move || {
            if let Some(watch) = watch {
                watch.arm();
            }
            source.head(rev.as_deref())
        });
        let read = match read.await {
            Ok(read) => read,
            Err(error) => return tracing::error!(%error, "reading HEAD ended without a result"),
        };
        self.status.last_poll = Some(now());
        self.status.reachable = read.is_ok();
        match &read {
            Ok(selection) => {
                self.status.last_success = self.status.last_poll;
                self.status.error.clear();
                self.status.branches = selection
                    .origin
                    .branch
                    .iter()
                    .map(|name| selected(name, selection))
                    .collect();
            }
            Err(error) => self.status.error = error.to_string(),
        }
        self.shared.set_status(0, self.status.clone());
        if let Ok(selection) = read {
            self.shared.select(selection);
        }
    }
}

fn selected(name: &BranchName, selection: &Selection) -> Branch {
    Branch {
        name: name.clone(),
        kind: BranchKind::Main,
        head: selection.commit.id.to_string(),
        verdict: Verdict::Selected,
        message: String::new(),
        hint: String::new(),
    }
}
