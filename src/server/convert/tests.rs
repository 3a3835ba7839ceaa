use super::event::step_status;
use super::generation::{blocked, build_reason, cancelled_by};
use super::*;
use crate::backend::StepEnd;
use crate::events::{Event, EventKind};
use crate::fixtures::{self, *};
use crate::model::{
    Blocked, BlockedReason, Build, BuildReason, CancelledBy, Evaluation, Failure, GenerationNumber,
    Location, Steps,
};
use crate::source::{BranchKind, Verdict};
use serde_json::json;

fn failure_with_place() -> Failure {
    Failure {
        location: Some(Location {
            file: "kiln.star".into(),
            line: 3,
            column: 7,
        }),
        exit_code: Some(2),
        log_tail: "cc: not found\n".into(),
        ..Failure::certain("exit code 2")
            .in_step("hello")
            .hint("kiln log 4")
    }
}

fn wire(evaluation: Evaluation) -> serde_json::Value {
    serde_json::to_value(super::generation(&fixtures::generation(4, 'a', evaluation))).unwrap()
}

#[test]
fn every_evaluation_state_reaches_the_wire_with_its_facts() {
    let (why, started_at) = (failure_with_place(), at(NOW));
    let table = [
        (
            Evaluation::Pending {
                attempt: 2,
                tries: 0,
                blocked: None,
                anew: false,
                asked: 0,
            },
            "PENDING",
        ),
        (
            Evaluation::Running {
                tries: 0,
                attempt: 2,
                asked: 0,
                started_at,
            },
            "RUNNING",
        ),
        (evaluated(succeeded()), "SUCCEEDED"),
        (
            Evaluation::Failed {
                then: Default::default(),
                span: span(),
                failure: why.clone(),
            },
            "FAILED",
        ),
        (
            Evaluation::TimedOut {
                span: span(),
                failure: why,
            },
            "TIMED_OUT",
        ),
        (
            Evaluation::Cancelled {
                tries: 0,
                span: span(),
                by: CancelledBy::Stop,
            },
            "CANCELLED",
        ),
    ];
    for (evaluation, status) in table {
        let is_evaluated = matches!(evaluation, Evaluation::Succeeded { .. });
        let has_failed = matches!(
            evaluation,
            Evaluation::Failed { .. } | Evaluation::TimedOut { .. }
        );
        let wire = wire(evaluation);
        assert_eq!(
            wire["evaluation"]["status"],
            format!("EVALUATION_STATUS_{status}")
        );
        assert_eq!(wire["build"].is_object(), is_evaluated, "{status}");
        assert_eq!(
            wire["evaluation"]["failure"].is_object(),
            has_failed,
            "{status}"
        );
    }
}

#[test]
fn every_build_state_reaches_the_wire_with_its_facts() {
    let (why, steps, started_at) = (failure_with_place(), Steps::default(), at(NOW));
    let superseded = CancelledBy::Superseded(GenerationNumber(9));
    let table = [
        (
            Build::Pending {
                tries: 0,
                confirmed: false,
                attempt: 1,
                asked: 0,
                blocked: None,
            },
            "PENDING",
        ),
        (
            Build::Running {
                tries: 0,
                asked: 0,
                attempt: 1,
                started_at,
                steps,
            },
            "RUNNING",
        ),
        (succeeded(), "SUCCEEDED"),
        (
            Build::Failed {
                then: Default::default(),
                span: span(),
                failure: why.clone(),
                steps,
            },
            "FAILED",
        ),
        (
            Build::TimedOut {
                span: span(),
                failure: why,
                steps,
            },
            "TIMED_OUT",
        ),
        (
            Build::Cancelled {
                tries: 0,
                span: span(),
                by: superseded,
                steps,
            },
            "CANCELLED",
        ),
    ];
    for (build, status) in table {
        let is_cancelled = matches!(build, Build::Cancelled { .. });
        let wire = wire(evaluated(build));
        assert_eq!(wire["build"]["status"], format!("BUILD_STATUS_{status}"));
        assert_eq!(
            wire["build"]["supersededBy"],
            if is_cancelled { 9 } else { 0 }
        );
    }
}

#[test]
fn a_failure_keeps_its_place_exit_code_log_and_hint() {
    let wire = wire(Evaluation::Failed {
        then: Default::default(),
        span: span(),
        failure: failure_with_place(),
    });
    assert_eq!(
        wire["evaluation"]["failure"],
        json!({
            "kind": "FAILURE_KIND_CERTAIN",
            "message": "exit code 2",
            "location": {"file": "kiln.star", "line": 3, "column": 7},
            "derivation": "hello",
            "exitCode": 2,
            "logTail": "cc: not found\n",
            "hint": "kiln log 4",
        })
    );
}

#[test]
fn a_built_generation_reads_as_the_contract_writes_it() {
    let wire = wire(evaluated(succeeded()));
    assert_eq!(wire["number"], 4);
    assert_eq!(wire["commit"]["id"], "a".repeat(40));
    assert_eq!(wire["branch"], "main");
    assert_eq!(wire["secrets"], json!(["token"]));
    assert_eq!(wire["evaluation"]["machineId"], "0123");
    assert_eq!(wire["build"]["reason"], "BUILD_REASON_NEEDS_BUILD");
    assert_eq!(wire["build"]["realPath"], "/s/bbbb-web-1");
    assert_eq!(wire["build"]["steps"]["reused"], 2);
}

/// No word of the model may become "unspecified".
#[test]
fn no_word_is_lost_on_the_way() {
    for by in [
        CancelledBy::Superseded(GenerationNumber(1)),
        CancelledBy::Stop,
        CancelledBy::Suspend,
        CancelledBy::Shutdown,
    ] {
        assert_ne!(cancelled_by(by) as i32, 0, "{by:?}");
    }
    for reason in [
        BlockedReason::Suspended,
        BlockedReason::MachineId,
        BlockedReason::Space,
        BlockedReason::Platform,
    ] {
        let wire = blocked(&Blocked {
            reason,
            since: at(NOW),
            message: "x".into(),
        });
        assert_ne!(wire.reason, 0, "{reason:?}");
    }
    for reason in [BuildReason::AlreadyBuilt, BuildReason::NeedsBuild] {
        assert_ne!(build_reason(reason) as i32, 0, "{reason:?}");
    }
    for end in [
        StepEnd::Built,
        StepEnd::Reused,
        StepEnd::Substituted,
        StepEnd::Failed,
        StepEnd::TimedOut,
        StepEnd::Cancelled,
    ] {
        assert_ne!(step_status(end) as i32, 0, "{end:?}");
    }
    for (kind, wanted) in [
        (BranchKind::Main, pb::BranchKind::Main),
        (BranchKind::Testing, pb::BranchKind::Testing),
    ] {
        let mut found = remote(Verdict::Selected).branches.remove(0);
        found.kind = kind;
        assert_eq!(branch(&found).kind, wanted as i32);
    }
    let phases = [
        Phase::Idle,
        Phase::Evaluating,
        Phase::Waiting,
        Phase::Building,
        Phase::Stopping,
    ];
    for phase in phases {
        let state = BuilderState {
            phase,
            generation: None,
            suspension: None,
            hold: None,
        };
        assert_ne!(builder_state(&state).phase, 0, "{phase:?}");
    }
}

#[test]
fn the_words_of_verdicts_are_the_same_in_model_and_wire() {
    use Verdict::*;
    for word in [
        Selected, Equal, Older, BehindMain, Diverged, TooFar, Untrusted, Missing, Unreadable,
    ] {
        let here = serde_json::to_value(word).unwrap();
        let there = verdict(word)
            .as_str_name()
            .trim_start_matches("VERDICT_")
            .to_lowercase();
        assert_eq!(here, there);
    }
}

#[test]
fn every_event_has_a_message_of_its_own() {
    let whole = fixtures::generation(4, 'a', evaluated(succeeded()));
    let (number, steps) = (GenerationNumber(4), Steps::default());
    let table = [
        (
            EventKind::Fetched {
                remote: remote(Verdict::Equal),
            },
            "fetched",
        ),
        (
            EventKind::Selected {
                origin: origin(true),
                commit: fixtures::commit('a'),
            },
            "selected",
        ),
        (
            EventKind::EvalStarted {
                generation: whole.clone(),
            },
            "evalStarted",
        ),
        (
            EventKind::EvalFinished {
                generation: whole.clone(),
            },
            "evalFinished",
        ),
        (
            EventKind::BuildStarted {
                generation: whole.clone(),
            },
            "buildStarted",
        ),
        (
            EventKind::StepStarted {
                number,
                derivation: "hello".into(),
                steps,
            },
            "stepStarted",
        ),
        (
            EventKind::StepFinished {
                number,
                derivation: "hello".into(),
                end: StepEnd::Reused,
                duration: std::time::Duration::from_millis(1500),
                steps,
            },
            "stepFinished",
        ),
        (
            EventKind::BuildFinished { generation: whole },
            "buildFinished",
        ),
        (
            EventKind::Suspended {
                suspension: model::Suspension {
                    since: at(NOW),
                    until: Some(at(NOW + 60)),
                    reason: "r".into(),
                    by: "ada".into(),
                },
            },
            "suspended",
        ),
        (EventKind::Resumed { by: "ada".into() }, "resumed"),
        (
            EventKind::BaselineMoved {
                from: None,
                to: "a".repeat(40),
                reason: "built".into(),
            },
            "baselineMoved",
        ),
        (
            EventKind::ConfigurationReloaded {
                error: String::new(),
                needs_restart: vec!["grpc".into()],
            },
            "configurationReloaded",
        ),
        (
            EventKind::StateRecovered {
                message: "m".into(),
                kept_at: "/k".into(),
            },
            "stateRecovered",
        ),
    ];
    for (kind, name) in table {
        let wire = event(&Event {
            seq: 9,
            time: at(NOW),
            durable: true,
            kind,
        });
        let json = serde_json::to_value(wire).unwrap();
        assert!(json[name].is_object(), "{name}: {json}");
        assert_eq!(json["seq"], "9");
    }
}
