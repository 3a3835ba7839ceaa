//! What the tests of control share.

use crate::common::*;
use serde_json::Value;
use std::os::unix::fs::MetadataExt;

pub const HELLO: &str = r#"
hello = derivation(name = "hello", script = "echo hello > $out")
host("web-1", tree("web-1", {"etc/hello": symlink(hello), "etc/motd": "MOTD\n"}))
"#;

pub fn remote(repository: &Repository) -> String {
    let url = repository.path.to_str().unwrap();
    format!("[[remotes]]\nname = \"origin\"\nurl = \"{url}\"\npoll_interval = \"0s\"\n")
}

/// The lines of the audit log, and that their numbers have no gap.
pub fn audit(agent: &Agent<'_>) -> Vec<Value> {
    let path = agent.state.join("audit.jsonl");
    assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    let text = std::fs::read_to_string(path).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    let lines: Vec<Value> = lines.collect();
    for (line, seq) in lines.iter().zip(1..) {
        assert_eq!(line["seq"], seq, "{lines:#?}");
    }
    lines
}

/// The newest line.
pub fn recorded(agent: &Agent<'_>) -> Value {
    audit(agent).pop().unwrap()
}

/// Seconds a step sleeps: in the arguments of the sleep, and of this run only.
pub fn mark(test: u32) -> String {
    format!("63{test}.{}", std::process::id())
}

/// A repository with [`HELLO`], and an agent that has built it.
pub fn built(home: &Home) -> (Repository, Agent<'_>) {
    built_by(home, |remotes| Agent::config(home, remotes))
}

/// As [`built`], by an agent with the configuration made of these `[[remotes]]`.
pub fn built_by(home: &Home, config: impl FnOnce(&str) -> String) -> (Repository, Agent<'_>) {
    let repository = Repository::new(home.path("work"));
    repository.commit(HELLO);
    let agent = Agent::configured(home, &config(&remote(&repository)));
    agent.built(1);
    (repository, agent)
}

/// Has a step built that runs `script`, and returns once its `sleep` of [`mark`] runs.
pub fn sleeps(agent: &Agent<'_>, repository: &Repository, mark: &str, script: &str) {
    let host = format!("host(\"web-1\", derivation(name = \"slow\", script = \"{script}\"))\n");
    repository.commit(&host);
    agent.kiln(&["fetch"]).ok();
    wait_for(|| processes_with(&format!("sleep {mark}")).first().copied());
}
