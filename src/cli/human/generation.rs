//! One generation: as a line of the history, and whole.

use super::text::{ago, between, clock, first_line, lasting, plain, short};
use crate::pb::{self, BuildReason, BuildStatus, CancelledBy, EvaluationStatus, HookStatus};
use pbjson_types::Timestamp;
use std::fmt::Write as _;
use time::OffsetDateTime;

/// `12  built       3f9a0c2b1d4e  Serve the new page  (main, 4 min ago)`
pub fn line(generation: &pb::Generation, now: OffsetDateTime) -> String {
    let commit = generation.commit.clone().unwrap_or_default();
    let about = [plain(&generation.branch), age(generation, now)];
    let about: Vec<String> = about.into_iter().filter(|one| !one.is_empty()).collect();
    let about = match about.is_empty() {
        true => String::new(),
        false => format!("  ({})", about.join(", ")),
    };
    format!(
        "{:>5}  {:<20} {}  {}{about}\n",
        generation.number,
        outcome(generation),
        short(&commit.id),
        first_line(&commit.summary),
    )
}

/// In two words: what became of it.
pub fn outcome(generation: &pb::Generation) -> &'static str {
    if let Some(build) = &generation.build {
        return match build.status() {
            BuildStatus::Unspecified => "unknown",
            BuildStatus::Pending => "waiting to build",
            BuildStatus::Running => "building",
            BuildStatus::Succeeded => "built",
            BuildStatus::Failed => "build failed",
            BuildStatus::TimedOut => "build timed out",
            BuildStatus::Cancelled => cancelled("build", build.cancelled_by()),
        };
    }
    let evaluation = generation.evaluation.clone().unwrap_or_default();
    match evaluation.status() {
        EvaluationStatus::Unspecified => "unknown",
        EvaluationStatus::Pending => "waiting to evaluate",
        EvaluationStatus::Running => "evaluating",
        EvaluationStatus::Succeeded => "evaluated",
        EvaluationStatus::Failed => "evaluation failed",
        EvaluationStatus::TimedOut => "evaluation timed out",
        EvaluationStatus::Cancelled => cancelled("evaluation", evaluation.cancelled_by()),
    }
}

fn cancelled(what: &str, by: CancelledBy) -> &'static str {
    match (by, what) {
        (CancelledBy::Superseded, _) => "superseded",
        (CancelledBy::Suspend, _) => "stopped to suspend",
        (CancelledBy::Shutdown, _) => "interrupted",
        (CancelledBy::Stop | CancelledBy::Unspecified, "build") => "build cancelled",
        (CancelledBy::Stop | CancelledBy::Unspecified, _) => "evaluation cancelled",
    }
}

/// How long ago something last happened to it; empty before anything began.
pub fn age(generation: &pb::Generation, now: OffsetDateTime) -> String {
    let changed = last_change(generation);
    changed.map_or(String::new(), |at| ago(Some(at), now))
}

fn last_change(generation: &pb::Generation) -> Option<&Timestamp> {
    let evaluation = generation.evaluation.as_ref();
    let build = generation.build.as_ref();
    build
        .and_then(|build| build.ended_at.as_ref().or(build.started_at.as_ref()))
        .or_else(|| {
            evaluation.and_then(|evaluation| {
                evaluation
                    .ended_at
                    .as_ref()
                    .or(evaluation.started_at.as_ref())
            })
        })
}

/// One generation whole.
pub fn generation(generation: &pb::Generation, now: OffsetDateTime) -> String {
    let commit = generation.commit.clone().unwrap_or_default();
    let dirty = if commit.dirty {
        " with files not committed"
    } else {
        ""
    };
    let mut text = format!(
        "generation {}: {}\n",
        generation.number,
        outcome(generation)
    );
    row(&mut text, "commit", &format!("{}{dirty}", commit.id));
    row(&mut text, "title", &first_line(&commit.summary));
    row(&mut text, "author", &first_line(&commit.author));
    row(&mut text, "from", &origin(generation));
    row(
        &mut text,
        "host",
        &format!("{} ({})", plain(&generation.host), generation.backend),
    );
    evaluation(&mut text, generation.evaluation.as_ref(), now);
    build(&mut text, generation.build.as_ref(), now);
    for hook in &generation.hooks {
        row(&mut text, "hook", &hook_line(hook, now));
    }
    row(&mut text, "secrets", &plain(&generation.secrets.join(", ")));
    row(&mut text, "uuid", &generation.uuid);
    if let Some(why) = failure_of(generation) {
        text.push_str(&failure(why));
    }
    text.push_str(&hook_failures(generation));
    text
}

/// `apply: succeeded after 1.2 s, 2026-11-21 09:00:12 UTC`
fn hook_line(hook: &pb::Hook, now: OffsetDateTime) -> String {
    let status = hook.status().as_str_name();
    format!(
        "{}: {}{}",
        plain(&hook.name),
        words(status.trim_start_matches("HOOK_STATUS_")),
        span(hook.started_at.as_ref(), hook.ended_at.as_ref(), 1, now)
    )
}

/// `hook apply failed with exit code 7`; `None` for one that did not end badly.
pub fn hook_failure(hook: &pb::Hook) -> Option<String> {
    let what = match hook.status() {
        HookStatus::Failed => format!("failed with exit code {}", hook.exit_code),
        HookStatus::TimedOut => "took longer than its timeout and was ended".into(),
        HookStatus::Cancelled => "did not run: a newer generation took over".into(),
        HookStatus::Unspecified
        | HookStatus::Pending
        | HookStatus::Running
        | HookStatus::Succeeded => return None,
    };
    Some(format!("hook {} {what}", plain(&hook.name)))
}

/// What went wrong with its hooks, each with the last lines of its log.
pub fn hook_failures(generation: &pb::Generation) -> String {
    let mut text = String::new();
    let bad = |hook: &&pb::Hook| hook.status() != HookStatus::Cancelled;
    for hook in generation.hooks.iter().filter(bad) {
        if let Some(why) = hook_failure(hook) {
            let _ = writeln!(text, "  {why}");
            log_tail(&mut text, &hook.log_tail);
        }
    }
    text
}

fn log_tail(text: &mut String, tail: &str) {
    for log_line in plain(tail).lines() {
        let _ = writeln!(text, "    | {log_line}");
    }
}

fn row(text: &mut String, name: &str, value: &str) {
    if !value.is_empty() {
        let _ = writeln!(text, "  {name:<11} {value}");
    }
}

fn origin(generation: &pb::Generation) -> String {
    let testing = if generation.testing { " (testing)" } else { "" };
    match (&generation.remote[..], &generation.branch[..]) {
        ("", "") => String::new(),
        ("", branch) => format!("{}{testing}", plain(branch)),
        (remote, branch) => format!("{} of {}{testing}", plain(branch), plain(remote)),
    }
}

fn evaluation(text: &mut String, evaluation: Option<&pb::Evaluation>, now: OffsetDateTime) {
    let Some(evaluation) = evaluation else { return };
    let cached = match (evaluation.cached, evaluation.record.is_empty()) {
        (true, _) => ", taken over from an earlier generation",
        (false, false) => ", taken from a record instead of evaluating",
        (false, true) => "",
    };
    let span = span(
        evaluation.started_at.as_ref(),
        evaluation.ended_at.as_ref(),
        evaluation.attempt,
        now,
    );
    let status = evaluation
        .status()
        .as_str_name()
        .trim_start_matches("EVALUATION_STATUS_");
    row(
        text,
        "evaluation",
        &format!("{}{span}{cached}", words(status)),
    );
    row(text, "record", &plain(&evaluation.record));
    row(text, "derivation", &plain(&evaluation.drv_path));
    row(text, "machine id", &plain(&evaluation.machine_id));
    waits_for(text, evaluation.blocked.as_ref(), now);
}

fn build(text: &mut String, build: Option<&pb::Build>, now: OffsetDateTime) {
    let Some(build) = build else { return };
    let span = span(
        build.started_at.as_ref(),
        build.ended_at.as_ref(),
        build.attempt,
        now,
    );
    let already = if build.reason() == BuildReason::AlreadyBuilt {
        ", it was built already"
    } else {
        ""
    };
    let status = build
        .status()
        .as_str_name()
        .trim_start_matches("BUILD_STATUS_");
    row(text, "build", &format!("{}{span}{already}", words(status)));
    if let Some(steps) = build.steps.as_ref().filter(|steps| steps.total > 0) {
        row(
            text,
            "steps",
            &format!(
                "{} of {} done, {} reused, {} failed",
                steps.done, steps.total, steps.reused, steps.failed
            ),
        );
    }
    waits_for(text, build.blocked.as_ref(), now);
    row(text, "out path", &plain(&build.out_path));
    if build.real_path != build.out_path {
        row(text, "lies at", &plain(&build.real_path));
    }
}

fn waits_for(text: &mut String, blocked: Option<&pb::Blocked>, now: OffsetDateTime) {
    if let Some(blocked) = blocked {
        row(text, "waits for", &blocked_line(blocked, now));
    }
}

/// `suspended (2 min ago): by root: the disk is changed`
pub fn blocked_line(blocked: &pb::Blocked, now: OffsetDateTime) -> String {
    let reason = words(
        blocked
            .reason()
            .as_str_name()
            .trim_start_matches("BLOCKED_REASON_"),
    );
    let message = if blocked.message.is_empty() {
        String::new()
    } else {
        format!(": {}", plain(&blocked.message))
    };
    let since = blocked.since.as_ref();
    let since = since.map_or(String::new(), |at| format!(" ({})", ago(Some(at), now)));
    format!("{reason}{since}{message}")
}

fn words(name: &str) -> String {
    name.to_lowercase().replace('_', " ")
}

fn span(
    from: Option<&Timestamp>,
    to: Option<&Timestamp>,
    attempt: u32,
    now: OffsetDateTime,
) -> String {
    let attempt = if attempt > 1 {
        format!(", attempt {attempt}")
    } else {
        String::new()
    };
    match (from, between(from, to)) {
        (_, Some(length)) => format!(" after {}, {}{attempt}", lasting(length), clock(to)),
        (Some(_), None) => format!(
            " since {}{attempt}",
            ago(from, now).trim_end_matches(" ago")
        ),
        (None, None) => attempt,
    }
}

/// The failure of the newest attempt.
pub fn failure_of(generation: &pb::Generation) -> Option<&pb::Failure> {
    let build = generation
        .build
        .as_ref()
        .and_then(|build| build.failure.as_ref());
    build.or_else(|| {
        generation
            .evaluation
            .as_ref()
            .and_then(|evaluation| evaluation.failure.as_ref())
    })
}

/// Where, what, the last lines of the log, what to do.
pub fn failure(failure: &pb::Failure) -> String {
    let mut text = String::from("  ");
    if let Some(at) = &failure.location {
        text.push_str(&plain(&at.file));
        for number in [at.line, at.column]
            .into_iter()
            .take_while(|number| *number > 0)
        {
            let _ = write!(text, ":{number}");
        }
        text.push_str(": ");
    }
    if !failure.derivation.is_empty() {
        let _ = write!(text, "step {}: ", plain(&failure.derivation));
    }
    let _ = writeln!(
        text,
        "{}",
        plain(failure.message.trim_end()).replace('\n', "\n  ")
    );
    log_tail(&mut text, &failure.log_tail);
    if !failure.hint.is_empty() {
        let _ = writeln!(text, "  hint: {}", plain(&failure.hint));
    }
    text
}
