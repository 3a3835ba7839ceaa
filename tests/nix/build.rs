//! Derivations to results.

use crate::support::*;
use kiln::backend::nix::NixKind;
use kiln::backend::{Backend, BuildOutcome, StepEnd, StepEvent};
use kiln::model::{BlockedReason, Failure, FailureKind};
use std::time::{Duration, Instant};

async fn failure_of(world: &World, outputs: &str) -> Failure {
    let evaluated = world.evaluated(&world.flake(outputs)).await;
    match world.build(&evaluated).await {
        BuildOutcome::Failed { failure, .. } => failure,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn f01_a_flake_is_built_and_its_result_read_back() {
    if !has_nix() {
        return;
    }
    let world = World::new(NixKind::Flake);
    let commit = world.flake(&system(
        "",
        &step("hello", "echo to the log; echo hello > $out"),
    ));
    let evaluated = world.evaluated(&commit).await;
    assert_eq!(world.existing(&evaluated, 1).await, None);
    let (built, steps) = world.built(&evaluated).await;
    assert_eq!(Some(&built.out_path), evaluated.out_path.as_ref());
    assert_eq!(
        std::fs::read_to_string(&built.real_path).unwrap(),
        "hello\n"
    );
    assert_eq!((steps.total, steps.done, steps.failed), (1, 1, 0));
    assert_eq!(world.heard.log_of(Some("hello")), "to the log\n");
    assert_eq!(world.heard.ended(), [("hello".to_owned(), StepEnd::Built)]);
}

#[tokio::test]
async fn f03_what_is_valid_is_not_built_whatever_lies_there() {
    if !has_nix() {
        return;
    }
    let world = World::new(NixKind::Flake);
    // Nix builds what prefers it here even where it may build nothing.
    let hello =
        step("hello", "echo hello > $out").replace("name =", "preferLocalBuild = true; name =");
    let evaluated = world.evaluated(&world.flake(&system("", &hello))).await;
    // A file by that name that Nix knows nothing of is no result.
    let path = world
        .path("store")
        .join(evaluated.out_path.as_ref().unwrap().trim_start_matches('/'));
    std::fs::write(&path, "not built").unwrap();
    let roots = world.path("generations/2");
    assert_eq!(world.existing(&evaluated, 2).await, None);
    let (built, _) = world.built(&evaluated).await;
    let existing = world.existing(&evaluated, 2).await;
    assert_eq!(existing, Some(built));
    assert!(
        roots.join("result").is_symlink(),
        "it is rooted for the generation that asked"
    );
}

#[tokio::test]
async fn f01_a_content_addressed_output_is_known_once_it_is_built() {
    if !has_nix() {
        return;
    }
    let mut world = World::new(NixKind::Flake);
    world.config.options.push((
        "extra-experimental-features".into(),
        "ca-derivations".into(),
    ));
    let floating = step("floating", "echo here > $out").replace(
        "name =",
        "__contentAddressed = true; outputHashMode = \"recursive\"; outputHashAlgo = \"sha256\"; name =",
    );
    let evaluated = world.evaluated(&world.flake(&system("", &floating))).await;
    assert_eq!(evaluated.out_path, None);
    assert_eq!(world.existing(&evaluated, 1).await, None);
    let (built, _) = world.built(&evaluated).await;
    assert_eq!(std::fs::read_to_string(&built.real_path).unwrap(), "here\n");
    assert_eq!(world.existing(&evaluated, 1).await, Some(built));
}

#[tokio::test]
async fn f01_of_several_outputs_the_one_evaluated_is_the_result() {
    if !has_nix() {
        return;
    }
    let world = World::new(NixKind::Flake);
    let two = step("two", "echo b > $bin; echo d > $dev")
        .replace("name =", "outputs = [ \"bin\" \"dev\" ]; name =");
    let commit = world.flake(&system("", &format!("({two}).bin")));
    let evaluated = world.evaluated(&commit).await;
    let (built, _) = world.built(&evaluated).await;
    assert_eq!(Some(&built.out_path), evaluated.out_path.as_ref());
    assert!(built.out_path.ends_with("-two-bin"), "{built:?}");
}

#[tokio::test]
async fn f06_steps_and_log_lines_come_while_it_runs() {
    if !has_nix() {
        return;
    }
    let world = World::new(NixKind::Flake);
    // It goes on only when its line has been heard.
    let gate = world.path("gate");
    std::fs::create_dir(&gate).unwrap();
    let first = step("first", "echo one > $out");
    let script = format!(
        "read line < ${{{first}}}; echo begun; while ! [ -e /gate/open ]; do sleep 0.01; done; echo > $out"
    );
    let mut world = world;
    world.config.options.push((
        "sandbox-paths".into(),
        format!(
            "/bin/sh=/bin/busybox /bin/sleep=/bin/busybox /gate={}",
            gate.display()
        ),
    ));
    let evaluated = world
        .evaluated(&world.flake(&system("", &step("top", &script))))
        .await;
    let open = async {
        world.heard.until_said("top", "begun").await;
        let running = world.heard.ended();
        assert_eq!(running, [("first".to_owned(), StepEnd::Built)]);
        std::fs::write(gate.join("open"), "").unwrap();
    };
    let ((_, steps), ()) = tokio::join!(world.built(&evaluated), open);
    assert_eq!((steps.total, steps.done, steps.running), (2, 2, 0));
    let began = world.heard.steps.lock().unwrap();
    let totals = began.iter().filter_map(|step| match step {
        StepEvent::Started { derivation, steps } => {
            Some((derivation.as_str(), steps.total, steps.running))
        }
        StepEvent::Finished { .. } => None,
    });
    assert_eq!(totals.collect::<Vec<_>>(), [("first", 2, 1), ("top", 2, 1)]);
}

#[tokio::test]
async fn f06_with_keep_going_what_failed_is_counted_beside_what_is_done() {
    if !has_nix() {
        return;
    }
    let mut world = World::new(NixKind::Flake);
    for (name, value) in [("keep-going", "true"), ("max-jobs", "1")] {
        world.config.options.push((name.into(), value.into()));
    }
    let (good, bad) = (step("good", "echo > $out"), step("bad", "exit 3"));
    let other = step("other", "echo > $out");
    let script = format!("cat ${{{good}}} ${{{bad}}} ${{{other}}} > $out");
    let commit = world.flake(&system("", &step("top", &script)));
    let evaluated = world.evaluated(&commit).await;
    let BuildOutcome::Failed { failure, steps } = world.build(&evaluated).await else {
        panic!("it did not fail");
    };
    assert_eq!(failure.derivation.as_deref(), Some("bad"), "{failure:?}");
    assert_eq!((steps.done, steps.failed), (2, 1), "{steps:?}");
    assert!(steps.total >= steps.done + steps.failed, "{steps:?}");
}

#[tokio::test]
async fn f06_the_failing_derivation_is_named_with_its_log_and_exit_code() {
    if !has_nix() {
        return;
    }
    let world = World::new(NixKind::Flake);
    let failing = step("failing", "echo one; echo two >&2; exit 3");
    let failure = failure_of(
        &world,
        &system("", &step("top", &format!("cat ${{{failing}}}"))),
    )
    .await;
    assert_eq!(failure.derivation.as_deref(), Some("failing"));
    assert_eq!(failure.exit_code, Some(3));
    assert_eq!(failure.log_tail, "one\ntwo\n");
    assert_eq!(failure.kind, FailureKind::Certain);
    assert_eq!(
        world.heard.ended(),
        [("failing".to_owned(), StepEnd::Failed)]
    );
}

#[tokio::test]
async fn f06_what_a_step_prints_steers_no_terminal_and_has_a_limit() {
    if !has_nix() {
        return;
    }
    let mut world = World::new(NixKind::Flake);
    let evaluated = world
        .evaluated(&world.flake(&system(
            "",
            &step(
                "hostile",
                "printf '\\033]0;title\\007\\033[2Jkept\\n'; echo > $out",
            ),
        )))
        .await;
    world.built(&evaluated).await;
    assert_eq!(world.heard.log_of(Some("hostile")), "kept\n");

    world.config.log_size = 100_000;
    let failure = failure_of(
        &world,
        &system(
            "",
            &step("flood", "while :; do echo flood flood flood flood; done"),
        ),
    )
    .await;
    assert_eq!(failure.derivation.as_deref(), Some("flood"), "{failure:?}");
    assert!(failure.message.contains("100000 bytes"), "{failure:?}");
    assert!(world.heard.log_of(Some("flood")).len() < 200_000);
}

#[tokio::test]
async fn f06_a_killed_step_may_pass_and_a_fetch_fails_for_the_network_s_reasons() {
    if !has_nix() {
        return;
    }
    let mut world = World::new(NixKind::Flake);
    let mark = world.folder.path().display().to_string();
    let killed = step("killed", "echo begun; while :; do :; done");
    let killed = killed.replace("name =", &format!("mark = {mark:?}; name ="));
    let evaluated = world.evaluated(&world.flake(&system("", &killed))).await;
    // As the kernel does when memory has run out.
    let kill = async {
        world.heard.until_said("killed", "begun").await;
        crate::processes::kill_all_with(&format!("mark={mark}"));
    };
    let (outcome, ()) = tokio::join!(world.build(&evaluated), kill);
    let BuildOutcome::Failed { failure, .. } = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(failure.kind, FailureKind::Transient, "{failure:?}");
    assert_eq!(failure.derivation.as_deref(), Some("killed"));

    let offline = "echo 'curl: (7) Failed to connect to 192.0.2.1'; exit 1";
    let plain = failure_of(&world, &system("", &step("plain", offline))).await;
    assert_eq!(
        plain.kind,
        FailureKind::Certain,
        "a step without the network cannot blame it"
    );
    let hash = "0000000000000000000000000000000000000000000000000000000000000000";
    let fetch = step("fetch", offline).replace(
        "name =",
        &format!("outputHash = \"{hash}\"; outputHashAlgo = \"sha256\"; name ="),
    );
    let fetch = failure_of(&world, &system("", &fetch)).await;
    assert_eq!(fetch.kind, FailureKind::Transient, "{fetch:?}");

    world.config.options.push((
        "store".into(),
        format!("unix://{}", world.path("no.sock").display()),
    ));
    let evaluated = nowhere();
    match world.build(&evaluated).await {
        BuildOutcome::Failed { failure, .. } => {
            assert_eq!(failure.kind, FailureKind::Transient, "{failure:?}");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn f06_silence_and_the_build_s_time_are_limits() {
    if !has_nix() {
        return;
    }
    let mut world = World::new(NixKind::Flake);
    world.config.options.push((
        "sandbox-paths".into(),
        "/bin/sh=/bin/busybox /bin/sleep=/bin/busybox".into(),
    ));
    let evaluated = world
        .evaluated(&world.flake(&system("", &step("silent", "echo last words; sleep 300"))))
        .await;
    let mut request = world.build_request(&evaluated);
    request.silence = Duration::from_secs(1);
    let outcome = world.backend().build(request).await.unwrap();
    let BuildOutcome::TimedOut { failure, .. } = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(failure.derivation.as_deref(), Some("silent"), "{failure:?}");
    assert!(failure.message.contains("silence"), "{failure:?}");
    assert_eq!(failure.log_tail, "last words\n");
    let ended = world.heard.ended();
    assert_eq!(ended, [("silent".to_owned(), StepEnd::TimedOut)]);

    let mut request = world.build_request(&evaluated);
    request.timeout = Duration::from_secs(1);
    let began = Instant::now();
    let outcome = world.backend().build(request).await.unwrap();
    let BuildOutcome::TimedOut { failure, .. } = outcome else {
        panic!("{outcome:?}")
    };
    assert!(failure.message.contains("longer than 1 s"), "{failure:?}");
    assert!(began.elapsed() < Duration::from_secs(60));
}

#[tokio::test]
async fn f06_where_nothing_is_built_what_is_missing_is_waited_for() {
    if !has_nix() {
        return;
    }
    let mut world = World::new(NixKind::Flake);
    world.config.jobs = Some(0);
    let evaluated = world
        .evaluated(&world.flake(&system("", &step("hello", "echo > $out"))))
        .await;
    let outcome = world.build(&evaluated).await;
    let BuildOutcome::Blocked { reason, .. } = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(reason, BlockedReason::Cache);
    // A binary cache that has it ends the wait.
    let mut elsewhere = world.config.clone();
    elsewhere.jobs = None;
    let cache = format!("file://{}", world.path("cache").display());
    let (built, _) = elsewhere_built(&world, elsewhere, &evaluated).await;
    world.nix(
        "nix",
        &[
            "--extra-experimental-features",
            "nix-command",
            "copy",
            "--to",
            &cache,
            &built.out_path,
        ],
    );
    std::fs::remove_dir_all(world.path("generations/1")).unwrap();
    world.nix("nix-store", &["--gc"]);
    let commit = world.flake(&system("", &step("hello", "echo > $out")));
    let evaluated = world.evaluated(&commit).await;
    world.config.substituters = vec![cache];
    let substitution = [("substitute", "true"), ("require-sigs", "false")];
    let substitution = substitution.map(|(name, value)| (name.to_owned(), value.to_owned()));
    world.config.options.extend(substitution);
    world.heard.steps.lock().unwrap().clear();
    let (again, steps) = world.built(&evaluated).await;
    assert_eq!(again, built);
    assert_eq!((steps.total, steps.done), (1, 1), "{steps:?}");
    let ended = world.heard.ended();
    assert_eq!(ended, [("hello".to_owned(), StepEnd::Substituted)]);
}

async fn elsewhere_built(
    world: &World,
    config: kiln::backend::nix::NixConfig,
    evaluated: &kiln::model::Evaluated,
) -> (kiln::model::Built, kiln::model::Steps) {
    let backend = kiln::backend::nix::Nix::new(config);
    match backend.build(world.build_request(evaluated)).await.unwrap() {
        BuildOutcome::Succeeded { built, steps } => (built, steps),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn f06_a_step_of_a_system_that_nobody_builds_for_is_told_who_could() {
    if !has_nix() {
        return;
    }
    let world = World::new(NixKind::Flake);
    let elsewhere = step("system", "echo > $out").replace("x86_64-linux", "riscv64-linux");
    let failure = failure_of(&world, &system("", &elsewhere)).await;
    assert_eq!(failure.kind, FailureKind::Certain, "{failure:?}");
    assert!(failure.message.contains("riscv64-linux"), "{failure:?}");
    assert!(failure.hint.contains("[nix] builders"), "{failure:?}");
}
