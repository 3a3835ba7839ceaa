//! What waits: for its turn, for space, for somebody, or for a disk that can be
//! written.

use super::*;
use crate::fixtures::{NOW, at, evaluated, generation as model_generation, span, succeeded};
use crate::model::{Blocked, BlockedReason, Evaluation, Hook, HookStatus, Occasion};
use crate::pb;
use crate::server::convert;

fn waiting(number: u32, reason: BlockedReason, message: &str) -> pb::Generation {
    let blocked = Some(Blocked {
        reason,
        since: at(NOW - 30),
        message: message.into(),
    });
    let evaluation = Evaluation::Pending {
        attempt: 1,
        tries: 0,
        blocked,
        anew: false,
        asked: 0,
    };
    convert::generation(&model_generation(number, 'b', evaluation))
}

fn whose_hook_failed(number: u32) -> pb::Generation {
    let mut built = model_generation(number, 'a', evaluated(succeeded()));
    built.hooks = vec![Hook {
        name: "apply".parse().unwrap(),
        on: Occasion::Built,
        status: HookStatus::Failed {
            span: span(),
            exit_code: 7,
            log_tail: "no such service\n".into(),
        },
    }];
    convert::generation(&built)
}

fn status_of(condition: pb::Condition, latest: pb::Generation) -> pb::Status {
    pb::Status {
        host: "web-1".into(),
        condition: condition.into(),
        current: Some(whose_hook_failed(12)),
        latest: Some(latest),
        ..Default::default()
    }
}

#[test]
fn h03_a_failed_hook_of_current_is_shown_while_a_newer_generation_waits() {
    let newer = waiting(13, BlockedReason::Building, "generation 12 first");
    let text = status(&status_of(pb::Condition::Failed, newer), at(NOW), false);
    assert!(
        text.contains("  hook apply failed with exit code 7\n"),
        "{text}"
    );
    assert!(text.ends_with("  next: kiln show 12\n"), "{text}");
    let same = status_of(pb::Condition::Failed, whose_hook_failed(12));
    let text = status(&same, at(NOW), false);
    assert!(text.ends_with("  next: kiln eval --wait\n"), "{text}");
}

#[test]
fn what_did_not_begin_yet_has_no_age() {
    let pending = waiting(13, BlockedReason::Space, "only 5 MiB are free");
    let full = status_of(pb::Condition::Waiting, pending.clone());
    let text = status(&full, at(NOW), false);
    assert!(!text.contains("never"), "{text}");
    assert!(
        text.starts_with("WAITING (space)  web-1: generation 13 (current 12), "),
        "{text}"
    );
    assert!(
        text.contains("\n  latest   13  waiting to evaluate\n"),
        "{text}"
    );
    assert_eq!(
        line(&pending, at(NOW)),
        "   13  waiting to evaluate  bbbbbbbbbbbb  Serve the new page  (main)\n"
    );
    let why = "  waits for   space (30 s ago): only 5 MiB are free\n";
    assert!(generation(&pending, at(NOW)).contains(why));
}

#[test]
fn b10_what_was_cancelled_says_so_and_how_to_go_on_with_it() {
    use crate::model::{Build, CancelledBy, Steps};
    let (tries, by) = (0, CancelledBy::Stop);
    let evaluation = Evaluation::Cancelled {
        span: span(),
        by,
        tries,
    };
    let build = Build::Cancelled {
        span: span(),
        by,
        tries,
        steps: Steps::default(),
    };
    for (evaluation, outcome, next) in [
        (evaluation, "evaluation cancelled", "kiln eval"),
        (evaluated(build), "build cancelled", "kiln build 13"),
    ] {
        let latest = convert::generation(&model_generation(13, 'b', evaluation));
        let text = status(&status_of(pb::Condition::Waiting, latest), at(NOW), false);
        let first = "WAITING (cancelled)  web-1: generation 13 (current 12), ";
        assert!(text.starts_with(first), "{text}");
        assert!(
            text.contains(&format!("\n  latest   13  {outcome} ")),
            "{text}"
        );
        assert!(text.ends_with(&format!("  next: {next}\n")), "{text}");
    }
}

#[test]
fn b14_who_suspended_is_said_once_and_why_only_where_that_was_said() {
    let suspended = |reason: &str| crate::model::Suspension {
        since: at(NOW),
        until: None,
        reason: reason.into(),
        by: "ada".into(),
    };
    let told = |reason: &str| {
        let suspension = Some(convert::suspension(&suspended(reason)));
        let kind = pb::event::Event::Suspended(pb::Suspended { suspension });
        event(&pb::Event {
            event: Some(kind),
            ..Default::default()
        })
    };
    assert!(
        told("").ends_with("  builds suspended by ada\n"),
        "{}",
        told("")
    );
    assert!(told("holiday").ends_with("  builds suspended by ada: holiday\n"));
    let blocked = pb::Blocked {
        reason: pb::BlockedReason::Suspended.into(),
        since: Some(convert::time(at(NOW))),
        message: suspended("").by_whom(),
    };
    let text = blocked_line(&blocked, at(NOW));
    assert_eq!(text, "suspended (just now): by ada");
    let twice = crate::builder::Refusal::AlreadySuspended(suspended(""));
    assert_eq!(
        twice.to_string(),
        "builds are suspended already, since 2027-01-15 08:00:00 UTC by ada"
    );
}

#[test]
fn d04_a_full_disk_says_so_and_where_to_look_for_space() {
    let mut full = status_of(pb::Condition::Waiting, whose_hook_failed(12));
    full.full_disk = "/var/lib/kiln".into();
    let text = status(&full, at(NOW), false);
    assert!(text.starts_with("WAITING (space)  web-1"), "{text}");
    assert!(text.ends_with("  next: df -h /var/lib/kiln\n"), "{text}");
}
