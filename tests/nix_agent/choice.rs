//! Which backend a commit gets.

use crate::common::*;
use crate::support::*;

#[test]
fn f01_under_auto_each_commit_is_built_by_what_it_has_and_its_generation_says_which() {
    if !has_nix() {
        return;
    }
    let world = World::new();
    world.flake("one", "");
    world.infra.commit_all("a flake");
    let agent = Agent::configured(&world.home, &world.configuration("auto", ""));
    let flake = agent.built(1);
    assert_eq!(flake["backend"], "nix-flake");
    let plain = world.evaluated(TOPLEVEL);
    assert_eq!(flake["build"]["outPath"], plain);
    world.infra.commit(KILN_STAR);
    let native = agent.built(2);
    assert_eq!(native["backend"], "native");
    let out = native["build"]["outPath"].as_str().unwrap();
    assert!(out.starts_with("/var/lib/kiln/store/"), "{out}");
    std::fs::remove_file(world.infra.path.join("kiln.star")).unwrap();
    world.infra.commit_all("a flake again");
    let again = agent.built(3);
    assert_eq!(again["backend"], "nix-flake");
    assert_eq!(again["build"]["reason"], "BUILD_REASON_ALREADY_BUILT");
    // A restart takes nothing for another backend's.
    agent.kill();
    let agent = Agent::configured(&world.home, &world.configuration("auto", ""));
    world.infra.write("README", "more");
    world.infra.commit_all("more");
    let last = agent.built(4);
    assert_eq!(last["build"]["outPath"], plain);
    assert_eq!(agent.status()["latest"]["number"], 4);
}

#[test]
fn f01_a_file_of_plain_nix_is_built_where_an_attribute_is_set() {
    if !has_nix() {
        return;
    }
    let world = World::new();
    world
        .infra
        .write("default.nix", &configurations("plain", ""));
    world.infra.commit_all("plain Nix");
    let configuration = world.configuration("auto", "").replace(
        "kind = \"auto\"",
        "attribute = 'nixosConfigurations.\"{host}\".config.system.build.toplevel'",
    );
    let agent = Agent::configured(&world.home, &configuration);
    let built = agent.built(1);
    assert_eq!(built["backend"], "nix");
    let real = built["build"]["realPath"].as_str().unwrap();
    assert_eq!(std::fs::read_to_string(real).unwrap(), "plain\n");
}

#[test]
fn f01_dev_builds_a_flake_and_plain_nix_without_set_up() {
    if !has_nix() {
        return;
    }
    let world = World::new();
    world.flake("flake", "");
    world
        .infra
        .write("default.nix", &configurations("plain", ""));
    world.infra.commit_all("both");
    let plain = format!("({}).{TOPLEVEL}", configurations("plain", ""));
    for (args, backend, out) in [
        (&[][..], "nix-flake", world.evaluated(TOPLEVEL)),
        (&["--backend", "nix"], "nix", world.expression(&plain)),
        (
            &["--backend", "nix-flake", "--jobs", "1"],
            "nix-flake",
            world.evaluated(TOPLEVEL),
        ),
    ] {
        let built = generation(&world.dev(args).ok());
        assert_eq!(built["backend"], backend, "{args:?}");
        assert_eq!(built["build"]["outPath"], out);
    }
    let said = world.dev(&["--host", "web-9"]);
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(said.stderr.contains("web-9"), "{said:?}");
}
