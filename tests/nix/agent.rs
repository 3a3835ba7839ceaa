//! A real agent whose commits are flakes: from a push to a generation.

use crate::common::{Agent, Home, Repository, command, is_end, wait_for};
use crate::processes::with;
use crate::support::*;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// A home with a repository of flakes and a Nix store of its own.
struct Site {
    home: Home,
    repository: Repository,
}

impl Site {
    fn new() -> Self {
        let home = Home::new();
        let repository = Repository::new(home.path("work"));
        std::fs::create_dir(home.path("gate")).unwrap();
        Site { home, repository }
    }

    fn config(&self, more: &str) -> String {
        let url = self.repository.path.to_str().unwrap();
        let remotes =
            format!("[[remotes]]\nname = \"origin\"\nurl = \"{url}\"\npoll_interval = \"0s\"\n");
        let options = options(&self.home.path("store")).into_iter().map(|(name, value)| match name.as_str() {
            "sandbox-paths" => format!(
                "sandbox-paths = \"{value} /bin/sleep=/bin/busybox /bin/setsid=/bin/busybox /gate={}\"\n",
                self.home.path("gate").display()
            ),
            _ => format!("{name} = {value:?}\n"),
        });
        let nix: String = options.collect();
        let more = format!("{remotes}[backend]\nkind = \"nix-flake\"\n[nix.options]\n{nix}{more}");
        Agent::config(&self.home, &more).replace("20s", "120s")
    }

    fn start(&self, more: &str) -> Agent<'_> {
        Agent::configured(&self.home, &self.config(more))
    }

    fn push(&self, outputs: &str) -> String {
        self.repository.write("flake.nix", &flake(outputs));
        self.repository.commit_all("a change")
    }

    fn gate(&self, name: &str) -> PathBuf {
        self.home.path("gate").join(name)
    }

    /// A program of Nix on the agent's store.
    fn nix(&self, args: &[&str]) -> String {
        let mut nix = command("nix-store");
        nix.args(args);
        for (name, value) in options(&self.home.path("store")) {
            nix.args(["--option", &name, &value]);
        }
        let output = nix.output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// What runs as this home's: no other process has its name.
    fn mark(&self) -> String {
        self.home.folder.path().display().to_string()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        make_removable(self.home.folder.path());
    }
}

/// A script that says it has begun and goes on when a gate is opened.
fn gated(gate: &str) -> String {
    format!("echo begun; while ! [ -e /gate/{gate} ]; do sleep 0.01; done; echo {gate} > $out")
}

fn begun(agent: &Agent<'_>, step: &str) {
    agent
        .events()
        .until(|event| event["stepStarted"]["derivation"] == step);
}

fn machine_id() -> String {
    let id = std::fs::read_to_string("/etc/machine-id").unwrap_or_default();
    id.trim().to_owned()
}

#[test]
fn f01_a_push_leads_to_a_generation_and_the_same_result_is_not_built_again() {
    if !has_nix() {
        return;
    }
    let site = Site::new();
    let id = machine_id();
    let hello = system(
        &format!("kiln.machineId = {id:?};"),
        &step("hello", "echo hello > $out"),
    );
    site.push(&hello);
    let agent = site.start("");
    let first = agent.built(1);
    assert_eq!(
        first["build"]["status"], "BUILD_STATUS_SUCCEEDED",
        "{first:#}"
    );
    assert_eq!(first["backend"], "nix-flake");
    let real = first["build"]["realPath"].as_str().unwrap();
    assert_eq!(std::fs::read_to_string(real).unwrap(), "hello\n");

    site.repository.write("README", "the flake gives the same");
    site.push(&hello);
    let second = agent.built(2);
    assert_eq!(
        second["build"]["reason"], "BUILD_REASON_ALREADY_BUILT",
        "{second:#}"
    );
    assert_eq!(second["build"]["outPath"], first["build"]["outPath"]);
    assert_eq!(agent.status()["current"]["number"], 2);
}

#[test]
fn f01_a_commit_for_another_machine_is_not_built() {
    if !has_nix() {
        return;
    }
    let site = Site::new();
    site.push(&system(
        "comin.machineId = \"another\";",
        &step("hello", "echo > $out"),
    ));
    let agent = site.start("");
    let ended = agent
        .events()
        .until(|event| is_end(event, "evalFinished", 1));
    let generation = &ended["evalFinished"]["generation"];
    let blocked = &generation["build"]["blocked"];
    assert_eq!(
        blocked["reason"], "BLOCKED_REASON_MACHINE_ID",
        "{generation:#}"
    );
    assert!(
        site.nix(&[
            "--query",
            "--roots",
            generation["evaluation"]["drvPath"].as_str().unwrap()
        ])
        .contains("derivation")
    );
}

#[test]
fn f02_a_commit_that_does_not_evaluate_is_explained_in_status() {
    if !has_nix() {
        return;
    }
    let site = Site::new();
    site.repository.write("hosts/web.nix", "{ }:\n  missing\n");
    site.push(&system("", "import ./hosts/web.nix { }"));
    let agent = site.start("");
    let ended = agent
        .events()
        .until(|event| is_end(event, "evalFinished", 1));
    let failure = &ended["evalFinished"]["generation"]["evaluation"]["failure"];
    assert_eq!(
        failure["message"], "undefined variable 'missing'",
        "{ended:#}"
    );
    assert_eq!(failure["location"]["file"], "hosts/web.nix");
    assert_eq!(failure["location"]["line"], 2);
    let status = agent.kiln(&["status"]).ok().stdout;
    assert!(status.contains("hosts/web.nix:2:3"), "{status}");
    let log = agent.kiln(&["log", "1"]).ok().stdout;
    assert!(log.contains("undefined variable 'missing'"), "{log}");
}

#[test]
fn f05_suspending_a_build_ends_its_processes_and_resume_builds_it() {
    if !has_nix() {
        return;
    }
    let site = Site::new();
    site.push(&system("", &step("slow", &gated("open"))));
    let agent = site.start("");
    begun(&agent, "slow");
    agent.kiln(&["suspend", "--reason", "kernel day"]).ok();
    let cancelled = agent
        .events()
        .until(|event| is_end(event, "buildFinished", 1));
    assert_eq!(
        cancelled["buildFinished"]["generation"]["build"]["cancelledBy"],
        "CANCELLED_BY_SUSPEND"
    );
    std::fs::write(site.gate("open"), "").unwrap();
    agent.kiln(&["resume"]).ok();
    let built = agent.events().until(|event| {
        is_end(event, "buildFinished", 1)
            && event["buildFinished"]["generation"]["build"]["attempt"] == 2
    });
    let build = &built["buildFinished"]["generation"]["build"];
    assert_eq!(build["status"], "BUILD_STATUS_SUCCEEDED", "{built:#}");
}

#[test]
fn f05_cancelling_a_build_of_a_minute_leaves_nothing_within_the_grace_time() {
    if !has_nix() {
        return;
    }
    let site = Site::new();
    let mark = format!("{}/minute", site.mark());
    let minute = format!(
        "trap \"\" TERM; (MARK={mark} setsid sleep 60 &); MARK={mark} sleep 60; echo > $out"
    );
    site.push(&system("", &step("minute", &minute)));
    let agent = site.start("");
    begun(&agent, "minute");
    wait_for(|| (with(&format!("MARK={mark}")).len() >= 2).then_some(()));
    let began = Instant::now();
    agent.kiln(&["cancel"]).ok();
    assert_eq!(with(&mark), Vec::<String>::new());
    assert!(began.elapsed() < kiln::process::GRACE + kiln::process::GIVE_UP);
    let number = agent.kiln(&["show", "1", "--json"]).ok().json();
    assert_eq!(
        number["build"]["cancelledBy"], "CANCELLED_BY_STOP",
        "{number:#}"
    );
}

#[test]
fn f05_an_agent_that_is_killed_leaves_no_nix_behind() {
    if !has_nix() {
        return;
    }
    let site = Site::new();
    site.push(&system("", &step("slow", &gated("open"))));
    let agent = site.start("");
    begun(&agent, "slow");
    agent.kill();
    let store = format!("{}/store", site.mark());
    wait_for(|| with(&store).is_empty().then_some(()));
    std::fs::write(site.gate("open"), "").unwrap();
    let agent = site.start("");
    assert_eq!(agent.built(1)["build"]["status"], "BUILD_STATUS_SUCCEEDED");
}

#[test]
fn f04_what_was_collected_while_it_waited_is_evaluated_again_in_the_same_attempt() {
    if !has_nix() {
        return;
    }
    let site = Site::new();
    site.push(&system("", &step("hello", "echo hello > $out")));
    let agent = site.start("");
    agent.built(1);
    agent.kiln(&["suspend"]).ok();
    site.push(&system("", &step("later", "echo later > $out")));
    let ended = agent
        .events()
        .until(|event| is_end(event, "evalFinished", 2));
    let drv = ended["evalFinished"]["generation"]["evaluation"]["drvPath"]
        .as_str()
        .unwrap();
    std::fs::remove_file(agent.state.join("generations/2/derivation")).unwrap();
    site.nix(&["--gc"]);
    assert!(
        site.nix(&["--check-validity", "--print-invalid", drv])
            .contains(drv)
    );
    agent.kiln(&["resume"]).ok();
    let built = agent.built(2);
    assert_eq!(
        built["build"]["status"], "BUILD_STATUS_SUCCEEDED",
        "{built:#}"
    );
    assert_eq!(built["build"]["attempt"], 1, "{built:#}");
    assert_eq!(built["evaluation"]["attempt"], 1, "{built:#}");
    assert!(agent.state.join("generations/2/derivation").is_symlink());
}

#[test]
fn f04_retention_lets_go_of_what_nix_keeps() {
    if !has_nix() {
        return;
    }
    let site = Site::new();
    let retention = "[retention]\nbuilt = 1\nfailed = 1\ndays = 0\n";
    let of = |number: u32| system("", &step("hello", &format!("echo {number} > $out")));
    site.push(&of(1));
    let agent = site.start(retention);
    let first = agent.built(1);
    for number in 2..=4 {
        site.push(&of(number));
        agent.built(u64::from(number));
    }
    let gone = agent.state.join("generations/1");
    wait_for(|| (!gone.exists()).then_some(()));
    site.nix(&["--gc"]);
    let path =
        |generation: &Value| PathBuf::from(generation["build"]["realPath"].as_str().unwrap());
    assert!(!path(&first).exists());
    assert!(path(&agent.built(4)).exists());
}

#[test]
fn f06_a_line_of_a_step_reaches_who_follows_at_once() {
    if !has_nix() {
        return;
    }
    let site = Site::new();
    let lines = 20;
    let script = "echo begun; i=0; while [ $i -lt 20 ]; do while ! [ -e /gate/$i ]; do :; done; echo line $i; i=$((i+1)); done; echo > $out";
    site.push(&system("", &step("talks", script)));
    let agent = site.start("");
    begun(&agent, "talks");
    let mut kiln = site.home.command();
    kiln.arg("--socket")
        .arg(&agent.socket)
        .args(["log", "--follow"]);
    let mut kiln = kiln.stdout(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(kiln.stdout.take().unwrap()).lines();
    let mut heard = |text: &str| {
        let found = said.by_ref().any(|line| line.unwrap().contains(text));
        assert!(found, "{text} never came");
    };
    heard("begun");
    let mut quickest = Duration::MAX;
    for number in 0..lines {
        let began = Instant::now();
        std::fs::write(site.gate(&number.to_string()), "").unwrap();
        heard(&format!("line {number}"));
        quickest = quickest.min(began.elapsed());
    }
    // 52 ms where nothing else runs. The quickest, and a bound that a busy machine
    // keeps: who waited for a batch or for the step's end would need longer.
    assert!(quickest < Duration::from_millis(800), "{quickest:?}");
    kiln.kill().unwrap();
    kiln.wait().unwrap();
    agent.built(1);
}
