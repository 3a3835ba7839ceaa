//! Nothing that Nix started is left.

use crate::support::*;
use kiln::backend::nix::NixKind;
use kiln::backend::{Backend, BuildOutcome, EvaluationOutcome};
use kiln::process::{GIVE_UP, GRACE};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// Processes that have this text in their command line or environment.
pub fn with(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap_or_default();
        if name.parse::<u32>().is_err() || name == std::process::id().to_string() {
            continue;
        }
        for file in ["cmdline", "environ"] {
            let bytes = std::fs::read(entry.path().join(file)).unwrap_or_default();
            let said = String::from_utf8_lossy(&bytes).replace('\0', " ");
            if said.contains(text) {
                found.push(format!("{name} {said}"));
            }
        }
    }
    found
}

/// SIGKILL for every process that has this text in its environment.
pub fn kill_all_with(text: &str) {
    for found in with(text) {
        let pid = found.split(' ').next().unwrap().parse().unwrap();
        let pid = nix::unistd::Pid::from_raw(pid);
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL);
    }
}

/// A text that only this world's processes have.
fn mark(world: &World) -> String {
    world
        .folder
        .path()
        .file_name()
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned()
}

fn sleeping(world: &mut World) {
    let paths = "/bin/sh=/bin/busybox /bin/sleep=/bin/busybox /bin/setsid=/bin/busybox";
    world
        .config
        .options
        .push(("sandbox-paths".into(), paths.into()));
}

#[tokio::test]
async fn f05_cancelling_a_build_of_a_minute_leaves_no_process() {
    if !has_nix() {
        return;
    }
    let mut world = World::new(NixKind::Flake);
    sleeping(&mut world);
    let mark = mark(&world);
    let script = format!(
        "echo begun; MARK={mark} setsid sleep 60 & trap \"\" TERM; MARK={mark} sleep 60; echo > $out"
    );
    let evaluated = world
        .evaluated(&world.flake(&system("", &step("minute", &script))))
        .await;
    let request = world.build_request(&evaluated);
    let cancel = request.cancel.clone();
    let (backend, began) = (world.backend(), Instant::now());
    let end = async {
        world.heard.until_said("minute", "begun").await;
        assert!(!with(&mark).is_empty());
        cancel.cancel();
    };
    let (outcome, ()) = tokio::join!(backend.build(request), end);
    assert!(matches!(outcome.unwrap(), BuildOutcome::Cancelled { .. }));
    assert_eq!(with(&mark), Vec::<String>::new());
    assert!(began.elapsed() < GRACE + GIVE_UP, "{:?}", began.elapsed());
    // The store is as good as before: nothing half is valid, and it can be built.
    world.nix("nix-store", &["--verify", "--check-contents"]);
    let evaluated = world
        .evaluated(&world.flake(&system("", &step("after", "echo > $out"))))
        .await;
    world.built(&evaluated).await;
}

#[tokio::test]
async fn f05_what_leaves_its_session_without_a_sandbox_ends_too() {
    if !has_nix() {
        return;
    }
    let mut world = World::new(NixKind::Flake);
    // A chroot store needs the sandbox: what runs without one is Nix's own child.
    let mark = mark(&world);
    world.config.options.push((
        "pre-build-hook".into(),
        world.path("hook").display().to_string(),
    ));
    std::fs::write(
        world.path("hook"),
        format!("#!/bin/sh\nMARK={mark} setsid sleep 60 >/dev/null 2>&1 </dev/null &\n"),
    )
    .unwrap();
    crate::common::command("chmod")
        .args(["+x", world.path("hook").to_str().unwrap()])
        .status()
        .unwrap();
    let evaluated = world
        .evaluated(&world.flake(&system("", &step("hello", "echo > $out"))))
        .await;
    let outcome = world.build(&evaluated).await;
    assert!(
        matches!(outcome, BuildOutcome::Succeeded { .. }),
        "{outcome:?}"
    );
    assert_eq!(with(&mark), Vec::<String>::new());
}

#[tokio::test]
async fn f05_cancelling_an_evaluation_ends_what_it_builds() {
    if !has_nix() {
        return;
    }
    let mut world = World::new(NixKind::Flake);
    sleeping(&mut world);
    let mark = mark(&world);
    let script = format!("echo begun; MARK={mark} sleep 60; echo 1 > $out");
    let commit = world.flake(&system(
        "",
        &format!("toString (import ({}))", step("imported", &script)),
    ));
    let request = world.request(&commit);
    let cancel = request.cancel.clone();
    let end = async {
        world.heard.until_said_by(None, "begun").await;
        cancel.cancel();
    };
    let (outcome, ()) = tokio::join!(world.evaluate(request), end);
    assert!(
        matches!(outcome, EvaluationOutcome::Cancelled),
        "{outcome:?}"
    );
    assert_eq!(with(&mark), Vec::<String>::new());
}

#[tokio::test]
async fn f05_a_question_that_nix_does_not_answer_ends_when_it_is_cancelled() {
    if !has_nix() {
        return;
    }
    let mut world = World::new(NixKind::Flake);
    let programs = world.path("programs");
    std::fs::create_dir(&programs).unwrap();
    let up = world.path("up");
    let script = format!(
        "#!/bin/sh\n: > {}\nwhile :; do sleep 1000; done\n",
        up.display()
    );
    let nix_store = programs.join("nix-store");
    std::fs::write(&nix_store, script).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&nix_store, mode).unwrap();
    world.config.search_path = format!("{}:{}", programs.display(), world.config.search_path);
    let evaluated = nowhere();
    let (cancel, host) = (CancellationToken::new(), HOST.parse().unwrap());
    let (backend, roots) = (world.backend(), world.path("generations/1"));
    let asking = backend.is_built(&evaluated, &host, &roots, &cancel);
    let cancelling = async {
        while !up.exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        cancel.cancel();
    };
    let both = async { tokio::join!(asking, cancelling).0 };
    let patience = GRACE + GIVE_UP;
    let answer = tokio::time::timeout(patience, both).await.expect("it ends");
    assert!(answer.is_err(), "{answer:?}");
    assert_eq!(with(&mark(&world)), [""; 0]);
}
