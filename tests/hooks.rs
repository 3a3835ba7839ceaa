//! Hooks, by the real program: what applies a built generation, over pushes,
//! failures, kills and restarts.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests drive programs"
)]

mod common;

use common::*;
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

/// A host with one hook, whose script is told where it may write (`$1`).
struct Hooked {
    home: Home,
    repository: Repository,
}

impl Hooked {
    fn new() -> Self {
        let home = Home::new();
        let repository = Repository::new(home.path("work"));
        std::fs::create_dir(home.path("notes")).unwrap();
        let hooked = Hooked { home, repository };
        hooked.commit("one");
        hooked
    }

    /// A tree that is another one for each text, and takes no step to build.
    fn commit(&self, motd: &str) -> String {
        self.repository.commit(&format!(
            "host(\"web-1\", tree(\"web-1\", {{\"etc/motd\": \"{motd}\\n\"}}))\n"
        ))
    }

    fn note(&self, name: &str) -> PathBuf {
        self.home.path("notes").join(name)
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.note(name)).unwrap()
    }

    /// The configuration of a hook that runs `script`; `keys` are added to it.
    fn hook(&self, name: &str, script: &str, keys: &str) -> String {
        let path = self.home.path(&format!("{name}.sh"));
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        let notes = self.home.path("notes");
        format!("[[hooks]]\nname = {name:?}\ncommand = [{path:?}, {notes:?}]\n{keys}\n")
    }

    fn start(&self, hooks: &str) -> Agent<'_> {
        let url = self.repository.path.to_str().unwrap();
        let remote =
            format!("[[remotes]]\nname = \"origin\"\nurl = \"{url}\"\npoll_interval = \"1s\"\n");
        Agent::start(&self.home, &format!("{remote}{hooks}"))
    }
}

/// A named pipe: reading waits until a hook writes, and a hook until a test does.
fn pipe(hooked: &Hooked, name: &str) -> PathBuf {
    let path = hooked.note(name);
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
    path
}

/// Seconds to sleep, found in the arguments of nobody else's process.
fn mark(test: &str) -> String {
    format!("631.{test}{}", std::process::id())
}

fn show(agent: &Agent<'_>, number: u32) -> Value {
    let said = agent.kiln(&["show", &number.to_string(), "--json"]);
    said.ok().json()
}

/// Waits for the end of a hook of generation `number`.
fn hook_ended(agent: &Agent<'_>, number: u64) -> Value {
    let event = agent
        .events()
        .until(|event| event["hookFinished"]["generationNumber"] == number);
    event["hookFinished"]["hook"].clone()
}

#[test]
fn h01_a_hook_sees_the_generation_and_current_has_moved_before_it_runs() {
    let hooked = Hooked::new();
    let script = "cat >\"$1/input.$KILN_GENERATION\"; env | sort >\"$1/env.$KILN_GENERATION\"\n\
                  pwd >\"$1/pwd\"; readlink \"$1/../agent/current\" >\"$1/current.$KILN_GENERATION\"";
    let agent = hooked.start(&hooked.hook("apply", script, ""));
    hook_ended(&agent, 1);
    let first = show(&agent, 1);
    let commit = hooked.commit("two");
    let hook = hook_ended(&agent, 2);
    assert_eq!(hook["status"], "HOOK_STATUS_SUCCEEDED", "{hook}");
    assert_eq!(hook["logTail"], "", "a tail is kept of a failed one only");
    assert!(hook["startedAt"].is_string() && hook["endedAt"].is_string());
    let second = show(&agent, 2);
    assert_eq!(second["hooks"], serde_json::json!([hook]));

    let input: Value = serde_json::from_str(&hooked.read("input.2")).unwrap();
    for key in ["number", "uuid", "commit", "build", "evaluation"] {
        assert_eq!(input[key], second[key], "{key}");
    }
    assert_eq!(input["hooks"][0]["status"], "HOOK_STATUS_RUNNING");
    assert_eq!(hooked.read("pwd"), "/\n");
    assert_eq!(hooked.read("current.2"), "generations/2/result\n");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let expected = format!(
        "KILN_BRANCH=main\nKILN_COMMIT={commit}\nKILN_GENERATION=2\nKILN_HOST=web-1\nKILN_OUT={}\n\
         KILN_PREVIOUS_OUT={}\nKILN_TESTING=false\nPWD=/\n",
        text(&second["build"]["realPath"]),
        text(&first["build"]["realPath"]),
    );
    let env = hooked.read("env.2");
    let env: Vec<&str> = env.lines().filter(|line| !line.starts_with("_=")).collect();
    assert_eq!(env.join("\n") + "\n", expected);
    assert_eq!(agent.status()["condition"], "CONDITION_UP_TO_DATE");
}

#[test]
fn h01_the_end_of_a_failed_hook_is_told_with_exit_code_and_last_words() {
    let hooked = Hooked::new();
    let script = "echo about to give up; exit 7";
    let agent = hooked.start(&hooked.hook("apply", script, "retries = 0"));
    let hook = hook_ended(&agent, 1);
    assert_eq!(hook["status"], "HOOK_STATUS_FAILED");
    assert_eq!(hook["exitCode"], 7);
    assert_eq!(hook["logTail"], "about to give up\n");
    assert_eq!(agent.status()["condition"], "CONDITION_FAILED");
    assert_eq!(agent.kiln(&["status", "--check"]).code, Some(1));
    let text = agent.kiln(&["status"]).ok().stdout;
    assert!(
        text.contains("hook apply failed with exit code 7") && text.contains("| about to give up"),
        "{text}"
    );
    let log = agent.kiln(&["log", "1"]).ok();
    assert!(
        log.stderr.contains("generations/1/hooks/apply/log") && !log.stdout.contains("give up"),
        "{log:?}"
    );
    let waited = agent.kiln(&["eval", "--wait"]);
    assert_eq!(waited.code, Some(1), "{waited:?}");
    assert!(waited.stderr.contains("hook apply failed"), "{waited:?}");
}

#[test]
fn h02_pushes_during_a_hook_do_not_end_it_and_only_the_newest_gets_its_own() {
    let hooked = Hooked::new();
    let (begun, go) = (pipe(&hooked, "begun"), pipe(&hooked, "go"));
    let script = "echo $KILN_GENERATION >>\"$1/order\"\n\
                  [ $KILN_GENERATION != 1 ] || { echo x >\"$1/begun\"; cat \"$1/go\"; }";
    let agent = hooked.start(&hooked.hook("apply", script, ""));
    std::fs::read(&begun).unwrap();
    for number in [2, 3] {
        hooked.commit(&format!("motd {number}"));
        agent.built(number);
    }
    let first = show(&agent, 1);
    assert_eq!(first["hooks"][0]["status"], "HOOK_STATUS_RUNNING");
    assert_eq!(agent.status()["condition"], "CONDITION_APPLYING");
    assert_eq!(agent.kiln(&["status", "--check"]).code, Some(1));
    std::fs::write(&go, "").unwrap();
    assert_eq!(hook_ended(&agent, 3)["status"], "HOOK_STATUS_SUCCEEDED");
    assert_eq!(hooked.read("order"), "1\n3\n");
    let status = |number| show(&agent, number)["hooks"][0]["status"].clone();
    assert_eq!(status(1), "HOOK_STATUS_SUCCEEDED");
    assert_eq!(status(2), "HOOK_STATUS_CANCELLED");
    assert_eq!(agent.status()["condition"], "CONDITION_UP_TO_DATE");
}

#[test]
fn h02_a_suspension_holds_hooks_that_have_not_started_and_tells_those_that_want_to_know() {
    let hooked = Hooked::new();
    let (begun, go) = (pipe(&hooked, "begun"), pipe(&hooked, "go"));
    let script = "[ $KILN_GENERATION != 1 ] || { echo x >\"$1/begun\"; cat \"$1/go\"; }";
    let tell = "echo told >>\"$1/told\"";
    let hooks = [
        hooked.hook("apply", script, ""),
        hooked.hook("tell", tell, "on = [\"suspended\", \"resumed\"]"),
        hooked.hook("after", "echo after >>\"$1/after\"", ""),
    ];
    let agent = hooked.start(&hooks.concat());
    std::fs::read(&begun).unwrap();
    agent.kiln(&["suspend", "--reason", "kernel day"]).ok();
    std::fs::write(&go, "").unwrap();
    let ended = |name: &str| {
        let wanted = |event: &Value| event["hookFinished"]["hook"]["name"] == name;
        agent.events().until(wanted)
    };
    ended("tell");
    assert_eq!(hooked.read("told"), "told\n");
    assert!(!hooked.note("after").exists(), "it had not started");
    agent.kiln(&["resume"]).ok();
    ended("after");
    assert_eq!(
        hooked.read("told"),
        "told\n",
        "it comes after what waited before"
    );
    let mut events = agent.events();
    for _ in 0..2 {
        events.until(|event| event["hookFinished"]["hook"]["name"] == "tell");
    }
    assert_eq!(hooked.read("told"), "told\ntold\n");
}

#[test]
fn h03_a_hook_that_ends_the_agent_runs_once_and_the_next_agent_learns_its_outcome() {
    for signal in ["KILL", "TERM"] {
        let hooked = Hooked::new();
        let (ended, go) = (pipe(&hooked, "ended"), pipe(&hooked, "go"));
        let script = format!(
            "echo ran >>\"$1/runs\"; kill -{signal} \"$(cat \"$1/../agent/lock\")\"\n\
             echo x >\"$1/ended\"; cat \"$1/go\"; echo done >>\"$1/runs\""
        );
        let hooks = hooked.hook("restart", &script, "");
        let agent = hooked.start(&hooks);
        std::fs::read(&ended).unwrap();
        wait_gone(agent.pid());
        drop(agent);
        let agent = hooked.start(&hooks);
        let hook = &show(&agent, 1)["hooks"][0];
        assert_eq!(hook["status"], "HOOK_STATUS_RUNNING", "{signal}: {hook}");
        assert_eq!(agent.status()["condition"], "CONDITION_APPLYING");
        std::fs::write(&go, "").unwrap();
        assert_eq!(hook_ended(&agent, 1)["status"], "HOOK_STATUS_SUCCEEDED");
        assert_eq!(hooked.read("runs"), "ran\ndone\n", "{signal}");
    }
}

#[test]
fn h03_a_hook_that_ended_while_no_agent_ran_is_recorded_and_not_run_again() {
    let hooked = Hooked::new();
    let (begun, go) = (pipe(&hooked, "begun"), pipe(&hooked, "go"));
    let script = "echo ran >>\"$1/runs\"; echo $PPID >\"$1/begun\"; cat \"$1/go\"";
    let hooks = hooked.hook("apply", script, "");
    let agent = hooked.start(&hooks);
    let runner = std::fs::read_to_string(&begun).unwrap();
    agent.kill();
    std::fs::write(&go, "").unwrap();
    wait_gone(runner.trim().parse().unwrap());
    let agent = hooked.start(&hooks);
    assert_eq!(hook_ended(&agent, 1)["status"], "HOOK_STATUS_SUCCEEDED");
    assert_eq!(hooked.read("runs"), "ran\n");
}

#[test]
fn h03_killed_with_its_runner_a_hook_runs_again() {
    let hooked = Hooked::new();
    let begun = pipe(&hooked, "begun");
    let script = "echo ran >>\"$1/runs\"; runs=$(wc -l <\"$1/runs\"); echo $PPID $$ >\"$1/begun\"\n\
                  [ \"$runs\" -gt 1 ] || exec sleep 1000";
    let hooks = hooked.hook("apply", script, "");
    let agent = hooked.start(&hooks);
    let pids = std::fs::read_to_string(&begun).unwrap();
    let pids: Vec<i32> = pids
        .split_whitespace()
        .map(|p| p.parse().unwrap())
        .collect();
    agent.kill();
    let runner = nix::unistd::Pid::from_raw(pids[0]);
    nix::sys::signal::kill(runner, nix::sys::signal::Signal::SIGKILL).unwrap();
    wait_gone(pids[1]);
    let agent = hooked.start(&hooks);
    std::fs::read(&begun).unwrap();
    assert_eq!(hook_ended(&agent, 1)["status"], "HOOK_STATUS_SUCCEEDED");
    assert_eq!(hooked.read("runs"), "ran\nran\n");
}

#[test]
fn h03_killed_before_a_hook_begins_it_runs_after_the_restart() {
    let hooked = Hooked::new();
    let hooks = hooked.hook("apply", "echo $KILN_GENERATION >>\"$1/runs\"", "");
    let agent = hooked.start(&hooks);
    hook_ended(&agent, 1);
    agent.kiln(&["suspend"]).ok();
    hooked.repository.commit_all("the same tree"); // already built: current moves all the same
    let second = agent.built(2);
    assert_eq!(second["build"]["reason"], "BUILD_REASON_ALREADY_BUILT");
    assert_eq!(second["hooks"][0]["status"], "HOOK_STATUS_PENDING");
    let status = agent.status();
    assert_eq!(status["current"]["number"], 2);
    let conditions = serde_json::json!(["CONDITION_SUSPENDED", "CONDITION_APPLYING"]);
    assert_eq!(status["conditions"], conditions);
    agent.kill();
    let agent = hooked.start(&hooks);
    assert_eq!(show(&agent, 2)["hooks"][0]["status"], "HOOK_STATUS_PENDING");
    assert_eq!(hooked.read("runs"), "1\n", "it is held");
    agent.kiln(&["resume"]).ok();
    assert_eq!(hook_ended(&agent, 2)["status"], "HOOK_STATUS_SUCCEEDED");
    assert_eq!(hooked.read("runs"), "1\n2\n");
}

#[test]
fn h03_an_agent_that_a_hook_started_itself_is_no_part_of_the_hook() {
    let hooked = Hooked::new();
    let notify = hooked.note("notify.sock");
    let ready = std::os::unix::net::UnixDatagram::bind(&notify).unwrap();
    ready.set_read_timeout(Some(PATIENCE)).unwrap();
    let script = format!(
        "echo ran >>\"$1/runs\"; kill -9 \"$(cat \"$1/../agent/lock\")\"\n\
         flock \"$1/../agent/lock\" true # the kernel says when it is gone\n\
         NOTIFY_SOCKET=\"$1/notify.sock\" setsid {} agent --config \"$1/../kiln.toml\" >/dev/null 2>&1 &",
        env!("CARGO_BIN_EXE_kiln")
    );
    let agent = hooked.start(&hooked.hook("restart", &script, "timeout = \"60s\""));
    let mut said = [0; 64];
    let length = ready.recv(&mut said).unwrap();
    assert_eq!(&said[..length], b"READY=1");
    assert_eq!(hook_ended(&agent, 1)["status"], "HOOK_STATUS_SUCCEEDED");
    assert_eq!(hooked.read("runs"), "ran\n");
    let second = std::fs::read_to_string(agent.state.join("lock")).unwrap();
    let second = second.trim().parse().unwrap();
    assert_ne!(second, agent.pid());
    assert_eq!(agent.status()["condition"], "CONDITION_UP_TO_DATE");
    let pid = nix::unistd::Pid::from_raw(second);
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
    wait_gone(second);
}

#[test]
fn h03_a_failing_hook_is_retried_as_configured() {
    let hooked = Hooked::new();
    let script = "echo ran >>\"$1/runs\"; [ \"$(wc -l <\"$1/runs\")\" = 2 ]";
    let agent = hooked.start(&hooked.hook("apply", script, "retries = 1"));
    assert_eq!(hook_ended(&agent, 1)["status"], "HOOK_STATUS_SUCCEEDED");
    assert_eq!(hooked.read("runs"), "ran\nran\n");
    hooked.commit("two");
    assert_eq!(hook_ended(&agent, 2)["status"], "HOOK_STATUS_FAILED");
    assert_eq!(hooked.read("runs"), "ran\n".repeat(4));
    // The same commit again: nothing is built, and its hooks run.
    assert_eq!(agent.kiln(&["eval", "--wait"]).code, Some(1));
    assert_eq!(hooked.read("runs"), "ran\n".repeat(6));
}

#[test]
fn h04_a_hook_that_hangs_is_ended_with_its_tree_at_its_timeout() {
    let hooked = Hooked::new();
    let mark = mark("01");
    let script =
        format!("trap '' TERM; echo hanging; (trap '' TERM; setsid sleep {mark}) & sleep {mark}");
    let agent = hooked.start(&hooked.hook("apply", &script, "timeout = \"1s\""));
    let hook = hook_ended(&agent, 1);
    assert_eq!(hook["status"], "HOOK_STATUS_TIMED_OUT");
    let tail = hook["logTail"].as_str().unwrap();
    assert!(
        tail.starts_with("hanging\nkiln: it took longer than 1 s: ending ")
            && tail.contains("sleep"),
        "{tail}"
    );
    assert_eq!(processes_with(&format!("sleep {mark}")), [0; 0]);
    assert_eq!(agent.status()["condition"], "CONDITION_FAILED");
}

#[test]
fn h04_a_hook_that_goes_to_the_background_is_ended_at_its_timeout_too() {
    let hooked = Hooked::new();
    let mark = mark("02");
    let script = format!("setsid sh -c 'sleep {mark} & exit' </dev/null >/dev/null 2>&1 & exit 0");
    let agent = hooked.start(&hooked.hook("apply", &script, "timeout = \"2s\""));
    assert_eq!(hook_ended(&agent, 1)["status"], "HOOK_STATUS_TIMED_OUT");
    assert_eq!(processes_with(&format!("sleep {mark}")), [0; 0]);
}

#[test]
fn a_command_that_others_can_write_to_is_refused_at_the_start_and_again_right_before_it_runs() {
    let hooked = Hooked::new();
    let hooks = hooked.hook("apply", "exit 0", "retries = 0");
    let agent = hooked.start(&hooks);
    hook_ended(&agent, 1);
    let script = hooked.home.path("apply.sh");
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o777)).unwrap();
    hooked.commit("two");
    let hook = hook_ended(&agent, 2);
    assert_eq!(
        (&hook["status"], &hook["exitCode"]),
        (&"HOOK_STATUS_FAILED".into(), &126.into())
    );
    let tail = hook["logTail"].as_str().unwrap();
    assert!(tail.contains("can be written by others"), "{tail}");
    drop(agent);
    let config = hooked.home.path("kiln.toml");
    let said = hooked
        .home
        .kiln(&["agent", "--config", config.to_str().unwrap()]);
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(said.stderr.contains("chmod go-w"), "{said:?}");
}

#[test]
fn failed_and_refused_hooks_run_for_what_they_are_named_after() {
    let hooked = Hooked::new();
    let script = "echo $KILN_GENERATION \"$KILN_OUT\" >>\"$1/failed\"";
    let hooks = [
        hooked.hook("failed", script, "on = [\"failed\"]"),
        hooked.hook(
            "refused",
            "echo refused >>\"$1/refused\"",
            "on = [\"refused\"]",
        ),
    ];
    let agent = hooked.start(&hooks.concat());
    agent.built(1);
    hooked.repository.commit("host(\"web-1\", tree(\n");
    assert_eq!(hook_ended(&agent, 2)["name"], "failed");
    assert_eq!(hooked.read("failed"), "2 \n");
    // History is rewritten: what is offered is no descendant of the baseline.
    hooked
        .repository
        .git(&["checkout", "-q", "--orphan", "other"]);
    hooked.commit("another world");
    hooked
        .repository
        .git(&["branch", "-q", "-f", "main", "other"]);
    let told = agent
        .events()
        .until(|event| event["hookFinished"]["hook"]["name"] == "refused");
    assert_eq!(
        told["hookFinished"]["hook"]["status"],
        "HOOK_STATUS_SUCCEEDED"
    );
    agent.kiln(&["fetch"]);
    assert_eq!(
        hooked.read("refused"),
        "refused\n",
        "once for the same head"
    );
}

#[test]
fn a_hook_runs_as_the_user_it_is_given() {
    if !nix::unistd::geteuid().is_root() {
        return; // only root can run it as another
    }
    let hooked = Hooked::new();
    std::fs::set_permissions(
        hooked.home.folder.path(),
        std::fs::Permissions::from_mode(0o755),
    )
    .unwrap();
    let agent = hooked.start(&hooked.hook(
        "apply",
        "id -un; id -G; exit 1",
        "user = \"nobody\"\nretries = 0",
    ));
    let tail = hook_ended(&agent, 1)["logTail"].clone();
    let tail = tail.as_str().unwrap();
    assert!(tail.starts_with("nobody\n"), "{tail}");
    assert!(
        !tail
            .lines()
            .nth(1)
            .unwrap()
            .split(' ')
            .any(|group| group == "0"),
        "{tail}"
    );
}

#[test]
fn the_example_hook_puts_a_tree_in_its_place_and_takes_away_what_is_gone() {
    let hooked = Hooked::new();
    let tree = |files: &str| {
        let text = format!("host(\"web-1\", tree(\"web-1\", {{{files}}}))\n");
        hooked.repository.commit(&text);
    };
    let script = include_str!("../examples/hooks/apply-tree");
    tree("\"etc/motd\": \"one\", \"etc/old\": \"old\", \"etc/mine\": \"theirs\"");
    let agent = hooked.start(&hooked.hook("apply", script, "retries = 0"));
    let hook = hook_ended(&agent, 1);
    assert_eq!(hook["status"], "HOOK_STATUS_SUCCEEDED", "{hook}");
    assert_eq!(hooked.read("etc/motd"), "one");
    std::fs::write(hooked.note("etc/mine"), "mine").unwrap();
    tree("\"etc/motd\": \"two\", \"usr/new file\": \"new\"");
    let hook = hook_ended(&agent, 2);
    assert_eq!(hook["status"], "HOOK_STATUS_SUCCEEDED", "{hook}");
    assert_eq!(hooked.read("etc/motd"), "two");
    assert_eq!(hooked.read("usr/new file"), "new");
    assert!(!hooked.note("etc/old").exists());
    assert_eq!(hooked.read("etc/mine"), "mine");
    let log = std::fs::read_to_string(agent.state.join("generations/2/hooks/apply/log")).unwrap();
    let plan = "4 changes\nupdate etc/motd\ncreate usr/new file\n\
                keep etc/mine (changed here)\nremove etc/old\ndone\n";
    assert!(log.ends_with(plan), "{log}");
}
