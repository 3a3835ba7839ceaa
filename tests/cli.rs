//! The program itself: exit codes and streams, as scripts hold on to them.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test runs the program and may fail"
)]

use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Every command that asks the agent, as typed.
const ASKING: &[&str] = &[
    "status",
    "status --oneline --check",
    "fetch",
    "eval",
    "eval HEAD --wait",
    "build",
    "build 3 --wait --retry",
    "cancel",
    "suspend --for 2h --reason x",
    "resume",
    "generations",
    "show",
    "show previous",
    "log",
    "log current --follow",
    "graph 1",
    "diff 1 latest --stat",
    "events",
    "events --after 3 --follow",
];

fn kiln(root: &Path, line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kiln"));
    command
        .args(line.split(' '))
        .env_clear()
        .env("HOME", root)
        .current_dir(root);
    command.stdin(Stdio::null());
    command
}

fn run(root: &Path, line: &str) -> Output {
    kiln(root, line).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Every asking command against `socket`: exit 3, what to do on stderr, and with
/// `--json` one error object on stdout. At the same time: a hung one takes seconds.
fn all_are_told(root: &Path, socket: &Path, word: &str) {
    std::thread::scope(|scope| {
        for command in ASKING {
            scope.spawn(move || {
                let line = format!("--json --socket {} {command}", socket.display());
                let output = run(root, &line);
                let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
                assert_eq!(output.status.code(), Some(3), "{command}: {stderr}");
                assert!(
                    stderr.contains(word) && stderr.contains("hint: "),
                    "{command}: {stderr}"
                );
                let json: serde_json::Value = serde_json::from_str(&stdout).unwrap();
                assert_eq!(json["error"]["code"], "UNAVAILABLE", "{command}: {stdout}");
            });
        }
    });
}

#[test]
fn c01_every_command_against_a_missing_a_stale_and_a_hung_socket_exits_3_with_what_to_do() {
    let root = tempfile::tempdir().unwrap();
    let socket = root.path().join("kiln.sock");
    all_are_told(root.path(), &socket, "no socket");
    let hung = UnixListener::bind(&socket).unwrap();
    all_are_told(root.path(), &socket, "did not answer");
    drop(hung);
    all_are_told(root.path(), &socket, "left behind");
}

#[test]
fn without_json_an_unreachable_agent_prints_nothing_on_stdout() {
    let root = tempfile::tempdir().unwrap();
    let output = run(root.path(), "--socket /nonexistent/kiln.sock status");
    assert!(output.stdout.is_empty());
}

#[test]
fn wrong_usage_exits_2_and_says_what_to_type() {
    let root = tempfile::tempdir().unwrap();
    for (line, hint) in [
        ("stop", "kiln cancel"),
        ("build ./infra", "kiln dev --once ./infra"),
        ("dev /nonexistent", "kiln dev PATH"),
        ("suspend --for 2x", "90s, 5m, 2h"),
        ("no-such-command", "--help"),
    ] {
        let output = run(root.path(), line);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{line}: {stderr}");
        assert!(stderr.contains(hint), "{line}: {stderr}");
    }
}

#[test]
fn kiln_socket_names_the_agent_and_the_option_wins() {
    let root = tempfile::tempdir().unwrap();
    let by_variable = kiln(root.path(), "status")
        .env("KILN_SOCKET", "/a.sock")
        .output()
        .unwrap();
    assert!(text(&by_variable.stderr).contains("/a.sock"));
    let by_option = kiln(root.path(), "status --socket /b.sock")
        .env("KILN_SOCKET", "/a.sock")
        .output();
    assert!(text(&by_option.unwrap().stderr).contains("/b.sock"));
}

#[test]
fn a_closed_pipe_ends_quietly_with_0() {
    let root = tempfile::tempdir().unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = kiln(root.path(), "init").stdout(writer).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(output.stderr.is_empty());
    assert!(root.path().join("kiln.star").exists());
}

#[test]
fn colours_are_for_terminals_or_on_demand_and_no_color_counts() {
    let root = tempfile::tempdir().unwrap();
    let escape = |line: &str| text(&run(root.path(), line).stderr).contains('\x1b');
    assert!(!escape("stop"), "a pipe is no terminal");
    assert!(escape("--color always stop"));
}

#[test]
fn init_touches_nothing_that_exists() {
    let root = tempfile::tempdir().unwrap();
    assert_eq!(run(root.path(), "init").status.code(), Some(0));
    std::fs::write(root.path().join("kiln.star"), "mine").unwrap();
    let again = run(root.path(), "init");
    assert_eq!(again.status.code(), Some(1));
    assert_eq!(
        std::fs::read_to_string(root.path().join("kiln.star")).unwrap(),
        "mine"
    );
}

#[test]
fn doctor_says_what_this_host_supports_and_exits_1_when_kiln_cannot_work() {
    let root = tempfile::tempdir().unwrap();
    let state = root.path().join("state");
    let asked = format!(
        "--json doctor --config /no/such/file --state-dir {}",
        state.display()
    );
    let output = run(root.path(), &asked);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let findings: Vec<serde_json::Value> = said
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for about in [
        "configuration",
        "state",
        "sandbox",
        "overlay",
        "seccomp",
        "landlock",
        "limits",
        "git",
    ] {
        assert!(
            findings.iter().any(|finding| finding["about"] == about),
            "{about}: {said}"
        );
    }
    // Nothing was made but for the trial, and that is gone.
    assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 0);
    let wrong = root.path().join("kiln.toml");
    std::fs::write(&wrong, "jobs = 3\n").unwrap();
    let asked = format!(
        "doctor --config {} --state-dir {}",
        wrong.display(),
        state.display()
    );
    let output = run(root.path(), &asked);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.starts_with("broken  configuration: "), "{said}");
}

#[test]
fn a_configuration_of_comin_is_translated_on_stdout_and_what_is_lost_said_on_stderr() {
    let dir = tempfile::tempdir().unwrap();
    let write = |text: &str| std::fs::write(dir.path().join("comin.yaml"), text).unwrap();
    write(
        "hostname: web-1\nrepository_type: flake\ngpg_public_key_paths: [/k]\n\
         remotes: [{name: o, url: /srv/x}]\n",
    );
    let said = run(dir.path(), "config import-comin comin.yaml");
    assert_eq!(said.status.code(), Some(0));
    assert!(text(&said.stderr).contains("line 3, gpg_public_key_paths: "));
    std::fs::write(dir.path().join("kiln.toml"), &said.stdout).unwrap();
    let checked = run(dir.path(), "config check --config kiln.toml");
    assert_eq!(text(&checked.stdout), "kiln.toml: fine\n");
    let json = run(dir.path(), "config import-comin comin.yaml --json");
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(
        json["configuration"].as_str().map(str::trim_end),
        Some(text(&said.stdout).trim_end())
    );
    assert_eq!(json["notes"][0]["isLoss"], true);
    // What cannot be fetched from is translated, and said to be wrong.
    write("hostname: web-1\nremotes: [{name: o, url: 'ftp://x/y'}]\n");
    let said = run(dir.path(), "config import-comin comin.yaml");
    assert_eq!(said.status.code(), Some(1));
    assert!(text(&said.stdout).contains("url = \"ftp://x/y\""));
    assert!(text(&said.stderr).contains("ftp:// is not supported"));
    write("remotes: {");
    for line in [
        "config import-comin comin.yaml",
        "config import-comin missing.yaml",
    ] {
        let said = run(dir.path(), line);
        assert_eq!(
            (said.status.code(), text(&said.stdout).as_str()),
            (Some(2), "")
        );
        assert!(text(&said.stderr).contains(".yaml"), "{said:?}");
    }
}
