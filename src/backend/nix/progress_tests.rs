//! Messages as Nix gives them, and as it never would.

use super::super::messages::Messages;
use super::*;
use proptest::prelude::*;
use std::sync::Mutex;

#[derive(Default)]
struct Heard(Mutex<Vec<String>>);

impl Sink for Heard {
    fn log(&self, derivation: Option<&str>, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        let line = format!("{}: {}", derivation.unwrap_or("-"), text.trim_end());
        self.0.lock().unwrap().push(line);
    }

    fn step(&self, event: StepEvent) {
        self.0.lock().unwrap().push(match event {
            StepEvent::Started { derivation, steps } => {
                format!("begin {derivation} {}/{}", steps.done, steps.total)
            }
            StepEvent::Finished {
                derivation,
                end,
                steps,
                ..
            } => {
                format!("end {derivation} {end:?} {}/{}", steps.done, steps.total)
            }
        });
    }
}

fn heard(text: &str) -> (Vec<String>, Progress) {
    let sink = Arc::new(Heard::default());
    let mut progress = Progress::of_build(Arc::clone(&sink) as Arc<dyn Sink>);
    let mut messages = Messages::default();
    messages.push(text.as_bytes(), |message| progress.hear(message));
    let lines = sink.0.lock().unwrap().clone();
    (lines, progress)
}

fn build(id: u64, drv: &str) -> String {
    format!(
        "@nix {{\"action\":\"start\",\"fields\":[\"{drv}\",\"\",1,1],\"id\":{id},\"level\":3,\"text\":\"building\",\"type\":105}}\n"
    )
}

fn counts(done: u64, expected: u64, failed: u64) -> String {
    format!(
        "@nix {{\"action\":\"result\",\"fields\":[{done},{expected},0,{failed}],\"id\":1,\"type\":105}}\n"
    )
}

const BUILDS: &str =
    "@nix {\"action\":\"start\",\"id\":1,\"level\":0,\"text\":\"\",\"type\":104}\n";

#[test]
fn f06_a_failing_step_is_named_with_its_log_and_exit_code() {
    let text = [
        BUILDS.into(),
        build(2, "/nix/store/h-failing.drv"),
        "@nix {\"action\":\"result\",\"fields\":[\"two\"],\"id\":2,\"type\":101}\n".into(),
        counts(0, 1, 1),
        "@nix {\"action\":\"msg\",\"level\":0,\"msg\":\"error: b\",\"raw_msg\":\"builder for '/nix/store/h-failing.drv' failed with exit code 3\"}\n".into(),
        "@nix {\"action\":\"stop\",\"id\":2}\n".into(),
        "@nix {\"action\":\"msg\",\"level\":0,\"msg\":\"error: d\",\"raw_msg\":\"1 dependencies of derivation '/nix/store/i-top.drv' failed to build\"}\n".into(),
    ];
    let (lines, progress) = heard(&text.concat());
    assert_eq!(
        lines,
        [
            "begin failing 0/0",
            "failing: two",
            "end failing Failed 0/2" // Nix still expects what depends on it
        ]
    );
    let failure = progress.failure().unwrap();
    assert_eq!(failure.derivation.as_deref(), Some("failing"));
    assert_eq!(
        (failure.exit_code, failure.log_tail.as_str()),
        (Some(3), "two\n")
    );
    assert_eq!(failure.kind, FailureKind::Certain);
}

#[test]
fn f06_steps_of_one_name_are_told_from_each_other() {
    let (drv, other) = ("/nix/store/a-x.drv", "/nix/store/b-x.drv");
    let stop = "@nix {\"action\":\"stop\",\"id\":2}\n";
    let text = [
        BUILDS.into(),
        build(2, drv),
        build(3, other),
        counts(1, 2, 0),
        stop.into(),
    ];
    let (lines, mut progress) = heard(&text.concat());
    assert_eq!(lines, ["begin x 0/0", "begin x.2 0/0", "end x Built 1/2"]);
    assert_eq!(progress.steps().running, 1);
    assert_eq!(progress.end(StepEnd::Cancelled).running, 0);
}

proptest! {
    #[test]
    fn any_messages_in_any_order_do_no_harm(
        parts in proptest::collection::vec((0u8..7, 0u64..4, "[a-z/'.\\-]{0,20}"), 0..40),
    ) {
        let sink = Arc::new(Heard::default());
        let mut progress = Progress::of_build(sink);
        for (kind, id, text) in parts {
            progress.hear(match kind {
                0 => Message::Started { id, activity: Activity::Build { drv: text }, text: String::new() },
                1 => Message::Started { id, activity: Activity::Substitute { path: text }, text: String::new() },
                2 => Message::Started { id, activity: Activity::Builds, text },
                3 => Message::Stopped { id },
                4 => Message::LogLine { id, line: text },
                5 => Message::Counts { id, counts: Counts { done: u64::MAX, expected: id, failed: id } },
                _ => Message::Error { text: text.clone(), message: text },
            });
        }
        progress.end(StepEnd::Cancelled);
        progress.failure();
        prop_assert_eq!(progress.steps().running, 0);
    }
}
