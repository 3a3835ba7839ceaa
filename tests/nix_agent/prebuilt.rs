//! What CI evaluated and built is taken by a host that evaluates nothing.

use crate::cache_server::Server;
use crate::common::*;
use crate::fleet::*;
use crate::support::*;
use std::path::PathBuf;

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
    // Once its first look at the remote is over.
    let began = std::time::Instant::now();
    let mut status = agent.status();
    while status["condition"] != "CONDITION_UP_TO_DATE" {
        assert!(began.elapsed().as_secs() < 60, "{status:#}");
        status = agent.status();
    }
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
    let status = agent.kiln(&["status"]).ok().stdout;
    assert!(status.starts_with("WAITING (cancelled)"), "{status}");
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
    let log = agent
        .kiln(&["log", "1", "--derivation", "(nix)"])
        .ok()
        .stdout;
    assert!(log.contains("does not exist in binary cache"), "{log}");
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
fn f07_prefer_builds_what_it_evaluates_where_what_a_record_names_is_lost() {
    if !has_nix() {
        return;
    }
    let fleet = Fleet::new();
    // Plain Nix, of which a part lies beside the commit.
    let says = "${builtins.currentSystem}";
    let plain = configurations(says, "");
    fleet.ci.infra.write("default.nix", &plain);
    fleet.ci.infra.commit_all("plain Nix");
    let made = generation(&fleet.ci.dev(&["--backend", "nix"]).ok());
    let record = fleet.publish();
    let nar = fleet.cache.join("nar");
    std::fs::remove_dir_all(&nar).unwrap();
    let asking = fleet.asking_folder("prefer");
    let asking = asking
        .replace("kind = \"nix-flake\"", "kind = \"nix\"")
        .replace(
            "options = { ",
            "options = { system = \"i686-linux\", extra-platforms = \"x86_64-linux\", ",
        );
    let agent = fleet.agent(&asking);
    let built = agent.built(1);
    assert_eq!(result(&built), "i686-linux\n", "{built:#}");
    let evaluation = &built["evaluation"];
    assert_ne!(evaluation["drvPath"], made["evaluation"]["drvPath"]);
    assert_eq!(evaluation["outPath"], built["build"]["outPath"]);
    assert_eq!(evaluation["record"], "", "it is this host's own");
    let log = agent.kiln(&["log", "1"]).ok().stdout;
    let (before, now) = (&made["evaluation"]["drvPath"], &evaluation["drvPath"]);
    let names = format!("{} names {}", record.display(), before.as_str().unwrap());
    assert!(log.contains(&names), "{log}");
    let builds = format!("evaluates to {}, and builds that", now.as_str().unwrap());
    assert!(log.contains(&builds), "{log}");
    let brought = agent.kiln(&["log", "1", "--derivation", "(nix)"]).ok();
    let why = "no binary cache gives";
    assert!(brought.stdout.contains(why), "{brought:?}");
    // The generation keeps what it says it was made of.
    agent.kiln(&["graph", "1"]).ok();
}

#[test]
fn f07_what_another_cache_says_is_not_why_a_result_is_waited_for() {
    if !has_nix() {
        return;
    }
    let fleet = Fleet::new();
    fleet.commit("one", "");
    fleet.build();
    fleet.publish();
    let objects = std::fs::read_dir(&fleet.cache).unwrap().flatten();
    for file in objects.map(|entry| entry.path()) {
        if file.extension().is_some_and(|end| end == "narinfo") {
            std::fs::remove_file(file).unwrap();
        }
    }
    let cache = format!("file://{}", fleet.cache.display());
    // Of the reserved ports, which nobody listens on.
    let dead = "http://127.0.0.1:1";
    let asking = fleet.asking("only", &[&cache, dead]).replace(
        "options = { ",
        "options = { download-attempts = \"1\", connect-timeout = \"5\", ",
    );
    let agent = fleet.agent(&asking);
    let why = waits_for_cache(&agent, 1, "build");
    let says = "names: none that answers has it; ";
    assert!(why.contains(says) && why.contains(dead), "{why}");
}

#[test]
fn f07_over_http_a_result_that_comes_later_than_its_record_is_taken_then() {
    if !has_nix() {
        return;
    }
    let fleet = Fleet::new();
    let server = Server::start(&fleet.cache);
    fleet.commit("one", "");
    fleet.build();
    let record = fleet.publish();
    let away = fleet.ci.home.path("lost");
    std::fs::rename(&fleet.cache, &away).unwrap();
    let records = fleet.cache.join("kiln/prebuilt");
    std::fs::create_dir_all(&records).unwrap();
    let name = record.file_name().unwrap();
    std::fs::copy(away.join("kiln/prebuilt").join(name), records.join(name)).unwrap();
    let info = "nix-cache-info";
    std::fs::copy(away.join(info), fleet.cache.join(info)).unwrap();
    let agent = fleet.agent(&fleet.asking("only", &[&server.url]));
    waits_for_cache(&agent, 1, "build");
    // Published again, from where this Nix knows it was before.
    let said = fleet.publish_to(&server.url, "key");
    assert_eq!(said["outPath"].as_str().map(str::is_empty), Some(false));
    assert_eq!(result(&agent.built(1)), "one\n");
    // What was published once and is gone is sent again.
    agent.kill();
    std::fs::remove_dir_all(&fleet.cache).unwrap();
    std::fs::create_dir_all(&fleet.cache).unwrap();
    fleet.publish_to(&server.url, "key");
    let found = std::fs::read_dir(&fleet.cache).unwrap().flatten();
    let is_info = |path: &PathBuf| path.extension().is_some_and(|end| end == "narinfo");
    assert_eq!(found.map(|entry| entry.path()).filter(is_info).count(), 1);
    assert_eq!(fleet.evaluations(), 0);
}

#[test]
fn f07_a_cache_in_a_folder_is_named_by_its_path_alone_where_nix_can_be_told_of_it() {
    if !has_nix() {
        return;
    }
    let fleet = Fleet::new();
    fleet.commit("one", "");
    fleet.build();
    fleet.publish();
    let path = fleet.cache.to_str().unwrap();
    let agent = fleet.agent(&fleet.asking("only", &[path]));
    assert_eq!(result(&agent.built(1)), "one\n");
    assert_eq!(fleet.evaluations(), 0);
    let state = fleet.ci.home.path("dev-state");
    for (name, shown) in [("a cache", "' '"), ("caché", "'é'"), ("a%20b", "'%'")] {
        let line = ["store", "publish", name, "--key", "key", "--state-dir"];
        let said = fleet
            .ci
            .home
            .kiln(&[&line[..], &[state.to_str().unwrap()]].concat());
        assert_eq!(said.code, Some(1), "{name}: {said:?}");
        let why = format!("in a folder with {shown} in its path");
        assert!(said.stderr.contains(&why), "{name}: {said:?}");
        assert!(!fleet.ci.home.path(name).exists(), "{name}");
    }
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
    let forbidden = "answered 403: it is not there, or this host may not read it";
    let modes = [
        ("403", forbidden),
        ("500", "answered 500"),
        ("endless", "is longer than"),
        ("away", "cannot reach"),
    ];
    for (number, (mode, says)) in (2..).zip(modes) {
        server.misbehave(mode);
        fleet.commit(mode, "");
        let why = waits_for_cache(&agent, number, "evaluation");
        assert!(why.contains(&server.url), "{mode}: {why}");
        assert!(why.contains(says), "{mode}: {why}");
        server.behave();
        fleet.build();
        fleet.publish_to(&server.url, "key");
        assert_eq!(result(&agent.built(number)), format!("{mode}\n"));
    }
    assert_eq!(fleet.evaluations(), 0);
}

#[test]
fn f07_what_is_gone_from_the_store_is_brought_again_without_evaluating() {
    if !has_nix() {
        return;
    }
    let fleet = Fleet::new();
    fleet.commit("one", "");
    fleet.build();
    let record = fleet.publish();
    let agent = fleet.agent(&fleet.asking_folder("only"));
    agent.built(1);
    agent.kill();
    let store = fleet.host.home.path("store");
    make_removable(&store);
    std::fs::remove_dir_all(&store).unwrap();
    let agent = fleet.agent(&fleet.asking_folder("only"));
    let again = agent.built(2);
    assert_eq!(result(&again), "one\n");
    assert_eq!(again["evaluation"]["cached"], true);
    assert_eq!(again["evaluation"]["record"], record.to_str().unwrap());
    assert_eq!(fleet.evaluations(), 0);
    // It has no derivation to look at, and says so.
    let graph = agent.kiln(&["graph", "2"]);
    assert_eq!(graph.code, Some(1), "{graph:?}");
    assert!(graph.stderr.contains("taken from a record"), "{graph:?}");
}

#[test]
fn f07_plain_nix_is_taken_by_its_file_and_attribute() {
    if !has_nix() {
        return;
    }
    let fleet = Fleet::new();
    fleet
        .ci
        .infra
        .write("default.nix", &configurations("plain", ""));
    fleet.ci.infra.commit_all("plain Nix");
    let built = generation(&fleet.ci.dev(&["--backend", "nix"]).ok());
    assert_eq!(built["backend"], "nix");
    fleet.publish();
    let asking = fleet.asking_folder("only");
    let plain = asking.replace("kind = \"nix-flake\"", "kind = \"nix\"");
    let agent = fleet.agent(&plain);
    assert_eq!(result(&agent.built(1)), "plain\n");
    agent.kill();
    // Of another file it says nothing.
    let other = plain.replace("[nix]\n", "[nix]\nfile = \"other.nix\"\n");
    let agent = fleet.agent(&other);
    waits_for_cache(&agent, 2, "evaluation");
    assert_eq!(fleet.evaluations(), 0);
}

#[test]
fn f07_ci_publishes_for_hosts_with_an_attribute_of_their_own() {
    if !has_nix() {
        return;
    }
    let fleet = Fleet::new();
    let attribute = "nixosConfigurations.\"{host}\".config.system.build.toplevel";
    fleet.commit("one", "");
    let ci = ["--any-machine", "--attribute", attribute];
    let built = generation(&fleet.ci.dev(&ci).ok());
    fleet.publish();
    let own = format!("[backend]\nattribute = '{attribute}'\n");
    let asking = fleet.asking_folder("only").replace("[backend]\n", &own);
    let agent = fleet.agent(&asking);
    let taken = agent.built(1);
    assert_eq!(taken["build"]["outPath"], built["build"]["outPath"]);
    assert_eq!(fleet.evaluations(), 0);
    // Another attribute of the same commit is another generation.
    let usual = fleet.build();
    assert_eq!(usual["number"], 2);
    assert_eq!(usual["build"]["outPath"], built["build"]["outPath"]);
    for wrong in [
        &["--attribute", "a..b"][..],
        &["--attribute", "a", "--backend", "native"],
    ] {
        let refused = fleet.ci.dev(wrong);
        assert_eq!(refused.code, Some(2), "{refused:?}");
    }
}

#[test]
fn f07_a_cache_that_does_not_answer_keeps_nobody_from_stopping() {
    if !has_nix() {
        return;
    }
    let fleet = Fleet::new();
    let server = Server::start(&fleet.cache);
    server.misbehave("silent");
    fleet.commit("one", "");
    let agent = fleet.agent(&fleet.asking("only", &[&server.url]));
    wait_for(|| {
        let asked = server.requests();
        let record = |line: &String| line.contains("/kiln/prebuilt/");
        asked.iter().any(record).then_some(())
    });
    agent.kiln(&["cancel"]).ok();
    let stopped = agent.kiln(&["show", "1", "--json"]).ok().json();
    assert_eq!(
        stopped["evaluation"]["status"],
        "EVALUATION_STATUS_CANCELLED"
    );
    assert_eq!(stopped["evaluation"]["cancelledBy"], "CANCELLED_BY_STOP");
    assert_eq!(fleet.evaluations(), 0);
}

#[test]
fn f07_who_publishes_the_same_signs_beside_the_others_and_who_says_something_else_is_refused() {
    if !has_nix() {
        return;
    }
    let fleet = Fleet::new();
    let cache = fleet.cache.to_str().unwrap();
    let made = fleet
        .ci
        .home
        .kiln(&["store", "generate-key", "ci-2", "other"]);
    made.ok();
    fleet.commit("one", "");
    fleet.build();
    let record = fleet.publish();
    let signers = || -> Vec<String> {
        let text = std::fs::read_to_string(&record).unwrap();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        let all = json["signatures"].as_array().unwrap().iter();
        let name =
            |one: &serde_json::Value| one.as_str().unwrap().split(':').next().map(str::to_owned);
        all.filter_map(name).collect()
    };
    fleet.publish_to(cache, "other");
    assert_eq!(signers(), ["ci-1", "ci-2"]);
    fleet.publish_to(cache, "other");
    assert_eq!(signers(), ["ci-1", "ci-2"], "once each");
    let agent = fleet.agent(&fleet.asking_folder("only"));
    assert_eq!(result(&agent.built(1)), "one\n");
    // Somebody else's answer stays, and one's own is replaced.
    let answer = std::fs::read(&record).unwrap();
    change(&record, |json| json["machineId"] = "0123".into());
    let changed = std::fs::read(&record).unwrap();
    let state = fleet.ci.home.path("dev-state");
    let line = ["store", "publish", cache, "--key", "key", "--state-dir"];
    let publish = || {
        fleet
            .ci
            .home
            .kiln(&[&line[..], &[state.to_str().unwrap()]].concat())
    };
    let refused = publish();
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(
        refused.stderr.contains("a record has one answer"),
        "{refused:?}"
    );
    assert!(
        refused.stderr.contains("signed by ci-1, ci-2"),
        "{refused:?}"
    );
    assert_eq!(std::fs::read(&record).unwrap(), changed);
    change(&record, |json| json["signatures"] = serde_json::json!([]));
    let said = publish().ok().stdout;
    assert!(said.contains("signed by ci-1 ("), "{said}");
    fleet.publish_to(cache, "other");
    assert_eq!(std::fs::read(&record).unwrap(), answer);
    // What this kiln cannot read may be somebody's answer.
    change(&record, |json| json["version"] = 2.into());
    let newer = publish();
    assert!(newer.stderr.contains("is of version 2"), "{newer:?}");
}

#[test]
fn f07_who_interrupts_a_publication_is_told_that_nothing_of_it_goes_on() {
    use nix::sys::signal::{Signal, kill};
    if !has_nix() {
        return;
    }
    let fleet = Fleet::new();
    let server = Server::start(&fleet.cache);
    fleet.commit("one", "");
    fleet.build();
    server.misbehave("silent");
    let state = fleet.ci.home.path("dev-state");
    let mut publish = fleet.ci.home.command();
    publish.args(["store", "publish", &server.url, "--key", "key"]);
    publish.arg("--state-dir").arg(state);
    let child = publish
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    wait_for(|| (!server.requests().is_empty()).then_some(()));
    let pid = i32::try_from(child.id()).unwrap();
    kill(nix::unistd::Pid::from_raw(pid), Signal::SIGINT).unwrap();
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(130), "{ended:?}");
    let said = String::from_utf8(ended.stderr).unwrap();
    let words = "interrupted; what this command began has ended with it";
    assert!(said.contains(words), "{said}");
}

#[test]
fn f07_publishing_says_what_is_in_the_way_and_with_no_copy_writes_the_record_alone() {
    if !has_nix() {
        return;
    }
    let fleet = Fleet::new();
    let state = fleet.ci.home.path("dev-state");
    let publish = |more: &[&str]| {
        let line = ["store", "publish", "cache", "--state-dir"];
        let all = [&line[..], &[state.to_str().unwrap(), "--key", "key"], more].concat();
        fleet.ci.home.kiln(&all)
    };
    let refused = |more: &[&str], why: &str| {
        let said = publish(more);
        assert_eq!(said.code, Some(1), "{more:?}: {said:?}");
        assert!(said.stderr.contains(why), "{more:?}: {said:?}");
        assert!(!fleet.cache.join("kiln").exists(), "{more:?}");
    };
    fleet.commit("one", "kiln.machineId = \"0123\";");
    fleet.ci.dev(&[]);
    refused(&["1"], "generation 1 is not built");
    fleet.ci.infra.write(
        "flake.nix",
        &format!(
            "{} ",
            std::fs::read_to_string(fleet.ci.infra.path.join("flake.nix")).unwrap()
        ),
    );
    fleet.ci.dev(&["--any-machine", "--worktree"]).ok();
    refused(&["latest"], "files that are not committed");
    fleet.ci.infra.git(&["checkout", "-q", "."]);
    fleet.build();
    std::fs::set_permissions(
        fleet.ci.home.path("key"),
        std::os::unix::fs::PermissionsExt::from_mode(0o644),
    )
    .unwrap();
    refused(&[], "key");
    std::fs::set_permissions(
        fleet.ci.home.path("key"),
        std::os::unix::fs::PermissionsExt::from_mode(0o600),
    )
    .unwrap();
    // Nix says why it cannot copy, and then there is no record.
    std::fs::write(&fleet.cache, "no folder").unwrap();
    refused(&[], "nix copy to ");
    std::fs::remove_file(&fleet.cache).unwrap();
    let said = publish(&["--no-copy"]).ok().stdout;
    assert!(said.contains("on web-1 is /nix/store/"), "{said}");
    assert_eq!(fleet.records().len(), 1);
    assert!(!fleet.cache.join("nar").exists());
    std::fs::remove_dir_all(&fleet.cache).unwrap();
    std::fs::remove_file(fleet.ci.infra.path.join("flake.nix")).unwrap();
    fleet.ci.infra.commit(KILN_STAR);
    fleet.ci.dev(&[]).ok();
    refused(&["latest"], "is not Nix's");
}
