//! `fetch()` as a build runs it: a real server, the real child, a real store.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests drive programs, and say what went wrong by panicking"
)]

#[path = "../common/engine.rs"]
mod engine;

mod download;
mod https;
mod server;
mod unpack;

/// As root, every test runs a second time as an ordinary user.
#[test]
fn everything_here_holds_for_an_ordinary_user_too() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let this = std::fs::read_link("/proc/self/exe").unwrap();
    let name = "everything_here_holds_for_an_ordinary_user_too";
    let mut command = std::process::Command::new(this);
    command.args(["--skip", name, "--nocapture", "--test-threads=2"]);
    command.env("HOME", "/nonexistent");
    std::os::unix::process::CommandExt::uid(&mut command, 61234);
    std::os::unix::process::CommandExt::gid(&mut command, 61234);
    let output = command.current_dir("/").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{errors}");
    assert!(said.contains("test result: ok"), "{said}");
}
