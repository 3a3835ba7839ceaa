//! What runs when, and what two builds at once share.

use super::engine::{Engine, Heard, config};
use kiln::backend::native::Native;
use kiln::backend::native::provider::{Provider, StepOutcome, StepRequest};
use kiln::backend::{Backend, BackendError, BuildOutcome, StepEnd, StepEvent};
use kiln::model::Evaluated;
use kiln::store::Store;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Duration;
use tokio::task::JoinHandle;

/// A folder that steps see, so that a test says when they go on.
struct Gate(tempfile::TempDir);

impl Gate {
    fn new() -> Self {
        // Not below /tmp, where a step sees its own; this may be built there.
        let folder = tempfile::tempdir_in("/var/tmp").unwrap();
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(folder.path(), open).unwrap();
        Gate(folder)
    }

    fn path(&self) -> PathBuf {
        self.0.path().to_owned()
    }

    fn open(&self) {
        std::fs::write(self.0.path().join("open"), "").unwrap();
    }

    /// Script: waits until the gate is open.
    fn wait(&self) -> String {
        format!(
            "while ! test -e {}/open; do sleep 0.05; done",
            self.0.path().display()
        )
    }
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let waited = tokio::time::timeout(Duration::from_secs(120), async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("{what}"));
}

fn spawn(engine: &Engine, evaluated: Evaluated, heard: &Arc<Heard>) -> JoinHandle<BuildOutcome> {
    let request = engine.build_request(evaluated, heard.clone());
    let backend = engine.backend.clone();
    tokio::spawn(async move { backend.build(request).await.unwrap() })
}

/// `+name` for a begin, `-name` for an end.
fn order(heard: &Heard) -> Vec<String> {
    let steps = heard.steps.lock().unwrap();
    let said = steps.iter().map(|step| match step {
        StepEvent::Started { derivation, .. } => format!("+{derivation}"),
        StepEvent::Finished { derivation, .. } => format!("-{derivation}"),
    });
    said.collect()
}

#[tokio::test]
async fn n01_a_chain_with_one_job_finishes() {
    let engine = Engine::new(config(1));
    let outcome = engine
        .build(
            r#"
a = derivation(name = "a", script = "echo a > $out")
c = derivation(name = "c", script = "cat %s > $out" % a)
b = derivation(name = "b", script = "cat %s > $out" % c)
host("h", tree("t", {"a": a, "b": b}))
"#,
        )
        .await;
    let BuildOutcome::Succeeded { steps, .. } = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!((steps.total, steps.done, steps.running), (3, 3, 0));
    assert_eq!(order(&engine.heard), ["+a", "-a", "+c", "-c", "+b", "-b"]);
}

const FAILING: &str = r#"
bad = derivation(name = "bad", script = "exit 3")
worse = derivation(name = "worse", script = "exit 4")
after = derivation(name = "after", script = "cat %s > $out" % bad)
good = derivation(name = "good", script = "echo 1 > $out")
host("h", tree("t", {"after": after, "good": good, "worse": worse}))
"#;

#[tokio::test]
async fn n02_the_first_failure_starts_no_new_step() {
    let engine = Engine::new(config(1));
    let outcome = engine.build(FAILING).await;
    let BuildOutcome::Failed { failure, steps } = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(order(&engine.heard), ["+bad", "-bad"]);
    assert_eq!((failure.exit_code, steps.failed), (Some(3), 1));
}

#[tokio::test]
async fn n02_keep_going_builds_what_does_not_depend_on_the_failure_and_reports_all() {
    let mut config = config(1);
    config.keep_going = true;
    let engine = Engine::new(config);
    let outcome = engine.build(FAILING).await;
    let BuildOutcome::Failed { failure, steps } = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(engine.heard.ended(StepEnd::Built), ["good"]);
    assert_eq!((steps.failed, steps.done), (2, 1));
    assert!(
        failure.message.contains("also failed: worse"),
        "{}",
        failure.message
    );
}

/// A shared step that waits for the gate, and one of its own.
fn sharing(gate: &Gate, own: &str) -> String {
    format!(
        r#"
shared = derivation(name = "shared", script = "{}; echo shared > $out")
own = derivation(name = "{own}", script = "echo {own} > $out")
host("h", tree("t", {{"shared": shared, "own": own}}))
"#,
        gate.wait()
    )
}

#[tokio::test]
async fn n08_two_builds_of_one_step_at_once_run_it_once_and_who_waits_holds_no_job() {
    let gate = Gate::new();
    let mut config = config(2);
    config.host_paths.push(gate.path());
    let engine = Engine::new(config);
    let mut evaluated = Vec::new();
    for own in ["one", "two"] {
        let commit = engine.commit(&[("kiln.star", &sharing(&gate, own))]);
        evaluated.push(engine.evaluated(&commit).await);
    }
    let (first, second) = (Arc::new(Heard::default()), Arc::new(Heard::default()));
    let one = spawn(&engine, evaluated[0].clone(), &first);
    until("the first build runs the step", || {
        order(&first).contains(&"+shared".to_owned()) && first.ended(StepEnd::Built) == ["one"]
    })
    .await;
    let two = spawn(&engine, evaluated[1].clone(), &second);
    // With the shared step running, one job is left: the waiting one has it not.
    until("the second goes on with its own step", || {
        second.ended(StepEnd::Built) == ["two"]
    })
    .await;
    gate.open();
    for build in [one, two] {
        let outcome = build.await.unwrap();
        assert!(
            matches!(outcome, BuildOutcome::Succeeded { .. }),
            "{outcome:?}"
        );
    }
    assert_eq!(first.ended(StepEnd::Built), ["one", "shared"]);
    assert_eq!(second.ended(StepEnd::Built), ["two"]);
    assert_eq!(second.ended(StepEnd::Reused), ["shared"]);
}

#[tokio::test]
async fn n08_who_waits_for_another_build_can_be_cancelled_and_takes_over_when_it_fails() {
    let gate = Gate::new();
    let mut config = config(2);
    config.host_paths.push(gate.path());
    let engine = Engine::new(config);
    let star = format!(
        "host('h', derivation(name = 'shared', script = '{}; echo > $out'))",
        gate.wait()
    );
    let evaluated = engine
        .evaluated(&engine.commit(&[("kiln.star", &star)]))
        .await;
    let heard: [Arc<Heard>; 3] = Default::default();
    let request = engine.build_request(evaluated.clone(), heard[0].clone());
    let stop = request.cancel.clone();
    let backend = engine.backend.clone();
    let first = tokio::spawn(async move { backend.build(request).await.unwrap() });
    until("the first runs", || order(&heard[0]) == ["+shared"]).await;
    let request = engine.build_request(evaluated.clone(), heard[1].clone());
    let cancel = request.cancel.clone();
    let backend = engine.backend.clone();
    let second = tokio::spawn(async move { backend.build(request).await.unwrap() });
    cancel.cancel();
    let outcome = second.await.unwrap();
    assert!(
        matches!(outcome, BuildOutcome::Cancelled { .. }),
        "{outcome:?}"
    );
    let third = spawn(&engine, evaluated, &heard[2]);
    stop.cancel();
    assert!(matches!(
        first.await.unwrap(),
        BuildOutcome::Cancelled { .. }
    ));
    gate.open();
    let outcome = third.await.unwrap();
    assert!(
        matches!(outcome, BuildOutcome::Succeeded { .. }),
        "{outcome:?}"
    );
    assert_eq!(heard[2].ended(StepEnd::Built), ["shared"]);
}

#[tokio::test]
async fn steps_that_need_more_memory_together_than_there_is_run_one_after_the_other() {
    let mut config = config(2);
    config.memory = 8 << 30;
    let engine = Engine::new(config);
    let outcome = engine
        .build(
            r#"
def big(name):
    script = "echo +%s; sleep 0.2; echo -%s; echo > $out" % (name, name)
    return derivation(name = name, limits = {"memory": "5GiB"}, script = script)
host("h", tree("t", {n: big(n) for n in ["a", "b", "c"]}))
"#,
        )
        .await;
    assert!(
        matches!(outcome, BuildOutcome::Succeeded { .. }),
        "{outcome:?}"
    );
    // By what they say: the outputs of one are taken while the next runs.
    assert_eq!(engine.heard.text(), "+a\n-a\n+b\n-b\n+c\n-c\n");
}

#[tokio::test]
async fn a_step_may_ask_for_less_than_the_host_gives_and_not_for_more() {
    let mut config = config(1);
    config.limits.memory = Some(128 << 20);
    let engine = Engine::new(config);
    for (asked, taken, limit) in [("64MiB", "96M", 64 << 20), ("4GiB", "200M", 128 << 20)] {
        let star = format!(
            r#"host("h", derivation(name = "hog", limits = {{"memory": "{asked}"}},
                script = "x=$(head -c {taken} /dev/zero | tr '\\0' x); sleep 600"))"#
        );
        match engine.build(&star).await {
            BuildOutcome::Failed { failure, .. } => {
                let said = format!("more than {limit} bytes of memory");
                assert!(failure.message.contains(&said), "{failure:?}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_step_s_own_limits_of_processes_output_and_log_hold() {
    let engine = Engine::new(config(1));
    for (asked, script, said) in [
        // How many processes it could start beside itself.
        (
            r#""processes": 5"#,
            "perl -e 'for (1..9) { my $p = fork; next unless defined $p; if (!$p) { sleep 9; exit } $n++ } exit 100 + $n'",
            ["limits.processes", "exit code 103", "exit code 103"],
        ),
        (
            r#""output_size": "4MiB""#,
            "mkdir $out; for i in 1 2 3 4 5 6 7 8 9; do head -c 1000000 /dev/zero > $out/$i; done; sleep 600",
            ["outputs of more than 4194304 bytes"; 3],
        ),
        (
            r#""log_size": "1MiB""#,
            "head -c 2000000 /dev/zero; sleep 600",
            ["more than 1048576 bytes of log"; 3],
        ),
    ] {
        let star = format!(
            r#"host("h", derivation(name = "hog", limits = {{{asked}}}, script = "{script}"))"#
        );
        match engine.build(&star).await {
            BuildOutcome::Failed { failure, .. } => {
                let named = said.iter().any(|said| failure.message.contains(said));
                assert!(named, "{asked}: {failure:?}");
            }
            other => panic!("{asked}: {other:?}"),
        }
    }
}

fn first_estimate(heard: &Heard) -> Option<Duration> {
    match heard.steps.lock().unwrap().first().unwrap() {
        StepEvent::Started { steps, .. } => steps.estimated_remaining,
        other @ StepEvent::Finished { .. } => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_remains_is_estimated_from_what_steps_took_before_and_the_longest_goes_first() {
    let star = |salt: &str| {
        format!(
            r#"
short = derivation(name = "short", script = "echo {salt} > $out")
long = derivation(name = "long", script = "sleep 1; echo {salt} > $out")
host("h", tree("t", {{"short": short, "long": long}}))
"#
        )
    };
    let engine = Engine::new(config(1));
    engine.build(&star("1")).await;
    assert_eq!(first_estimate(&engine.heard), None, "nothing is known yet");
    assert_eq!(order(&engine.heard)[0], "+short", "the first by number");
    let evaluated = engine
        .evaluated(&engine.commit(&[("kiln.star", &star("2"))]))
        .await;
    let heard = Arc::new(Heard::default());
    spawn(&engine, evaluated, &heard).await.unwrap();
    assert_eq!(order(&heard)[0], "+long", "the longest path");
    let estimate = first_estimate(&heard).unwrap();
    assert!(estimate >= Duration::from_secs(1), "{estimate:?}");
    let steps = heard.steps.lock().unwrap();
    let Some(StepEvent::Finished { steps, .. }) = steps.last() else {
        panic!("a build ends with a step's end");
    };
    assert_eq!(steps.estimated_remaining, Some(Duration::ZERO));
}

#[tokio::test]
async fn a_log_that_is_too_large_ends_with_a_line_that_says_so_and_so_does_the_failure() {
    let mut config = config(1);
    config.limits.log_size = 2000;
    let engine = Engine::new(config);
    let star = "s = derivation(name = 's', script = 'yes')\nhost('h', s)\n";
    let BuildOutcome::Failed { failure, .. } = engine.build(star).await else {
        panic!("a step that never ends has built something");
    };
    let what = "printed more than 2000 bytes of log (limits.log_size)";
    assert!(failure.message.contains(what), "{failure:?}");
    let (log, tail) = (engine.heard.text(), &failure.log_tail);
    for text in [&log, tail] {
        let last = text.lines().last().unwrap();
        assert!(last.contains(what), "{last}");
    }
    assert!(log.len() < 2200, "{}", log.len());
}

/// Panics in the step `bad`, once the other one runs, which ends when it is told to.
struct Panics {
    both: Barrier,
    other_ended: AtomicBool,
}

impl Provider for Panics {
    fn run(&self, request: StepRequest) -> Result<StepOutcome, BackendError> {
        self.both.wait();
        assert_ne!(request.name, "bad", "the provider's fault");
        let mut told = [PollFd::new(request.cancel.as_fd(), PollFlags::POLLIN)];
        poll(&mut told, PollTimeout::NONE).unwrap();
        self.other_ended.store(true, Ordering::SeqCst);
        Ok(StepOutcome::Cancelled)
    }
}

#[tokio::test]
async fn a_step_s_thread_that_panics_is_an_error_once_the_other_steps_have_ended() {
    let engine = Engine::new(config(2));
    let star = r#"
s = {name: derivation(name = name, script = "echo > $out") for name in ["bad", "good"]}
host("h", tree("t", s))
"#;
    let evaluated = engine
        .evaluated(&engine.commit(&[("kiln.star", star)]))
        .await;
    let provider = Arc::new(Panics {
        both: Barrier::new(2),
        other_ended: AtomicBool::new(false),
    });
    let store = Store::open(&engine.folder.join("store")).unwrap();
    let backend = Native::new(config(2), store, provider.clone());
    let request = engine.build_request(evaluated, engine.heard.clone());
    let error = backend.build(request).await.unwrap_err();
    assert_eq!(error.attempted, "run a step's job");
    assert!(error.source.to_string().contains("the provider's fault"));
    assert!(provider.other_ended.load(Ordering::SeqCst));
}
