//! What is kept, and what lets go of it.

use crate::support::*;
use kiln::backend::nix::NixKind;
use kiln::backend::{Backend, BuildOutcome, again};

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
    let (backend, second) = (world.backend(), world.path("generations/2"));
    assert!(backend.is_evaluated(&evaluated, &second).await.unwrap());
    std::fs::remove_dir_all(world.path("generations/1")).unwrap();
    collect(&world);
    assert!(is_valid(&world, &evaluated.drv_path));
    std::fs::remove_dir_all(&second).unwrap();
    collect(&world);
    assert!(!backend.is_evaluated(&evaluated, &second).await.unwrap());
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
        matches!(outcome, BuildOutcome::Succeeded { .. }),
        "{outcome:?}"
    );
    assert!(is_valid(&world, &evaluated.drv_path));
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
