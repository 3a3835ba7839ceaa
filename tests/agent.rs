//! The main job, from `git push` to a built generation, by the real program:
//! a real Git server, the real sandbox, the real signals.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests drive programs"
)]

mod common;

use common::*;
use serde_json::Value;

const HELLO: &str = r#"
hello = derivation(name = "hello", script = "echo building hello; mkdir -p $out/bin; echo 'echo hi' > $out/bin/hello; chmod +x $out/bin/hello")
host("web-1", tree("web-1", {"usr/local/bin/hello": symlink(hello + "/bin/hello"), "etc/motd": "MOTD\n"}))
"#;

fn remote(url: &str) -> String {
    format!("[[remotes]]\nname = \"origin\"\nurl = \"{url}\"\npoll_interval = \"1s\"\n")
}

fn local(repository: &Repository) -> String {
    remote(repository.path.to_str().unwrap())
}

/// Builds of a repository at a path, the first commit built.
fn first_generation<'a>(home: &'a Home, repository: &Repository) -> Agent<'a> {
    let agent = Agent::start(home, &local(repository));
    assert_eq!(agent.built(1)["build"]["status"], "BUILD_STATUS_SUCCEEDED");
    agent
}

#[test]
fn a_push_to_a_git_server_leads_to_a_built_generation_without_another_command() {
    let home = Home::new();
    let bare = home.path("served/infra.git");
    std::fs::create_dir_all(bare.parent().unwrap()).unwrap();
    assert!(
        command("git")
            .args(["init", "-q", "--bare", "-b", "main"])
            .arg(&bare)
            .status()
            .unwrap()
            .success()
    );
    let daemon = GitDaemon::start(&home.path("served"));
    let url = format!("git://127.0.0.1:{}/infra.git", daemon.port);
    let repository = Repository::new(home.path("work"));
    repository.git(&["remote", "add", "origin", &url]);
    let commit = repository.commit(HELLO);
    repository.git(&["push", "-q", "origin", "main"]);
    let agent = Agent::start(&home, &remote(&url));
    agent.built(1);
    let pushed = repository.commit(&HELLO.replace("MOTD", "changed"));
    repository.git(&["push", "-q", "origin", "main"]);
    let generation = agent.built(2);
    assert_eq!(generation["commit"]["id"], pushed.as_str());
    let real = generation["build"]["realPath"].as_str().unwrap();
    assert_eq!(
        std::fs::read_to_string(format!("{real}/etc/motd")).unwrap(),
        "changed\n"
    );
    let status = agent.status();
    assert_eq!(status["condition"], "CONDITION_UP_TO_DATE", "{status:#}");
    assert_eq!(status["current"]["number"], 2);
    assert_eq!(status["baseline"], pushed.as_str());
    assert_ne!(commit, pushed);
    agent.kiln(&["status", "--check"]).ok();
}

#[test]
fn d01_kill_9_in_the_middle_of_a_build_is_taken_up_under_the_same_number() {
    let home = Home::new();
    let repository = Repository::new(home.path("work"));
    let mark = mark(3); // found in the arguments of the step's sleep
    repository.commit(&format!(
        r#"
first = derivation(name = "first", script = "echo one > $out")
second = derivation(name = "second", deps = [first], script = "echo before; sleep {mark}; cat {{}} > $out".replace("{{}}", str(first)))
host("web-1", second)
"#
    ));
    let agent = Agent::start(&home, &local(&repository));
    let step = |event: &Value| event["stepStarted"]["derivation"] == "second";
    agent.events().until(step);
    // The step is announced before its sandbox stands: its log says when it runs.
    let log = agent.state.join("logs/1/steps");
    let sleeping = wait_for(|| processes_with(&format!("sleep {mark}")).first().copied());
    wait_for(|| log.exists().then_some(()));
    // What was built is made durable while others run: until then a kill costs it.
    let realisations = agent.state.join("store/.kiln/realisations");
    wait_for(|| std::fs::read_dir(&realisations).ok()?.flatten().next());
    agent.kill();
    wait_gone(sleeping);
    let agent = Agent::start(&home, &local(&repository));
    let generation = agent.built(1);
    assert_eq!(
        generation["build"]["status"], "BUILD_STATUS_SUCCEEDED",
        "{generation:#}"
    );
    assert_eq!(generation["build"]["attempt"], 2);
    assert_eq!(
        generation["build"]["steps"]["reused"], 1,
        "the first step is not run again"
    );
    assert_eq!(agent.status()["latest"]["number"], 1);
    let scratch = std::fs::read_dir(agent.state.join("store/.kiln/tmp")).unwrap();
    assert_eq!(scratch.count(), 0, "nothing half done is left");
}

/// Seconds that no other test, of this run or another one, sleeps for.
fn mark(seconds: u32) -> String {
    format!("{seconds}.{:07}", std::process::id())
}

#[test]
fn bad_commits_are_explained_in_status_and_the_next_good_one_is_built() {
    let home = Home::new();
    let repository = Repository::new(home.path("work"));
    repository.commit(HELLO);
    let agent = first_generation(&home, &repository);
    let baseline = agent.status()["baseline"].clone();

    repository.commit("host(\"web-1\", tree(\"web-1\", {\n");
    agent
        .events()
        .until(|event| is_end(event, "evalFinished", 2));
    let text = agent.kiln(&["status"]).ok().stdout;
    assert!(
        text.starts_with("FAILED") && text.contains("kiln.star:"),
        "{text}"
    );
    assert_eq!(agent.kiln(&["status", "--check"]).code, Some(1));

    repository.commit("x = derivation(name = \"bad\", script = \"echo about to fail; exit 7\")\nhost(\"web-1\", x)\n");
    let failed = agent.built(3);
    assert_eq!(failed["build"]["failure"]["exitCode"], 7);
    assert_eq!(failed["build"]["failure"]["derivation"], "bad");
    let text = agent.kiln(&["status"]).ok().stdout;
    assert!(
        text.contains("exit code 7")
            && text.contains("about to fail")
            && text.contains("kiln.star:1"),
        "{text}"
    );
    let log = agent.kiln(&["log", "--derivation", "bad"]).ok().stdout;
    assert!(log.contains("about to fail"), "{log}");

    repository.commit("def f():\n    for i in range(1000000000):\n        for j in range(1000000000):\n            pass\nf()\nhost(\"web-1\", file(\"x\", \"\"))\n");
    agent
        .events()
        .until(|event| is_end(event, "evalFinished", 4));
    let text = agent.kiln(&["status"]).ok().stdout;
    assert!(
        text.contains("limit") && text.contains("kiln.star:3:"),
        "the limit and the place: {text}"
    );
    assert_eq!(
        agent.status()["baseline"],
        baseline,
        "a bad commit moves no baseline"
    );
    assert_eq!(agent.status()["current"]["number"], 1);

    repository.commit(&HELLO.replace("MOTD", "good again"));
    assert_eq!(agent.built(5)["build"]["status"], "BUILD_STATUS_SUCCEEDED");
    assert_eq!(agent.status()["condition"], "CONDITION_UP_TO_DATE");
}

#[test]
fn a_newer_commit_ends_a_running_build_and_its_processes() {
    let home = Home::new();
    let repository = Repository::new(home.path("work"));
    let mark = mark(631);
    repository.commit(&format!(
        "host(\"web-1\", derivation(name = \"slow\", script = \"trap '' TERM; (setsid sleep {mark} &) ; sleep {mark}; echo > $out\"))\n"
    ));
    let agent = Agent::start(&home, &local(&repository));
    let sleeping =
        wait_for(|| Some(processes_with(&format!("sleep {mark}"))).filter(|pids| pids.len() >= 2));
    repository.commit(HELLO);
    agent.built(2);
    assert_eq!(
        processes_with(&format!("sleep {mark}")),
        [0; 0],
        "of {sleeping:?}"
    );
    let first = agent.kiln(&["show", "1", "--json"]).ok().json();
    assert_eq!(first["build"]["status"], "BUILD_STATUS_CANCELLED");
    assert_eq!(first["build"]["cancelledBy"], "CANCELLED_BY_SUPERSEDED");
    assert_eq!(first["build"]["supersededBy"], 2);
}

#[test]
fn suspend_resume_cancel_and_their_refusals_by_the_command_line() {
    let home = Home::new();
    let repository = Repository::new(home.path("work"));
    repository.commit(HELLO);
    let agent = first_generation(&home, &repository);
    agent.kiln(&["suspend", "--reason", "kernel day"]).ok();
    let twice = agent.kiln(&["suspend"]);
    assert_eq!(twice.code, Some(1));
    assert!(twice.stderr.contains("kernel day"), "{twice:?}");
    repository.commit(&HELLO.replace("MOTD", "while suspended"));
    agent
        .events()
        .until(|event| is_end(event, "evalFinished", 2));
    let text = agent.kiln(&["status"]).ok().stdout;
    assert!(
        text.starts_with("SUSPENDED") && text.contains("kernel day"),
        "{text}"
    );
    // It survives the end of the agent.
    assert!(agent.terminate().success());
    let agent = Agent::start(&home, &local(&repository));
    assert!(agent.kiln(&["status"]).ok().stdout.starts_with("SUSPENDED"));
    agent.kiln(&["resume"]).ok();
    assert_eq!(agent.built(2)["build"]["status"], "BUILD_STATUS_SUCCEEDED");
    assert_eq!(agent.kiln(&["resume"]).code, Some(1));
    agent.kiln(&["cancel"]).ok();
    assert_eq!(agent.kiln(&["build", "2"]).code, Some(1), "built already");
    assert_eq!(agent.kiln(&["build", "99"]).code, Some(1));
    agent.kiln(&["eval", "--wait"]).ok();
    let list = agent.kiln(&["generations", "--json"]).ok().stdout;
    let numbers: Vec<Value> = list
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["number"].clone())
        .collect();
    assert_eq!(numbers, [3, 2, 1]);
}

#[test]
fn sigterm_during_a_build_ends_it_and_the_next_start_goes_on() {
    let home = Home::new();
    let repository = Repository::new(home.path("work"));
    let mark = mark(2);
    repository.commit(&format!(
        "host(\"web-1\", derivation(name = \"slow\", script = \"sleep {mark}; echo > $out\"))\n"
    ));
    let agent = Agent::start(&home, &local(&repository));
    agent
        .events()
        .until(|event| event["stepStarted"]["derivation"] == "slow");
    assert!(agent.terminate().success());
    assert_eq!(processes_with(&format!("sleep {mark}")), [0; 0]);
    let agent = Agent::start(&home, &local(&repository));
    let generation = agent.built(1);
    let mut events = agent.events();
    events.until(|event| {
        event["buildFinished"]["generation"]["build"]["cancelledBy"] == "CANCELLED_BY_SHUTDOWN"
    });
    events.until(|event| {
        event["buildFinished"]["generation"]["build"]["status"] == "BUILD_STATUS_SUCCEEDED"
    });
    assert_eq!(generation["number"], 1);
}

#[test]
fn d04_a_second_agent_on_the_same_state_is_refused_and_told_who_owns_it() {
    let home = Home::new();
    let repository = Repository::new(home.path("work"));
    repository.commit(HELLO);
    let agent = first_generation(&home, &repository);
    let config = std::fs::read_to_string(home.path("kiln.toml")).unwrap();
    let second = home.path("second.toml");
    std::fs::write(&second, config.replace("kiln.sock", "second.sock")).unwrap();
    let said = home.kiln(&["agent", "--config", second.to_str().unwrap()]);
    assert_eq!(said.code, Some(1));
    assert!(said.stderr.contains(&agent.pid().to_string()), "{said:?}");
}

#[test]
fn d06_d07_old_generations_and_events_leave_and_who_is_behind_gets_a_snapshot() {
    let home = Home::new();
    let repository = Repository::new(home.path("work"));
    repository.commit(HELLO);
    let retention = "[retention]\nbuilt = 1\nfailed = 1\ndays = 0\nevents = 100\n";
    let configured = format!("{}{retention}", local(&repository));
    let agent = Agent::start(&home, &configured);
    agent.built(1);
    for _ in 0..60 {
        agent.kiln(&["suspend"]).ok();
        agent.kiln(&["resume"]).ok();
    }
    for number in 2..=4 {
        repository.commit(&HELLO.replace("MOTD", &number.to_string()));
        agent.built(number);
    }
    // What is old leaves at the start, if not before; nothing is in memory then.
    assert!(agent.terminate().success());
    let agent = Agent::start(&home, &configured);
    let gone = agent.state.join("generations/2");
    wait_for(|| (!gone.exists()).then_some(()));
    let list = agent.kiln(&["generations", "--json"]).ok().stdout;
    assert_eq!(list.lines().count(), 2, "current and previous: {list}");
    let mut events = agent.events_after(1);
    let snapshot = events.until(|_| true);
    let latest = &snapshot["snapshot"]["status"]["latest"]["number"];
    assert_eq!(*latest, 4, "{snapshot:#}");
    let behind: u64 = snapshot["seq"].as_str().unwrap().parse().unwrap();
    let next = events.until(|_| true);
    assert_eq!(next["seq"], (behind + 1).to_string(), "{next:#}");
}

#[test]
fn secrets_the_agent_holds_are_in_no_log_event_or_failure_plain_or_encoded() {
    let home = Home::new();
    let repository = Repository::new(home.path("work"));
    // Put together by the step, so that the store's copy of it has them not either.
    repository.commit(
        r#"
step = derivation(name = "talks", script = """
printf 'the token is tok3n-of-'; sleep 0.2; echo 'origin!, a word is not'
printf '%s%s' tok3n-of- 'origin!' | base64
printf 'user:%s%s' pass-of- netrc | base64
printf '%s%s' tok3n-of-origin %21; echo
echo the end; exit 3
""")
host("web-1", step)
"#,
    );
    let (token, netrc) = (home.path("token"), home.path("netrc"));
    let write = |path, text| {
        use std::os::unix::fs::PermissionsExt;
        std::fs::write(path, text).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    };
    write(&token, "tok3n-of-origin!\n");
    write(
        &netrc,
        "machine example.org login user password pass-of-netrc\n",
    );
    let config = Agent::config(
        &home,
        &format!(
            "{}auth = {{ token_file = {token:?} }}\n",
            local(&repository)
        ),
    );
    let agent = Agent::configured(
        &home,
        &format!("{config}[native]\nnetrc_file = {netrc:?}\n"),
    );
    let ended = agent
        .events()
        .until(|event| is_end(event, "buildFinished", 1));
    let log = agent.kiln(&["log", "1"]).ok().stdout;
    assert!(
        log.contains("the token is [redacted], a word is not\n"),
        "{log}"
    );
    assert!(log.contains("\nthe end\n"), "{log}");
    let shown = format!("{log}{ended}{}", agent.status());
    assert!(
        ended.to_string().contains("the token is [redacted]"),
        "{ended}"
    );
    for secret in [
        "tok3n-of-",
        "dG9rM24tb2Ytb3Jp",
        "YXNzLW9mLW5ldH",
        "pass-of-netrc",
    ] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}

#[test]
fn an_agent_says_once_what_keeps_which_limit_as_doctor_does() {
    let home = Home::new();
    let repository = Repository::new(home.path("work"));
    repository.commit(HELLO);
    let agent = first_generation(&home, &repository);
    assert!(agent.terminate().success());
    let log = std::fs::read_to_string(home.path("agent.log")).unwrap();
    let said: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("limits of steps:"))
        .collect();
    assert_eq!(said.len(), 1, "{log}");
    let doctor = home.kiln(&["doctor"]);
    let facts = doctor
        .stdout
        .lines()
        .find_map(|line| line.split_once(" limits: "));
    let (_, facts) = facts.unwrap();
    assert!(
        facts.contains("processes") && said[0].contains(facts),
        "{facts}\n{}",
        said[0]
    );
}
