//! The bare repository of the state, and reading commits from any repository.

use crate::model::{BranchName, Commit, CommitId, RemoteName};
use git2::{IndexEntry, IndexTime, Oid, Repository, RepositoryInitOptions};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Once;
use time::OffsetDateTime;

/// Where tracked branches are kept: `refs/kiln/remotes/<remote>/<branch>`.
pub const TRACKING: &str = "refs/kiln/remotes";

/// All the configuration it has: no hooks, no filters, objects and refs are on
/// the disk before they count.
const CONFIG: &str = "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n\
    \thooksPath = /dev/null\n\tattributesFile = /dev/null\n\tfsyncObjectFiles = true\n\
    [gc]\n\tauto = 0\n";

/// A repository that cannot be made, opened or read.
#[derive(Debug, thiserror::Error)]
pub enum RepositoryError {
    #[error("cannot {doing} the Git repository {}", .path.display())]
    Git {
        doing: &'static str,
        path: PathBuf,
        source: git2::Error,
    },
    #[error("cannot write {}", .path.display())]
    Write {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("cannot read commit {id}: {}", .source.message())]
    Commit { id: String, source: git2::Error },
}

/// What an index holds of one blob to become part of a tree: nothing of a file.
pub fn index_entry(path: &Path, mode: u32, id: Oid) -> IndexEntry {
    IndexEntry {
        ctime: IndexTime::new(0, 0),
        mtime: IndexTime::new(0, 0),
        dev: 0,
        ino: 0,
        mode,
        uid: 0,
        gid: 0,
        file_size: 0,
        id,
        flags: 0,
        flags_extended: 0,
        path: path.as_os_str().as_bytes().to_vec(),
    }
}

/// Opens a repository for reading its objects.
///
/// # Errors
/// When there is none at `path`, or it cannot be opened.
pub fn open(path: &Path) -> Result<Repository, RepositoryError> {
    Repository::open(path).map_err(|source| git_error("open", path, source))
}

/// The bare repository at `path`, made when it is missing, with safe
/// configuration and no objects but its own and those in `alternate`.
///
/// # Errors
/// When it cannot be made, written or opened.
pub fn open_or_create(
    path: &Path,
    alternate: Option<&Path>,
) -> Result<Repository, RepositoryError> {
    if !path.join("HEAD").exists() {
        let mut options = RepositoryInitOptions::new();
        options
            .bare(true)
            .external_template(false)
            .initial_head("main");
        Repository::init_opts(path, &options)
            .map_err(|source| git_error("create", path, source))?;
    }
    keep_as(&path.join("config"), Some(CONFIG.as_bytes()))?;
    let line = alternate.map(|folder| [folder.as_os_str().as_encoded_bytes(), b"\n"].concat());
    keep_as(&path.join("objects/info/alternates"), line.as_deref())?;
    open(path)
}

/// Removes what killed children left: locks of tracking refs, half packs. Only
/// while nothing fetches.
pub fn remove_leftovers(path: &Path) {
    remove_locks(&path.join(TRACKING));
    let Ok(entries) = std::fs::read_dir(path.join("objects/pack")) else {
        return;
    };
    for entry in entries.flatten() {
        if entry
            .file_name()
            .as_encoded_bytes()
            .starts_with(b"pack_git2_")
        {
            let _ = std::fs::remove_file(entry.path()); // the next start tries again
        }
    }
}

/// Removes the locks beneath a folder of refs that nobody else writes.
pub fn remove_locks(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_locks(&entry.path());
        } else if entry.path().extension().is_some_and(|end| end == "lock") {
            let _ = std::fs::remove_file(entry.path()); // else taking the lock fails and says so
        }
    }
}

/// The ref that follows `branch` of `remote`.
pub fn tracking_ref(remote: &RemoteName, branch: &BranchName) -> String {
    format!("{TRACKING}/{remote}/{branch}")
}

/// The commit a tracking ref was left at.
pub fn tracked_head(
    repository: &Repository,
    remote: &RemoteName,
    branch: &BranchName,
) -> Option<CommitId> {
    let head = repository
        .refname_to_id(&tracking_ref(remote, branch))
        .ok()?;
    Some(commit_id(head))
}

/// A commit as generations carry it.
///
/// # Errors
/// When the object is missing, damaged or no commit, or its tree is missing.
pub fn read_commit(repository: &Repository, id: Oid) -> Result<Commit, RepositoryError> {
    let unreadable = |source| RepositoryError::Commit {
        id: id.to_string(),
        source,
    };
    let commit = repository.find_commit(id).map_err(unreadable)?;
    let tree = commit.tree().map_err(unreadable)?.id();
    let author = commit.author();
    Ok(Commit {
        id: commit_id(id),
        tree: tree.to_string(),
        summary: lossy(commit.summary_bytes().unwrap_or_default()),
        author: format!(
            "{} <{}>",
            lossy(author.name_bytes()),
            lossy(author.email_bytes())
        ),
        time: OffsetDateTime::from_unix_timestamp(commit.time().seconds())
            .unwrap_or(OffsetDateTime::UNIX_EPOCH), // a date beyond the calendar says nothing
        dirty: false,
    })
}

/// Git's id as the model writes it.
pub fn commit_id(id: Oid) -> CommitId {
    match id.to_string().parse() {
        Ok(id) => id,
        Err(_) => unreachable!("git writes ids as 40 lower-case hex digits"),
    }
}

/// The model's id as Git reads it.
pub fn oid(id: &CommitId) -> Oid {
    match Oid::from_str(id.as_str()) {
        Ok(id) => id,
        Err(_) => unreachable!("a commit id is 40 hex digits"),
    }
}

/// Lets this process open repositories that belong to somebody else. libgit2's
/// check protects programs that obey a repository's configuration; kiln reads
/// objects and runs nothing, and checks who owns a remote itself.
pub fn accept_any_owner() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: the option is one int, read when a repository is opened; the
        // Once keeps writers apart, and a reader sees the old or the new value.
        let set = unsafe { git2::opts::set_verify_owner_validation(false) };
        if let Err(error) = set {
            tracing::warn!(%error, "libgit2 keeps checking owners");
        }
    });
}

fn lossy(text: &[u8]) -> String {
    String::from_utf8_lossy(text).into_owned()
}

fn git_error(doing: &'static str, path: &Path, source: git2::Error) -> RepositoryError {
    RepositoryError::Git {
        doing,
        path: path.to_owned(),
        source,
    }
}

/// Makes a file hold exactly this, or not be there.
fn keep_as(path: &Path, content: Option<&[u8]>) -> Result<(), RepositoryError> {
    let write_error = |source| RepositoryError::Write {
        path: path.to_owned(),
        source,
    };
    match content {
        Some(content) if std::fs::read(path).is_ok_and(|found| found == content) => Ok(()),
        Some(content) => {
            let new = path.with_extension("new");
            path.parent()
                .map_or(Ok(()), std::fs::create_dir_all)
                .and_then(|()| std::fs::write(&new, content))
                .and_then(|()| std::fs::rename(&new, path))
                .map_err(write_error)
        }
        None => match std::fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(write_error(error)),
            _ => Ok(()),
        },
    }
}
