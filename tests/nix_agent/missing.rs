//! Where Nix is missing, or what it is told to use does not answer.

use crate::common::*;
use crate::support::*;

#[test]
fn f06_without_nix_a_kind_of_nix_is_refused_at_the_start_and_a_flake_once_it_comes() {
    let world = World::new();
    world.flake("one", "");
    world.infra.commit_all("a flake");
    let path = world.path_without_nix();
    let file = world.home.path("kiln.toml");
    for kind in ["nix-flake", "nix"] {
        std::fs::write(&file, world.configuration(kind, "")).unwrap();
        let mut kiln = world.home.command();
        kiln.env("PATH", &path)
            .args(["agent", "--config"])
            .arg(&file);
        let output = kiln.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        for part in [
            "Nix is not installed",
            "nix-instantiate",
            "https://nixos.org/download",
        ] {
            assert!(said.contains(part), "{part}: {said}");
        }
    }
    if !has_nix() {
        return;
    }
    // The agent starts all the same, builds what it can, and says what it cannot.
    let without = |program: &mut std::process::Command| {
        program.env("PATH", &path);
    };
    let configuration = world.configuration("auto", "");
    let agent = Agent::configured_with(&world.home, &configuration, without);
    agent
        .events()
        .until(|event| is_end(event, "evalFinished", 1));
    let failed = agent.kiln(&["show", "1", "--json"]).ok().json();
    assert_eq!(failed["backend"], "nix-flake");
    let failure = &failed["evaluation"]["failure"];
    let message = failure["message"].as_str().unwrap();
    assert!(message.starts_with("Nix is not installed"), "{message}");
    assert!(failure["hint"].as_str().unwrap().contains("install Nix"));
    agent.kill();
    // Once it is installed, the next start evaluates the same commit.
    let agent = Agent::configured(&world.home, &configuration);
    assert_eq!(agent.built(2)["build"]["status"], "BUILD_STATUS_SUCCEEDED");
}

#[test]
fn f06_dev_says_what_to_type_where_nothing_can_be_evaluated() {
    let world = World::new();
    world.infra.write("README", "nothing");
    world.infra.commit_all("nothing");
    for (backend, missing, hint) in [
        (
            "auto",
            "there is no kiln.star and no flake.nix in ",
            "kiln init ",
        ),
        ("native", "there is no kiln.star in ", "kiln init "),
        ("nix-flake", "there is no flake.nix in ", "git -C "),
        ("nix", "there is no default.nix in ", "git -C "),
    ] {
        let said = world.dev(&["--backend", backend]);
        assert_eq!(said.code, Some(2), "{said:?}");
        assert!(said.stderr.contains(missing), "{backend}: {said:?}");
        assert!(said.stderr.contains(hint), "{backend}: {said:?}");
    }
    // Nix is missing: said for each way to ask for it.
    world.flake("one", "");
    world.infra.commit_all("a flake");
    for backend in ["auto", "nix-flake"] {
        let output = world.without_nix(&[
            "dev",
            world.infra.path.to_str().unwrap(),
            "--once",
            "--backend",
            backend,
            "--host",
            "web-1",
        ]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("Nix is not installed"), "{said}");
        assert!(said.contains("install Nix"), "{said}");
    }
}

#[test]
fn f06_builders_and_caches_that_do_not_answer_and_unknown_options_are_said_and_keep_nobody_waiting()
{
    if !has_nix() {
        return;
    }
    let world = World::new();
    world.infra.write("README", "nothing");
    world.infra.commit_all("nothing");
    // Nobody can listen there: it is bound, and does not.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    let there = world.home.path("cache");
    std::fs::create_dir(&there).unwrap();
    std::fs::write(there.join("nix-cache-info"), "StoreDir: /nix/store\n").unwrap();
    let lines = format!(
        "substituters = [\"http://127.0.0.1:{port}\", \"http://{}\", \"file://{}\"]\n\
         builders = [\"ssh://nobody@127.0.0.1?port={port} x86_64-linux\"]",
        silent.local_addr().unwrap(),
        there.display(),
    );
    let configuration = world.configuration("auto", &lines);
    let option = "options = { extra-sandbx-paths = \"/x\", extra-sandbox-paths = \"\", build-cores = \"1\", ";
    let configuration = configuration.replace("options = { ", option);
    let agent = Agent::configured(&world.home, &configuration);
    let warnings = wait_for(|| {
        let status = agent.status();
        let warnings = status["warnings"].as_array().unwrap().clone();
        (warnings.len() >= 4).then_some(warnings)
    });
    let warnings: Vec<&str> = warnings
        .iter()
        .map(|warning| warning.as_str().unwrap())
        .collect();
    let closed = format!("the substituter http://127.0.0.1:{port} of [nix] does not answer: ");
    let silent = format!(
        "the substituter http://{} of [nix]",
        silent.local_addr().unwrap()
    );
    let unknown = "the installed Nix knows no setting extra-sandbx-paths,";
    for start in [
        unknown,
        "the builder ssh://nobody@127.0.0.1",
        &closed,
        &silent,
    ] {
        let count = warnings
            .iter()
            .filter(|warning| warning.starts_with(start))
            .count();
        assert_eq!(count, 1, "{start}: {warnings:#?}");
    }
    assert_eq!(warnings.len(), 4, "the folder answers: {warnings:#?}");
    let log = std::fs::read_to_string(world.home.path("agent.log")).unwrap();
    assert!(log.contains(warnings[0]), "{log}");
}
