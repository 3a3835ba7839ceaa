//! Hooks: what the owner of a host wants run after an outcome, and what became
//! of it for one generation.
//!
//! ```text
//! Pending ─▶ Running ─┬▶ Succeeded
//!    ▲  │             ├▶ Failed     (no retry left)
//!    │  │             └▶ TimedOut
//!    │  └▶ Cancelled  (a newer generation took over, or it is configured no more)
//!    └── failed, a retry is left ──┘
//! ```

use super::{CancelledBy, HookName, Span};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// What a hook runs after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Occasion {
    /// `current` came to point at the generation.
    Built,
    /// Its evaluation or build failed or timed out.
    Failed,
    Suspended,
    Resumed,
    /// It is for another machine, or a branch was refused.
    Refused,
}

/// One hook of one generation: its newest run, or the one to come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hook {
    pub name: HookName,
    pub on: Occasion,
    #[serde(flatten)]
    pub status: HookStatus,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum HookStatus {
    /// Waits for its turn, for a resume, or for its next attempt.
    Pending {
        attempt: u32,
    },
    Running {
        attempt: u32,
        /// Also tells this run from every other one.
        #[serde(with = "time::serde::rfc3339")]
        started_at: OffsetDateTime,
    },
    Succeeded {
        span: Span,
    },
    Failed {
        span: Span,
        /// As a shell says it: 128 and the signal, 126 when it could not be started.
        exit_code: i32,
        log_tail: String,
    },
    TimedOut {
        span: Span,
        log_tail: String,
    },
    Cancelled {
        #[serde(with = "time::serde::rfc3339")]
        at: OffsetDateTime,
        by: CancelledBy,
    },
}

impl Hook {
    /// A hook that is to run.
    pub fn due(name: HookName, on: Occasion) -> Self {
        let status = HookStatus::Pending { attempt: 1 };
        Hook { name, on, status }
    }

    /// The run of the hook `name` after `on`.
    pub fn is(&self, name: &HookName, on: Occasion) -> bool {
        self.name == *name && self.on == on
    }

    /// It waits or runs.
    pub fn is_open(&self) -> bool {
        match self.status {
            HookStatus::Pending { .. } | HookStatus::Running { .. } => true,
            HookStatus::Succeeded { .. }
            | HookStatus::Failed { .. }
            | HookStatus::TimedOut { .. }
            | HookStatus::Cancelled { .. } => false,
        }
    }

    /// It ended badly, and no retry is left.
    pub fn is_failed(&self) -> bool {
        match self.status {
            HookStatus::Failed { .. } | HookStatus::TimedOut { .. } => true,
            HookStatus::Pending { .. }
            | HookStatus::Running { .. }
            | HookStatus::Succeeded { .. }
            | HookStatus::Cancelled { .. } => false,
        }
    }
}

/// Which hooks run after what, in the order of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HookPlan(pub Vec<(HookName, Vec<Occasion>)>);

impl HookPlan {
    /// Adds to `hooks` what `occasion` makes due. Of runs that ended only a
    /// hook's newest is kept; what waits or runs is not disturbed.
    pub fn make_due(&self, hooks: &mut Vec<Hook>, occasion: Occasion) {
        for (name, on) in &self.0 {
            if !on.contains(&occasion) {
                continue;
            }
            hooks.retain(|hook| hook.name != *name || hook.is_open());
            if !hooks.iter().any(|hook| hook.is(name, occasion)) {
                hooks.push(Hook::due(name.clone(), occasion));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> HookPlan {
        let name = |name: &str| name.parse().unwrap();
        HookPlan(vec![
            (name("apply"), vec![Occasion::Built]),
            (name("tell"), vec![Occasion::Built, Occasion::Failed]),
        ])
    }

    fn names(hooks: &[Hook]) -> Vec<&str> {
        hooks.iter().map(|hook| hook.name.as_str()).collect()
    }

    #[test]
    fn only_hooks_of_the_occasion_become_due_in_the_order_of_the_configuration() {
        let mut hooks = Vec::new();
        plan().make_due(&mut hooks, Occasion::Suspended);
        assert_eq!(names(&hooks), [""; 0]);
        plan().make_due(&mut hooks, Occasion::Failed);
        assert_eq!(names(&hooks), ["tell"]);
        let mut hooks = Vec::new();
        plan().make_due(&mut hooks, Occasion::Built);
        assert_eq!(names(&hooks), ["apply", "tell"]);
    }

    #[test]
    fn a_hook_that_ended_begins_anew_and_one_that_runs_is_not_disturbed() {
        let at = OffsetDateTime::UNIX_EPOCH;
        let mut hooks = Vec::new();
        plan().make_due(&mut hooks, Occasion::Failed);
        hooks[0].status = HookStatus::Running {
            attempt: 2,
            started_at: at,
        };
        let running = hooks.clone();
        plan().make_due(&mut hooks, Occasion::Failed);
        assert_eq!(hooks, running);
        plan().make_due(&mut hooks, Occasion::Built);
        assert_eq!(hooks[0], running[0], "another occasion comes after it");
        assert_eq!(names(&hooks), ["tell", "apply", "tell"]);
        hooks.truncate(1);
        hooks[0].status = HookStatus::Cancelled {
            at,
            by: CancelledBy::Stop,
        };
        plan().make_due(&mut hooks, Occasion::Failed);
        assert_eq!(
            hooks,
            [Hook::due("tell".parse().unwrap(), Occasion::Failed)]
        );
        hooks[0].status = HookStatus::Cancelled {
            at,
            by: CancelledBy::Stop,
        };
        plan().make_due(&mut hooks, Occasion::Built);
        assert_eq!(
            names(&hooks),
            ["apply", "tell"],
            "how it failed before is over"
        );
    }

    #[test]
    fn a_record_of_a_hook_reads_back_as_it_was_written() {
        let span = Span {
            attempt: 2,
            started_at: OffsetDateTime::UNIX_EPOCH,
            ended_at: OffsetDateTime::UNIX_EPOCH,
        };
        let hook = Hook {
            name: "apply".parse().unwrap(),
            on: Occasion::Built,
            status: HookStatus::Failed {
                span,
                exit_code: 7,
                log_tail: "no".into(),
            },
        };
        let json = serde_json::to_string(&hook).unwrap();
        assert_eq!(serde_json::from_str::<Hook>(&json).unwrap(), hook);
    }
}
