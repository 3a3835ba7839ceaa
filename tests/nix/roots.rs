//! What is kept, and what lets go of it.

use crate::support::*;
use kiln::backend::nix::NixKind;
use kiln::backend::{Backend, BuildOutcome, EvaluationOutcome, again};
use std::os::unix::fs::PermissionsExt;

fn collect(world: &World) {
    world.nix("nix-store", &["--gc"]);
}

fn is_valid(world: &World, path: &str) -> bool {
    world
        .nix("nix-store", &["--check-validity", "--print-invalid", path])
        .is_empty()
}

#[tokio::test]
async fn f04_derivation_and_result_stay_until_the_generation_s_folder_goes() {
    if !has_nix() {
        return;
    }
    let world = World::new(NixKind::Flake);
    let evaluated = world
        .evaluated(&world.flake(&system("", &step("hello", "echo hello > $out"))))
        .await;
    collect(&world);
    assert!(
        is_valid(&world, &evaluated.drv_path),
        "rooted right after the evaluation"
    );
    let (built, _) = world.built(&evaluated).await;
    collect(&world);
    assert!(is_valid(&world, &evaluated.drv_path));
    assert!(is_valid(&world, &built.out_path));
    assert!(built.real_path.exists());
    let roots = world.nix("nix-store", &["--query", "--roots", &built.out_path]);
    assert!(
        roots.contains("generations/1/result"),
        "Nix knows it: {roots}"
    );
    // As retention does it.
    std::fs::remove_dir_all(world.path("generations/1")).unwrap();
    collect(&world);
    assert!(!is_valid(&world, &built.out_path));
    assert!(!built.real_path.exists());
}

#[tokio::test]
async fn f04_a_generation_that_takes_over_an_evaluation_keeps_it_itself() {
    if !has_nix() {
        return;
    }
    let world = World::new(NixKind::Flake);
    let evaluated = world
        .evaluated(&world.flake(&system("", &step("hello", "echo hello > $out"))))
        .await;
    let second = world.path("generations/2");
    assert!(world.is_evaluated(&evaluated, 2).await);
    std::fs::remove_dir_all(world.path("generations/1")).unwrap();
    collect(&world);
    assert!(is_valid(&world, &evaluated.drv_path));
    std::fs::remove_dir_all(&second).unwrap();
    collect(&world);
    assert!(!world.is_evaluated(&evaluated, 2).await);
}

#[tokio::test]
async fn f04_a_derivation_collected_before_its_build_is_evaluated_once_more() {
    if !has_nix() {
        return;
    }
    let world = World::new(NixKind::Flake);
    let commit = world.flake(&system("", &step("hello", "echo hello > $out")));
    let evaluated = world.evaluated(&commit).await;
    std::fs::remove_dir_all(world.path("generations/1")).unwrap();
    collect(&world);
    let outcome = world.build(&evaluated).await;
    assert!(
        matches!(outcome, BuildOutcome::NotEvaluated { .. }),
        "{outcome:?}"
    );
    let backend = world.backend();
    let outcome = again::build(&backend, world.build_request(&evaluated), || {
        world.request(&commit)
    })
    .await
    .unwrap();
    assert!(
        matches!(outcome.outcome, BuildOutcome::Succeeded { .. }),
        "{outcome:?}"
    );
    assert!(is_valid(&world, &evaluated.drv_path));
}

#[tokio::test]
async fn f02_an_evaluation_is_one_nix_and_one_that_starts_beside_it_roots_it() {
    if !has_nix() {
        return;
    }
    let mut world = World::new(NixKind::Flake);
    let programs = world.path("programs");
    std::fs::create_dir(&programs).unwrap();
    for name in ["nix", "nix-instantiate", "nix-store"] {
        let usual = &world.config.search_path;
        let program = programs.join(name);
        let log = world.path("started");
        let script = format!(
            "#!/bin/sh\necho {name} >> {}\nPATH={usual}\nexec {name} \"$@\"\n",
            log.display()
        );
        std::fs::write(&program, script).unwrap();
        std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
    }
    world.config.search_path = format!("{}:{}", programs.display(), world.config.search_path);
    let started = |name: &str| {
        let log = std::fs::read_to_string(world.path("started")).unwrap();
        log.lines().filter(|line| *line == name).count()
    };
    // The first opens the store alone; one that takes long on a loaded machine is
    // rooted by another Nix afterwards.
    let (backend, mut was_beside) = (world.backend(), false);
    for times in 0..5 {
        let script = format!("echo {times} > $out");
        let commit = world.flake(&system("", &step("hello", &script)));
        let outcome = backend.evaluate(world.request(&commit)).await.unwrap();
        World::succeeded(outcome);
        assert!(world.path("generations/1/derivation").is_symlink());
        assert_eq!((started("nix"), started("nix-store")), (1, 0));
        was_beside |= times > 0 && started("nix-instantiate") == 1;
        std::fs::remove_file(world.path("started")).unwrap();
        std::fs::remove_dir_all(world.path("generations/1")).unwrap();
    }
    assert!(
        was_beside,
        "none is rooted by the Nix that was started early"
    );
    let failing = world.flake(&system("", "throw \"no\""));
    let outcome = backend.evaluate(world.request(&failing)).await.unwrap();
    assert!(matches!(outcome, EvaluationOutcome::Failed(_)));
    let root = world.path("generations/1/derivation");
    assert!(!root.exists(), "what comes to nothing keeps nothing");
}

#[tokio::test]
async fn a_graph_and_the_files_of_a_result_are_told_without_building() {
    if !has_nix() {
        return;
    }
    use kiln::backend::inspect::Content;
    let world = World::new(NixKind::Flake);
    let evaluated = world
        .evaluated(&world.flake(&system("", &step("hello", "echo hello > $out"))))
        .await;
    let backend = world.backend();
    let graph = backend.graph(&evaluated).await.unwrap();
    let names: Vec<_> = graph.nodes.iter().map(|node| node.name.as_str()).collect();
    assert!(names.contains(&"hello"), "{names:?}");
    let root = graph.nodes.last().unwrap();
    assert_eq!(
        (&root.identity, root.kind.as_str()),
        (&evaluated.drv_path, "derivation")
    );
    let before = backend.files(&evaluated).await.unwrap();
    assert!(
        matches!(before[""].content, Content::Built(_)),
        "{before:?}"
    );
    world.built(&evaluated).await;
    let files = backend.files(&evaluated).await.unwrap();
    assert!(
        !files
            .values()
            .any(|file| matches!(file.content, Content::Built(_))),
        "{files:?}"
    );
    let gone = kiln::model::Evaluated {
        drv_path: evaluated.drv_path.replace("/store/", "/store/0"),
        ..evaluated
    };
    assert!(backend.graph(&gone).await.is_err());
}
