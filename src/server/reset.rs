//! Accepting that a branch was rewritten: the baseline moves, by hand, to the
//! head it has now. What was seen must be what is there, so the remote is asked
//! once more first.

use super::Parts;
use super::access::Caller;
use super::builder_service::checked_reason;
use super::refusal::{from_fetch, from_refusal, refuse};
use crate::model::{CommitId, RemoteName};
use crate::pb;
use crate::source::{Branch, BranchKind, RemoteStatus};
use std::sync::Arc;
use tonic::{Code, Status};

/// Moves the baseline to `wanted`'s commit; answers with it, and with the words
/// of the audit log.
pub(super) async fn accept(
    parts: Arc<Parts>,
    caller: Caller,
    wanted: pb::AcceptResetRequest,
) -> Result<(pb::AcceptResetResponse, String), Status> {
    let invalid = |error: crate::model::InvalidName| Status::invalid_argument(error.to_string());
    let remote: RemoteName = wanted.remote.parse().map_err(invalid)?;
    let commit: CommitId = wanted.commit_id.parse().map_err(invalid)?;
    let reason = checked_reason(wanted.reason)?;
    let fetched = parts.source.fetch(vec![remote]).await;
    let fetched = fetched.map_err(|error| from_fetch(&error))?;
    let remote = fetched
        .first()
        .ok_or_else(|| Status::internal("a defect in kiln"))?;
    is_head(remote, &wanted.branch, &commit)?;
    let why = match reason.as_str() {
        "" => format!("accepted by {}", caller.user),
        reason => format!("accepted by {}: {reason}", caller.user),
    };
    let moved = parts.builder.accept_reset(commit.clone(), why).await;
    let from = moved.map_err(|refusal| from_refusal(&refusal))?;
    let from = from.map_or("none".to_owned(), String::from);
    let baseline = commit.to_string();
    let message = format!("the baseline was {from}, it is {baseline}");
    Ok((pb::AcceptResetResponse { baseline }, message))
}

/// Whether `commit` is the head of that main branch, as just fetched.
fn is_head(remote: &RemoteStatus, name: &str, commit: &CommitId) -> Result<(), Status> {
    let refused = |message: String, hint: &str| refuse(Code::FailedPrecondition, message, hint);
    if !remote.reachable {
        let message = format!("{} does not answer: {}", remote.name, remote.error);
        return Err(refused(message, "ask again once kiln fetch reaches it"));
    }
    let branch = remote
        .branches
        .iter()
        .find(|branch| branch.name.as_str() == name);
    let branch = branch.ok_or_else(|| unknown(remote, name))?;
    match branch.kind {
        BranchKind::Main => {}
        BranchKind::Testing => {
            let message = format!("{name} is a testing branch: the baseline is a commit of main");
            return Err(refused(message, "rebase it onto main"));
        }
    }
    match branch.head.as_str() {
        "" => Err(refused(
            format!("{} has no branch {name}", remote.name),
            "kiln fetch",
        )),
        head if head == commit.as_str() => Ok(()),
        head => Err(refused(
            format!(
                "{name} of {} is at {head} now, not at {commit}",
                remote.name
            ),
            &format!(
                "look at what it is, then: kiln accept-reset {} {name} {head}",
                remote.name
            ),
        )),
    }
}

fn unknown(remote: &RemoteStatus, name: &str) -> Status {
    let tracked = |branch: &Branch| branch.name.to_string();
    let known: Vec<String> = remote.branches.iter().map(tracked).collect();
    refuse(
        Code::NotFound,
        format!(
            "branch {name:?} of {} is not tracked; known: {}",
            remote.name,
            known.join(", ")
        ),
        "kiln status lists the remotes and their branches",
    )
}
