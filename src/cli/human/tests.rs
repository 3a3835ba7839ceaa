use super::*;
use crate::cli::error::Problem;
use crate::fixtures::{
    NOW, at, evaluated, generation as model_generation, remote, span, succeeded,
};
use crate::model::{Build, Evaluation, Failure, Location, Steps};
use crate::pb;
use crate::server::convert;
use crate::source::Verdict;

fn wire(number: u32, evaluation: Evaluation) -> pb::Generation {
    convert::generation(&model_generation(number, 'a', evaluation))
}

fn failed() -> Evaluation {
    let failure = Failure {
        location: Some(Location {
            file: "kiln.star".into(),
            line: 3,
            column: 7,
        }),
        exit_code: Some(2),
        log_tail: "cc hello.c\nhello.c:1: no \x1b[31mmain\x1b[0m\n".into(),
        ..Failure::certain("exit code 2")
            .in_step("hello")
            .hint("kiln log 13 --derivation hello")
    };
    evaluated(Build::Failed {
        then: Default::default(),
        span: span(),
        failure,
        steps: Steps::default(),
    })
}

fn status_of(
    condition: pb::Condition,
    current: Option<pb::Generation>,
    latest: Option<pb::Generation>,
) -> pb::Status {
    pb::Status {
        host: "web-1".into(),
        condition: condition.into(),
        current,
        latest,
        remotes: vec![convert::remote_status(&remote(Verdict::Selected))],
        ..Default::default()
    }
}

#[test]
fn a_host_that_is_up_to_date_says_so_in_the_first_line() {
    let built = wire(12, evaluated(succeeded()));
    let found = status(
        &status_of(pb::Condition::UpToDate, Some(built.clone()), Some(built)),
        at(NOW),
        false,
    );
    assert_eq!(
        found,
        "\
UP TO DATE  web-1: generation 12, aaaaaaaaaaaa Serve the new page, 30 s ago
  latest   12  built 30 s ago  /s/bbbb-web-1
  origin  https://git.example.org/infra.git  answered 10 s ago
    main                 aaaaaaaaaaaa  selected
"
    );
}

#[test]
fn a_failed_host_shows_place_log_hint_and_the_next_command() {
    let (current, latest) = (wire(12, evaluated(succeeded())), wire(13, failed()));
    let mut failed = status_of(pb::Condition::Failed, Some(current), Some(latest));
    failed.warnings = vec!["the clock jumped".into()];
    assert_eq!(
        status(&failed, at(NOW), false),
        "\
FAILED  web-1: generation 13 (current 12), aaaaaaaaaaaa Serve the new page, 30 s ago
  latest   13  build failed 30 s ago
  kiln.star:3:7: step hello: exit code 2
    | cc hello.c
    | hello.c:1: no main
  hint: kiln log 13 --derivation hello
  current  12  built 30 s ago  /s/bbbb-web-1
  origin  https://git.example.org/infra.git  answered 10 s ago
    main                 aaaaaaaaaaaa  selected
  warning: the clock jumped
  next: kiln log 13
"
    );
}

#[test]
fn a_host_that_builds_says_how_far_it_is_and_about_how_long_it_takes_yet() {
    let building = |remaining: Option<u64>| {
        let steps = Steps {
            total: 5,
            done: 2,
            running: 1,
            estimated_remaining: remaining.map(std::time::Duration::from_secs),
            ..Steps::default()
        };
        let running = Build::Running {
            attempt: 1,
            tries: 0,
            asked: 0,
            started_at: at(NOW - 10),
            steps,
        };
        let latest = wire(13, evaluated(running));
        let found = status_of(pb::Condition::Building, None, Some(latest));
        status(&found, at(NOW), false)
    };
    let with = building(Some(250));
    assert!(
        with.contains("\n           2 of 5 steps, about 4 min 10 s left\n"),
        "{with}"
    );
    for remaining in [None, Some(0)] {
        let without = building(remaining);
        assert!(without.contains("\n           2 of 5 steps\n"), "{without}");
    }
}

#[test]
fn a_suspended_host_says_since_when_by_whom_and_why() {
    let mut suspended = status_of(pb::Condition::Suspended, None, None);
    suspended.builder = Some(pb::BuilderState {
        suspension: Some(pb::Suspension {
            since: Some(convert::time(at(NOW))),
            until: None,
            reason: "holiday".into(),
            by: "ada".into(),
        }),
        ..Default::default()
    });
    assert_eq!(
        oneline(&suspended, at(NOW), false),
        "SUSPENDED since 2027-01-15 08:00:00 UTC by ada (holiday)  web-1: no generation yet\n"
    );
    assert!(status(&suspended, at(NOW), false).ends_with("  next: kiln resume\n"));
}

#[test]
fn every_condition_but_up_to_date_names_one_command_to_paste() {
    for number in 1..=11 {
        let condition = pb::Condition::try_from(number).unwrap();
        let text = status(
            &status_of(condition, None, Some(wire(3, failed()))),
            at(NOW),
            false,
        );
        assert_eq!(
            text.contains("\n  next: kiln "),
            condition != pb::Condition::UpToDate,
            "{text}"
        );
    }
}

#[test]
fn a_refused_branch_and_a_silent_remote_are_explained() {
    let mut silent = remote(Verdict::Diverged);
    silent.reachable = false;
    silent.error = "connection refused".into();
    silent.branches[0].message = "main was reset to aaaa, the baseline is bbbb".into();
    silent.branches[0].hint = "kiln accept-reset origin main aaaa".into();
    assert_eq!(
        remotes(&[convert::remote_status(&silent)], at(NOW)),
        "  origin  https://git.example.org/infra.git  DOES NOT ANSWER, last did: 10 s ago
    connection refused
    main                 aaaaaaaaaaaa  REFUSED: does not descend from the baseline
      main was reset to aaaa, the baseline is bbbb
      kiln accept-reset origin main aaaa
"
    );
}

#[test]
fn a_generation_is_shown_whole() {
    assert_eq!(
        generation(&wire(12, evaluated(succeeded())), at(NOW)),
        "\
generation 12: built
  commit      aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
  title       Serve the new page
  author      Ada <ada@example.org>
  from        main of origin
  host        web-1 (native)
  evaluation  succeeded after 30.0 s, 2027-01-15 07:59:30 UTC
  derivation  /var/lib/kiln/store/aaaa-web-1.drv
  machine id  0123
  build       succeeded after 30.0 s, 2027-01-15 07:59:30 UTC
  steps       5 of 5 done, 2 reused, 0 failed
  out path    /var/lib/kiln/store/bbbb-web-1
  lies at     /s/bbbb-web-1
  secrets     token
  uuid        00000000-0000-4000-8000-000000000000
"
    );
    assert_eq!(
        line(&wire(12, evaluated(succeeded())), at(NOW)),
        "   12  built                aaaaaaaaaaaa  Serve the new page  (main, 30 s ago)\n"
    );
}

#[test]
fn a_problem_reads_error_failure_hint() {
    let failure = wire(13, failed()).build.unwrap().failure;
    let told = Problem::failed("generation 13: build failed")
        .hint("kiln log 13")
        .because(failure);
    assert_eq!(
        problem(&told, false),
        "\
error: generation 13: build failed
  kiln.star:3:7: step hello: exit code 2
    | cc hello.c
    | hello.c:1: no main
  hint: kiln log 13 --derivation hello
hint: kiln log 13"
    );
}

#[test]
fn what_a_repository_wrote_cannot_drive_the_terminal() {
    assert_eq!(
        plain("a\x1b[2Jb\x1b]0;x\x07c\rd\u{7f}e\tf\n"),
        "ab0;xcde\tf\n"
    );
    let mut hostile = model_generation(1, 'a', evaluated(succeeded()));
    hostile.commit.summary = "nice\x1b[1A\x1b[2K\nUP TO DATE".into();
    assert!(line(&convert::generation(&hostile), at(NOW)).contains("  nice  ("));
}

#[test]
fn times_are_as_exact_as_a_person_needs() {
    let seconds = time::Duration::seconds;
    for (length, text) in [
        (-5, "0.0 s"),
        (99, "99.0 s"),
        (250, "4 min 10 s"),
        (7260, "2 h 1 min"),
    ] {
        assert_eq!(lasting(seconds(length)), text);
    }
    assert_eq!(clock(None), "never");
    let broken = pbjson_types::Timestamp {
        seconds: i64::MAX,
        nanos: -1,
    };
    assert_eq!(
        clock(Some(&broken)),
        "never",
        "a peer's nonsense is no panic"
    );
}
