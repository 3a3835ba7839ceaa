//! A configuration that changes while the agent runs.

use crate::common::*;
use crate::support::*;
use serde_json::Value;
use std::os::unix::fs::MetadataExt;

/// Writes the configuration anew and waits for the event that says what came of it.
fn reconfigure(home: &Home, events: &mut Events, config: &str) -> Value {
    // In one step, as careful editors do.
    std::fs::write(home.path("kiln.toml.new"), config).unwrap();
    std::fs::rename(home.path("kiln.toml.new"), home.path("kiln.toml")).unwrap();
    reloaded(events)
}

fn reloaded(events: &mut Events) -> Value {
    let event = events.until(|event| event["configurationReloaded"].is_object());
    event["configurationReloaded"].clone()
}

fn warnings(agent: &Agent<'_>) -> String {
    agent.status()["warnings"].to_string()
}

#[test]
fn a_changed_configuration_is_used_and_a_wrong_one_is_said_and_not_used() {
    let home = Home::new();
    let (repository, agent) = built(&home);
    let first = repository.head();
    let other = Repository::new(home.path("other"));
    let mut events = agent.events();
    let config = Agent::config(&home, &remote(&repository));

    let wrong = reconfigure(
        &home,
        &mut events,
        &config.replace("poll_interval", "poll_intervall"),
    );
    let error = wrong["error"].as_str().unwrap();
    for part in ["kiln.toml:6:", "poll_intervall"] {
        assert!(error.contains(part), "{error}");
        assert!(warnings(&agent).contains(part), "{}", warnings(&agent));
    }
    agent.kiln(&["fetch", "origin"]).ok();

    // A remote comes, with a commit on top of what is built.
    other.git(&["fetch", "-q", repository.path.to_str().unwrap(), "main"]);
    other.git(&["reset", "-q", "--hard", &first]);
    let ahead = other.commit(&HELLO.replace("MOTD", "from the other"));
    let both = format!(
        "{}{}",
        remote(&repository),
        remote(&other).replace("origin", "other")
    );
    let both = Agent::config(&home, &both);
    let used = reconfigure(&home, &mut events, &both);
    assert_eq!(used["error"], "");
    assert_eq!(used["needsRestart"], serde_json::json!([]));
    assert_eq!(agent.status()["warnings"], serde_json::json!([]));
    assert_eq!(agent.built(2)["commit"]["id"], ahead.as_str());
    let remotes = agent.status()["remotes"].clone();
    assert_eq!(
        (&remotes[0]["name"], &remotes[1]["name"]),
        (&"origin".into(), &"other".into())
    );
    agent.kiln(&["eval", "other/main", "--wait"]).ok();

    // And goes again; what only a restart can change is named and kept.
    let mode = config
        .replace("0600", "0660")
        .replace("[grpc]", "[native]\njobs = 1\n[grpc]");
    let used = reconfigure(&home, &mut events, &mode);
    assert_eq!(used["needsRestart"], serde_json::json!(["native", "grpc"]));
    assert!(
        warnings(&agent).contains("native, grpc"),
        "{}",
        warnings(&agent)
    );
    let socket = std::fs::metadata(&agent.socket).unwrap();
    assert_eq!(socket.mode() & 0o777, 0o600);
    assert_eq!(agent.status()["remotes"].as_array().unwrap().len(), 1);
    assert_eq!(agent.kiln(&["fetch", "other"]).code, Some(1));
    assert!(
        reconfigure(&home, &mut events, &config)["needsRestart"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    assert_eq!(agent.status()["warnings"], serde_json::json!([]));

    // A signal is answered whether there is something new or not.
    let pid = nix::unistd::Pid::from_raw(agent.pid());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGHUP).unwrap();
    assert_eq!(reloaded(&mut events)["error"], "");
}

#[test]
fn a_file_in_conf_d_changes_limits_of_what_begins_next() {
    let home = Home::new();
    let (repository, agent) = built(&home);
    let mut events = agent.events();
    std::fs::create_dir(home.path("conf.d")).unwrap();
    let limits = "[builder]\nbuild_timeout = \"1s\"\n";
    std::fs::write(home.path("conf.d/limits.toml"), limits).unwrap();
    // A folder and a file may be seen one after the other; the last one counts.
    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(agent.pid()),
        nix::sys::signal::Signal::SIGHUP,
    )
    .unwrap();
    assert_eq!(reloaded(&mut events)["error"], "");
    repository.commit("host(\"web-1\", derivation(name = \"slow\", script = \"sleep 600\"))\n");
    agent.kiln(&["fetch"]).ok();
    let built = agent.built(2);
    assert_eq!(
        built["build"]["status"], "BUILD_STATUS_TIMED_OUT",
        "{built:#}"
    );
}
