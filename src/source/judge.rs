//! From fetched heads to verdicts: reads the commits, then asks the pure
//! selection. Blocking.

use super::ancestry::{Ancestry, Relation};
use super::config::RemoteConfig;
use super::fetch::Heads;
use super::repository::{self, RepositoryError, commit_id, oid, read_commit};
use super::select::{Anchor, BranchHead, Chosen, Head, RemoteHeads, select};
use super::{Branch, BranchKind, Selection};
use crate::model::{BranchName, CommitId, Origin};
use git2::Repository;
use std::path::Path;

/// What is thought of every branch, and the commit chosen.
#[derive(Debug)]
pub(super) struct Judgement {
    pub selection: Option<Selection>,
    /// Per remote, in the order of the configuration.
    pub branches: Vec<Vec<Branch>>,
}

/// Judges every head; `heads` holds `None` for a remote nothing is known of.
pub(super) fn judge(
    path: &Path,
    remotes: &[RemoteConfig],
    heads: &[Option<Heads>],
    anchor: &Anchor,
    ancestry: &Ancestry,
) -> Result<Judgement, RepositoryError> {
    let repository = repository::open(path)?;
    let read: Vec<_> = remotes
        .iter()
        .zip(heads)
        .map(|(r, h)| remote_heads(&repository, r, h.as_ref()))
        .collect();
    let relation = |ancestor: &CommitId, head: &CommitId| -> Relation {
        ancestry.relation(&repository, ancestor, head)
    };
    let (chosen, branches) = select(&read, anchor, &relation);
    let selection = chosen
        .map(|chosen| selection(&repository, chosen))
        .transpose()?;
    Ok(Judgement {
        selection,
        branches,
    })
}

fn remote_heads(
    repository: &Repository,
    remote: &RemoteConfig,
    heads: Option<&Heads>,
) -> RemoteHeads {
    let branch = |name: &BranchName| BranchHead {
        name: name.clone(),
        kind: if *name == remote.main {
            BranchKind::Main
        } else {
            BranchKind::Testing
        },
        head: match heads.map(|heads| heads.get(name).cloned().flatten()) {
            None => Head::Unknown,
            Some(None) => Head::Missing,
            Some(Some(id)) => match read_commit(repository, oid(&id)) {
                Ok(_) => Head::At(id),
                Err(error) => Head::Unreadable(id, error.to_string()),
            },
        },
    };
    RemoteHeads {
        name: remote.name.clone(),
        branches: remote.branches().iter().map(branch).collect(),
    }
}

fn selection(repository: &Repository, chosen: Chosen) -> Result<Selection, RepositoryError> {
    Ok(Selection {
        commit: read_commit(repository, oid(&chosen.commit))?,
        origin: Origin {
            remote: Some(chosen.remote),
            branch: Some(chosen.branch),
            testing: chosen.kind == BranchKind::Testing,
        },
    })
}

/// What earlier runs fetched of a remote; `None` when that is nothing.
pub(super) fn stored_heads(path: &Path, remote: &RemoteConfig) -> Option<Heads> {
    let repository = repository::open(path).ok()?;
    let head = |name: &BranchName| {
        let id = repository.refname_to_id(&repository::tracking_ref(&remote.name, name));
        id.ok().map(commit_id)
    };
    let heads: Heads = remote
        .branches()
        .into_iter()
        .map(|name| (name.clone(), head(&name)))
        .collect();
    heads.values().any(Option::is_some).then_some(heads)
}
