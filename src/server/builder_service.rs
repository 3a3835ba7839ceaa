//! The Builder service: each call checks who asks, then hands over to the
//! Builder's handle. A caller that hangs up undoes nothing.

use super::refusal::{from_refusal, refuse};
use super::{Parts, convert};
use crate::builder::HoldFor;
use crate::model::GenerationNumber;
use crate::pb;
use crate::source::Selection;
use std::sync::Arc;
use tonic::{Code, Request, Response, Status};

pub struct Service(pub Arc<Parts>);

#[tonic::async_trait]
impl pb::builder_server::Builder for Service {
    async fn eval(
        &self,
        request: Request<pb::EvalRequest>,
    ) -> Result<Response<pb::EvalResponse>, Status> {
        let by = self.0.access.may_change(&request).await?;
        let request = request.into_inner();
        let hold = request.hold.map(|hold| held(hold, by)).transpose()?;
        let selection = self.wanted(&request).await?;
        let generation = self
            .0
            .builder
            .eval(selection, !request.rev.is_empty(), hold)
            .await
            .map_err(|r| from_refusal(&r))?;
        Ok(Response::new(pb::EvalResponse {
            generation: Some(convert::generation(&generation)),
        }))
    }

    async fn submit_build(
        &self,
        request: Request<pb::SubmitBuildRequest>,
    ) -> Result<Response<pb::SubmitBuildResponse>, Status> {
        self.0.access.may_change(&request).await?;
        let request = request.into_inner();
        let number = number(request.generation_number);
        let submitted = self.0.builder.submit_build(number, request.retry).await;
        let generation = submitted.map_err(|r| from_refusal(&r))?;
        Ok(Response::new(pb::SubmitBuildResponse {
            generation: Some(convert::generation(&generation)),
        }))
    }

    async fn confirm(
        &self,
        request: Request<pb::ConfirmRequest>,
    ) -> Result<Response<pb::ConfirmResponse>, Status> {
        self.0.access.may_change(&request).await?;
        let number = number(request.into_inner().generation_number);
        let confirmed = self.0.builder.confirm(number).await;
        let generation = confirmed.map_err(|r| from_refusal(&r))?;
        Ok(Response::new(pb::ConfirmResponse {
            generation: Some(convert::generation(&generation)),
        }))
    }

    async fn suspend(
        &self,
        request: Request<pb::SuspendRequest>,
    ) -> Result<Response<pb::SuspendResponse>, Status> {
        let by = self.0.access.may_change(&request).await?;
        let request = request.into_inner();
        let duration = request.duration.map(positive).transpose()?;
        let suspended = self.0.builder.suspend(request.reason, duration, by).await;
        let state = suspended.map_err(|r| from_refusal(&r))?;
        Ok(Response::new(pb::SuspendResponse {
            state: Some(convert::builder_state(&state)),
        }))
    }

    async fn resume(
        &self,
        request: Request<pb::ResumeRequest>,
    ) -> Result<Response<pb::ResumeResponse>, Status> {
        let by = self.0.access.may_change(&request).await?;
        let state = self
            .0
            .builder
            .resume(by)
            .await
            .map_err(|r| from_refusal(&r))?;
        Ok(Response::new(pb::ResumeResponse {
            state: Some(convert::builder_state(&state)),
        }))
    }

    async fn stop(
        &self,
        request: Request<pb::StopRequest>,
    ) -> Result<Response<pb::StopResponse>, Status> {
        let by = self.0.access.may_change(&request).await?;
        tracing::info!(
            by,
            reason = request.get_ref().reason,
            "asked to cancel what runs"
        );
        let state = self.0.builder.stop().await.map_err(|r| from_refusal(&r))?;
        Ok(Response::new(pb::StopResponse {
            state: Some(convert::builder_state(&state)),
        }))
    }

    async fn get_state(
        &self,
        _: Request<pb::GetStateRequest>,
    ) -> Result<Response<pb::BuilderState>, Status> {
        Ok(Response::new(convert::builder_state(
            &self.0.builder.state(),
        )))
    }
}

impl Service {
    /// What `eval` was asked for: a revision, else the selection.
    async fn wanted(&self, request: &pb::EvalRequest) -> Result<Selection, Status> {
        if !request.rev.is_empty() {
            let (remote, branch) = (given(&request.remote), given(&request.branch));
            let resolved = self.0.source.resolve(&request.rev, remote, branch).await;
            return resolved.map_err(|error| {
                refuse(
                    Code::FailedPrecondition,
                    error.to_string(),
                    "kiln fetch shows every branch's verdict",
                )
            });
        }
        let selected = self.0.source.selection().borrow().clone();
        selected.ok_or_else(|| {
            refuse(
                Code::FailedPrecondition,
                "nothing is selected: no remote has offered an acceptable commit yet",
                "kiln fetch asks them now and shows every branch's verdict",
            )
        })
    }
}

fn given(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

/// 0 on the wire is "the latest".
fn number(number: u32) -> Option<GenerationNumber> {
    Some(GenerationNumber(number)).filter(|number| number.0 != 0)
}

/// Zero on the wire is "until the next evaluation by hand".
fn held(duration: pbjson_types::Duration, by: String) -> Result<HoldFor, Status> {
    let duration = match duration {
        pbjson_types::Duration {
            seconds: 0,
            nanos: 0,
        } => None,
        some => Some(positive(some)?),
    };
    Ok(HoldFor { duration, by })
}

fn positive(duration: pbjson_types::Duration) -> Result<std::time::Duration, Status> {
    match std::time::Duration::try_from(duration) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        _ => Err(Status::invalid_argument(
            "the duration must be longer than zero",
        )),
    }
}
