//! The server that the PID 1 of each step is a copy of: one for a sandbox, whoever kills
//! it. In a program of its own, so that no other test's server is beside it.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests drive programs, and say what went wrong by panicking"
)]

use kiln::backend::native::provider::StepOutcome;
use kiln::backend::native::provider::sandbox::{Sandbox, SandboxConfig};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::sync::Arc;

#[path = "common/steps.rs"]
mod steps;
use steps::{run, sandbox, step, until};

/// One test at a time: both look at what others would change.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Children of this process that are kiln's sandbox: the server between two steps.
fn servers() -> Vec<i32> {
    let children = fs::read_dir("/proc/self/task").unwrap().flatten();
    let children = children
        .filter_map(|task| fs::read_to_string(task.path().join("children")).ok())
        .collect::<Vec<_>>()
        .join(" ");
    let pids = children.split_whitespace().map(|pid| pid.parse().unwrap());
    pids.filter(|pid| {
        let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&arguments).contains("internal\0sandbox")
    })
    .collect()
}

async fn succeeds(sandbox: &Arc<Sandbox>) {
    let step = step("exit 0");
    let outcome = run(sandbox, step.request).await.unwrap();
    assert_eq!(outcome, StepOutcome::Exited(0));
    drop(step.folder);
}

#[tokio::test]
async fn n05_steps_share_a_server_that_is_started_again_when_killed_and_leaves_with_its_sandbox() {
    let _alone = ALONE.lock().await;
    let sandbox = sandbox();
    succeeds(&sandbox).await;
    let first = servers();
    assert_eq!(first.len(), 1, "{first:?}");
    succeeds(&sandbox).await;
    assert_eq!(
        servers(),
        first,
        "no second one, and nothing of the step is left"
    );

    kill(Pid::from_raw(first[0]), Signal::SIGKILL).unwrap();
    until("the killed one is gone", || !servers().contains(&first[0])).await;
    succeeds(&sandbox).await;
    let second = servers();
    assert_eq!(second.len(), 1, "{second:?}");

    drop(sandbox);
    until("the server is gone", || servers().is_empty()).await;
}

/// What a step finds of its network: its number, and what went over its loopback.
const NETWORK: &str = "readlink /proc/self/ns/net; grep lo: /proc/net/dev";

async fn says(sandbox: &Arc<Sandbox>, script: &str) -> String {
    let step = step(script);
    let said = step.said.clone();
    let outcome = run(sandbox, step.request).await.unwrap();
    let said = String::from_utf8_lossy(&said.lock().unwrap()).into_owned();
    assert_eq!(outcome, StepOutcome::Exited(0), "{said}");
    said
}

#[tokio::test]
async fn n05_a_network_is_used_again_only_while_nothing_was_sent_over_it() {
    if !nix::unistd::geteuid().is_root() {
        return; // an ordinary user's steps have one of their own each
    }
    let _alone = ALONE.lock().await;
    // One build user, which no other program's steps have: else any that is free.
    let sandbox = Arc::new(Sandbox::new(SandboxConfig {
        build_users: Some((61_900, 1)),
    }));
    let first = says(&sandbox, NETWORK).await;
    assert_eq!(says(&sandbox, NETWORK).await, first);

    let sends = "/usr/bin/bash -c 'exec 3<>/dev/tcp/127.0.0.1/9' 2>/dev/null || true; readlink /proc/self/ns/net; \
                 grep -qE 'lo: *[1-9]' /proc/net/dev || { cat /proc/net/dev; exit 3; }";
    let used = says(&sandbox, sends).await;
    assert_eq!(first.lines().next(), used.lines().next());
    let next = says(&sandbox, NETWORK).await;
    let (network, sent) = next.split_once('\n').unwrap();
    assert_ne!(Some(network), used.lines().next());
    assert_eq!(Some(sent), first.split_once('\n').map(|(_, sent)| sent));
}
