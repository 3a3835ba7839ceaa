//! Is this host up to date, and if not, why: derived at each call from the
//! records, never stored. [`conditions`] is pure.

use super::{Parts, convert};
use crate::builder::{BuilderState, Phase};
use crate::model::{self, BlockedReason, Evaluation, Generation, Hook, RemoteName};
use crate::pb::{self, Condition};
use crate::source::{Branch, BranchKind, RemoteStatus, Selection, Verdict};
use std::collections::BTreeMap;
use std::time::Duration;
use time::OffsetDateTime;

/// A remote that has not answered for this many intervals is stale.
const INTERVALS: u32 = 3;

/// Everything conditions are derived from.
pub struct Inputs<'a> {
    pub now: OffsetDateTime,
    /// Since when the agent runs.
    pub started_at: OffsetDateTime,
    pub builder: &'a BuilderState,
    pub current: Option<&'a Generation>,
    pub latest: Option<&'a Generation>,
    pub selection: Option<&'a Selection>,
    pub remotes: &'a [RemoteStatus],
    /// Of the remotes polled by the clock.
    pub intervals: &'a BTreeMap<RemoteName, Duration>,
    pub state_damaged: bool,
    /// Nothing can be written for lack of space.
    pub disk_full: bool,
}

/// The whole status, read now.
pub fn gather(parts: &Parts) -> pb::Status {
    let builder = parts.builder.state();
    let (current, latest) = (parts.state.current(), parts.state.latest());
    let remotes = parts.source.statuses();
    let selection = parts.source.selection().borrow().clone();
    let settings = parts.settings.borrow().clone();
    let full_disk = parts.state.full_disk();
    let inputs = Inputs {
        now: model::now(),
        started_at: parts.started_at,
        builder: &builder,
        current: current.as_ref(),
        latest: latest.as_ref(),
        selection: selection.as_ref(),
        remotes: &remotes,
        intervals: &settings.poll_intervals,
        state_damaged: parts.state.is_damaged(),
        disk_full: full_disk.is_some(),
    };
    pb::Status {
        host: parts.host.to_string(),
        baseline: parts.state.baseline().unwrap_or_default(),
        warnings: [
            parts.state.warnings(),
            settings.warnings,
            parts.warnings.borrow().clone(),
        ]
        .concat(),
        full_disk: full_disk.map_or(String::new(), |folder| folder.display().to_string()),
        ..derived(&inputs)
    }
}

/// What follows from the inputs alone; the rest is empty.
pub(super) fn derived(inputs: &Inputs<'_>) -> pb::Status {
    let conditions = conditions(inputs);
    pb::Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        condition: conditions.first().copied().unwrap_or_default().into(),
        conditions: conditions.into_iter().map(Into::into).collect(),
        builder: Some(convert::builder_state(inputs.builder)),
        current: inputs.current.map(convert::generation),
        latest: inputs.latest.map(convert::generation),
        remotes: inputs.remotes.iter().map(convert::remote_status).collect(),
        ..pb::Status::default()
    }
}

/// All conditions that hold, the gravest first; never empty.
///
/// Where neither anything is wrong or running nor the host is up to date, it
/// waits: for a first answer, a first commit, or somebody who cancelled a build.
pub fn conditions(inputs: &Inputs<'_>) -> Vec<Condition> {
    let phase = inputs.builder.phase;
    let candidates = [
        (Condition::StateDamaged, inputs.state_damaged),
        (Condition::Suspended, inputs.builder.suspension.is_some()),
        (Condition::Held, inputs.builder.hold.is_some()),
        (
            Condition::Failed,
            inputs
                .latest
                .is_some_and(|latest| latest.failure().is_some() && latest.is_ended())
                || has_failed_hook(inputs),
        ),
        (Condition::Refused, is_refused(inputs)),
        (Condition::Stale, is_stale(inputs)),
        (Condition::Waiting, is_waiting(inputs)),
        (
            Condition::Building,
            phase == Phase::Building || is_stopping(inputs, Work::Build),
        ),
        (
            Condition::Evaluating,
            phase == Phase::Evaluating || is_stopping(inputs, Work::Evaluation),
        ),
        (Condition::Applying, is_applying(inputs)),
        (Condition::UpToDate, is_up_to_date(inputs)),
    ];
    let holding = candidates.into_iter().filter(|(_, holds)| *holds);
    let conditions: Vec<Condition> = holding.map(|(condition, _)| condition).collect();
    match conditions.is_empty() {
        true => vec![Condition::Waiting],
        false => conditions,
    }
}

fn has_failed_hook(inputs: &Inputs<'_>) -> bool {
    inputs
        .current
        .is_some_and(|current| current.hooks.iter().any(Hook::is_failed))
}

fn is_applying(inputs: &Inputs<'_>) -> bool {
    inputs.current.is_some_and(Generation::has_open_hooks)
}

#[derive(PartialEq)]
enum Work {
    Evaluation,
    Build,
}

/// While something is being ended, it still runs.
fn is_stopping(inputs: &Inputs<'_>, work: Work) -> bool {
    let is_building = matches!(
        inputs.latest.map(|latest| &latest.evaluation),
        Some(Evaluation::Succeeded { .. })
    );
    inputs.builder.phase == Phase::Stopping && is_building == (work == Work::Build)
}

/// A head was refused and no main head accepted: a mirror that lags, or one
/// that was rewritten beside a good one, is told in its own line.
fn is_refused(inputs: &Inputs<'_>) -> bool {
    let refused = |verdict| match verdict {
        Verdict::Diverged | Verdict::TooFar | Verdict::Untrusted | Verdict::Unreadable => true,
        Verdict::Selected
        | Verdict::Equal
        | Verdict::Older
        | Verdict::BehindMain
        | Verdict::Missing => false,
    };
    let accepted = |branch: &&Branch| {
        branch.kind == BranchKind::Main
            && matches!(
                branch.verdict,
                Verdict::Selected | Verdict::Equal | Verdict::Older
            )
    };
    let branches = || inputs.remotes.iter().flat_map(|remote| &remote.branches);
    let is_accepted = branches().any(|branch| accepted(&branch));
    (!is_accepted && branches().any(|branch| refused(branch.verdict)))
        || blocked(inputs) == Some(BlockedReason::MachineId)
}

/// What the latest evaluation or build waits for.
fn blocked(inputs: &Inputs<'_>) -> Option<BlockedReason> {
    Some(inputs.latest?.blocked()?.reason)
}

fn is_waiting(inputs: &Inputs<'_>) -> bool {
    inputs.builder.phase == Phase::Waiting
        || inputs.disk_full
        || match blocked(inputs) {
            Some(
                BlockedReason::Confirmation
                | BlockedReason::Retry
                | BlockedReason::Cache
                | BlockedReason::Space
                | BlockedReason::Platform,
            ) => true,
            // Each has a line of its own.
            Some(BlockedReason::Suspended | BlockedReason::MachineId | BlockedReason::Building)
            | None => false,
        }
}

/// No remote answered for three intervals, counted from the agent's start.
fn is_stale(inputs: &Inputs<'_>) -> bool {
    let fresh = |remote| answered(inputs, remote, Some(inputs.started_at));
    !inputs.remotes.is_empty() && !inputs.remotes.iter().any(fresh)
}

/// Whether the remote answered lately. One that is asked on request only has
/// answered unless it was asked and did not.
fn answered(
    inputs: &Inputs<'_>,
    remote: &RemoteStatus,
    not_before: Option<OffsetDateTime>,
) -> bool {
    match inputs.intervals.get(&remote.name) {
        Some(interval) if !interval.is_zero() => {
            let last = remote.last_success.max(not_before);
            last.is_some_and(|last| inputs.now - last <= *interval * INTERVALS)
        }
        _ => remote.reachable || remote.last_poll.is_none(),
    }
}

fn is_up_to_date(inputs: &Inputs<'_>) -> bool {
    let (Some(current), Some(latest), Some(selection)) =
        (inputs.current, inputs.latest, inputs.selection)
    else {
        return false;
    };
    let is_selected = current.commit.id == selection.commit.id
        && current.commit.tree == selection.commit.tree
        && current.origin.testing == selection.origin.testing;
    // A later generation of the same selection that was cancelled takes nothing away.
    let nothing_newer =
        current.number == latest.number || (latest.is_ended() && latest.failure().is_none());
    is_selected
        && nothing_newer
        && !inputs.disk_full
        && !is_applying(inputs)
        && !has_failed_hook(inputs)
        && inputs
            .remotes
            .iter()
            .all(|remote| answered(inputs, remote, None))
}

#[cfg(test)]
#[path = "status_tests.rs"]
mod tests;
