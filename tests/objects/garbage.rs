//! What is kept, what goes, and what happens when space is short.

use crate::common::*;
use crate::support::*;
use std::path::Path;

#[test]
fn n05_retention_releases_a_generation_and_its_objects_are_collected() {
    let home = Home::new();
    let repository = Repository::new(home.path("work"));
    repository.commit(&host("one"));
    let retention = "[retention]\nbuilt = 1\nfailed = 0\ndays = 0\n";
    let agent = Agent::start(&home, &format!("{}{retention}", local(&repository)));
    let first = agent.built(1)["build"]["realPath"].clone();
    let tool = named(&agent.state.join("store"), "tool").unwrap();
    for (number, text) in (2..=11).zip('a'..) {
        repository.commit(&host(&text.to_string()));
        agent.built(number);
    }
    // Beyond ten times the count, and never current or previous.
    repository.commit(&host("last"));
    let last = agent.built(12);
    let first = Path::new(first.as_str().unwrap());
    wait_for(|| (!first.exists()).then_some(()));
    wait_for(|| (!tool.exists()).then_some(()));
    let last = last["build"]["realPath"].as_str().unwrap();
    assert_eq!(
        std::fs::read_to_string(Path::new(last).join("etc/said")).unwrap(),
        "last\n"
    );
}

#[test]
fn b09_what_was_collected_before_its_build_is_evaluated_once_more_and_built() {
    let home = Home::new();
    let repository = Repository::new(home.path("work"));
    repository.commit(&host("one"));
    let agent = Agent::start(&home, &local(&repository));
    agent.built(1);
    agent.kiln(&["suspend"]).ok();
    repository.commit(&host("two"));
    agent
        .events()
        .until(|event| is_end(event, "evalFinished", 2));
    // What it was evaluated to is let go of, as somebody does who clears space.
    let store = agent.state.join("store");
    std::fs::remove_file(agent.state.join("generations/2/derivation")).unwrap();
    agent.kiln(&["store", "gc"]).ok();
    assert!(
        named(&store, "web-1.drv").is_some(),
        "only that of generation 1"
    );
    agent.kiln(&["resume"]).ok();
    let built = agent.built(2);
    assert_eq!(
        built["build"]["status"], "BUILD_STATUS_SUCCEEDED",
        "{built:#}"
    );
    assert_eq!(built["build"]["attempt"], 1);
    assert_eq!(built["evaluation"]["attempt"], 1);
    let out = Path::new(built["build"]["realPath"].as_str().unwrap());
    let said = std::fs::read_to_string(out.join("etc/said")).unwrap();
    assert_eq!(said, "two\n");
}

#[test]
fn n05_below_min_free_nothing_starts_and_everything_else_answers() {
    let home = Home::new();
    let repository = Repository::new(home.path("work"));
    repository.commit(&host("one"));
    let config = Agent::config(&home, &local(&repository));
    let agent = Agent::configured(&home, &format!("{config}[store]\nmin_free = \"4000TiB\"\n"));
    let generation = wait_for(|| {
        let said = agent.kiln(&["show", "1", "--json"]);
        let generation = (said.code == Some(0)).then(|| said.json())?;
        (generation["evaluation"]["blocked"]["reason"] == "BLOCKED_REASON_SPACE")
            .then_some(generation)
    });
    let message = generation["evaluation"]["blocked"]["message"].to_string();
    assert!(message.contains("min_free"), "{message}");
    let status = agent.status();
    assert_eq!(status["condition"], "CONDITION_WAITING");
    assert_eq!(status["builder"]["phase"], "PHASE_WAITING");
    agent.kiln(&["generations"]).ok();
    agent.kiln(&["fetch"]).ok();
    agent.kiln(&["suspend"]).ok();
    agent.kiln(&["resume"]).ok();
    assert!(agent.terminate().success());
    let agent = Agent::configured(&home, &format!("{config}[store]\nmin_free = \"1MiB\"\n"));
    assert_eq!(agent.built(1)["build"]["status"], "BUILD_STATUS_SUCCEEDED");
}

#[test]
fn n05_when_space_is_short_garbage_goes_and_work_goes_on() {
    const TEST: &str = "garbage::n05_when_space_is_short_garbage_goes_and_work_goes_on";
    let Some(disk) = std::env::var_os("KILN_TEST_DISK") else {
        return in_a_small_disk(TEST, "192m");
    };
    let home = Home {
        folder: tempfile::tempdir_in(disk).unwrap(),
    };
    let repository = Repository::new(home.path("work"));
    repository.commit(&host("one"));
    // What a crash may leave: no object, for it has no record.
    let stray = home.path("agent/store/stray");
    std::fs::create_dir_all(stray.parent().unwrap()).unwrap();
    std::fs::write(&stray, vec![1; 100 << 20]).unwrap();
    let config = Agent::config(&home, &local(&repository));
    let agent = Agent::configured(&home, &format!("{config}[store]\nmin_free = \"96MiB\"\n"));
    assert_eq!(agent.built(1)["build"]["status"], "BUILD_STATUS_SUCCEEDED");
    assert!(!stray.exists());
}

/// Runs this test again, alone, in a mount namespace with a small disk.
fn in_a_small_disk(test: &str, size: &str) {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("SKIPPED: only root can mount a small disk");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let script = format!(
        "mount --make-rprivate / && mount -t tmpfs -o size={size} tmpfs {0} && exec \"$0\" --exact {test} --nocapture",
        folder.path().display()
    );
    let status = command("unshare")
        .args(["-m", "sh", "-c", &script])
        .arg(std::env::current_exe().unwrap())
        .env("KILN_TEST_DISK", folder.path())
        .status()
        .unwrap();
    assert!(status.success());
}

#[test]
fn n05_what_a_shell_runs_in_is_kept_until_it_ends() {
    let home = Home::new();
    let repository = Repository::new(home.path("work"));
    repository.commit(&host("one"));
    let agent = Agent::start(&home, &local(&repository));
    let built = agent.built(1);
    let out = Path::new(built["build"]["realPath"].as_str().unwrap()).to_owned();
    let state = agent.state.to_str().unwrap().to_owned();
    let mut shell = home.command();
    // It says that it runs, and ends when its input does.
    shell.args(["shell", "--state-dir", &state, "--", "/bin/sh", "-c"]);
    shell.arg("echo in; read end || exit 0");
    shell.stdin(std::process::Stdio::piped());
    shell.stdout(std::process::Stdio::piped());
    let mut shell = shell.spawn().unwrap();
    let mut said = [0; 3];
    std::io::Read::read_exact(&mut shell.stdout.take().unwrap(), &mut said).unwrap();
    for link in ["result", "derivation"] {
        std::fs::remove_file(format!("{state}/generations/1/{link}")).unwrap();
    }
    agent.kiln(&["store", "gc"]).ok();
    assert_eq!(
        std::fs::read_to_string(out.join("etc/said")).unwrap(),
        "one\n"
    );
    drop(shell.stdin.take());
    assert!(shell.wait().unwrap().success());
    agent.kiln(&["store", "gc"]).ok();
    assert!(!out.exists());
    let gone = home.kiln(&["shell", "1", "--state-dir", &state, "--", "/bin/true"]);
    assert_eq!(gone.code, Some(1), "{gone:?}");
}

#[test]
fn the_folder_of_a_failed_step_is_kept_where_asked() {
    let home = Home::new();
    let repository = Repository::new(home.path("work"));
    repository.commit(
        r#"host("web-1", derivation(name = "bad", script = "echo clue > /build/clue; exit 3"))"#,
    );
    let config = Agent::config(&home, &local(&repository));
    let agent = Agent::configured(&home, &format!("{config}[native]\nkeep_failed = true\n"));
    let failed = agent.built(1);
    let hint = failed["build"]["failure"]["hint"].as_str().unwrap();
    let kept = hint.rsplit(' ').next().unwrap();
    let clue = Path::new(kept).join("build/clue");
    assert_eq!(std::fs::read_to_string(clue).unwrap(), "clue\n", "{hint}");
}
