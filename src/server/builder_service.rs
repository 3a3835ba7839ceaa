//! The Builder service: each call is a recorded change ([`super::change`])
//! handed to the Builder's handle. A caller that hangs up undoes nothing.

use super::access::{Caller, Role};
use super::change::Asked;
use super::refusal::{from_refusal, from_resolve, not_yet, refuse};
use super::{Parts, convert};
use crate::model::GenerationNumber;
use crate::pb;
use crate::source::Selection;
use crate::source::ancestry::{Relation, WALK_LIMIT};
use std::sync::Arc;
use tonic::{Code, Request, Response, Status};

pub struct Service(pub Arc<Parts>);

#[tonic::async_trait]
impl pb::builder_server::Builder for Service {
    async fn eval(
        &self,
        request: Request<pb::EvalRequest>,
    ) -> Result<Response<pb::EvalResponse>, Status> {
        let asked = Asked::new("Builder.Eval", wanted_text(request.get_ref()));
        let wanted = request.get_ref().clone();
        let work = |parts: Arc<Parts>, caller| async move {
            if wanted.hold.is_some() {
                return Err(not_yet("Builder.Eval with hold"));
            }
            let (selection, by_hand) = parts.wanted(&wanted, &caller).await?;
            let commit = selection.commit.id.clone();
            let made = parts.builder.eval(selection, by_hand).await;
            let generation = made.map_err(|r| from_refusal(&r))?;
            let message = format!("generation {} of {commit}", generation.number);
            let generation = Some(convert::generation(&generation));
            Ok((pb::EvalResponse { generation }, message))
        };
        let answer = self.0.change(&request, asked, work).await?;
        Ok(Response::new(answer))
    }

    async fn submit_build(
        &self,
        request: Request<pb::SubmitBuildRequest>,
    ) -> Result<Response<pb::SubmitBuildResponse>, Status> {
        let number = number(request.get_ref().generation_number);
        let asked = Asked::new("Builder.SubmitBuild", generation_text(number));
        let work = |parts: Arc<Parts>, _| async move {
            let submitted = parts.builder.submit_build(number).await;
            let generation = submitted.map_err(|r| from_refusal(&r))?;
            let message = format!("generation {}", generation.number);
            let generation = Some(convert::generation(&generation));
            Ok((pb::SubmitBuildResponse { generation }, message))
        };
        let answer = self.0.change(&request, asked, work).await?;
        Ok(Response::new(answer))
    }

    async fn confirm(
        &self,
        request: Request<pb::ConfirmRequest>,
    ) -> Result<Response<pb::ConfirmResponse>, Status> {
        let number = number(request.get_ref().generation_number);
        let asked = Asked::new("Builder.Confirm", generation_text(number));
        let work = |_, _| async { Err(not_yet("Builder.Confirm")) };
        let answer = self.0.change(&request, asked, work).await?;
        Ok(Response::new(answer))
    }

    async fn suspend(
        &self,
        request: Request<pb::SuspendRequest>,
    ) -> Result<Response<pb::SuspendResponse>, Status> {
        let wanted = request.get_ref().clone();
        let target = wanted
            .duration
            .as_ref()
            .map(|length| format!("for {} s", length.seconds));
        let asked =
            Asked::new("Builder.Suspend", target.unwrap_or_default()).because(&wanted.reason);
        let work = |parts: Arc<Parts>, caller: Caller| async move {
            let reason = checked_reason(wanted.reason)?;
            let duration = wanted.duration.map(positive).transpose()?;
            let suspended = parts.builder.suspend(reason, duration, caller.user).await;
            let state = suspended.map_err(|r| from_refusal(&r))?;
            let state = Some(convert::builder_state(&state));
            Ok((pb::SuspendResponse { state }, "suspended".to_owned()))
        };
        let answer = self.0.change(&request, asked, work).await?;
        Ok(Response::new(answer))
    }

    async fn resume(
        &self,
        request: Request<pb::ResumeRequest>,
    ) -> Result<Response<pb::ResumeResponse>, Status> {
        let work = |parts: Arc<Parts>, caller: Caller| async move {
            let resumed = parts.builder.resume(caller.user).await;
            let state = resumed.map_err(|r| from_refusal(&r))?;
            let state = Some(convert::builder_state(&state));
            Ok((pb::ResumeResponse { state }, "resumed".to_owned()))
        };
        let asked = Asked::new("Builder.Resume", "");
        let answer = self.0.change(&request, asked, work).await?;
        Ok(Response::new(answer))
    }

    async fn stop(
        &self,
        request: Request<pb::StopRequest>,
    ) -> Result<Response<pb::StopResponse>, Status> {
        let running = self.0.builder.state().generation;
        let asked = Asked::new("Builder.Stop", generation_text(running));
        let asked = asked.because(&request.get_ref().reason);
        let work = |parts: Arc<Parts>, _| async move {
            let stopped = parts.builder.stop().await;
            let state = stopped.map_err(|r| from_refusal(&r))?;
            let state = Some(convert::builder_state(&state));
            Ok((
                pb::StopResponse { state },
                "what ran is cancelled".to_owned(),
            ))
        };
        let answer = self.0.change(&request, asked, work).await?;
        Ok(Response::new(answer))
    }

    async fn get_state(
        &self,
        request: Request<pb::GetStateRequest>,
    ) -> Result<Response<pb::BuilderState>, Status> {
        self.0.read(&request, "Builder.GetState").await?;
        let state = self.0.builder.state();
        Ok(Response::new(convert::builder_state(&state)))
    }
}

impl Parts {
    /// What `eval` was asked for, and whether it was named: a revision or the
    /// head of a branch, else the selection.
    async fn wanted(
        &self,
        request: &pb::EvalRequest,
        caller: &Caller,
    ) -> Result<(Selection, bool), Status> {
        let named = [&request.rev, &request.remote, &request.branch];
        if named.iter().any(|text| !text.is_empty()) {
            let (remote, branch) = (given(&request.remote), given(&request.branch));
            let resolved = self.source.resolve(&request.rev, remote, branch).await;
            let selection = resolved.map_err(|error| from_resolve(&error))?;
            self.may_evaluate(&selection, caller).await?;
            return Ok((selection, true));
        }
        let selected = self.source.selection().borrow().clone();
        let selected = selected.ok_or_else(|| {
            refuse(
                Code::FailedPrecondition,
                "nothing is selected: no remote has offered an acceptable commit yet",
                "kiln fetch asks them now and shows every branch's verdict",
            )
        })?;
        Ok((selected, false))
    }

    /// A commit that does not descend from the baseline is for root and the
    /// agent's own user: it may be what a stolen key pushed.
    async fn may_evaluate(&self, selection: &Selection, caller: &Caller) -> Result<(), Status> {
        let head = &selection.commit.id;
        let baseline = self.state.baseline().and_then(|text| text.parse().ok());
        let standing = self.source.standing(baseline, head.clone()).await;
        let Some(standing) = standing.map_err(|error| from_resolve(&error))? else {
            return Ok(());
        };
        let (name, anchor) = (standing.name, &standing.anchor);
        let why = match standing.relation {
            Relation::Same | Relation::Descendant => return Ok(()),
            Relation::Diverged => format!("{head} does not descend from {name} {anchor}"),
            Relation::TooFar => {
                format!("{head} is more than {WALK_LIMIT} commits from {name} {anchor}")
            }
            Relation::Unreadable => {
                format!("the history between {name} {anchor} and {head} cannot be read")
            }
        };
        if caller.role >= Role::Owner {
            tracing::warn!(
                user = caller.user,
                "{why}; evaluated all the same, as asked for"
            );
            return Ok(());
        }
        Err(refuse(
            Code::PermissionDenied,
            format!("{why}: only root and the agent's own user may evaluate it"),
            "sudo kiln eval it, choose a commit that descends, or kiln accept-reset the branch it is on",
        ))
    }
}

/// Bytes a reason may have.
const REASON: usize = 4096;

/// A reason of a length that people read and files keep.
pub(super) fn checked_reason(reason: String) -> Result<String, Status> {
    match reason.len() > REASON {
        true => Err(Status::invalid_argument(format!(
            "the reason is longer than {REASON} bytes"
        ))),
        false => Ok(reason),
    }
}

fn wanted_text(request: &pb::EvalRequest) -> String {
    let named = [&request.remote, &request.branch, &request.rev];
    let named: Vec<&str> = named.into_iter().filter_map(|text| given(text)).collect();
    match named.is_empty() {
        true => "the selection".to_owned(),
        false => named.join(" "),
    }
}

fn generation_text(number: Option<GenerationNumber>) -> String {
    number.map_or("the latest generation".to_owned(), |number| {
        format!("generation {number}")
    })
}

fn given(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

/// 0 on the wire is "the latest".
fn number(number: u32) -> Option<GenerationNumber> {
    Some(GenerationNumber(number)).filter(|number| number.0 != 0)
}

fn positive(duration: pbjson_types::Duration) -> Result<std::time::Duration, Status> {
    match std::time::Duration::try_from(duration) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        _ => Err(Status::invalid_argument(
            "the duration must be longer than zero",
        )),
    }
}
