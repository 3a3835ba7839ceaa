//! The way of every call that changes something: who asks, may they, can it be
//! recorded; then the change, its line in the audit log, the answer. And of
//! every call that reads: may they.
//!
//! Once it began, a change goes on whether its caller stays or not, so that no
//! change is without its line.

use super::Parts;
use super::access::{Caller, Role};
use super::refusal::refuse;
use crate::audit::{AuditError, AuditLog, AuditResult, Entry};
use crate::model::now;
use std::future::Future;
use std::sync::Arc;
use tonic::{Code, Request, Status};

/// How callers come.
const VIA: &str = "unix";

/// What is asked for, in the words of the audit log.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    /// The rpc.
    pub action: &'static str,
    pub target: String,
    /// In the caller's own words.
    pub reason: String,
}

impl Asked {
    pub fn new(action: &'static str, target: impl Into<String>) -> Self {
        Asked {
            action,
            target: target.into(),
            reason: String::new(),
        }
    }

    pub fn because(self, reason: &str) -> Self {
        Asked {
            reason: reason.to_owned(),
            ..self
        }
    }

    fn entry(self, caller: &Caller, result: AuditResult, message: String) -> Entry {
        Entry {
            time: now(),
            uid: caller.uid,
            user: caller.user.clone(),
            via: VIA,
            action: self.action,
            target: self.target,
            reason: self.reason,
            result,
            message,
        }
    }
}

impl Parts {
    /// Lets the caller read.
    ///
    /// # Errors
    /// PERMISSION_DENIED, which is recorded.
    pub(super) async fn read<T>(
        &self,
        request: &Request<T>,
        action: &'static str,
    ) -> Result<(), Status> {
        if self.access.role(request) >= Role::Reader {
            return Ok(());
        }
        let caller = self.access.caller(request).await;
        Err(self
            .denied(caller, Asked::new(action, ""), Role::Reader)
            .await)
    }

    /// Does `work` for a caller who may change things; what it answers comes
    /// with the words of the audit log on what came of it.
    ///
    /// # Errors
    /// PERMISSION_DENIED, that it cannot be recorded, or what `work` says.
    pub(super) async fn change<T, R, F>(
        self: &Arc<Self>,
        request: &Request<T>,
        asked: Asked,
        work: impl FnOnce(Arc<Parts>, Caller) -> F,
    ) -> Result<R, Status>
    where
        R: Send + 'static,
        F: Future<Output = Result<(R, String), Status>> + Send + 'static,
    {
        let caller = self.access.caller(request).await;
        if caller.role < Role::Member {
            return Err(self.denied(caller, asked, Role::Member).await);
        }
        with_log(&self.audit, AuditLog::ready)
            .await
            .map_err(|error| unrecorded(&error, "nothing was changed"))?;
        let work = work(Arc::clone(self), caller.clone());
        let log = Arc::clone(&self.audit);
        let done = self.changes.spawn(async move {
            let ended = work.await;
            let (result, message) = match &ended {
                Ok((_, message)) => (AuditResult::Done, message.clone()),
                Err(status) => (judged(status), status.message().to_owned()),
            };
            let entry = asked.entry(&caller, result, message);
            let written = with_log(&log, move |log| log.append(&entry)).await;
            let what = match ended {
                Ok(_) => "it was done, but is not recorded",
                Err(_) => "nothing was changed",
            };
            written.map_err(|error| unrecorded(&error, what))?;
            ended.map(|(answer, _)| answer)
        });
        done.await
            .unwrap_or_else(|error| Err(Status::internal(format!("a defect in kiln: {error}"))))
    }

    async fn denied(&self, caller: Caller, asked: Asked, wanted: Role) -> Status {
        let status = self.access.refusal(&caller, wanted);
        tracing::warn!(
            uid = caller.uid,
            user = caller.user,
            action = asked.action,
            "refused"
        );
        let entry = asked.entry(&caller, AuditResult::Refused, status.message().to_owned());
        let write = move |log: &AuditLog| log.ready().and_then(|()| log.append(&entry));
        if let Err(error) = with_log(&self.audit, write).await {
            tracing::error!(%error, "a refusal is not recorded");
        }
        status
    }
}

/// Writes on a thread that may block.
async fn with_log(
    log: &Arc<AuditLog>,
    write: impl FnOnce(&AuditLog) -> Result<(), AuditError> + Send + 'static,
) -> Result<(), AuditError> {
    let log = Arc::clone(log);
    let written = tokio::task::spawn_blocking(move || write(&log)).await;
    written.unwrap_or(Err(AuditError::Lost))
}

fn unrecorded(error: &AuditError, what: &str) -> Status {
    tracing::error!(%error, "{what}");
    refuse(
        Code::Internal,
        format!("{error}; {what}"),
        "every change is recorded: make room or mend the state directory, then ask again",
    )
}

/// Whose fault it was.
fn judged(status: &Status) -> AuditResult {
    match status.code() {
        Code::Unknown
        | Code::DeadlineExceeded
        | Code::ResourceExhausted
        | Code::Aborted
        | Code::Internal
        | Code::Unavailable
        | Code::DataLoss => AuditResult::Failed,
        Code::Ok
        | Code::Cancelled
        | Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::FailedPrecondition
        | Code::OutOfRange
        | Code::Unimplemented
        | Code::Unauthenticated => AuditResult::Refused,
    }
}
