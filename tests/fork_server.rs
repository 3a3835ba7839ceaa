//! The room whose memory the PID 1 of each step has: one for a user, whoever kills
//! it. In a program of its own, so that no other test's server is beside it.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests drive programs, and say what went wrong by panicking"
)]

use kiln::backend::BackendError;
use kiln::backend::native::provider::sandbox::{Sandbox, SandboxConfig};
use kiln::backend::native::provider::{StepOutcome, StepRequest};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

#[path = "common/steps.rs"]
mod steps;
use steps::{Step, step, until};

/// One test at a time: both look at what others would change.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Rooms: the PID 1 that waits in one for the next step is in namespaces of its own.
fn servers() -> Vec<i32> {
    let own = namespaces(std::process::id().cast_signed());
    let mut found = sandboxes();
    found.retain(|pid| namespaces(*pid) == own);
    found
}

/// Children of this process that are kiln's sandbox.
fn sandboxes() -> Vec<i32> {
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

/// A step of a store: its scratch folder lies beside those of the others.
fn step_of(store: &Path, script: &str) -> Step {
    let mut step = step(script);
    step.request.scratch = store.join(format!("step-{}", step.request.slot));
    fs::create_dir(&step.request.scratch).unwrap();
    step
}

/// A folder that steps' users may walk through.
fn store() -> tempfile::TempDir {
    let store = tempfile::tempdir().unwrap();
    fs::set_permissions(store.path(), fs::Permissions::from_mode(0o711)).unwrap();
    store
}

/// Runs steps of one build user, which nobody else's steps have: the rooms of another
/// sandbox may not have ended yet.
fn alone() -> Arc<Sandbox> {
    static NEXT: AtomicU32 = AtomicU32::new(61_900);
    let user = NEXT.fetch_add(1, Ordering::Relaxed);
    Arc::new(Sandbox::new(SandboxConfig {
        build_users: Some((user, 1)),
    }))
}

/// Runs a step; the next one finds the room ready, and needs no other.
async fn run(sandbox: &Arc<Sandbox>, request: StepRequest) -> Result<StepOutcome, BackendError> {
    let outcome = steps::run(sandbox, request).await;
    if outcome.is_ok() {
        until("the next step is waited for", || {
            sandboxes().into_iter().any(waits)
        })
        .await;
    }
    outcome
}

/// Whether a PID 1 waits for a message; to an ordinary user it is closed, and sleeps.
fn waits(pid: i32) -> bool {
    let own = namespaces(std::process::id().cast_signed());
    match fs::read_to_string(format!("/proc/{pid}/syscall")) {
        Ok(call) => call.starts_with(&format!("{} ", libc::SYS_recvmsg)),
        Err(_) => {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            namespaces(pid) > own && stat.contains(") S ")
        }
    }
}

async fn succeeds(sandbox: &Arc<Sandbox>, store: &Path) {
    let step = step_of(store, "exit 0");
    let outcome = run(sandbox, step.request).await.unwrap();
    assert_eq!(outcome, StepOutcome::Exited(0));
}

#[tokio::test]
async fn n05_steps_share_a_server_that_is_started_again_when_killed_and_leaves_with_its_sandbox() {
    let _alone = ALONE.lock().await;
    let (sandbox, store) = (alone(), store());
    let store = store.path();
    succeeds(&sandbox, store).await;
    let first = servers();
    assert_eq!(first.len(), 1, "{first:?}");
    succeeds(&sandbox, store).await;
    assert_eq!(
        servers(),
        first,
        "no second one, and nothing of the step is left"
    );

    kill(Pid::from_raw(first[0]), Signal::SIGKILL).unwrap();
    until("the killed one is gone", || !servers().contains(&first[0])).await;
    // In the process that waited for it; there is none for the one after.
    let last = steps::run(&sandbox, step_of(store, "exit 0").request).await;
    assert_eq!(last.unwrap(), StepOutcome::Exited(0));
    succeeds(&sandbox, store).await;
    let second = servers();
    assert_eq!(second.len(), 1, "{second:?}");

    drop(sandbox);
    until("the server is gone", || servers().is_empty()).await;
}

/// What a step finds of its network: its number, and what went over its loopback.
const NETWORK: &str = "readlink /proc/self/ns/net; grep lo: /proc/net/dev";

async fn says(sandbox: &Arc<Sandbox>, store: &Path, script: &str) -> String {
    let step = step_of(store, script);
    let said = step.said.clone();
    let outcome = run(sandbox, step.request).await.unwrap();
    let said = String::from_utf8_lossy(&said.lock().unwrap()).into_owned();
    assert_eq!(outcome, StepOutcome::Exited(0), "{said}");
    said
}

#[tokio::test]
async fn n05_a_network_is_used_again_only_while_nothing_was_sent_over_it() {
    let _alone = ALONE.lock().await;
    let (sandbox, store) = (alone(), store());
    let store = store.path();
    let first = says(&sandbox, store, NETWORK).await;
    assert_eq!(says(&sandbox, store, NETWORK).await, first);

    let sends = "/usr/bin/bash -c 'exec 3<>/dev/tcp/127.0.0.1/9' 2>/dev/null || true; readlink /proc/self/ns/net; \
                 grep -qE 'lo: *[1-9]' /proc/net/dev || { cat /proc/net/dev; exit 3; }";
    let used = says(&sandbox, store, sends).await;
    assert_eq!(first.lines().next(), used.lines().next());
    let next = says(&sandbox, store, NETWORK).await;
    let (network, sent) = next.split_once('\n').unwrap();
    assert_ne!(Some(network), used.lines().next());
    assert_eq!(Some(sent), first.split_once('\n').map(|(_, sent)| sent));
}

#[tokio::test]
async fn n05_a_step_finds_nothing_of_the_one_before_in_its_room() {
    let _alone = ALONE.lock().await;
    let (sandbox, store) = (alone(), store());
    let store = store.path();
    // All a step may write to, shared memory of both kinds, and what it is told of itself.
    let finds = "ls -A /build /tmp /dev/shm /dev/pts /var/lib/kiln/store; cat /proc/sysvipc/shm /proc/mounts; \
                 ls -A /proc/self/root; readlink /proc/self/ns/user; echo $$; stat -c '%n %U %a' / /* /etc/*";
    let first = says(&sandbox, store, finds).await;
    let leaves = "echo x > /build/left; echo x > /tmp/left; echo x > /dev/shm/left; echo x > /var/lib/kiln/store/left; \
                  mkdir /tmp/deep; ipcmk -M 4096 >/dev/null; sleep 1000 & (setsid sleep 1000 &) ; readlink /proc/self/ns/user";
    let user = says(&sandbox, store, leaves).await;
    assert!(first.contains(user.trim()), "it is the same room");
    let second = says(&sandbox, store, finds).await;
    // Each has a scratch folder of its own.
    let told = |said: &str| {
        said.lines()
            .filter(|line| !line.contains("/step-"))
            .collect::<Vec<_>>()
            .join("\n")
    };
    assert_eq!(told(&second), told(&first));
}

/// Numbers that a process has in the namespaces it is in.
fn namespaces(pid: i32) -> usize {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
    numbers.map_or(0, |numbers| numbers.split_whitespace().count())
}

#[tokio::test]
async fn n05_a_pid_1_that_was_killed_takes_its_room_with_it() {
    let _alone = ALONE.lock().await;
    let (sandbox, store) = (alone(), store());
    let store = store.path();
    succeeds(&sandbox, store).await;
    let room = servers();

    let step = step_of(store, "echo up; while :; do sleep 1000; done");
    let (said, request, runs) = (step.said.clone(), step.request, Arc::clone(&sandbox));
    let running = tokio::spawn(async move { run(&runs, request).await });
    until("the step is up", || !said.lock().unwrap().is_empty()).await;
    // Its memory was the room's: what it did to it in its last moment nobody knows.
    let init = sandboxes()
        .into_iter()
        .find(|pid| namespaces(*pid) > namespaces(room[0]));
    kill(Pid::from_raw(init.unwrap()), Signal::SIGKILL).unwrap();
    running.await.unwrap().unwrap_err();
    until("the room is gone", || !servers().contains(&room[0])).await;
    succeeds(&sandbox, store).await;
    assert_ne!(servers(), room);
}

#[tokio::test]
async fn n05_what_is_killed_while_it_waits_for_a_step_costs_no_step() {
    let _alone = ALONE.lock().await;
    let (sandbox, store) = (alone(), store());
    for _ in 0..20 {
        let step = step_of(store.path(), "exit 0");
        let outcome = steps::run(&sandbox, step.request).await.unwrap();
        assert_eq!(outcome, StepOutcome::Exited(0));
        // At any moment of its making ready, and the next step comes at once.
        for pid in sandboxes() {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL); // it may have ended
        }
    }
}

/// Kilobytes of memory of its own that a process has.
fn own_memory(pid: i32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"));
    line.unwrap()
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .unwrap()
}

#[tokio::test]
async fn n05_a_room_keeps_nothing_of_the_steps_that_were_in_it() {
    let _alone = ALONE.lock().await;
    let (sandbox, store) = (alone(), store());
    let store = store.path();
    let large = || {
        let mut step = step_of(store, "exit 0");
        let value = "x".repeat(90_000);
        step.request.env.insert("LARGE".into(), value);
        step
    };
    for _ in 0..3 {
        assert_eq!(
            run(&sandbox, large().request).await.unwrap(),
            StepOutcome::Exited(0)
        );
    }
    let room = servers();
    let before = own_memory(room[0]);
    for _ in 0..40 {
        assert_eq!(
            run(&sandbox, large().request).await.unwrap(),
            StepOutcome::Exited(0)
        );
    }
    assert_eq!(servers(), room);
    let more = own_memory(room[0]).saturating_sub(before);
    assert!(
        more < 1_000,
        "{more} kB more after 40 steps with 90 kB each"
    );
}

#[tokio::test]
async fn n05_connections_that_were_refused_are_no_trace_in_the_next_step() {
    let _alone = ALONE.lock().await;
    let (sandbox, store) = (alone(), store());
    let store = store.path();
    let counts = "grep -h . /proc/net/snmp /proc/net/snmp6 /proc/net/netstat";
    let first = says(&sandbox, store, counts).await;
    let refused = "for i in 1 2 3; do /usr/bin/bash -c 'exec 3<>/dev/tcp/192.0.2.1/9' 2>/dev/null || true; done";
    let seen = says(&sandbox, store, &format!("{refused}; {counts}")).await;
    assert_ne!(seen, first, "the kernel counts them");
    assert_eq!(says(&sandbox, store, counts).await, first);
}

#[tokio::test]
async fn n05_a_room_that_dies_before_it_is_ready_is_told_at_once() {
    let _alone = ALONE.lock().await;
    let (sandbox, store) = (alone(), store());
    let mut step = step_of(store.path(), "exit 0");
    let nowhere = store.path().join("nowhere/at/all");
    Arc::make_mut(&mut step.request.inputs).insert("1-x".into(), nowhere.clone());
    let began = std::time::Instant::now();
    let error = run(&sandbox, step.request).await.unwrap_err();
    let place = nowhere.parent().unwrap().display().to_string();
    assert!(error.to_string().contains(&place), "{error}");
    assert!(
        began.elapsed() < std::time::Duration::from_secs(20),
        "nobody waits for it"
    );
}

const NAMES: u32 = 20;

fn name(number: u32) -> String {
    format!("{number:032}-input")
}

/// Objects of a store, by turns folders and files, each with its number in it.
fn objects(store: &Path) {
    for number in 0..NAMES {
        object(store, number, &format!("object {number}\n"));
    }
}

fn object(store: &Path, number: u32, content: &str) {
    let path = store.join("objects").join(name(number));
    let file = match number % 2 {
        0 => path.join("file"),
        _ => path,
    };
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, content).unwrap();
}

/// What a step with these inputs sees of its store, and whether its room had it mounted
/// before the step came.
async fn sees(
    sandbox: &Arc<Sandbox>,
    store: &Path,
    inputs: impl IntoIterator<Item = u32>,
    script: &str,
) -> (String, bool) {
    let looks = "cd /var/lib/kiln/store; stat -c '%a %U %y' .; for name in *; do echo $name; test -d $name && \
                 cat $name/file || cat $name; done; cd /; grep -q /view- /proc/self/mountinfo && echo VIEW; true";
    let mut step = step_of(store, &format!("{looks}\n{script}"));
    for number in inputs {
        let object = store.join("objects").join(name(number));
        Arc::make_mut(&mut step.request.inputs).insert(name(number), object);
    }
    let (said, scratch) = (step.said.clone(), step.request.scratch.clone());
    let outcome = run(sandbox, step.request).await.unwrap();
    let said = String::from_utf8_lossy(&said.lock().unwrap()).into_owned();
    assert_eq!(outcome, StepOutcome::Exited(0), "{said}");
    if script.contains("$out") {
        let out = scratch.join("store").join(steps::OUT);
        assert!(fs::symlink_metadata(out).is_ok(), "its output is there");
    }
    match said.strip_suffix("VIEW\n") {
        Some(said) => (said.to_owned(), true),
        None => (said, false),
    }
}

/// So many steps with every input: the third and later ones have the room's view.
async fn all_are_seen(sandbox: &Arc<Sandbox>, store: &Path, steps: u32) {
    for _ in 0..steps {
        sees(sandbox, store, 0..NAMES, "echo x > $out").await;
    }
}

/// What is to be seen of these.
fn seen(inputs: impl IntoIterator<Item = u32>) -> String {
    let of = |number| format!("{}\nobject {number}\n", name(number));
    let lines: String = inputs.into_iter().map(of).collect();
    format!("755 kiln 1970-01-01 00:00:01.000000000 +0000\n{lines}")
}

#[tokio::test]
async fn n05_inputs_that_steps_have_in_common_stay_mounted_and_no_step_sees_more_than_its_own() {
    let _alone = ALONE.lock().await;
    let (sandbox, store) = (alone(), store());
    let store = store.path();
    objects(store);
    let all = || 0..NAMES;
    let first = sees(&sandbox, store, all(), "echo x > $out").await;
    let second = sees(&sandbox, store, all(), "echo x > $out").await;
    assert_eq!((first.1, second.1), (false, false));
    // What the third one leaves is its own: outputs, files, rights and times of the folder.
    let leaves = "mkdir $out; echo x > $out/x; chmod 500 $out; cd /var/lib/kiln/store; echo x > left; mkdir deep; \
                  rm -rf * 2>/dev/null || true; mv 0*0-input gone 2>/dev/null && exit 1; ln -s x link; \
                  touch -d 2001-01-01 .; chmod 700 .";
    let third = sees(&sandbox, store, all(), &format!("{leaves}; mkdir -p $out")).await;
    assert_eq!(third, (seen(all()), true));
    let fourth = sees(&sandbox, store, all(), "ln -s /nowhere $out").await;
    assert_eq!(fourth, (seen(all()), true));
    let more = sees(&sandbox, store, 0..NAMES, "mkdir $out").await;
    assert_eq!(more, (seen(all()), true));

    // One that is not among its inputs is nowhere.
    let below = |text: &str| text.split_once('\n').unwrap().1.to_owned();
    let fewer = sees(&sandbox, store, 1..NAMES, "echo x > $out").await;
    assert_eq!((below(&fewer.0), fewer.1), (below(&seen(1..NAMES)), false));
    // What both had is kept from then on, and a further input is there beside it.
    let again = sees(&sandbox, store, all(), "echo x > $out").await;
    assert_eq!((below(&again.0), again.1), (below(&seen(all())), true));
}

#[tokio::test]
async fn n05_an_input_that_was_collected_and_made_anew_is_seen_as_it_is_now() {
    let _alone = ALONE.lock().await;
    let (sandbox, store) = (alone(), store());
    let store = store.path();
    objects(store);
    all_are_seen(&sandbox, store, 3).await;
    assert!(sees(&sandbox, store, 0..NAMES, "").await.1);
    for number in [4, 5] {
        let path = store.join("objects").join(name(number));
        fs::remove_dir_all(&path)
            .or_else(|_| fs::remove_file(&path))
            .unwrap();
        object(store, number, "made anew\n");
    }
    let (said, _) = sees(&sandbox, store, 0..NAMES, "").await;
    assert_eq!(said.matches("made anew").count(), 2, "{said}");
}

#[tokio::test]
async fn n09_what_a_step_does_to_the_folder_of_its_view_harms_neither_host_nor_next_step() {
    let _alone = ALONE.lock().await;
    let (sandbox, store) = (alone(), store());
    let store = store.path();
    objects(store);
    let victim = store.join("victim");
    fs::write(&victim, "x").unwrap();
    fs::set_permissions(&victim, fs::Permissions::from_mode(0o600)).unwrap();
    let in_view = async |script: &str| {
        all_are_seen(&sandbox, store, 2).await;
        let done = sees(&sandbox, store, 0..NAMES, script).await;
        assert!(done.1, "it has the view");
        let next = sees(
            &sandbox,
            store,
            0..NAMES,
            "stat -c 'size %s' /var/lib/kiln/store",
        )
        .await;
        assert_eq!(
            next.0.matches("object ").count(),
            NAMES as usize,
            "{}",
            next.0
        );
        next.0
    };
    for mode in ["555", "000", "300"] {
        let link = format!(
            "cd /var/lib/kiln/store; echo x > $out; ln -s {} aa; chmod {mode} .",
            victim.display()
        );
        in_view(&link).await;
        let mode = fs::metadata(&victim).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    // Some file systems keep a folder as large as it ever was.
    let grows = "cd /var/lib/kiln/store; i=0; while [ $i -lt 3000 ]; do i=$((i + 1)); : > long-name-of-a-file-$i; done; \
                 rm long-*; echo x > $out";
    let next = in_view(grows).await;
    let size: u64 = next.rsplit("size ").next().unwrap().trim().parse().unwrap();
    assert!(size <= 8192, "{size}");
}

#[tokio::test]
async fn n05_what_a_room_had_mounted_goes_with_it() {
    let _alone = ALONE.lock().await;
    let (sandbox, store) = (alone(), store());
    let store = store.path();
    objects(store);
    all_are_seen(&sandbox, store, 3).await;
    let view = || {
        let entries = fs::read_dir(store).unwrap().flatten();
        let names = entries.map(|entry| entry.file_name().into_string().unwrap());
        names.filter(|name| name.starts_with("view-")).count()
    };
    assert_eq!(view(), 1);
    for pid in sandboxes() {
        kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
    }
    let (said, with_view) = sees(&sandbox, store, 0..NAMES, "echo x > $out").await;
    assert!(said.contains("object 19") && !with_view, "{said}");
    drop(sandbox);
    assert_eq!(view(), 0, "its folder is removed");
}

#[test]
fn everything_above_holds_for_an_ordinary_user_too() {
    steps::again_as_an_ordinary_user("everything_above_holds_for_an_ordinary_user_too");
}
