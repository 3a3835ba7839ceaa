//! Who may ask for what, and what is kept of it: roles, the audit log, the
//! rules of trust for what is asked by hand, and a configuration that changes
//! while the agent runs. By the real program, as real users.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests drive programs"
)]

mod common;

use common::*;
use serde_json::Value;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

const HELLO: &str = r#"
hello = derivation(name = "hello", script = "echo hello > $out")
host("web-1", tree("web-1", {"etc/hello": symlink(hello), "etc/motd": "MOTD\n"}))
"#;

fn remote(repository: &Repository) -> String {
    let url = repository.path.to_str().unwrap();
    format!("[[remotes]]\nname = \"origin\"\nurl = \"{url}\"\npoll_interval = \"0s\"\n")
}

/// The lines of the audit log, and that their numbers have no gap.
fn audit(agent: &Agent<'_>) -> Vec<Value> {
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
fn recorded(agent: &Agent<'_>) -> Value {
    audit(agent).pop().unwrap()
}

/// A number that is nobody's.
const STRANGER: u32 = 54_321;

/// Runs `kiln` as other users; they need a program and a folder they can reach.
struct People {
    program: std::path::PathBuf,
    member_group: nix::unistd::Group,
    reader: nix::unistd::User,
}

impl People {
    /// `None`, said aloud, where there is no right to become another user.
    fn new(home: &Home) -> Option<Self> {
        if !nix::unistd::geteuid().is_root() {
            // Past the capture of the test's output.
            let _ = writeln!(
                std::io::stderr(),
                "SKIPPED: only root can become another user"
            );
            return None;
        }
        let open = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(home.folder.path(), open).unwrap();
        let program = home.path("kiln");
        std::fs::copy(env!("CARGO_BIN_EXE_kiln"), &program).unwrap();
        Some(People {
            program,
            member_group: nix::unistd::Group::from_name("daemon").unwrap().unwrap(),
            reader: nix::unistd::User::from_name("nobody").unwrap().unwrap(),
        })
    }

    fn config(&self, home: &Home, remotes: &str) -> String {
        let (group, reader) = (&self.member_group.name, &self.reader.name);
        let grpc = format!("group = {group:?}\nreaders = [{reader:?}]\n");
        Agent::config(home, remotes).replace("group = \"\"\n", &grpc)
    }

    /// As a user who is in this group only by a supplementary one.
    fn run(&self, agent: &Agent<'_>, uid: u32, groups: Option<u32>, args: &[&str]) -> Said {
        let groups = match groups {
            Some(gid) => format!("--groups={gid}"),
            None => "--clear-groups".to_owned(),
        };
        let mut setpriv = command("setpriv");
        setpriv.args([
            format!("--reuid={uid}"),
            format!("--regid={STRANGER}"),
            groups,
        ]);
        setpriv
            .arg("--")
            .arg(&self.program)
            .arg("--socket")
            .arg(&agent.socket);
        let output = setpriv.args(args).current_dir("/").output().unwrap();
        Said {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    fn member(&self, agent: &Agent<'_>, args: &[&str]) -> Said {
        self.run(agent, STRANGER, Some(self.member_group.gid.as_raw()), args)
    }

    fn reader(&self, agent: &Agent<'_>, args: &[&str]) -> Said {
        self.run(agent, self.reader.uid.as_raw(), None, args)
    }

    fn stranger(&self, agent: &Agent<'_>, args: &[&str]) -> Said {
        self.run(agent, STRANGER, None, args)
    }
}

#[test]
fn c02_members_change_readers_read_strangers_do_neither_and_refusals_are_recorded() {
    let home = Home::new();
    let Some(people) = People::new(&home) else {
        return;
    };
    let repository = Repository::new(home.path("work"));
    repository.commit(HELLO);
    let agent = Agent::configured(&home, &people.config(&home, &remote(&repository)));
    agent.built(1);
    let mode = std::fs::metadata(&agent.socket).unwrap().mode() & 0o777;
    assert_eq!(mode, 0o666, "roles decide each call");

    let reads: [&[&str]; 5] = [
        &["status"],
        &["generations"],
        &["show"],
        &["events"],
        &["baseline"],
    ];
    for read in reads {
        people.reader(&agent, read).ok();
        people.member(&agent, read).ok();
        let before = audit(&agent).len();
        let refused = people.stranger(&agent, read);
        assert_eq!(refused.code, Some(1), "{read:?}: {refused:?}");
        assert!(refused.stderr.contains("may not look at"), "{refused:?}");
        let lines = audit(&agent);
        assert!(lines.len() > before, "{read:?} is recorded");
        let line = lines.last().unwrap();
        assert_eq!(
            (&line["result"], &line["uid"]),
            (&"refused".into(), &STRANGER.into())
        );
    }
    let changes: [&[&str]; 6] = [
        &["suspend"],
        &["resume"],
        &["eval"],
        &["build"],
        &["cancel"],
        &["fetch"],
    ];
    for change in changes {
        for refused in [
            people.reader(&agent, change),
            people.stranger(&agent, change),
        ] {
            assert_eq!(refused.code, Some(1), "{change:?}: {refused:?}");
            assert!(refused.stderr.contains("may not change"), "{refused:?}");
            assert_eq!(recorded(&agent)["result"], "refused");
        }
    }
    assert_eq!(recorded(&agent)["action"], "Agent.Fetch");
    assert_eq!(agent.status()["latest"]["number"], 1, "nothing was done");

    people
        .member(&agent, &["suspend", "--reason", "kernel day"])
        .ok();
    let line = recorded(&agent);
    assert_eq!(line["action"], "Builder.Suspend");
    assert_eq!(line["result"], "done");
    assert_eq!(line["reason"], "kernel day");
    assert_eq!(line["via"], "unix");
    assert_eq!(line["user"], format!("uid {STRANGER}").as_str());
    // Whoever asks twice is told who was first, when and why.
    let twice = agent.kiln(&["suspend"]);
    for part in ["kernel day", &format!("uid {STRANGER}")] {
        assert!(twice.stderr.contains(part), "{twice:?}");
    }
    let by = &agent.status()["builder"]["suspension"]["by"];
    assert_eq!(by, format!("uid {STRANGER}").as_str());
    assert_eq!(recorded(&agent)["result"], "refused");
    assert_eq!(recorded(&agent)["user"], "root");
}

#[test]
fn c02_without_readers_the_socket_is_closed_to_all_but_its_group() {
    let home = Home::new();
    let Some(people) = People::new(&home) else {
        return;
    };
    let repository = Repository::new(home.path("work"));
    repository.commit(HELLO);
    let config = people.config(&home, &remote(&repository));
    let config = config.replace(&format!("readers = [{:?}]", people.reader.name), "");
    let config = config.replace("0600", "0660");
    let agent = Agent::configured(&home, &config);
    agent.built(1);
    assert_eq!(people.stranger(&agent, &["status"]).code, Some(3));
    people.member(&agent, &["status"]).ok();
}

#[test]
fn a_change_that_cannot_be_recorded_is_refused_and_not_made() {
    let home = Home::new();
    let repository = Repository::new(home.path("work"));
    repository.commit(HELLO);
    let agent = Agent::start(&home, &remote(&repository));
    agent.built(1);
    let path = agent.state.join("audit.jsonl");
    std::fs::rename(&path, home.path("moved")).unwrap();
    std::fs::create_dir(&path).unwrap();
    let refused = agent.kiln(&["suspend"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    for part in ["audit.jsonl", "nothing was changed"] {
        assert!(refused.stderr.contains(part), "{refused:?}");
    }
    assert_eq!(agent.status()["condition"], "CONDITION_UP_TO_DATE");
    std::fs::remove_dir(&path).unwrap();
    agent.kiln(&["suspend"]).ok();
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text.lines().count(), 1);
}

#[test]
fn d01_a_line_torn_by_a_crash_is_mended_at_the_next_start() {
    let home = Home::new();
    let repository = Repository::new(home.path("work"));
    repository.commit(HELLO);
    let agent = Agent::start(&home, &remote(&repository));
    agent.built(1);
    agent.kiln(&["suspend"]).ok();
    let path = agent.state.join("audit.jsonl");
    agent.kill();
    let mut text = std::fs::read_to_string(&path).unwrap();
    text.push_str("{\"time\":\"2026-");
    std::fs::write(&path, text).unwrap();
    let agent = Agent::start(&home, &remote(&repository));
    agent.kiln(&["resume"]).ok();
    let actions = audit(&agent).into_iter().map(|line| line["action"].clone());
    let actions: Vec<Value> = actions.collect();
    assert_eq!(actions, ["Builder.Suspend", "Builder.Resume"]);
}

#[test]
fn what_does_not_descend_from_the_baseline_is_evaluated_for_root_only() {
    let home = Home::new();
    let Some(people) = People::new(&home) else {
        return;
    };
    let repository = Repository::new(home.path("work"));
    let first = repository.commit(HELLO);
    let agent = Agent::configured(&home, &people.config(&home, &remote(&repository)));
    agent.built(1);
    repository.git(&["checkout", "-q", "--orphan", "testing-web-1"]);
    let stolen = repository.commit(&HELLO.replace("MOTD", "from elsewhere"));
    repository.git(&["checkout", "-q", "main"]);
    agent.kiln(&["fetch"]).ok();

    let refused = people.member(&agent, &["eval", "testing-web-1", "--json"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert_eq!(refused.json()["error"]["code"], "PERMISSION_DENIED");
    for part in [&first, &stolen, "only root", "accept-reset"] {
        assert!(refused.stderr.contains(part), "{part}: {refused:?}");
    }
    let line = recorded(&agent);
    assert_eq!(line["action"], "Builder.Eval");
    assert_eq!(line["target"], "testing-web-1");
    assert_eq!(line["result"], "refused");
    assert_eq!(agent.status()["latest"]["number"], 1);

    // What descends from it is for members too.
    people.member(&agent, &["eval", "main", "--wait"]).ok();
    agent.kiln(&["eval", &stolen, "--wait"]).ok();
    assert!(
        recorded(&agent)["message"]
            .as_str()
            .unwrap()
            .contains(&stolen)
    );
    let status = agent.status();
    assert_eq!(status["current"]["commit"]["id"], stolen.as_str());
    assert_eq!(status["baseline"], first.as_str(), "it moves no baseline");

    for (args, code) in [
        (["eval", "no-such-branch"], "NOT_FOUND"),
        (["eval", "99"], "NOT_FOUND"),
        (["fetch", "no-such-remote"], "NOT_FOUND"),
    ] {
        let mut args = args.to_vec();
        args.push("--json");
        let said = agent.kiln(&args);
        assert_eq!(said.json()["error"]["code"], code, "{args:?}");
        assert_eq!(said.code, Some(1));
    }
}

#[test]
fn s03_accept_reset_opens_the_way_once_and_is_recorded() {
    let home = Home::new();
    let repository = Repository::new(home.path("work"));
    let first = repository.commit(HELLO);
    let agent = Agent::start(&home, &remote(&repository));
    agent.built(1);
    assert_eq!(agent.kiln(&["baseline"]).ok().stdout.trim(), first);
    repository.git(&["checkout", "-q", "--orphan", "rewritten"]);
    let rewritten = repository.commit(&HELLO.replace("MOTD", "rewritten"));
    repository.git(&["branch", "-q", "-M", "rewritten", "main"]);
    agent.kiln(&["fetch"]).ok();
    let text = agent.kiln(&["status"]).ok().stdout;
    assert!(text.starts_with("REFUSED"), "{text}");
    let command = format!("kiln accept-reset origin main {rewritten}");
    for part in [&first, &rewritten, &command] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let verdict = &agent.status()["remotes"][0]["branches"][0]["verdict"];
    assert_eq!(verdict, "VERDICT_DIVERGED");

    // Only what is there now, and what is main.
    let stale = agent.kiln(&["accept-reset", "origin", "main", &first]);
    assert_eq!(stale.code, Some(1));
    assert!(stale.stderr.contains(&rewritten), "{stale:?}");
    assert_eq!(
        agent.kiln(&["accept-reset", "origin", "main", "abc"]).code,
        Some(2)
    );
    assert_eq!(
        agent.kiln(&["accept-reset", "origin", "gone", &first]).code,
        Some(1)
    );
    assert_eq!(agent.status()["baseline"], first.as_str());
    assert_eq!(recorded(&agent)["result"], "refused");

    let words: Vec<&str> = command.split(' ').skip(1).collect();
    agent
        .kiln(&[&words[..], &["--reason", "new root"]].concat())
        .ok();
    let line = recorded(&agent);
    assert_eq!(line["action"], "Agent.AcceptReset");
    assert_eq!(line["result"], "done");
    assert_eq!(line["reason"], "new root");
    let message = line["message"].as_str().unwrap();
    assert!(
        message.contains(&first) && message.contains(&rewritten),
        "{message}"
    );
    let moved = agent
        .events()
        .until(|event| event["baselineMoved"]["to"] == rewritten.as_str());
    assert_eq!(moved["durable"], true);
    assert_eq!(moved["baselineMoved"]["from"], first.as_str());
    assert_eq!(agent.built(2)["commit"]["id"], rewritten.as_str());
    assert_eq!(agent.status()["baseline"], rewritten.as_str());
    assert_eq!(agent.status()["condition"], "CONDITION_UP_TO_DATE");
    assert_eq!(
        agent.kiln(&words).code,
        Some(1),
        "it is the baseline already"
    );

    // The way is open once: the next rewrite is refused again.
    repository.git(&["checkout", "-q", "--orphan", "again"]);
    let again = repository.commit(&HELLO.replace("MOTD", "again"));
    repository.git(&["branch", "-q", "-M", "again", "main"]);
    agent.kiln(&["fetch"]).ok();
    assert_eq!(agent.status()["condition"], "CONDITION_REFUSED");
    assert_ne!(agent.status()["baseline"], again.as_str());
}

#[test]
fn s03_what_was_made_before_an_accepted_reset_does_not_move_the_baseline_back() {
    let home = Home::new();
    let repository = Repository::new(home.path("work"));
    repository.commit(HELLO);
    let agent = Agent::start(&home, &remote(&repository));
    agent.built(1);
    agent.kiln(&["suspend"]).ok();
    repository.commit(&HELLO.replace("hello >", "HELLO >"));
    agent.kiln(&["fetch"]).ok();
    agent
        .events()
        .until(|event| is_end(event, "evalFinished", 2));
    repository.git(&["checkout", "-q", "--orphan", "rewritten"]);
    let rewritten = repository.commit("host(\"web-1\",");
    repository.git(&["branch", "-q", "-M", "rewritten", "main"]);
    agent.kiln(&["fetch"]).ok();
    agent
        .kiln(&["accept-reset", "origin", "main", &rewritten])
        .ok();
    agent
        .events()
        .until(|event| is_end(event, "evalFinished", 3));
    agent.kiln(&["resume"]).ok();
    // Generation 3 does not evaluate; somebody builds the one before.
    agent.kiln(&["build", "2", "--wait"]).ok();
    assert_eq!(agent.status()["current"]["number"], 2);
    assert_eq!(agent.status()["baseline"], rewritten.as_str());
}

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
    let (repository, other) = (
        Repository::new(home.path("work")),
        Repository::new(home.path("other")),
    );
    let first = repository.commit(HELLO);
    let agent = Agent::start(&home, &remote(&repository));
    agent.built(1);
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
    let repository = Repository::new(home.path("work"));
    repository.commit(HELLO);
    let agent = Agent::start(&home, &remote(&repository));
    agent.built(1);
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

/// Seconds a step sleeps: in the arguments of the sleep, and of this run only.
fn mark(test: u32) -> String {
    format!("63{test}.{}", std::process::id())
}

/// Files, sockets and watches the agent holds.
fn descriptors(agent: &Agent<'_>) -> usize {
    let folder = format!("/proc/{}/fd", agent.pid());
    std::fs::read_dir(folder).unwrap().count()
}

#[test]
fn c03_a_client_killed_in_the_middle_of_a_stream_frees_everything_it_held() {
    let home = Home::new();
    let repository = Repository::new(home.path("work"));
    repository.commit(HELLO);
    let agent = Agent::start(&home, &remote(&repository));
    agent.built(1);
    let mark = mark(4);
    let slow = format!("echo begun; sleep {mark}; echo > $out");
    repository.commit(&format!(
        "host(\"web-1\", derivation(name = \"slow\", script = \"{slow}\"))\n"
    ));
    agent.kiln(&["fetch"]).ok();
    wait_for(|| processes_with(&format!("sleep {mark}")).first().copied());
    let streams: [&[&str]; 2] = [&["events", "--follow", "--json"], &["log", "2", "--follow"]];
    let mut clients = Vec::new();
    for stream in streams.repeat(4) {
        let mut kiln = home.command();
        kiln.arg("--socket").arg(&agent.socket).args(stream);
        let mut child = kiln.stdout(std::process::Stdio::piped()).spawn().unwrap();
        let mut byte = [0];
        std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut byte).unwrap();
        clients.push(child);
    }
    let connected = descriptors(&agent);
    for client in &mut clients {
        client.kill().unwrap();
        client.wait().unwrap();
    }
    wait_for(|| (descriptors(&agent) + clients.len() <= connected).then_some(()));
    assert_eq!(
        agent.status()["builder"]["phase"],
        "PHASE_BUILDING",
        "the build goes on"
    );
    agent.kiln(&["cancel"]).ok();
}

#[test]
fn c03_a_change_goes_on_and_is_recorded_when_its_caller_is_killed() {
    let home = Home::new();
    let repository = Repository::new(home.path("work"));
    repository.commit(HELLO);
    let agent = Agent::start(&home, &remote(&repository));
    agent.built(1);
    let mark = mark(5);
    let slow = format!("trap '' TERM; sleep {mark} & wait; wait; echo > $out");
    repository.commit(&format!(
        "host(\"web-1\", derivation(name = \"slow\", script = \"{slow}\"))\n"
    ));
    agent.kiln(&["fetch"]).ok();
    wait_for(|| processes_with(&format!("sleep {mark}")).first().copied());
    // The step ignores SIGTERM: it takes the whole grace until the answer comes.
    let mut kiln = home.command();
    kiln.arg("--socket")
        .arg(&agent.socket)
        .args(["cancel", "--reason", "left"]);
    let mut caller = kiln.spawn().unwrap();
    wait_for(|| (agent.status()["builder"]["phase"] == "PHASE_STOPPING").then_some(()));
    caller.kill().unwrap();
    caller.wait().unwrap();
    agent
        .events()
        .until(|event| is_end(event, "buildFinished", 2));
    let recorded = || {
        let line = audit(&agent).pop()?;
        (line["action"] == "Builder.Stop").then_some(line)
    };
    let line = wait_for(recorded);
    assert_eq!(
        (&line["result"], &line["reason"]),
        (&"done".into(), &"left".into())
    );
}
