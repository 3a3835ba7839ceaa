//! One event as one line.

use super::generation::{failure_of, hook_failure, outcome};
use super::text::{clock, first_line, lasting, plain, short};
use crate::pb::{self, event::Event as E};

/// `  41  2026-11-21 09:00:12 UTC  generation 12: built`
pub fn event(event: &pb::Event) -> String {
    format!(
        "{:>6}  {}  {}\n",
        event.seq,
        clock(event.time.as_ref()),
        what(event)
    )
}

fn what(event: &pb::Event) -> String {
    match &event.event {
        None => "something this kiln does not know yet".into(),
        Some(E::Fetched(fetched)) => fetched_line(&fetched.remote.clone().unwrap_or_default()),
        Some(E::Selected(selected)) => {
            let commit = selected.commit.clone().unwrap_or_default();
            let (branch, remote) = (plain(&selected.branch), plain(&selected.remote));
            format!(
                "selected {} {} ({branch} of {remote})",
                short(&commit.id),
                first_line(&commit.summary)
            )
        }
        Some(E::EvalStarted(started)) => of(started.generation.as_ref()),
        Some(E::EvalFinished(finished)) => of(finished.generation.as_ref()),
        Some(E::BuildStarted(started)) => of(started.generation.as_ref()),
        Some(E::BuildFinished(finished)) => of(finished.generation.as_ref()),
        Some(E::StepStarted(step)) => {
            format!(
                "generation {}: step {} started",
                step.generation_number,
                plain(&step.derivation)
            )
        }
        Some(E::StepFinished(step)) => {
            format!("generation {}: {}", step.generation_number, step_line(step))
        }
        Some(E::HookFinished(hook)) => {
            let number = hook.generation_number;
            let hook = hook.hook.clone().unwrap_or_default();
            let went_well = format!("hook {} succeeded", plain(&hook.name));
            format!(
                "generation {number}: {}",
                hook_failure(&hook).unwrap_or(went_well)
            )
        }
        Some(E::Suspended(suspended)) => {
            let pb::Suspension { by, reason, .. } =
                suspended.suspension.clone().unwrap_or_default();
            let why = if reason.is_empty() { "" } else { ": " };
            format!("builds suspended by {}{why}{}", plain(&by), plain(&reason))
        }
        Some(E::Resumed(resumed)) => format!("builds resumed by {}", plain(&resumed.by)),
        Some(E::BaselineMoved(moved)) => format!(
            "baseline is {} now: {}",
            short(&moved.to),
            plain(&moved.reason)
        ),
        Some(E::ConfigurationReloaded(reloaded)) if reloaded.error.is_empty() => {
            match reloaded.needs_restart.is_empty() {
                true => "configuration reloaded".into(),
                false => format!(
                    "configuration reloaded; a restart is needed for {}",
                    plain(&reloaded.needs_restart.join(", "))
                ),
            }
        }
        Some(E::ConfigurationReloaded(reloaded)) => {
            format!("configuration refused: {}", plain(&reloaded.error))
        }
        Some(E::StateRecovered(recovered)) => format!(
            "state recovered: {}; the damaged copy is at {}",
            plain(&recovered.message),
            plain(&recovered.kept_at)
        ),
        Some(E::Snapshot(_)) => "events before this one are no longer kept".into(),
    }
}

fn fetched_line(remote: &pb::RemoteStatus) -> String {
    match remote.reachable {
        true => format!("fetched {}", plain(&remote.name)),
        false => format!(
            "{} does not answer: {}",
            plain(&remote.name),
            first_line(&remote.error)
        ),
    }
}

fn of(generation: Option<&pb::Generation>) -> String {
    let generation = generation.cloned().unwrap_or_default();
    let why = failure_of(&generation).map(|why| format!(": {}", first_line(&why.message)));
    format!(
        "generation {}: {}{}",
        generation.number,
        outcome(&generation),
        why.unwrap_or_default()
    )
}

/// `step hello built in 0.2 s`
pub fn step_line(step: &pb::StepFinished) -> String {
    let end = match (step.status(), step.reused) {
        (_, true) => "reused",
        (pb::BuildStatus::Succeeded, false) => "built",
        (pb::BuildStatus::Failed, false) => "failed",
        (pb::BuildStatus::TimedOut, false) => "timed out",
        (pb::BuildStatus::Cancelled, false) => "cancelled",
        (
            pb::BuildStatus::Unspecified | pb::BuildStatus::Pending | pb::BuildStatus::Running,
            false,
        ) => "ended",
    };
    let length = step
        .duration
        .as_ref()
        .map(|length| time::Duration::new(length.seconds, length.nanos));
    let length = length
        .filter(|_| !step.reused)
        .map(|length| format!(" after {}", lasting(length)));
    format!(
        "step {} {end}{}",
        plain(&step.derivation),
        length.unwrap_or_default()
    )
}
