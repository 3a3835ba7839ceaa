//! `kiln store`: through the agent, and by itself where none runs.

use crate::common::*;
use crate::support::*;
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;

/// A home whose agent built one generation.
fn built(home: &Home) -> (Agent<'_>, Repository) {
    let repository = Repository::new(home.path("work"));
    repository.commit(&host("one"));
    let agent = Agent::start(home, &local(&repository));
    agent.built(1);
    (agent, repository)
}

fn lines(text: &str) -> Vec<Value> {
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn damage(object: &Path) {
    std::fs::remove_file(object).unwrap();
    std::fs::write(object, "lies\n").unwrap();
}

#[test]
fn the_agent_answers_what_its_files_say_when_it_is_gone() {
    let home = Home::new();
    let (agent, _repository) = built(&home);
    let store = agent.state.join("store");
    let said = named(&store, "said").unwrap();
    let said = said.file_name().unwrap().to_str().unwrap().to_owned();
    let current = agent.state.join("current");
    let current = current.to_str().unwrap().to_owned();
    let asked: [&[&str]; 5] = [
        &["path-info", &said],
        &["path-info", &current],
        &["roots"],
        &["verify"],
        &["gc", "--dry-run"],
    ];
    let by_agent: Vec<_> = asked
        .iter()
        .map(|args| {
            agent
                .kiln(&[&["--json", "store"], *args].concat())
                .ok()
                .stdout
        })
        .collect();
    // Who would read the files beside an agent is refused.
    let state = agent.state.to_str().unwrap().to_owned();
    let offline = |args: &[&str]| {
        let place = ["--json", "store", "--offline", "--state-dir", &state];
        home.kiln(&[&place, args].concat())
    };
    let refused = offline(&["roots"]);
    assert_eq!(refused.code, Some(1));
    let message = refused.json()["error"]["message"].to_string();
    assert!(message.contains(&agent.pid().to_string()), "{message}");
    assert!(agent.terminate().success());
    for (args, by_agent) in asked.iter().zip(by_agent) {
        assert_eq!(offline(args).ok().stdout, by_agent, "{args:?}");
    }
    assert_eq!(offline(&["gc"]).code, Some(2), "it changes something");
}

#[test]
fn path_info_says_what_an_object_refers_to() {
    let home = Home::new();
    let (agent, _repository) = built(&home);
    let show = agent.kiln(&["show", "1", "--json"]).ok().json();
    let out = show["build"]["outPath"].as_str().unwrap();
    let info = agent
        .kiln(&["store", "path-info", out, "--json"])
        .ok()
        .json();
    assert_eq!(info["storePath"], out);
    assert_eq!(info["realPath"], show["build"]["realPath"]);
    assert!(info["narHash"].as_str().unwrap().starts_with("sha256-"));
    let references = info["references"].to_string();
    assert!(references.contains("-said\""), "{references}");
    let missing = "/var/lib/kiln/store/0123456789abcdfghijklmnpqrsvwxyz-x";
    let said = agent.kiln(&["store", "path-info", missing, "--json"]);
    assert_eq!(said.code, Some(1));
    assert_eq!(said.json()["error"]["code"], "NOT_FOUND");
    assert_eq!(agent.kiln(&["store", "path-info", "no path"]).code, Some(2));
}

#[test]
fn n05_gc_by_hand_keeps_what_generations_need_and_what_they_were_made_with() {
    let home = Home::new();
    let (agent, _repository) = built(&home);
    let store = agent.state.join("store");
    let before = objects(&store);
    std::fs::write(store.join("stray"), "").unwrap();
    agent.kiln(&["store", "gc"]).ok();
    assert_eq!(objects(&store), before);
    let audit = std::fs::read_to_string(agent.state.join("audit.jsonl")).unwrap();
    assert!(audit.contains("Store.CollectGarbage"), "{audit}");
    let roots = agent.kiln(&["store", "roots", "--json"]).ok();
    let links: Vec<_> = lines(&roots.stdout)
        .iter()
        .map(|root| root["link"].as_str().unwrap().to_owned())
        .collect();
    for link in ["generations/1/derivation", "generations/1/result"] {
        assert!(links.iter().any(|found| found.ends_with(link)), "{links:?}");
    }
    // Without its roots nothing is kept.
    for root in links {
        std::fs::remove_file(root).unwrap();
    }
    let would = agent
        .kiln(&["store", "gc", "--dry-run", "--json"])
        .ok()
        .json();
    assert_eq!(objects(&store), before);
    let gone = agent.kiln(&["store", "gc", "--json"]).ok().json();
    assert_eq!(gone, would);
    assert_eq!(gone["removedCount"].as_u64().unwrap(), before.len() as u64);
    assert_eq!(objects(&store), [""; 0]);
}

#[test]
fn n07_verify_finds_damage_and_repair_has_it_built_again() {
    let home = Home::new();
    let (agent, _repository) = built(&home);
    let store = agent.state.join("store");
    let said = named(&store, "said").unwrap();
    let whole = agent.kiln(&["store", "verify", "--json"]).ok().json();
    assert_eq!(whole["findings"], serde_json::json!([]));
    damage(&said);
    let found = agent.kiln(&["store", "verify", "--json"]);
    assert_eq!(found.code, Some(1));
    assert_eq!(found.json()["damaged"].as_array().unwrap().len(), 1);
    let repaired = agent.kiln(&["store", "verify", "--repair", "--json"]);
    assert!(
        repaired.json()["findings"][0]["repaired"]
            .as_bool()
            .unwrap()
    );
    assert!(!said.exists());
    agent.kiln(&["eval", "--wait"]).ok();
    assert_eq!(std::fs::read_to_string(&said).unwrap(), "one\n");
    agent.kiln(&["store", "verify"]).ok();
}

#[test]
fn n07_a_collection_killed_at_any_moment_leaves_no_lie() {
    for point in ["garbage-forgotten", "garbage-moved-away"] {
        let home = Home::new();
        let (agent, _repository) = built(&home);
        let store = agent.state.join("store");
        let state = agent.state.to_str().unwrap().to_owned();
        assert!(agent.terminate().success());
        for link in ["result", "derivation"] {
            let link = format!("{state}/generations/1/{link}");
            std::fs::remove_file(link).unwrap();
        }
        let collect = ["store", "--state-dir", &state, "gc"];
        let dying = [&["internal", "die-at", point, "1"], &collect[..]].concat();
        let dying = home.kiln(&dying);
        assert_eq!(dying.code, None, "{point}: {dying:?}");
        assert!(
            !objects(&store).is_empty(),
            "{point}: it died before the end"
        );
        let verify = home.kiln(&[
            "--json",
            "store",
            "--state-dir",
            &state,
            "verify",
            "--repair",
        ]);
        assert_eq!(verify.json()["damaged"], serde_json::json!([]), "{point}");
        home.kiln(&collect).ok();
        assert!(objects(&store).len() <= 8, "{point}");
    }
}

#[test]
fn n07_a_collection_killed_between_two_records_leaves_none_that_refers_to_what_is_gone() {
    let home = Home::new();
    let (agent, _repository) = built(&home);
    let state = agent.state.to_str().unwrap().to_owned();
    assert!(agent.terminate().success());
    for link in ["result", "derivation"] {
        std::fs::remove_file(format!("{state}/generations/1/{link}")).unwrap();
    }
    let collect = ["store", "--state-dir", &state, "gc"];
    let dying = [
        &["internal", "die-at", "record-forgotten", "1"],
        &collect[..],
    ]
    .concat();
    // Each kill takes one record, until there is none.
    let mut killed = 0;
    while home.kiln(&dying).code.is_none() {
        killed += 1;
        let verify = [
            "--json",
            "store",
            "--offline",
            "--state-dir",
            &state,
            "verify",
        ];
        let verify = home.kiln(&verify);
        let findings = verify.json()["findings"].to_string();
        assert!(!findings.contains("refers to"), "{killed}: {findings}");
    }
    assert!(killed >= 3, "{killed}");
}

#[test]
fn n06_a_closure_goes_from_one_host_to_another_by_way_of_both_agents() {
    let (one, two) = (Home::new(), Home::new());
    let (from, _repository) = built(&one);
    let out = from.kiln(&["show", "1", "--json"]).ok().json();
    let out = out["build"]["outPath"].as_str().unwrap().to_owned();
    let file = one.path("archive");
    let export = |agent: &Agent<'_>, home: &Home, file: &Path| {
        let mut kiln = home.command();
        kiln.arg("--socket").arg(&agent.socket);
        kiln.args(["store", "export", &out]);
        kiln.stdout(std::fs::File::create(file).unwrap());
        assert!(kiln.status().unwrap().success());
    };
    export(&from, &one, &file);
    let empty = Repository::new(two.path("work"));
    empty.git(&["commit", "-q", "--allow-empty", "-m", "nothing"]);
    let to = Agent::start(&two, &local(&empty));
    let import = |file: &Path| {
        let mut kiln = two.command();
        kiln.arg("--socket")
            .arg(&to.socket)
            .args(["store", "import", "--json"]);
        kiln.stdin(std::fs::File::open(file).unwrap());
        let output = kiln.output().unwrap();
        (
            output.status.code(),
            serde_json::from_slice::<Value>(&output.stdout).unwrap(),
        )
    };
    // Cut short it is refused, and nothing of it stays.
    let bytes = std::fs::read(&file).unwrap();
    let cut = one.path("cut");
    std::fs::write(&cut, &bytes[..bytes.len() - 9]).unwrap();
    let before = objects(&to.state.join("store"));
    let (code, said) = import(&cut);
    assert_ne!(code, Some(0), "{said}");
    assert_eq!(objects(&to.state.join("store")), before);
    let (code, said) = import(&file);
    assert_eq!(code, Some(0), "{said}");
    assert!(said["storePaths"].to_string().contains(&out));
    to.kiln(&["store", "verify"]).ok();
    let again = two.path("again");
    export(&to, &two, &again);
    assert_eq!(std::fs::read(again).unwrap(), bytes);
}

#[test]
fn c03_an_export_whose_reader_is_killed_lets_go_of_everything() {
    let home = Home::new();
    let (agent, _repository) = built(&home);
    let out = agent.kiln(&["show", "1", "--json"]).ok().json();
    let out = out["build"]["outPath"].as_str().unwrap().to_owned();
    for _ in 0..12 {
        let mut kiln = home.command();
        kiln.arg("--socket").arg(&agent.socket);
        let mut child = kiln
            .args(["store", "export", &out])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }
    // More than work at a time, had they not let go.
    wait_for(|| (agent.kiln(&["store", "verify"]).code == Some(0)).then_some(()));
}

#[test]
fn c02_a_reader_may_look_at_the_store_and_change_nothing() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("SKIPPED: only root can be somebody else");
        return;
    }
    let home = Home::new();
    std::fs::set_permissions(home.folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let repository = Repository::new(home.path("work"));
    repository.commit(&host("one"));
    let config = Agent::config(&home, &local(&repository));
    let agent = Agent::configured(&home, &format!("{config}readers = [\"nobody\"]\n"));
    agent.built(1);
    let as_nobody = |args: &[&str]| {
        let mut kiln = command("setpriv");
        kiln.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups"]);
        kiln.arg(env!("CARGO_BIN_EXE_kiln"))
            .arg("--socket")
            .arg(&agent.socket);
        kiln.arg("store").args(args).output().unwrap()
    };
    for args in [&["roots"][..], &["verify"], &["gc", "--dry-run"]] {
        let output = as_nobody(args);
        assert!(output.status.success(), "{args:?}: {output:?}");
    }
    let before = objects(&agent.state.join("store"));
    for args in [
        &["gc"][..],
        &["verify", "--repair"],
        &["import"],
        &["optimise"],
    ] {
        let output = as_nobody(args);
        assert_eq!(output.status.code(), Some(1), "{args:?}: {output:?}");
    }
    assert_eq!(objects(&agent.state.join("store")), before);
    let audit = std::fs::read_to_string(agent.state.join("audit.jsonl")).unwrap();
    for action in [
        "Store.CollectGarbage",
        "Store.Verify",
        "Store.Import",
        "Store.Optimise",
    ] {
        let refused = |line: &str| line.contains(action) && line.contains("refused");
        assert!(audit.lines().any(refused), "{action}: {audit}");
    }
}
