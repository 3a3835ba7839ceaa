//! `--offline`: status, history and logs by the files of a state nobody owns.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests drive programs"
)]

mod common;

use common::*;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const GOOD: &str = r#"
hello = derivation(name = "hello", script = "echo building hello; echo hi > $out")
host("web-1", tree("web-1", {"hello": hello}))
"#;

/// Every file of the state with its content.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        match path.is_dir() && !path.is_symlink() {
            true => found.extend(contents(&path)),
            false => {
                found.insert(path.clone(), std::fs::read(&path).unwrap_or_default());
            }
        }
    }
    found
}

#[test]
fn status_history_and_logs_are_read_without_an_agent_and_nothing_is_written() {
    let home = Home::new();
    let repository = Repository::new(home.path("infra"));
    repository.commit(GOOD);
    let remote = format!(
        "[[remotes]]\nname = \"origin\"\nurl = {:?}\npoll_interval = \"1s\"\n",
        repository.path
    );
    let agent = Agent::start(&home, &remote);
    agent.built(1);
    repository.commit(&GOOD.replace("echo hi > $out", "echo broken >&2; exit 3"));
    agent.built(2);
    agent.kiln(&["suspend", "--reason", "kernel day"]).ok();
    let state = home.path("agent");
    let dir = state.to_str().unwrap();
    let offline = |args: &[&str]| {
        let mut all = args.to_vec();
        all.extend(["--offline", "--state-dir", dir]);
        home.kiln(&all)
    };
    let refused = offline(&["status"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    let pid = agent.pid().to_string();
    assert!(
        refused.stderr.contains(&pid) && refused.stderr.contains("--offline"),
        "{refused:?}"
    );
    let asked = |args: &[&str]| agent.kiln(args).ok().stdout;
    let (history, log) = (asked(&["generations", "--json"]), asked(&["log", "2"]));
    let (step, status) = (
        asked(&["log", "current", "--derivation", "hello"]),
        agent.status(),
    );
    agent.kill();
    // The index is not looked at.
    std::fs::remove_dir_all(state.join("sled")).unwrap();
    let before = contents(&state);
    assert_eq!(offline(&["generations", "--json"]).ok().stdout, history);
    assert_eq!(offline(&["log"]).ok().stdout, log);
    let found = offline(&["log", "previous", "--derivation", "hello"]);
    assert_eq!(
        found.code,
        Some(1),
        "nothing was built before current: {found:?}"
    );
    let found = offline(&["log", "current", "--derivation", "hello"]).ok();
    assert_eq!(found.stdout, step);
    let read = offline(&["status", "--json"]).ok().json();
    for part in ["condition", "current", "latest", "baseline", "host"] {
        assert_eq!(read[part], status[part], "{part}");
    }
    assert_eq!(read["condition"], "CONDITION_SUSPENDED");
    assert_eq!(read["builder"]["suspension"]["reason"], "kernel day");
    assert_eq!(offline(&["status", "--check"]).code, Some(1));
    // One that cannot be read hides no other.
    let damaged = state.join("generations/2/generation.json");
    std::fs::write(&damaged, "{").unwrap();
    let rest = offline(&["generations", "--json"]);
    assert_eq!(
        (rest.code, rest.stdout.lines().count()),
        (Some(1), 1),
        "{rest:?}"
    );
    assert!(rest.stderr.contains("generation 2"), "{rest:?}");
    std::fs::write(&damaged, &before[&damaged]).unwrap();
    assert_eq!(contents(&state), before);
    let nowhere = home.kiln(&["status", "--offline", "--state-dir", "/nonexistent"]);
    assert_eq!(nowhere.code, Some(1), "{nowhere:?}");
    assert!(nowhere.stderr.contains("--state-dir"), "{nowhere:?}");
}
