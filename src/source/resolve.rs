//! From what a person types to a commit. Blocking.

use super::Selection;
use super::ancestry::{Relation, is_descendant};
use super::config::RemoteConfig;
use super::dev::DevSource;
use super::repository::{self, RepositoryError, read_commit, tracked_head};
use crate::model::{BranchName, CommitId, Origin, RemoteName};
use git2::Repository;
use std::path::PathBuf;

/// A revision longer than this names nothing.
const REVISION_LIMIT: usize = 400;

/// Why a revision is no commit; the message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    #[error("nothing is selected yet: see the verdict of every branch with `kiln fetch`")]
    NothingSelected,
    #[error("there is no remote {name}; known: {known}")]
    UnknownRemote { name: String, known: String },
    #[error("branch {name} is not tracked, or not fetched yet; known: {known}")]
    UnknownBranch { name: String, known: String },
    #[error(
        "{rev:?} names no commit here: {why}; only tracked branches are fetched, run `kiln fetch` first or push it to one"
    )]
    UnknownRevision { rev: String, why: String },
    #[error("this source is a work tree and has no remotes: give a revision instead")]
    NoRemotes,
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    #[error(transparent)]
    Dev(#[from] super::dev::DevError),
    #[error("the agent is stopping")]
    Stopped,
}

/// Where commits are looked up.
pub(super) enum Resolver {
    Remotes {
        repository: PathBuf,
        remotes: Vec<RemoteConfig>,
        initial_commit: Option<CommitId>,
    },
    Dev(Box<DevSource>),
}

/// What a commit must descend from, and how it stands to that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// In words: the baseline, or initial_commit.
    pub name: &'static str,
    pub anchor: CommitId,
    pub relation: Relation,
}

impl Resolver {
    pub fn resolve(
        &self,
        rev: &str,
        remote: Option<&str>,
        branch: Option<&str>,
    ) -> Result<Selection, ResolveError> {
        let rev = rev.strip_prefix("rev:").unwrap_or(rev);
        match self {
            Resolver::Dev(_) if remote.is_some() => Err(ResolveError::NoRemotes),
            Resolver::Dev(dev) => {
                let rev = Some(rev).filter(|rev| !rev.is_empty()).or(branch);
                Ok(dev.head(rev)?)
            }
            Resolver::Remotes {
                repository,
                remotes,
                ..
            } => {
                let repository = repository::open(repository)?;
                let heads = tracked(&repository, remotes, remote)?;
                lookup(&repository, &heads, rev, branch)
            }
        }
    }
}

impl Resolver {
    /// How `head` stands to the baseline, else to the initial commit; `None`
    /// where it need not descend from anything.
    pub fn standing(
        &self,
        baseline: Option<CommitId>,
        head: &CommitId,
    ) -> Result<Option<Standing>, RepositoryError> {
        let (path, initial) = match self {
            Resolver::Dev(_) => return Ok(None),
            Resolver::Remotes {
                repository,
                initial_commit,
                ..
            } => (repository, initial_commit.clone()),
        };
        let (name, anchor) = match (baseline, initial) {
            (Some(baseline), _) => ("the baseline", baseline),
            (None, Some(initial)) => ("trust.initial_commit", initial),
            (None, None) => return Ok(None),
        };
        let relation = is_descendant(&repository::open(path)?, &anchor, head);
        Ok(Some(Standing {
            name,
            anchor,
            relation,
        }))
    }
}

/// One tracked branch and its head.
struct Tracked {
    remote: RemoteName,
    branch: BranchName,
    testing: bool,
    head: CommitId,
}

/// Of every remote, or of one; in order of preference, main first.
fn tracked(
    repository: &Repository,
    remotes: &[RemoteConfig],
    only: Option<&str>,
) -> Result<Vec<Tracked>, ResolveError> {
    if let Some(name) = only
        && !remotes.iter().any(|remote| remote.name.as_str() == name)
    {
        let known: Vec<_> = remotes.iter().map(|remote| remote.name.as_str()).collect();
        return Err(ResolveError::UnknownRemote {
            name: name.into(),
            known: known.join(", "),
        });
    }
    let mut found = Vec::new();
    for remote in remotes
        .iter()
        .filter(|r| only.is_none_or(|only| r.name.as_str() == only))
    {
        for branch in remote.branches() {
            if let Some(head) = tracked_head(repository, &remote.name, &branch) {
                let testing = branch != remote.main;
                found.push(Tracked {
                    remote: remote.name.clone(),
                    branch,
                    testing,
                    head,
                });
            }
        }
    }
    Ok(found)
}

fn lookup(
    repository: &Repository,
    heads: &[Tracked],
    rev: &str,
    branch: Option<&str>,
) -> Result<Selection, ResolveError> {
    let by_name = |name: &str| {
        heads
            .iter()
            .find(|t| t.branch.as_str() == name || format!("{}/{}", t.remote, t.branch) == name)
    };
    match branch {
        Some(name) if by_name(name).is_none() => {
            let known: Vec<_> = heads
                .iter()
                .map(|t| format!("{}/{}", t.remote, t.branch))
                .collect();
            return Err(ResolveError::UnknownBranch {
                name: name.into(),
                known: known.join(", "),
            });
        }
        _ => {}
    }
    let named = match rev {
        "" => branch.map_or(heads.first(), by_name),
        rev => by_name(rev),
    };
    if let Some(found) = named {
        return selection(repository, repository::oid(&found.head), Some(found));
    }
    let id = revparse(repository, rev)?;
    let at = |t: &&Tracked| {
        repository::oid(&t.head) == id && branch.is_none_or(|b| t.branch.as_str() == b)
    };
    selection(repository, id, heads.iter().find(at))
}

/// Anything Git resolves to a commit.
pub(super) fn revparse(repository: &Repository, rev: &str) -> Result<git2::Oid, ResolveError> {
    let unknown = |why: &str| ResolveError::UnknownRevision {
        rev: rev.chars().take(80).collect(),
        why: why.into(),
    };
    if rev.is_empty() || rev.len() > REVISION_LIMIT || rev.contains('\0') {
        return Err(unknown("it is empty or too long"));
    }
    let object = repository
        .revparse_single(rev)
        .map_err(|error| unknown(error.message()))?;
    let commit = object
        .peel_to_commit()
        .map_err(|error| unknown(error.message()))?;
    Ok(commit.id())
}

fn selection(
    repository: &Repository,
    id: git2::Oid,
    at: Option<&Tracked>,
) -> Result<Selection, ResolveError> {
    Ok(Selection {
        commit: read_commit(repository, id)?,
        origin: Origin {
            remote: at.map(|t| t.remote.clone()),
            branch: at.map(|t| t.branch.clone()),
            testing: at.is_some_and(|t| t.testing),
        },
    })
}
