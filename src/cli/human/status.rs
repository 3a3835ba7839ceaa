//! `kiln status`: is this host up to date, and if not, why, and what to type.

use super::generation::{age, blocked_line, failure, failure_of, hook_failures, outcome};
use super::remote::remotes;
use super::text::{GREEN, RED, YELLOW, ago, clock, first_line, lasting, paint, plain, short};
use crate::pb::{self, BlockedReason, CancelledBy, Condition, HookStatus};
use std::fmt::Write as _;
use time::OffsetDateTime;

/// The whole answer.
pub fn status(status: &pb::Status, now: OffsetDateTime, color: bool) -> String {
    let mut text = oneline(status, now, color);
    if let Some(latest) = &status.latest {
        let _ = writeln!(text, "  latest   {}", summary(latest, now));
        if let Some(progress) = progress(latest) {
            let _ = writeln!(text, "           {progress}");
        }
        if let Some(blocked) = blocked_of(latest) {
            let _ = writeln!(text, "           waits: {}", blocked_line(blocked, now));
        }
        if let Some(why) = failure_of(latest) {
            text.push_str(&failure(why));
        }
    }
    if let Some(current) = status
        .current
        .as_ref()
        .filter(|current| !is_latest(current, status))
    {
        let _ = writeln!(text, "  current  {}", summary(current, now));
    }
    if let Some(current) = &status.current {
        text.push_str(&hooks(current, now));
    }
    text.push_str(&remotes(&status.remotes, now));
    for warning in &status.warnings {
        let _ = writeln!(
            text,
            "  {} {}",
            paint("warning:", YELLOW, color),
            plain(warning)
        );
    }
    if let Some(command) = next_command(status) {
        let _ = writeln!(text, "  next: {command}");
    }
    text
}

/// The first line: the gravest condition, host, generations, commit, title, age.
pub fn oneline(status: &pb::Status, now: OffsetDateTime, color: bool) -> String {
    let condition = paint(
        &condition(status),
        condition_color(status.condition()),
        color,
    );
    format!(
        "{condition}  {}{}\n",
        plain(&status.host),
        about(status, now)
    )
}

/// How far a build that runs has come, and how long it takes yet, where that can
/// be told.
fn progress(latest: &pb::Generation) -> Option<String> {
    let build = latest.build.as_ref();
    let build = build.filter(|build| build.status() == pb::BuildStatus::Running)?;
    let steps = build.steps?;
    let left = steps.estimated_remaining.filter(|left| left.seconds > 0);
    let left = left.map_or(String::new(), |left| {
        let left = time::Duration::seconds(left.seconds);
        format!(", about {} left", lasting(left))
    });
    let (done, total) = (steps.done, steps.total);
    Some(format!("{done} of {total} steps{left}"))
}

/// What of current's hooks is worth a line: those that wait, run or failed.
fn hooks(current: &pb::Generation, now: OffsetDateTime) -> String {
    let mut text = String::new();
    for hook in &current.hooks {
        let name = plain(&hook.name);
        let _ = match hook.status() {
            HookStatus::Pending => writeln!(text, "  hook     {name} waits"),
            HookStatus::Running => {
                let since = ago(hook.started_at.as_ref(), now);
                writeln!(text, "  hook     {name} runs, started {since}")
            }
            HookStatus::Unspecified
            | HookStatus::Succeeded
            | HookStatus::Failed
            | HookStatus::TimedOut
            | HookStatus::Cancelled => Ok(()),
        };
    }
    text.push_str(&hook_failures(current));
    text
}

fn condition(status: &pb::Status) -> String {
    let name = status
        .condition()
        .as_str_name()
        .trim_start_matches("CONDITION_")
        .replace('_', " ");
    let builder = status.builder.clone().unwrap_or_default();
    match (status.condition(), builder.suspension, builder.hold) {
        (Condition::Unspecified, _, _) => "UNKNOWN".into(),
        (Condition::Suspended, Some(suspension), _) => {
            let until = suspension
                .until
                .as_ref()
                .map(|until| format!(" until {}", clock(Some(until))));
            let reason = Some(first_line(&suspension.reason)).filter(|reason| !reason.is_empty());
            format!(
                "{name} since {}{} by {}{}",
                clock(suspension.since.as_ref()),
                until.unwrap_or_default(),
                plain(&suspension.by),
                reason
                    .map(|reason| format!(" ({reason})"))
                    .unwrap_or_default()
            )
        }
        (Condition::Held, _, Some(hold)) => {
            let until = hold
                .until
                .as_ref()
                .map(|until| format!(" until {}", clock(Some(until))));
            format!("{name}{} by {}", until.unwrap_or_default(), plain(&hold.by))
        }
        (Condition::Waiting, _, _) => match waits_for(status) {
            Some(what) => format!("{name} ({what})"),
            None => name,
        },
        _ => name,
    }
}

/// What the host waits for, where the first line says it.
fn waits_for(status: &pb::Status) -> Option<String> {
    if !status.full_disk.is_empty() {
        return Some("space".into());
    }
    let latest = status.latest.as_ref()?;
    if let Some(at) = next_try(latest) {
        return Some(format!("retry at {}", clock(Some(at))));
    }
    let Some(blocked) = blocked_of(latest) else {
        // For somebody who asks for it again, or for another commit.
        return is_cancelled(latest).then(|| "cancelled".into());
    };
    match blocked.reason() {
        BlockedReason::Confirmation => Some("confirmation".into()),
        BlockedReason::Space => Some("space".into()),
        BlockedReason::Cache => Some("cache".into()),
        BlockedReason::Unspecified
        | BlockedReason::Suspended
        | BlockedReason::MachineId
        | BlockedReason::Retry
        | BlockedReason::Platform
        | BlockedReason::Building => None,
    }
}

fn next_try(latest: &pb::Generation) -> Option<&pbjson_types::Timestamp> {
    let (evaluation, build) = (latest.evaluation.as_ref(), latest.build.as_ref());
    let retry = build
        .and_then(|build| build.retry.as_ref())
        .or(evaluation.and_then(|evaluation| evaluation.retry.as_ref()));
    retry?.next_at.as_ref()
}

fn condition_color(condition: Condition) -> &'static str {
    match condition {
        Condition::UpToDate => GREEN,
        Condition::StateDamaged | Condition::Failed | Condition::Refused => RED,
        Condition::Unspecified
        | Condition::Suspended
        | Condition::Held
        | Condition::Stale
        | Condition::Waiting
        | Condition::Building
        | Condition::Evaluating
        | Condition::Applying => YELLOW,
    }
}

fn about(status: &pb::Status, now: OffsetDateTime) -> String {
    let Some(latest) = &status.latest else {
        return ": no generation yet".into();
    };
    let current = match &status.current {
        Some(current) if is_latest(current, status) => String::new(),
        Some(current) => format!(" (current {})", current.number),
        None => " (none is built yet)".into(),
    };
    let commit = latest.commit.clone().unwrap_or_default();
    format!(
        ": generation {}{current}, {} {}{}",
        latest.number,
        short(&commit.id),
        first_line(&commit.summary),
        after(", ", &age(latest, now))
    )
}

fn is_latest(current: &pb::Generation, status: &pb::Status) -> bool {
    status
        .latest
        .as_ref()
        .is_some_and(|latest| latest.number == current.number)
}

fn summary(generation: &pb::Generation, now: OffsetDateTime) -> String {
    let build = generation.build.as_ref();
    let real_path = build.map_or(String::new(), |build| plain(&build.real_path));
    format!(
        "{}  {}{}{}",
        generation.number,
        outcome(generation),
        after(" ", &age(generation, now)),
        after("  ", &real_path)
    )
}

/// `text` with what sets it off from what is before it; nothing when it is empty.
fn after(separator: &str, text: &str) -> String {
    match text {
        "" => String::new(),
        text => format!("{separator}{text}"),
    }
}

/// One command that can be pasted.
fn next_command(status: &pb::Status) -> Option<String> {
    let latest = status.latest.as_ref().map_or(0, |latest| latest.number);
    match status.condition() {
        Condition::UpToDate | Condition::Unspecified => None,
        Condition::StateDamaged => Some("kiln events".into()),
        Condition::Suspended => Some("kiln resume".into()),
        Condition::Held => Some("kiln eval".into()),
        // A new generation of the same commit runs its hooks again.
        Condition::Failed if is_built(status) => Some("kiln eval --wait".into()),
        // What failed is a hook of current, and what is newer did not get that far.
        Condition::Failed => Some(match status.current.as_ref() {
            Some(current) if !has_failed(status) => format!("kiln show {}", current.number),
            _ => format!("kiln log {latest}"),
        }),
        Condition::Stale => Some("kiln fetch".into()),
        Condition::Refused => Some(match is_blocked(status) {
            true => format!("kiln show {latest}"),
            false => "kiln fetch".into(),
        }),
        Condition::Building | Condition::Evaluating => Some(format!("kiln log {latest} --follow")),
        Condition::Applying => Some("kiln events --follow".into()),
        Condition::Waiting if !status.full_disk.is_empty() => {
            Some(format!("df -h {}", plain(&status.full_disk)))
        }
        Condition::Waiting if wants_consent(status) => Some(format!("kiln confirm {latest}")),
        Condition::Waiting if is_blocked(status) => Some(format!("kiln show {latest}")),
        Condition::Waiting if status.latest.as_ref().is_some_and(is_cancelled) => {
            Some(match is_evaluated(status) {
                true => format!("kiln build {latest}"),
                false => "kiln eval".into(),
            })
        }
        // Built, and yet not what is selected: somebody asked for another revision.
        Condition::Waiting
            if status
                .current
                .as_ref()
                .is_some_and(|c| is_latest(c, status)) =>
        {
            Some("kiln eval   # back to the selection".into())
        }
        Condition::Waiting => Some("kiln fetch".into()),
    }
}

fn is_built(status: &pb::Status) -> bool {
    let build = status
        .latest
        .as_ref()
        .and_then(|latest| latest.build.as_ref());
    build.is_some_and(|build| build.status() == pb::BuildStatus::Succeeded)
}

/// The latest generation, for good.
fn has_failed(status: &pb::Status) -> bool {
    let latest = status.latest.as_ref();
    latest.is_some_and(|latest| failure_of(latest).is_some() && next_try(latest).is_none())
}

fn is_blocked(status: &pb::Status) -> bool {
    status.latest.as_ref().and_then(blocked_of).is_some()
}

fn wants_consent(status: &pb::Status) -> bool {
    let blocked = status.latest.as_ref().and_then(blocked_of);
    blocked.is_some_and(|blocked| blocked.reason() == BlockedReason::Confirmation)
}

/// What holds the latest evaluation or build back.
fn blocked_of(latest: &pb::Generation) -> Option<&pb::Blocked> {
    let build = latest.build.as_ref();
    let evaluation = latest.evaluation.as_ref();
    build
        .and_then(|build| build.blocked.as_ref())
        .or(evaluation.and_then(|evaluation| evaluation.blocked.as_ref()))
}

/// By somebody, and not by what goes on with it by itself.
fn is_cancelled(generation: &pb::Generation) -> bool {
    let evaluation = generation.evaluation.as_ref();
    let evaluation = evaluation.filter(|of| of.status() == pb::EvaluationStatus::Cancelled);
    let build = generation.build.as_ref();
    let build = build.filter(|build| build.status() == pb::BuildStatus::Cancelled);
    let by = build.map(pb::Build::cancelled_by);
    let by = by.or(evaluation.map(pb::Evaluation::cancelled_by));
    by == Some(CancelledBy::Stop)
}

fn is_evaluated(status: &pb::Status) -> bool {
    let latest = status.latest.as_ref();
    latest.is_some_and(|latest| latest.build.is_some())
}
