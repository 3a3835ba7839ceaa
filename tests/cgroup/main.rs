//! Limits of steps kept by cgroup v2. Where this process was given no group
//! with memory and pids, every test says SKIPPED; `tests/cgroup/vm` runs them in a
//! machine that has them.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests drive programs, and say what went wrong by panicking"
)]

use kiln::backend::native::provider::kept::kept;
use kiln::backend::native::provider::sandbox::Sandbox;
use kiln::backend::native::provider::{StepLimit, StepOutcome};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use tokio::sync::{Mutex, MutexGuard};

#[path = "../common/steps.rs"]
mod steps;
use steps::{Step, mark, processes_with, run, sandbox, step, stubborn, until};

/// One test at a time: all look at the same groups.
static ALONE: Mutex<()> = Mutex::const_new(());

const MEMORY: u64 = 64 << 20;

/// The group that was given, and the right to be alone in it; none is said loudly.
async fn given() -> Option<(PathBuf, MutexGuard<'static, ()>)> {
    if let Some(why) = kept().shortfall() {
        // Past the test runner, which keeps what a passing test prints.
        writeln!(std::io::stderr(), "SKIPPED: cgroups: {why}").expect("stderr");
        return None;
    }
    let alone = ALONE.lock().await;
    let folder = group_of("self");
    let name = folder.file_name().unwrap_or_default();
    assert_ne!(name, "kiln-agent", "given back by the test before");
    Some((folder, alone))
}

fn group_of(process: &str) -> PathBuf {
    let groups = fs::read_to_string(format!("/proc/{process}/cgroup")).unwrap();
    let path = groups.lines().find_map(|line| line.strip_prefix("0::/"));
    Path::new("/sys/fs/cgroup")
        .join(path.unwrap())
        .components()
        .collect()
}

/// Groups of kiln's in the one that was given.
fn made(given: &Path) -> Vec<String> {
    let entries = fs::read_dir(given).unwrap().flatten();
    let names = entries.map(|entry| entry.file_name().into_string().unwrap());
    names.filter(|name| name.starts_with("kiln-")).collect()
}

/// The groups of this process's steps; root's lie by build user, beside its rooms.
fn groups(given: &Path) -> Vec<PathBuf> {
    let folders = |folder: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).unwrap().flatten();
        let paths = entries.map(|entry| entry.path());
        paths
            .filter(|path| path.is_dir() && !path.ends_with("rooms"))
            .collect()
    };
    let below = folders(&given.join("kiln-steps-0"));
    match steps::is_root() {
        true => below.iter().flat_map(|user| folders(user)).collect(),
        false => below,
    }
}

/// What they say in one of their files, added up.
fn counted(given: &Path, file: &str, name: &str) -> u64 {
    let mut total = 0;
    for group in groups(given) {
        let text = fs::read_to_string(group.join(file)).unwrap();
        let counts = text.lines().filter_map(|line| line.strip_prefix(name));
        total += counts
            .filter_map(|count| count.trim().parse::<u64>().ok())
            .sum::<u64>();
    }
    total
}

/// Always the same build user, one step after the other.
async fn ran(sandbox: &Arc<Sandbox>, mut step: Step) -> (StepOutcome, String) {
    step.request.slot = 0;
    let said = step.said.clone();
    let outcome = run(sandbox, step.request).await.unwrap();
    let said = String::from_utf8_lossy(&said.lock().unwrap()).into_owned();
    (outcome, said)
}

fn sleeper() -> Child {
    let quiet = (Stdio::null(), Stdio::null(), Stdio::null());
    let mut command = Command::new("sleep");
    command
        .arg("1000")
        .stdin(quiet.0)
        .stdout(quiet.1)
        .stderr(quiet.2);
    command.spawn().unwrap()
}

fn ends(mut child: Child) {
    let _ = child.kill();
    child.wait().unwrap();
}

#[tokio::test]
async fn n09_the_kernel_kills_a_memory_hog_at_its_limit_with_all_it_started() {
    let Some((given, _alone)) = given().await else {
        return;
    };
    let mark = mark();
    let sandbox = sandbox();
    for (kills, script) in [
        "perl -e 'my $m = \"x\" x 900_000_000; print 1'",
        // None of them alone is above it.
        "for i in 1 2 3 4 5; do perl -e 'my $m = \"x\" x 20_000_000; sleep 1000' & done; wait",
        // Files in memory count too.
        "head -c 100000000 /dev/zero > /dev/shm/a; sleep 1000",
    ]
    .into_iter()
    .enumerate()
    {
        let script = format!("{}{script}", stubborn(&mark));
        let hog = step(&script).limited(|limits| limits.memory = Some(MEMORY));
        let (outcome, said) = ran(&sandbox, hog).await;
        let expected = StepOutcome::OverLimit(StepLimit::Memory(MEMORY));
        assert_eq!(outcome, expected, "{script}: {said}");
        assert_eq!(processes_with(&mark), [""; 0]);
        // By the kernel, and not by the watch.
        assert!(counted(&given, "memory.events", "oom_kill ") > kills as u64);
    }
    let (outcome, _) = ran(
        &sandbox,
        step("exit 3").limited(|limits| limits.memory = Some(MEMORY)),
    )
    .await;
    assert_eq!(
        outcome,
        StepOutcome::Exited(3),
        "what another ran into is not this one's"
    );
}

#[tokio::test]
async fn n09_more_processes_than_allowed_are_not_started_and_the_limit_is_named() {
    let Some((given, _alone)) = given().await else {
        return;
    };
    let sandbox = sandbox();
    // How many processes it could start beside itself.
    let crowd = |count: u32, code: u32| {
        let script = format!(
            "exec perl -e 'my @p; for (1..{count}) {{ my $p = fork; next unless defined $p; \
             if (!$p) {{ sleep 60; exit }} push @p, $p }} kill 9, @p; print scalar @p; exit {code}'"
        );
        step(&script).limited(|limits| limits.processes = 5)
    };
    let exited = |code| StepOutcome::Exited(code);
    // PID 1 is kiln's and does not count.
    assert_eq!(ran(&sandbox, crowd(4, 3)).await, (exited(3), "4".into()));
    assert_eq!(counted(&given, "pids.events", "max "), 0);
    let over = StepOutcome::OverLimit(StepLimit::Processes(5));
    assert_eq!(ran(&sandbox, crowd(9, 3)).await, (over, "4".into()));
    assert!(counted(&given, "pids.events", "max ") > 0);
    // Who gets along without more is not failed for it, nor is the next.
    assert_eq!(ran(&sandbox, crowd(9, 0)).await, (exited(0), "4".into()));
    assert_eq!(ran(&sandbox, crowd(4, 3)).await, (exited(3), "4".into()));
}

#[tokio::test]
async fn a_group_is_used_again_with_the_limits_of_its_next_step() {
    let Some((given, _alone)) = given().await else {
        return;
    };
    let sandbox = sandbox();
    let fills = || {
        step(
            "perl -e 'my $m = \"x\" x 90_000_000; for (1..20) { fork or do { sleep 1; exit } } 1 while wait > 0'",
        )
    };
    let tight =
        |step: Step| step.limited(|limits| (limits.memory, limits.processes) = (Some(MEMORY), 5));
    for _ in 0..2 {
        let (outcome, said) = ran(&sandbox, tight(fills())).await;
        assert_eq!(
            outcome,
            StepOutcome::OverLimit(StepLimit::Memory(MEMORY)),
            "{said}"
        );
        let (outcome, said) = ran(&sandbox, fills()).await;
        assert_eq!(outcome, StepOutcome::Exited(0), "{said}");
    }
    assert_eq!(groups(&given).len(), 1, "one after the other");
}

#[tokio::test]
async fn steps_side_by_side_have_limits_of_their_own() {
    let Some((_given, _alone)) = given().await else {
        return;
    };
    let sandbox = sandbox();
    let hog = || step("tail /dev/zero").limited(|limits| limits.memory = Some(MEMORY));
    let modest = || {
        let step = step("perl -e 'my $m = \"x\" x 10_000_000; select undef, undef, undef, 0.5'");
        step.limited(|limits| limits.memory = Some(MEMORY))
    };
    let (a, b, c, d) = tokio::join!(
        ran(&sandbox, hog()),
        ran(&sandbox, modest()),
        ran(&sandbox, hog()),
        ran(&sandbox, modest())
    );
    let over = StepOutcome::OverLimit(StepLimit::Memory(MEMORY));
    assert_eq!((a.0, c.0), (over.clone(), over));
    assert_eq!((b.0, d.0), (StepOutcome::Exited(0), StepOutcome::Exited(0)));
}

#[tokio::test]
async fn everything_is_given_back_with_the_last_sandbox() {
    let Some((given, _alone)) = given().await else {
        return;
    };
    let is_root_group = !given.join("cgroup.type").exists();
    let other = sleeper();
    let other_group = || group_of(&other.id().to_string());
    let first = sandbox();
    assert_eq!(made(&given), [""; 0], "nothing before the first step");
    assert_eq!(ran(&first, step("exit 0")).await.0, StepOutcome::Exited(0));
    let second = sandbox();
    assert_eq!(ran(&second, step("exit 0")).await.0, StepOutcome::Exited(0));
    drop(first);
    if is_root_group {
        assert_eq!(made(&given), ["kiln-steps-0"]);
    } else {
        assert_eq!(group_of("self"), given.join("kiln-agent"));
        assert_eq!(other_group(), given.join("kiln-agent"));
    }
    drop(second);
    assert_eq!(made(&given), [""; 0]);
    assert_eq!(
        (group_of("self"), other_group()),
        (given.clone(), given.clone())
    );
    let handed_on = fs::read_to_string(given.join("cgroup.subtree_control")).unwrap();
    assert!(is_root_group || handed_on.trim().is_empty(), "{handed_on}");
    ends(other);
}

#[tokio::test]
async fn who_is_in_a_steps_group_at_its_end_is_killed() {
    let Some((given, _alone)) = given().await else {
        return;
    };
    let sandbox = sandbox();
    assert_eq!(
        ran(&sandbox, step("exit 0")).await.0,
        StepOutcome::Exited(0)
    );
    // No child of the step's PID 1, whose end would end it.
    let mut other = sleeper();
    let waits = step("echo up; sleep 1000");
    let waits = waits.limited(|limits| limits.timeout = std::time::Duration::from_secs(2));
    let said = waits.said.clone();
    let running = async { run(&sandbox, waits.request).await.unwrap() };
    let joins = async {
        until("the step is up", || !said.lock().unwrap().is_empty()).await;
        let is_in_use = |group: &PathBuf| {
            let procs = fs::read_to_string(group.join("cgroup.procs"));
            procs.is_ok_and(|procs| !procs.is_empty())
        };
        let group = groups(&given).into_iter().find(is_in_use).unwrap();
        fs::write(group.join("cgroup.procs"), other.id().to_string()).unwrap();
    };
    let (outcome, ()) = tokio::join!(running, joins);
    assert!(matches!(outcome, StepOutcome::TimedOut(_)), "{outcome:?}");
    assert!(other.try_wait().unwrap().is_some());
}

#[tokio::test]
async fn the_next_start_removes_what_a_killed_kiln_left_and_nothing_else() {
    let Some((given, _alone)) = given().await else {
        return;
    };
    // As a kiln that was killed with its server leaves it, and one that lives.
    let (dead, alive) = (given.join("kiln-steps-0"), given.join("kiln-steps-1"));
    let mut left = sleeper();
    for folder in [&dead, &alive] {
        fs::create_dir_all(folder.join("3")).unwrap();
    }
    fs::write(dead.join("3/cgroup.procs"), left.id().to_string()).unwrap();
    let owner = nix::fcntl::Flock::lock(
        fs::File::open(&alive).unwrap(),
        nix::fcntl::FlockArg::LockExclusiveNonblock,
    );
    let sandbox = sandbox();
    assert_eq!(
        ran(&sandbox, step("exit 0")).await.0,
        StepOutcome::Exited(0)
    );
    assert!(left.wait().unwrap().code().is_none(), "killed");
    assert!(!dead.join("3").exists() && alive.join("3").exists());
    drop(sandbox);
    assert_eq!(
        made(&given)
            .iter()
            .filter(|name| *name != "kiln-agent")
            .collect::<Vec<_>>(),
        ["kiln-steps-1"]
    );
    drop(owner);
    // The other was not there to give back what it shared.
    assert_eq!(
        ran(&steps::sandbox(), step("exit 0")).await.0,
        StepOutcome::Exited(0)
    );
    assert_eq!(made(&given), [""; 0]);
}

#[tokio::test]
async fn a_step_that_is_killed_for_want_of_memory_above_it_is_not_blamed_on_its_limit() {
    let Some((given, _alone)) = given().await else {
        return;
    };
    let sandbox = sandbox();
    assert_eq!(
        ran(&sandbox, step("exit 0")).await.0,
        StepOutcome::Exited(0)
    );
    fs::write(given.join("kiln-steps-0/memory.max"), MEMORY.to_string()).unwrap();
    let hog = step("tail /dev/zero").limited(|limits| limits.memory = Some(MEMORY * 8));
    let error = run(&sandbox, hog.request).await.unwrap_err().to_string();
    assert!(error.contains("ran out of memory"), "{error}");
}

/// `kiln dev` with a step.
struct Dev {
    /// Removed with this.
    _folder: tempfile::TempDir,
    kiln: Child,
    mark: String,
}

impl Dev {
    /// With a step that does not end.
    async fn start() -> Self {
        let mark = mark();
        let dev = Dev::begin(&format!("sh -c 'sleep 1000' {mark}; true"), &mark);
        until("the step is up", || !processes_with(&mark).is_empty()).await;
        dev
    }

    fn begin(script: &str, mark: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let git = |args: &[&str]| {
            let mut command = Command::new("git");
            let who = ["-c", "user.name=Ann", "-c", "user.email=a@example.org"];
            command.args(who).args(args).current_dir(folder.path());
            assert!(command.status().unwrap().success());
        };
        git(&["init", "-q", "-b", "main"]);
        let host = format!("host(\"h\", derivation(name = \"s\", script = \"{script}\"))\n");
        fs::write(folder.path().join("kiln.star"), host).unwrap();
        git(&["add", "."]);
        git(&["commit", "-q", "-m", "a"]);
        let mut command = Command::new(env!("CARGO_BIN_EXE_kiln"));
        command
            .args(["dev", "--once", "--host", "h"])
            .arg(folder.path());
        command.env("HOME", folder.path().join("home"));
        let quiet = command.stdin(Stdio::null()).stdout(Stdio::null());
        let kiln = quiet.spawn().unwrap();
        let mark = mark.to_owned();
        Dev {
            _folder: folder,
            kiln,
            mark,
        }
    }

    async fn killed(mut self) {
        self.kiln.kill().unwrap();
        self.kiln.wait().unwrap();
        until("the step is gone", || processes_with(&self.mark).is_empty()).await;
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        let _ = self.kiln.kill(); // when a test fails; else it is gone
        let _ = self.kiln.wait();
    }
}

/// Root's group may be others' too; that of an ordinary user was given to it.
fn is_shared(given: &Path) -> bool {
    steps::is_root() && given.join("cgroup.type").exists()
}

#[tokio::test]
async fn a_kiln_that_is_killed_leaves_no_group_and_its_other_processes_live() {
    let Some((given, _alone)) = given().await else {
        return;
    };
    if is_shared(&given) {
        return; // this very process is in the group: the test below
    }
    let other = sleeper();
    let kiln = Dev::start().await;
    assert!(made(&given).contains(&"kiln-steps-0".into()));
    kiln.killed().await;
    until("the guard has given everything back", || {
        made(&given).is_empty()
    })
    .await;
    assert_eq!(group_of(&other.id().to_string()), given);
    ends(other);
    // And one that ends by itself.
    let mut kiln = Dev::begin("echo made > $out", "");
    assert!(kiln.kiln.wait().unwrap().success());
    until("everything is given back", || made(&given).is_empty()).await;
}

#[tokio::test]
async fn a_kiln_beside_another_has_groups_of_its_own_and_takes_no_others_with_it() {
    let Some((given, _alone)) = given().await else {
        return;
    };
    let sandbox = sandbox();
    assert_eq!(
        ran(&sandbox, step("exit 0")).await.0,
        StepOutcome::Exited(0)
    );
    let kiln = Dev::start().await;
    assert!(made(&given).contains(&"kiln-steps-1".into()));
    kiln.killed().await;
    until("the guard has removed them", || {
        !made(&given).contains(&"kiln-steps-1".into())
    })
    .await;
    let hog = step("tail /dev/zero").limited(|limits| limits.memory = Some(MEMORY));
    let over = StepOutcome::OverLimit(StepLimit::Memory(MEMORY));
    assert_eq!(ran(&sandbox, hog).await.0, over);
    assert!(counted(&given, "memory.events", "oom_kill ") > 0);
}

#[tokio::test]
async fn a_group_with_processes_of_others_is_left_alone_and_the_step_runs() {
    let Some((given, _alone)) = given().await else {
        return;
    };
    if !is_shared(&given) {
        return; // all processes of the group are kiln's to move
    }
    let kiln = Dev::start().await;
    assert_eq!(made(&given), [""; 0]);
    assert_eq!(group_of("self"), given);
    kiln.killed().await;
}
