//! A hook, and how it came out.

use super::time;
use crate::model::{self, Span};
use crate::pb;

/// Wire form of a hook.
pub(super) fn hook(hook: &model::Hook) -> pb::Hook {
    use model::HookStatus as H;
    use pb::HookStatus as S;
    let waiting = |status: S| pb::Hook {
        name: hook.name.to_string(),
        status: status.into(),
        ..Default::default()
    };
    let ended = |status: S, span: &Span| pb::Hook {
        started_at: Some(time(span.started_at)),
        ended_at: Some(time(span.ended_at)),
        ..waiting(status)
    };
    match &hook.status {
        H::Pending { attempt: _ } => waiting(S::Pending),
        H::Running {
            attempt: _,
            started_at,
        } => pb::Hook {
            started_at: Some(time(*started_at)),
            ..waiting(S::Running)
        },
        H::Succeeded { span } => ended(S::Succeeded, span),
        H::Failed {
            span,
            exit_code,
            log_tail,
        } => pb::Hook {
            exit_code: *exit_code,
            log_tail: log_tail.clone(),
            ..ended(S::Failed, span)
        },
        H::TimedOut { span, log_tail } => pb::Hook {
            log_tail: log_tail.clone(),
            ..ended(S::TimedOut, span)
        },
        H::Cancelled { at, by: _ } => pb::Hook {
            ended_at: Some(time(*at)),
            ..waiting(S::Cancelled)
        },
    }
}
