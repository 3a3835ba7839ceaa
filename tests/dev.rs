//! `kiln dev` and what is on the command line of somebody without an agent.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests drive programs"
)]

mod common;

use common::*;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

fn example(home: &Home) -> Repository {
    let repository = Repository::new(home.path("infra"));
    copy_tree(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/web-host"),
        &repository.path,
    );
    repository.commit_all("the example");
    repository
}

/// Runs `dev --once --json`; answers with the steps by how they ended, and the generation.
fn once(home: &Home, folder: &Path, host: &str) -> (Vec<(String, bool)>, Value) {
    let said = home
        .kiln(&[
            "dev",
            folder.to_str().unwrap(),
            "--host",
            host,
            "--once",
            "--json",
        ])
        .ok();
    let lines: Vec<Value> = said
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let steps = lines.iter().filter_map(|line| {
        let step = &line["event"]["stepFinished"];
        Some((
            step["derivation"].as_str()?.to_owned(),
            step["reused"].as_bool()?,
        ))
    });
    (steps.collect(), lines.last().unwrap()["generation"].clone())
}

#[test]
fn the_example_is_built_then_reused_and_one_changed_file_rebuilds_what_depends_on_it() {
    let home = Home::new();
    let infra = example(&home).path.join("web-host");
    let repository = Repository {
        path: home.path("infra"),
    };
    let (steps, generation) = once(&home, &infra, "web-1");
    assert_eq!(generation["build"]["status"], "BUILD_STATUS_SUCCEEDED");
    assert!(
        !steps.is_empty() && steps.iter().all(|(_, reused)| !reused),
        "{steps:?}"
    );
    let real = PathBuf::from(generation["build"]["realPath"].as_str().unwrap());
    assert!(real.join("etc").is_dir());

    let started = Instant::now();
    let (again, second) = once(&home, &infra, "web-1");
    assert_eq!(
        (again.len(), &second["number"]),
        (0, &generation["number"]),
        "nothing is built again"
    );
    assert!(
        started.elapsed() < Duration::from_secs(5),
        "{:?}",
        started.elapsed()
    );

    let sources: Vec<PathBuf> = walk(&infra)
        .into_iter()
        .filter(|p| p.extension().is_some_and(|e| e == "c"))
        .collect();
    let changed = &sources[0];
    let mut text = std::fs::read_to_string(changed).unwrap();
    text.push_str("\nint kiln_changed_this_file = 1;\n");
    std::fs::write(changed, text).unwrap();
    repository.commit_all("one file");
    let (steps, third) = once(&home, &infra, "web-1");
    let rebuilt: Vec<&str> = steps
        .iter()
        .filter(|(_, reused)| !reused)
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(third["build"]["status"], "BUILD_STATUS_SUCCEEDED");
    assert!(
        !rebuilt.is_empty() && rebuilt.len() < steps.len(),
        "{rebuilt:?} of {steps:?}"
    );
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        match entry.file_type().unwrap().is_dir() {
            true => found.extend(walk(&entry.path())),
            false => found.push(entry.path()),
        }
    }
    found.sort();
    found
}

#[test]
fn every_host_of_the_example_is_built() {
    let home = Home::new();
    let infra = example(&home).path.join("web-host");
    for host in ["web-1", "web-2", "db-1"] {
        let (_, generation) = once(&home, &infra, host);
        let real = PathBuf::from(generation["build"]["realPath"].as_str().unwrap());
        assert_eq!(generation["host"], host);
        assert!(real.join("etc").is_dir(), "{}", real.display());
    }
}

#[test]
fn exit_codes_say_whose_fault_it_is() {
    let home = Home::new();
    let repository = Repository::new(home.path("infra"));
    let dev = |args: &[&str]| {
        let mut all = vec!["dev", repository.path.to_str().unwrap(), "--once"];
        all.extend(args);
        home.kiln(&all)
    };
    let none = dev(&["--host", "web-1"]);
    assert_eq!(none.code, Some(2), "no commit: {none:?}");
    assert!(none.stderr.contains("git -C"), "{none:?}");
    repository.write("README", "nothing to evaluate");
    repository.commit_all("no kiln.star");
    let none = dev(&["--host", "web-1"]);
    assert_eq!(none.code, Some(2), "{none:?}");
    assert!(none.stderr.contains("kiln init"), "{none:?}");
    repository.commit("host(\"web-1\", file(\"x\", \"1\"))\nhost(\"web-2\", file(\"x\", \"2\"))\n");
    let undeclared = dev(&["--host", "db-9"]);
    assert_eq!(undeclared.code, Some(2), "{undeclared:?}");
    assert!(
        undeclared.stderr.contains("web-1") && undeclared.stderr.contains("web-2"),
        "{undeclared:?}"
    );
    repository.commit("host(\"web-1\", file(\"x\", undefined_name))\n");
    let failed = dev(&["--host", "web-1"]);
    assert_eq!(failed.code, Some(1), "{failed:?}");
    assert!(failed.stderr.contains("kiln.star:1:"), "{failed:?}");
    repository.commit(
        "host(\"web-1\", derivation(name = \"no\", script = \"echo the last words; false\"))\n",
    );
    let failed = dev(&["--host", "web-1"]);
    assert_eq!(failed.code, Some(1), "{failed:?}");
    assert!(failed.stderr.contains("the last words"), "{failed:?}");
    // Asked again, it is tried again, not answered from memory.
    assert_eq!(dev(&["--host", "web-1"]).code, Some(1));
    let nowhere = home.kiln(&["dev", "/nonexistent", "--once"]);
    assert_eq!(nowhere.code, Some(2), "{nowhere:?}");
}

#[test]
fn uncommitted_files_are_named_once_and_taken_with_worktree() {
    let home = Home::new();
    let repository = Repository::new(home.path("infra"));
    repository.commit(
        "host(\"web-1\", source(\"files\"))\n"
            .replace("files", "d")
            .as_str(),
    );
    repository.write("d/a", "committed");
    repository.commit_all("d");
    repository.write("d/a", "not committed");
    let args = [
        "dev",
        repository.path.to_str().unwrap(),
        "--host",
        "web-1",
        "--once",
        "--json",
    ];
    let said = home.kiln(&args).ok();
    assert!(said.stderr.contains("1 file not committed"), "{said:?}");
    let read = |said: &Said| {
        let last: Value = serde_json::from_str(said.stdout.lines().last().unwrap()).unwrap();
        let real = last["generation"]["build"]["realPath"]
            .as_str()
            .unwrap()
            .to_owned();
        (
            std::fs::read_to_string(format!("{real}/a")).unwrap(),
            last["generation"]["commit"]["dirty"].clone(),
        )
    };
    assert_eq!(read(&said), ("committed".to_owned(), Value::Bool(false)));
    let mut with = args.to_vec();
    with.push("--worktree");
    assert_eq!(
        read(&home.kiln(&with).ok()),
        ("not committed".to_owned(), Value::Bool(true))
    );
}

#[test]
fn n12_the_same_commit_has_the_same_out_path_wherever_the_state_lies() {
    let home = Home::new();
    let infra = example(&home).path.join("web-host");
    let out = |state: &str| {
        let state = home.path(state);
        let args = [
            "dev",
            infra.to_str().unwrap(),
            "--host",
            "web-1",
            "--once",
            "--json",
            "--state-dir",
            state.to_str().unwrap(),
        ];
        let said = home.kiln(&args).ok();
        let last: Value = serde_json::from_str(said.stdout.lines().last().unwrap()).unwrap();
        last["generation"]["build"]["outPath"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let first = out("one");
    assert!(first.starts_with("/var/lib/kiln/store/"), "{first}");
    assert_eq!(first, out("a/much/longer/place"));
    let shell = home
        .kiln(&[
            "shell",
            "--state-dir",
            home.path("one").to_str().unwrap(),
            "--",
            "/bin/sh",
            "-c",
            &format!("ls {first}/etc"),
        ])
        .ok();
    assert!(!shell.stdout.is_empty());
}

#[test]
fn two_dev_agents_of_one_repository_with_a_state_each_run_beside_each_other() {
    let home = Home::new();
    let repository = Repository::new(home.path("infra"));
    repository.commit("host(\"web-1\", tree(\"web-1\", {\"etc/motd\": \"hello\\n\"}))\n");
    let infra = repository.path.to_str().unwrap();
    let kiln = |args: &[&str]| {
        let mut kiln = home.command();
        kiln.env("XDG_RUNTIME_DIR", home.path("run"))
            .current_dir(infra)
            .args(args);
        kiln
    };
    let dev = |more: &[&str]| kiln(&[&["dev", infra, "--host", "web-1"], more].concat());
    let first = dev(&["--state-dir", home.path("a").to_str().unwrap()])
        .stderr(std::process::Stdio::null())
        .spawn();
    let _first = Killed(first.unwrap());
    // Found from the repository by its socket, although its state is elsewhere.
    wait_for(|| {
        let status = kiln(&["status", "--json"]).output().unwrap();
        status.status.success().then_some(())
    });
    let second = home.path("b");
    for more in [
        &["--once", "--state-dir", second.to_str().unwrap()][..],
        &["--once"],
    ] {
        let said = dev(more).output().unwrap();
        assert!(said.status.success(), "{more:?}: {said:?}");
    }
}

/// A process that ends with its test.
struct Killed(std::process::Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn n05_a_step_sees_neither_network_nor_the_hosts_processes_nor_undeclared_files() {
    let home = Home::new();
    let repository = Repository::new(home.path("infra"));
    let secret = home.path("secret");
    std::fs::write(&secret, "the host's").unwrap();
    let script = format!(
        r#"
hidden = derivation(name = "hidden", script = "echo undeclared > $out")
probe = derivation(name = "probe", script = r"""
    {{
        cat {secret} && echo SEES-THE-HOST
        ls /root /home && echo SEES-HOMES
        grep -q root: /etc/shadow && echo SEES-SHADOW
        grep -v -e lo: -e face -e Inter /proc/net/dev && echo SEES-A-NETWORK
        for p in /proc/[0-9]*; do tr '\0' ' ' < $p/cmdline | grep -q 'kiln-test\|git\|cargo' && echo SEES-A-PROCESS; done
        ls /var/lib/kiln/store | grep hidden && echo SEES-UNDECLARED
        touch /usr/x && echo WRITES-THE-HOST
        id -u | grep -qx 1000 || echo WRONG-UID
        [ "$(uname -n)" = localhost ] || echo WRONG-NAME
        true
    }} > $out 2> /dev/null
""")
host("web-1", tree("web-1", {{"probe": probe, "hidden": hidden}}))
"#,
        secret = secret.display()
    );
    repository.commit(&script);
    let (_, generation) = once(&home, &repository.path, "web-1");
    let real = PathBuf::from(generation["build"]["realPath"].as_str().unwrap());
    let probe = std::fs::read_to_string(real.join("probe")).unwrap();
    assert_eq!(probe, "", "the step saw what it must not");
}

#[test]
fn a_first_tree_by_init_is_built() {
    let home = Home::new();
    let repository = Repository::new(home.path("infra"));
    home.kiln(&["init", repository.path.to_str().unwrap()]).ok();
    let before = std::fs::read(repository.path.join("kiln.star")).unwrap();
    assert_eq!(
        home.kiln(&["init", repository.path.to_str().unwrap()]).code,
        Some(1),
        "it touches nothing that is there"
    );
    assert_eq!(
        std::fs::read(repository.path.join("kiln.star")).unwrap(),
        before
    );
    repository.commit_all("a first host");
    home.kiln(&["dev", repository.path.to_str().unwrap(), "--once"])
        .ok();
}
