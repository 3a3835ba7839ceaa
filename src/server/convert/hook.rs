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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{NOW, at, span};
    use crate::model::{CancelledBy, HookStatus, Occasion};
    use pb::HookStatus as S;

    #[test]
    fn every_state_of_a_hook_has_its_own_form() {
        let (attempt, started_at) = (1, at(NOW));
        let log_tail = "words".to_owned();
        let failed = HookStatus::Failed {
            span: span(),
            exit_code: 7,
            log_tail: log_tail.clone(),
        };
        let (span, by) = (span(), CancelledBy::Stop);
        let timed_out = HookStatus::TimedOut {
            span: span.clone(),
            log_tail,
        };
        let running = HookStatus::Running {
            attempt,
            started_at,
        };
        for (status, wire, times, exit_code, tail) in [
            (
                HookStatus::Pending { attempt },
                S::Pending,
                (false, false),
                0,
                "",
            ),
            (running, S::Running, (true, false), 0, ""),
            (
                HookStatus::Succeeded { span },
                S::Succeeded,
                (true, true),
                0,
                "",
            ),
            (failed, S::Failed, (true, true), 7, "words"),
            (timed_out, S::TimedOut, (true, true), 0, "words"),
            (
                HookStatus::Cancelled { at: started_at, by },
                S::Cancelled,
                (false, true),
                0,
                "",
            ),
        ] {
            let told = hook(&model::Hook {
                name: "apply".parse().unwrap(),
                on: Occasion::Built,
                status,
            });
            assert_eq!((told.name.as_str(), told.status()), ("apply", wire));
            assert_eq!((told.started_at.is_some(), told.ended_at.is_some()), times);
            assert_eq!((told.exit_code, told.log_tail.as_str()), (exit_code, tail));
        }
    }
}
