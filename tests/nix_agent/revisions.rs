//! `kiln check`, `graph` and `diff` of revisions with a flake or plain Nix.

use crate::common::*;
use crate::support::*;
use serde_json::Value;

/// Two hosts: one's system is made of a part, the other's is wrong where `text` is.
fn two(says: &str, other: &str) -> String {
    format!(
        "let step = name: text: builtins.derivation {{ inherit name; system = \"x86_64-linux\"; \
         builder = \"/bin/sh\"; args = [ \"-c\" text ]; }};\n\
         part = step \"part\" ''echo {says} > $out'';\n\
         in {{ nixosConfigurations = {{\n\
         web-1.config.system.build.toplevel = step \"web\" ''read x < ${{part}}; echo $x > $out'';\n\
         db-1.config.system.build.toplevel = {other};\n\
         \"no host\".config = {{ }};\n\
         }}; }}"
    )
}

const DB: &str = "step \"db\" ''echo db > $out''";

fn commit(world: &World, says: &str, other: &str) {
    let flake = format!("{{ outputs = {{ self }}: {}; }}\n", two(says, other));
    world.infra.write("flake.nix", &flake);
    world.infra.write("default.nix", &two(says, other));
    world.infra.commit_all(says);
}

fn lines(said: &Said) -> Vec<Value> {
    let lines = said.stdout.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn f01_check_evaluates_every_host_of_a_flake_and_of_plain_nix_and_builds_nothing() {
    if !has_nix() {
        return;
    }
    let world = World::new();
    commit(&world, "one", DB);
    let web = world.evaluated(&format!("{TOPLEVEL}.outPath"));
    for kind in ["", " --backend nix"] {
        let found = lines(&world.look(&format!("check --json{kind}")).ok());
        let shown: Vec<_> = found
            .iter()
            .map(|line| {
                (
                    line["kind"].as_str().unwrap(),
                    line["name"].as_str().unwrap(),
                )
            })
            .collect();
        assert_eq!(
            shown,
            [
                ("CHECK_KIND_WARNING", "host-name"),
                ("CHECK_KIND_HOST", "db-1"),
                ("CHECK_KIND_HOST", "web-1")
            ]
        );
        let message = found[0]["message"].as_str().unwrap();
        assert!(
            message.starts_with("nixosConfigurations.\"no host\" is of no host"),
            "{message}"
        );
        assert_eq!(found[2]["message"], web, "{found:?}");
    }
    assert!(!world.home.path(&format!("store{web}")).exists());
    assert!(!world.home.path("state").exists());
    // Files as they are in the work tree count; one that fails does not hide the others.
    let bad = two("one", "builtins.throw \"no disk\"");
    let flake = format!("{{ outputs = {{ self }}: {bad}; }}\n");
    world.infra.write("flake.nix", &flake);
    let said = world.look("check --json");
    assert_eq!(said.code, Some(1), "{said:?}");
    let found = lines(&said);
    let why = &found[1]["failure"];
    assert!(
        why["message"].as_str().unwrap().contains("no disk"),
        "{why}"
    );
    assert_eq!(why["location"]["file"], "flake.nix", "{why}");
    assert_eq!(found[2]["passed"], true);
    let said = world.look("check");
    assert!(said.stdout.contains("no disk"), "{said:?}");
    assert!(!said.stderr.contains("no disk"), "said once: {said:?}");
    world.look("check HEAD").ok();
    // An attribute without hosts is of this one.
    let said = world.look("check HEAD --json --attribute nixosConfigurations.web-1");
    assert_eq!(lines(&said.ok())[0]["name"], "*");
    let said = world.look("check HEAD --attribute darwinConfigurations.{host}");
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(
        said.stderr
            .contains("flake.nix has no output darwinConfigurations"),
        "{said:?}"
    );
}

#[test]
fn f01_a_graph_of_a_flakes_revision_needs_no_agent() {
    if !has_nix() {
        return;
    }
    let world = World::new();
    commit(&world, "one", DB);
    for kind in ["", " --backend nix"] {
        let said = world.look(&format!("graph HEAD --host web-1{kind}")).ok();
        assert_eq!(said.stdout, "derivation  web  <- part\nderivation  part\n");
        let nobody = world.look(&format!("graph HEAD --host web-9{kind}"));
        assert_eq!(nobody.code, Some(2), "{nobody:?}");
        assert!(nobody.stderr.contains("db-1, no host, web-1"), "{nobody:?}");
    }
}

#[test]
fn f01_a_diff_of_revisions_says_whose_system_differs_and_by_which_derivations() {
    if !has_nix() {
        return;
    }
    let world = World::new();
    commit(&world, "one", DB);
    let old = world.evaluated(&format!("{TOPLEVEL}.outPath"));
    commit(&world, "two", DB);
    let new = world.evaluated(&format!("{TOPLEVEL}.outPath"));
    let said = world.look("diff HEAD~1 HEAD --json --objects").ok().json();
    let files = said["files"].as_array().unwrap();
    assert_eq!(files.len(), 1, "{said}");
    assert_eq!(files[0]["host"], "web-1");
    let text = files[0]["unified"].as_str().unwrap();
    assert!(text.contains(&format!("\n-{old}\n+{new}\n")), "{text}");
    let named: Vec<_> = said["objects"]
        .as_array()
        .unwrap()
        .iter()
        .map(|o| o["name"].as_str().unwrap())
        .collect();
    assert_eq!(named, ["part", "web"], "{said}");
    // A commit of kiln.star and one of a flake.
    world.infra.commit(KILN_STAR);
    let said = world.look("diff HEAD~1 HEAD --host web-1 --stat").ok();
    assert!(said.stdout.contains("~ . | +1 -1\n"), "{said:?}");
}

#[test]
fn f01_check_evaluates_hosts_whose_names_mean_something_in_a_url() {
    if !has_nix() {
        return;
    }
    let world = World::new();
    let hosts = two("one", DB)
        .replace("web-1.", "\"höst\".")
        .replace("db-1.", "\"a&dir=zz\".");
    let flake = format!("{{ outputs = {{ self }}: {hosts}; }}\n");
    world.infra.write("flake.nix", &flake);
    world.infra.write("default.nix", &hosts);
    world.infra.commit_all("names");
    for kind in ["", " --backend nix"] {
        let found = lines(&world.look(&format!("check --json{kind}")).ok());
        let is_host = |line: &&Value| line["kind"] == "CHECK_KIND_HOST";
        let names: Vec<_> = found
            .iter()
            .filter(is_host)
            .map(|line| &line["name"])
            .collect();
        assert_eq!(names, ["a&dir=zz", "höst"], "{kind}: {found:?}");
    }
}
