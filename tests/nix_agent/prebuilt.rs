//! What CI evaluated and built is taken by a host that evaluates nothing.

use crate::cache_server::Server;
use crate::common::*;
use crate::fleet::*;
use crate::support::*;

#[test]
fn f07_a_host_takes_what_ci_says_of_a_commit_and_evaluates_nothing() {
    if !has_nix() {
        return;
    }
    let fleet = Fleet::new();
    fleet.commit("one", "");
    let made = fleet.build();
    let record = fleet.publish();
    let agent = fleet.agent(&fleet.asking_folder("only"));
    let taken = agent.built(1);
    assert_eq!(
        taken["build"]["status"], "BUILD_STATUS_SUCCEEDED",
        "{taken:#}"
    );
    for (part, path) in [
        ("evaluation", "drvPath"),
        ("evaluation", "outPath"),
        ("build", "outPath"),
    ] {
        assert_eq!(taken[part][path], made[part][path], "{part}.{path}");
    }
    assert_eq!(taken["evaluation"]["record"], record.to_str().unwrap());
    assert_eq!(made["evaluation"]["record"], "", "it was evaluated there");
    assert_eq!(result(&taken), "one\n");
    assert_eq!(fleet.evaluations(), 0);
    let shown = agent.kiln(&["show", "1"]).ok().stdout;
    assert!(
        shown.contains("taken from a record instead of evaluating"),
        "{shown}"
    );
    let log = agent.kiln(&["log", "1"]).ok().stdout;
    assert!(
        log.contains("nothing is evaluated here: taken from"),
        "{log}"
    );
    // What is there is not brought again, and after a restart not asked again.
    fleet
        .ci
        .infra
        .git(&["commit", "-q", "--allow-empty", "-m", "the same"]);
    fleet.build();
    fleet.publish();
    let again = agent.built(2);
    assert_eq!(again["build"]["reason"], "BUILD_REASON_ALREADY_BUILT");
    agent.kill();
    std::fs::remove_dir_all(&fleet.cache).unwrap();
    let agent = fleet.agent(&fleet.asking_folder("only"));
    assert_eq!(agent.status()["latest"]["number"], 2);
    assert_eq!(agent.status()["condition"], "CONDITION_UP_TO_DATE");
    assert_eq!(fleet.evaluations(), 0);
}

#[test]
fn f07_only_waits_for_a_record_that_is_not_there_yet_and_goes_on_when_it_comes() {
    if !has_nix() {
        return;
    }
    let fleet = Fleet::new();
    fleet.commit("one", "");
    let agent = fleet.agent(&fleet.asking_folder("only"));
    let why = waits_for_cache(&agent, 1, "evaluation");
    let part = format!("no record in {}: it has none", fleet.cache.display());
    assert!(why.contains(&part), "{why}");
    let status = agent.kiln(&["status"]).ok().stdout;
    assert!(status.starts_with("WAITING"), "{status}");
    fleet.build();
    fleet.publish();
    assert_eq!(result(&agent.built(1)), "one\n");
    // Stopped, it waits no more; a newer commit takes its place.
    fleet.commit("two", "");
    waits_for_cache(&agent, 2, "evaluation");
    agent.kiln(&["cancel"]).ok();
    let stopped = agent.kiln(&["show", "2", "--json"]).ok().json();
    assert_eq!(
        stopped["evaluation"]["status"],
        "EVALUATION_STATUS_CANCELLED"
    );
    fleet.commit("three", "");
    waits_for_cache(&agent, 3, "evaluation");
    fleet.build();
    fleet.publish();
    assert_eq!(result(&agent.built(3)), "three\n");
    assert_eq!(fleet.evaluations(), 0);
}

#[test]
fn f07_a_record_for_another_machine_is_not_built() {
    if !has_nix() {
        return;
    }
    let fleet = Fleet::new();
    fleet.commit("one", "kiln.machineId = \"0123456789abcdef\";");
    fleet.build();
    fleet.publish();
    let agent = fleet.agent(&fleet.asking_folder("only"));
    agent
        .events()
        .until(|event| is_end(event, "evalFinished", 1));
    let refused = agent.kiln(&["show", "1", "--json"]).ok().json();
    assert_eq!(refused["evaluation"]["machineId"], "0123456789abcdef");
    assert_eq!(
        refused["build"]["blocked"]["reason"],
        "BLOCKED_REASON_MACHINE_ID"
    );
    assert_eq!(agent.status()["condition"], "CONDITION_REFUSED");
    let out = refused["evaluation"]["outPath"].as_str().unwrap();
    let brought = fleet.host.home.path(&format!("store{out}"));
    assert!(!brought.exists(), "{}", brought.display());
    assert_eq!(fleet.evaluations(), 0);
}

#[test]
fn f07_a_result_that_no_cache_gives_is_waited_for_or_made_here() {
    if !has_nix() {
        return;
    }
    let fleet = Fleet::new();
    fleet.commit("one", "");
    let made = fleet.build();
    fleet.publish();
    let nar = fleet.cache.join("nar");
    std::fs::rename(&nar, fleet.ci.home.path("lost")).unwrap();
    let agent = fleet.agent(&fleet.asking_folder("only"));
    let why = waits_for_cache(&agent, 1, "build");
    let out = made["build"]["outPath"].as_str().unwrap();
    assert!(
        why.contains(out) && why.contains("does not exist in binary cache"),
        "{why}"
    );
    assert_eq!(fleet.evaluations(), 0);
    std::fs::rename(fleet.ci.home.path("lost"), &nar).unwrap();
    assert_eq!(result(&agent.built(1)), "one\n");
    assert_eq!(fleet.evaluations(), 0);
    agent.kill();
    // Who may evaluate does, in the same attempt.
    fleet.commit("two", "");
    let made = fleet.build();
    fleet.publish();
    std::fs::remove_dir_all(&nar).unwrap();
    let agent = fleet.agent(&fleet.asking_folder("prefer"));
    let built = agent.built(2);
    assert_eq!(
        built["build"]["outPath"], made["build"]["outPath"],
        "{built:#}"
    );
    assert_eq!(built["build"]["attempt"], 1);
    assert_eq!(result(&built), "two\n");
    assert!(fleet.evaluations() > 0);
}

#[test]
fn f07_over_http_ci_publishes_and_a_host_takes_it() {
    if !has_nix() {
        return;
    }
    let fleet = Fleet::new();
    let server = Server::start(&fleet.cache);
    fleet.commit("one", "");
    let made = fleet.build();
    let said = fleet.publish_to(&server.url, "key");
    assert_eq!(said["outPath"], made["build"]["outPath"]);
    let place = said["record"].as_str().unwrap();
    assert!(
        place.starts_with(&format!("{}/kiln/prebuilt/", server.url)),
        "{place}"
    );
    let agent = fleet.agent(&fleet.asking("only", &[&server.url]));
    let taken = agent.built(1);
    assert_eq!(taken["evaluation"]["record"], place);
    assert_eq!(result(&taken), "one\n");
    // A server in trouble is waited for, whatever it does.
    for (number, mode) in (2..).zip(["500", "endless", "away"]) {
        server.misbehave(mode);
        fleet.commit(mode, "");
        let why = waits_for_cache(&agent, number, "evaluation");
        assert!(why.contains(&server.url), "{mode}: {why}");
        server.behave();
        fleet.build();
        fleet.publish_to(&server.url, "key");
        assert_eq!(result(&agent.built(number)), format!("{mode}\n"));
    }
    assert_eq!(fleet.evaluations(), 0);
}
