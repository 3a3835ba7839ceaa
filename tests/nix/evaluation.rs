//! Commits to derivations.

use crate::support::*;
use kiln::backend::nix::NixKind;
use kiln::backend::{Backend, EvaluationOutcome};
use kiln::model::{Evaluated, FailureKind, Location};
use std::time::Duration;

fn hello() -> String {
    step("hello", "echo hello > $out")
}

#[tokio::test]
async fn f01_a_flake_gives_derivation_result_and_machine_id() {
    if !has_nix() {
        return;
    }
    let world = World::new(NixKind::Flake);
    let commit = world.flake(&system(
        "kiln.machineId = \"abc\"; comin.machineId = \"other\";",
        &hello(),
    ));
    let evaluated = world.evaluated(&commit).await;
    assert!(evaluated.drv_path.ends_with("-hello.drv"), "{evaluated:?}");
    assert!(evaluated.out_path.unwrap().ends_with("-hello"));
    assert_eq!(evaluated.machine_id.as_deref(), Some("abc"));
    let refs = world
        .repository
        .git(&["ls-remote", world.path("bare").to_str().unwrap()]);
    assert!(!refs.contains("refs/kiln/eval"), "{refs}");
}

#[tokio::test]
async fn f01_the_machine_id_of_comin_counts_and_none_is_none() {
    if !has_nix() {
        return;
    }
    let world = World::new(NixKind::Flake);
    let of = async |services: &str| {
        world
            .evaluated(&world.flake(&system(services, &hello())))
            .await
            .machine_id
    };
    assert_eq!(of("comin.machineId = \"m\";").await.as_deref(), Some("m"));
    assert_eq!(
        of("kiln.machineId = null; comin.machineId = \"m\";")
            .await
            .as_deref(),
        Some("m")
    );
    assert_eq!(of("comin.machineId = null;").await, None);
    assert_eq!(of("").await, None);
    let failure = world
        .failure(&world.flake(&system("kiln.machineId = 7;", &hello())))
        .await;
    assert!(failure.message.contains("machineId"), "{failure:?}");
}

#[tokio::test]
async fn f01_home_manager_darwin_and_any_other_attribute_are_templates() {
    if !has_nix() {
        return;
    }
    let mut world = World::new(NixKind::Flake);
    let commit = world.flake(&format!(
        "homeConfigurations.\"ann@{HOST}\".activationPackage = {};\n\
         darwinConfigurations.{HOST}.config.system.build.toplevel = {};\n\
         hosts.\"a.b\".x-{HOST} = {};\n\
         packages.x86_64-linux.tool = {};",
        step("home", "echo > $out"),
        step("mac", "echo > $out"),
        step("own", "echo > $out"),
        step("tool", "echo > $out"),
    ));
    for (attribute, name) in [
        ("homeConfigurations.\"ann@{host}\"", "-home.drv"),
        ("darwinConfigurations.\"{host}\"", "-mac.drv"),
        ("hosts.\"a.b\".x-{host}", "-own.drv"),
        ("packages.x86_64-linux.tool", "-tool.drv"),
    ] {
        world.config.attribute = attribute.parse().unwrap();
        let evaluated = world.evaluated(&commit).await;
        assert!(
            evaluated.drv_path.ends_with(name),
            "{attribute}: {evaluated:?}"
        );
        assert_eq!(evaluated.machine_id, None);
    }
}

#[tokio::test]
async fn f01_a_plain_file_is_evaluated_with_or_without_arguments() {
    if !has_nix() {
        return;
    }
    let mut world = World::new(NixKind::Plain);
    let hosts = format!("{{ {} }}", system("kiln.machineId = \"abc\";", &hello()));
    world.repository.write("default.nix", &hosts);
    world
        .repository
        .write("release.nix", "{ unused ? 1 }: import ./default.nix");
    let commit = world.commit();
    let plain = world.evaluated(&commit).await;
    assert_eq!(plain.machine_id.as_deref(), Some("abc"));
    world.config.file = "release.nix".into();
    let of_file = world.evaluated(&commit).await;
    let inputs = of_file.nix.clone().unwrap();
    assert_eq!(inputs.file.as_deref(), Some("release.nix"));
    assert_eq!(came_to(&of_file), came_to(&plain));
}

#[tokio::test]
async fn f01_a_plain_file_reads_nothing_but_the_commit() {
    if !has_nix() {
        return;
    }
    let world = World::new(NixKind::Plain);
    std::fs::write(world.path("secret"), "secret").unwrap();
    let secret = world.path("secret");
    for reading in [
        format!("builtins.readFile {secret:?}"),
        format!("toString (import {})", secret.display()),
    ] {
        world
            .repository
            .write("default.nix", &format!("{{ {} }}", system("", &reading)));
        let failure = world.failure(&world.commit()).await;
        assert!(
            failure.message.contains("forbidden in restricted mode"),
            "{failure:?}"
        );
        assert!(failure.hint.contains("allowed-uris"), "{failure:?}");
    }
}

#[tokio::test]
async fn f01_a_subdirectory_holds_the_flake_or_the_file() {
    if !has_nix() {
        return;
    }
    let world = World::new(NixKind::Flake);
    world.repository.write(
        "fleet/with space/flake.nix",
        &flake(&system("", "import ../../step.nix")),
    );
    world.repository.write(
        "fleet/with space/default.nix",
        &format!("{{ {} }}", system("", "import ../../step.nix")),
    );
    world.repository.write("step.nix", &hello());
    let commit = world.commit();
    let of = async |world: &World| {
        let mut request = world.request(&commit);
        request.source.subdir = "fleet/with space".into();
        World::succeeded(world.evaluate(request).await)
    };
    let from_flake = of(&world).await;
    let mut plain = world;
    plain.config.kind = NixKind::Plain;
    assert_eq!(came_to(&of(&plain).await), came_to(&from_flake));
}

#[tokio::test]
async fn f01_submodules_are_part_of_the_files_when_asked_for() {
    if !has_nix() {
        return;
    }
    let mut world = World::new(NixKind::Flake);
    let module = crate::common::Repository::new(world.path("module"));
    module.write("step.nix", &hello());
    module.commit_all("the step");
    let url = format!("file://{}", module.path.display());
    world.repository.git(&[
        "-c",
        "protocol.file.allow=always",
        "submodule",
        "add",
        "-q",
        &url,
        "module",
    ]);
    // Git refuses submodules by path unless its user says otherwise.
    std::fs::create_dir_all(world.path("home")).unwrap();
    std::fs::write(
        world.path("home/.gitconfig"),
        "[protocol \"file\"]\n\tallow = always\n",
    )
    .unwrap();
    world.repository.write(
        "default.nix",
        &format!("{{ {} }}", system("", "import ./module/step.nix")),
    );
    let commit = world.flake(&system("", "import ./module/step.nix"));
    let failure = world.failure(&commit).await;
    assert!(failure.message.contains("module"), "{failure:?}");
    world.config.submodules = true;
    let evaluated = world.evaluated(&commit).await;
    world.config.kind = NixKind::Plain;
    assert_eq!(
        came_to(&world.evaluated(&commit).await),
        came_to(&evaluated)
    );
}

/// Whatever it was asked by.
fn came_to(evaluated: &Evaluated) -> (&str, Option<&str>, Option<&str>) {
    let Evaluated {
        drv_path,
        out_path,
        machine_id,
        ..
    } = evaluated;
    (drv_path, out_path.as_deref(), machine_id.as_deref())
}

#[tokio::test]
async fn f01_uncommitted_files_of_a_work_tree_are_evaluated() {
    if !has_nix() {
        return;
    }
    let world = World::new(NixKind::Flake);
    let committed = world.flake(&system("", &step("old", "echo > $out")));
    let newer = world.flake(&system("", &step("new", "echo > $out")));
    let dirty = kiln::model::Commit {
        tree: newer.tree,
        dirty: true,
        ..committed
    };
    let evaluated = world.evaluated(&dirty).await;
    assert!(evaluated.drv_path.ends_with("-new.drv"), "{evaluated:?}");
}

#[tokio::test]
async fn f02_an_error_has_its_place_in_the_commit_and_nix_s_trace() {
    if !has_nix() {
        return;
    }
    let mut world = World::new(NixKind::Flake);
    world.repository.write(
        "hosts/web.nix",
        "{\n  a = 1;\n  b = { c = 1; }.nope;\n}.b\n",
    );
    world.repository.write(
        "default.nix",
        &format!("{{ {} }}", system("", "import ./hosts/web.nix")),
    );
    let commit = world.flake(&system("", "import ./hosts/web.nix"));
    for kind in [NixKind::Flake, NixKind::Plain] {
        world.config.kind = kind;
        let failure = world.failure(&commit).await;
        assert_eq!(failure.message, "attribute 'nope' missing");
        let place = Location {
            file: "hosts/web.nix".into(),
            line: 3,
            column: 7,
        };
        assert_eq!(failure.location, Some(place), "{failure:?}");
        assert_eq!(failure.kind, FailureKind::Certain);
        assert!(failure.log_tail.contains("while evaluating"), "{failure:?}");
        assert!(!failure.log_tail.contains("«string»"), "{failure:?}");
        assert!(
            world
                .heard
                .log_of(None)
                .contains("attribute 'nope' missing")
        );
    }
}

#[tokio::test]
async fn f02_what_a_repository_throws_steers_no_terminal() {
    if !has_nix() {
        return;
    }
    let world = World::new(NixKind::Flake);
    let hostile = "builtins.trace \"\u{1b}]0;title\u{7}traced\" (throw \"\u{1b}[2Jthrown\")";
    let failure = world.failure(&world.flake(&system("", hostile))).await;
    assert_eq!(failure.message, "thrown");
    let log = world.heard.log_of(None);
    assert!(log.contains("trace: traced"), "{log:?}");
    assert!(
        !log.contains('\u{1b}') && !failure.log_tail.contains('\u{1b}'),
        "{log:?}"
    );
}

#[tokio::test]
async fn f02_an_undeclared_host_lists_the_known_ones() {
    if !has_nix() {
        return;
    }
    let mut world = World::new(NixKind::Flake);
    let hosts = format!(
        "nixosConfigurations.db-1 = {}; nixosConfigurations.db-2 = 1; other = {};",
        hello(),
        hello()
    );
    world
        .repository
        .write("default.nix", &format!("{{ {hosts} }}"));
    let commit = world.flake(&hosts);
    for kind in [NixKind::Flake, NixKind::Plain] {
        world.config.kind = kind;
        let failure = world.failure(&commit).await;
        assert!(failure.usage, "{failure:?}");
        assert_eq!(
            failure.message,
            "nixosConfigurations has no web-1; it has: db-1, db-2"
        );
        assert!(failure.hint.contains("kiln dev --host"), "{failure:?}");
    }
    for kind in [NixKind::Flake, NixKind::Plain] {
        world.config.kind = kind;
        world.config.attribute = "absent.{host}".parse().unwrap();
        let failure = world.failure(&commit).await;
        assert!(
            failure.usage && failure.message.contains("absent"),
            "{failure:?}"
        );
        world.config.attribute = "nixosConfigurations.db-2".parse().unwrap();
        let failure = world.failure(&commit).await;
        assert!(
            failure
                .message
                .contains("nixosConfigurations.db-2 is a int"),
            "{failure:?}"
        );
    }
}

#[tokio::test]
async fn f02_limits_of_time_memory_and_output_are_named() {
    if !has_nix() {
        return;
    }
    let mut world = World::new(NixKind::Flake);
    let commit = world.flake(&system(
        "",
        "toString (builtins.length (builtins.genList (x: x) 500000000))",
    ));
    let mut request = world.request(&commit);
    request.memory = Some(1 << 30);
    let EvaluationOutcome::Failed(failure) = world.evaluate(request).await else {
        panic!()
    };
    assert!(
        failure
            .message
            .contains("needs more than its 1024 MiB of memory"),
        "{failure:?}"
    );

    let endless = "builtins.foldl' (a: b: builtins.foldl' (c: d: c + d) a (builtins.genList (x: x) 1000000)) 0 (builtins.genList (x: x) 1000000)";
    let commit = world.flake(&system("", endless));
    let mut request = world.request(&commit);
    request.timeout = Duration::from_secs(2);
    let EvaluationOutcome::TimedOut(failure) = world.evaluate(request).await else {
        panic!()
    };
    assert!(failure.message.contains("longer than 2 s"), "{failure:?}");

    world.config.log_size = 1 << 20;
    let flood = "builtins.foldl' (a: b: builtins.trace \"flood flood flood flood flood flood\" a) 0 (builtins.genList (x: x) 1000000)";
    let failure = world.failure(&world.flake(&system("", flood))).await;
    assert!(
        failure.message.contains("says more than 1 MiB"),
        "{failure:?}"
    );
    world.config.log_size = 64 << 20;
    let loop_ = world
        .failure(&world.flake(&system("", "let f = x: 1 + f x; in f 0")))
        .await;
    assert!(
        loop_.message.contains("stack overflow") || loop_.message.contains("infinite recursion"),
        "{loop_:?}"
    );
}

#[tokio::test]
async fn f06_a_nix_that_is_missing_or_broken_is_said_and_may_pass() {
    if !has_nix() {
        return;
    }
    let mut world = World::new(NixKind::Flake);
    let commit = world.flake(&system("", &hello()));
    world.config.search_path = world.path("nowhere").to_str().unwrap().into();
    let failure = world.failure(&commit).await;
    assert_eq!(failure.kind, FailureKind::Transient);
    assert!(failure.message.contains("cannot start nix"), "{failure:?}");
    assert!(failure.hint.contains("install Nix"), "{failure:?}");
}

#[tokio::test]
async fn f06_a_daemon_or_a_network_that_is_gone_may_pass() {
    if !has_nix() {
        return;
    }
    let mut world = World::new(NixKind::Flake);
    let commit = world.flake(&system("", "import (builtins.fetchurl { url = \"http://127.0.0.1:9/x\"; sha256 = \"0000000000000000000000000000000000000000000000000000000000000000\"; })"));
    world
        .config
        .options
        .push(("connect-timeout".into(), "1".into()));
    world
        .config
        .options
        .push(("download-attempts".into(), "1".into()));
    let failure = world.failure(&commit).await;
    assert_eq!(failure.kind, FailureKind::Transient, "{failure:?}");
    let commit = world.flake(&system("", &hello()));
    world.config.options.push((
        "store".into(),
        format!("unix://{}", world.path("no.sock").display()),
    ));
    let failure = world.failure(&commit).await;
    assert_eq!(failure.kind, FailureKind::Transient, "{failure:?}");
    assert!(
        failure.message.contains("cannot connect to socket"),
        "{failure:?}"
    );
}

#[tokio::test]
async fn the_settings_name_what_an_evaluation_depends_on() {
    let world = World::new(NixKind::Flake);
    let mut other = world.config.clone();
    other
        .options
        .push(("allowed-uris".into(), "https://x".into()));
    let other = kiln::backend::nix::Nix::new(other);
    assert_ne!(world.backend().settings(), other.settings());
}

#[tokio::test]
async fn f02_what_only_calls_itself_a_derivation_is_refused() {
    if !has_nix() {
        return;
    }
    let world = World::new(NixKind::Flake);
    for drv in ["--delete", "/etc/passwd", "/nix/store/x.drv"] {
        let fake = format!("{{ type = \"derivation\"; drvPath = {drv:?}; outPath = \"-x\"; }}");
        let failure = world.failure(&world.flake(&system("", &fake))).await;
        assert_eq!(failure.kind, FailureKind::Certain, "{failure:?}");
        assert!(failure.message.contains(drv), "{failure:?}");
    }
    // Nobody made this one, whatever it is called.
    let absent = format!("/nix/store/{}-x.drv", "0".repeat(32));
    let fake = format!("{{ type = \"derivation\"; drvPath = {absent:?}; outPath = {absent:?}; }}");
    world.failure(&world.flake(&system("", &fake))).await;
    assert!(!world.path("generations/1/derivation").exists());
}

#[tokio::test]
async fn f01_settings_of_nix_that_are_strict_or_unknown_do_no_harm() {
    if !has_nix() {
        return;
    }
    let mut world = World::new(NixKind::Flake);
    let options = [("pure-eval", "true"), ("no-such-setting", "x")];
    let options = options.map(|(name, value)| (name.to_owned(), value.to_owned()));
    world.config.options.extend(options);
    let evaluated = world.evaluated(&world.flake(&system("", &hello()))).await;
    let (built, _) = world.built(&evaluated).await;
    assert_eq!(world.existing(&evaluated, 2).await, Some(built));
}
