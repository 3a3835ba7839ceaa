//! N9: what a hostile step tries fails or is contained, the agent lives, and
//! the next step finds nothing of it. As root, every test runs a second time as
//! an ordinary user.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests drive programs, and say what went wrong by panicking"
)]

use kiln::backend::native::provider::{ScratchLimit, StepLimit, StepOutcome};
use std::fs;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::sync::Arc;
use std::time::Duration;

#[path = "common/steps.rs"]
mod steps;
use steps::{mark, processes_with, step, stubborn, until};

const INPUT: &str = "11111111111111111111111111111111-input";
const UNDECLARED: &str = "22222222222222222222222222222222-undeclared";

/// The step after it sees nothing of the one before and can do its work.
async fn the_next_step_is_clean() {
    let script = "ls -A /build /tmp /dev/shm; tail -n +2 /proc/sysvipc/shm | wc -l; echo made > $out; cat $out";
    let said = step(script).said().await;
    assert_eq!(said, "/build:\nscript\n\n/dev/shm:\n\n/tmp:\n0\nmade\n");
}

#[tokio::test]
async fn n09_every_system_call_a_hostile_step_tries_is_refused() {
    let mut step = step(&format!(
        "cc -w -o attempts attempts.c; ./attempts /var/lib/kiln/store/{INPUT}"
    ));
    let source = include_str!("fixtures/hostile.c");
    step.request
        .files
        .push(("attempts.c".into(), source.into()));
    let input = step.input(INPUT);
    fs::write(&input, "text").unwrap();
    let (outcome, ran) = step.run().await;
    assert_eq!(outcome, StepOutcome::Exited(0), "{}", ran.log);
    let worked: Vec<_> = ran
        .log
        .lines()
        .filter(|line| !line.ends_with(" refused"))
        .collect();
    assert_eq!(worked, [""; 0]);
    assert!(ran.log.lines().count() >= 70, "{}", ran.log);
    assert_eq!(fs::read_to_string(input).unwrap(), "text");
    the_next_step_is_clean().await;
}

#[tokio::test]
async fn n05_an_undeclared_path_is_neither_read_nor_executed_nor_listed() {
    let mut step = step("");
    let store = "/var/lib/kiln/store";
    step.request.files[0].1 = format!(
        "ls {store}
         for root in '' /proc/self/root /proc/1/root /proc/self/cwd/..; do
             cat $root{store}/{UNDECLARED} 2>/dev/null && echo read by $root
             $root{store}/{UNDECLARED} 2>/dev/null && echo run by $root
             ls -d $root{store}/*undeclared 2>/dev/null && echo listed by $root
         done
         cat {store}/{INPUT}; cp {store}/{INPUT} $out"
    );
    let undeclared = step.input(UNDECLARED);
    fs::write(&undeclared, "#!/bin/sh\necho secret\n").unwrap();
    fs::set_permissions(&undeclared, fs::Permissions::from_mode(0o755)).unwrap();
    step.request.inputs = Arc::default();
    fs::write(step.input(INPUT), "declared\n").unwrap();
    assert_eq!(step.said().await, format!("{INPUT}\ndeclared\n"));
}

#[tokio::test]
async fn n05_renames_and_hard_links_between_folders_work_with_and_without_landlock() {
    for network in [false, true] {
        // Only a step with the host's network gets a Landlock ruleset.
        let mut step = step(
            "mkdir a b; echo 1 > a/x; mv a/x b/y; ln b/y a/z; mv a /build/b/a; cat b/a/z
             mkdir $out $out/a; mv b/a/z b/; echo 2 > $out/a/f; mkdir $out/b; mv $out/a/f $out/b/; ln $out/b/f $out/g
             mv $out/b $out/c; ls $out $out/c; cd /tmp; mkdir c d; echo > c/e; mv c/e d; ln d/e c",
        );
        step.request.network = network;
        let said = step.said().await;
        let out = format!("/var/lib/kiln/store/{}", steps::OUT);
        assert_eq!(said, format!("1\n{out}:\na\nc\ng\n\n{out}/c:\nf\n"));
    }
}

#[tokio::test]
async fn what_builds_do_goes_on_beneath_the_filter() {
    let said = step(
        "mkdir -p t/sub; printf 'int main(void){return 0;}\\n' > t/m.c
         cc -o t/m t/m.c; ./t/m; install -m 755 t/m t/installed; install -d -m 755 t/folder
         cp -a t copy; tar cf t.tar t; mkdir x; tar xf t.tar -C x; chmod -R u+w,go-w x; ln -s m t/link; mkfifo t/fifo
         touch -d @1 t/m; (echo in a subshell) | cat; mv x y; rm -r y; mkdir $out; cp -rp t/m $out; ls $out",
    )
    .said()
    .await;
    assert_eq!(said, "in a subshell\nm\n");
}

#[tokio::test]
async fn n09_a_fork_bomb_is_contained() {
    let mark = mark();
    let bomb = step(&format!(
        "b() {{ sh -c 'sleep 1000' {mark} & b & b & }}; b; wait; sleep 1000"
    ))
    .limited(|limits| {
        limits.processes = 100;
        limits.timeout = Duration::from_secs(2);
    });
    let (outcome, _ran) = bomb.run().await;
    assert_ne!(outcome, StepOutcome::Exited(0));
    assert_eq!(processes_with(&mark), [""; 0]);
    the_next_step_is_clean().await;
}

#[tokio::test]
async fn n09_a_memory_hog_is_ended_and_the_limit_named() {
    let bytes = 64 << 20;
    for script in [
        "tail /dev/zero",
        // None of them alone is above it.
        "for i in 1 2 3 4 5; do perl -e 'my $m = \"x\" x 20_000_000; sleep 1000' & done; wait",
        // Files in memory count too.
        "head -c 100000000 /dev/zero > /dev/shm/a; sleep 1000",
    ] {
        let hog = step(script).limited(|limits| limits.memory = Some(bytes));
        let (outcome, ran) = hog.run().await;
        let expected = StepOutcome::OverLimit(StepLimit::Memory(bytes));
        assert_eq!(outcome, expected, "{script}: {}", ran.log);
    }
    the_next_step_is_clean().await;
}

#[tokio::test]
async fn a_step_that_forks_with_much_memory_is_not_counted_twice() {
    let script = "perl -e 'my $m = \"x\" x 40_000_000; for (1..4) { fork or do { select undef, undef, undef, 0.5; exit } } wait for 1..4'";
    let (outcome, ran) = step(script)
        .limited(|limits| limits.memory = Some(150 << 20))
        .run()
        .await;
    assert_eq!(outcome, StepOutcome::Exited(0), "{}", ran.log);
}

#[tokio::test]
async fn n09_outputs_that_grow_too_large_end_the_step() {
    let bytes = 20_000_000;
    for script in [
        "mkdir $out; i=0; while :; do head -c 1000000 /dev/zero > $out/$i; i=$((i+1)); done",
        // Beside the output it promised.
        "cd /var/lib/kiln/store; i=0; while :; do head -c 1000000 /dev/zero > other-$i; i=$((i+1)); done",
    ] {
        let (outcome, ran) = step(script)
            .limited(|limits| limits.output_size = bytes)
            .run()
            .await;
        let expected = StepOutcome::OverLimit(StepLimit::OutputSize(bytes));
        assert_eq!(outcome, expected, "{script}: {}", ran.log);
    }
    the_next_step_is_clean().await;
}

#[tokio::test]
async fn n09_scratch_space_is_limited_in_memory_and_on_the_disk() {
    let bytes = 10_000_000;
    let in_files = "i=0; while :; do head -c 1000000 /dev/zero > /tmp/$i || break; i=$((i+1)); done; echo $i; exit 1";
    for on_disk in [false, true] {
        let full =
            step(in_files).limited(|limits| limits.scratch = ScratchLimit { bytes, on_disk });
        let (outcome, ran) = full.run().await;
        let expected = StepOutcome::OverLimit(StepLimit::Scratch(bytes));
        assert_eq!(outcome, expected, "on disk {on_disk}: {}", ran.log);
        // What a tmpfs keeps is kept at once; what is watched a moment later.
        let written = ran
            .log
            .lines()
            .last()
            .and_then(|line| line.parse::<u32>().ok());
        assert!(
            on_disk || written.is_some_and(|files| files < 10),
            "{}",
            ran.log
        );
        let fits = step("head -c 5000000 /dev/zero > big; wc -c < big")
            .limited(|limits| limits.scratch = ScratchLimit { bytes, on_disk });
        assert_eq!(fits.said().await, "5000000\n");
    }
}

#[tokio::test]
async fn n09_a_daemon_cannot_change_an_output_after_the_step() {
    let mark = mark();
    let script = stubborn(&mark)
        + "echo 1 > $out; setsid sh -c 'while :; do echo more >> $out; done' & exec cat $out";
    let (outcome, ran) = step(&script).run().await;
    assert_eq!(outcome, StepOutcome::Exited(0), "{}", ran.log);
    assert_eq!(processes_with(&mark), [""; 0]);
    let length = || fs::metadata(ran.output()).unwrap().len();
    let before = length();
    the_next_step_is_clean().await;
    assert_eq!(length(), before);
}

#[tokio::test]
async fn n09_of_many_writers_that_a_step_leaves_none_writes_when_its_outputs_are_taken() {
    let mark = mark();
    let script = format!(
        "i=0; while [ $i -lt 100 ]; do i=$((i + 1))
         setsid sh -c 'trap \"\" TERM; while :; do echo more; done >> $out' {mark} & done
         while [ ! -s $out ]; do :; done"
    );
    let (outcome, ran) = step(&script).run().await;
    let length = fs::metadata(ran.output()).unwrap().len();
    assert_eq!(outcome, StepOutcome::Exited(0), "{}", ran.log);
    until("none is left", || processes_with(&mark).is_empty()).await;
    assert_eq!(fs::metadata(ran.output()).unwrap().len(), length);
}

#[tokio::test]
async fn n09_nothing_is_left_in_shared_memory() {
    step("echo left > /dev/shm/left; ipcmk -M 4096 >/dev/null; echo left > /tmp/left")
        .said()
        .await;
    the_next_step_is_clean().await;
}

#[tokio::test]
async fn n09_what_is_given_back_late_and_limits_of_others_are_not_to_be_had() {
    let tries = r#"
import ctypes, os, resource, fcntl
libc = ctypes.CDLL(None, use_errno=True)
def refused(what, answer):
    print(what, answer < 0, os.strerror(ctypes.get_errno()))
refused("limit", libc.prlimit(1, resource.RLIMIT_CPU, (ctypes.c_ulong * 2)(0, 0), None))
refused("own limit", libc.prlimit(0, resource.RLIMIT_CORE, (ctypes.c_ulong * 2)(0, 0), None))
refused("queue", libc.syscall(240, b"q", os.O_CREAT | os.O_RDWR, 0o600, None))
shm = libc.shmget(0, 4096, 0o1600)
refused("lock", libc.shmctl(shm, 11, None))
out = os.open("/var/lib/kiln/store", os.O_RDONLY)
for call in (0x40086602, 0x40087602, 0x40086604, 0x401c5820):
    try: fcntl.ioctl(out, call, b"\0" * 64); print("set")
    except OSError as error: print(error.strerror)
"#;
    if cfg!(not(target_arch = "x86_64")) || !std::path::Path::new("/usr/bin/python3").exists() {
        eprintln!("SKIPPED: the numbers of the calls are of x86_64, the program is python3's");
        return;
    }
    let mut step = step("/usr/bin/python3 /build/tries");
    step.request.files.push(("tries".into(), tries.into()));
    let said = step.said().await;
    let unsupported = "Operation not supported\n".repeat(4);
    let expected = format!(
        "limit True Operation not permitted\nown limit False Success\nqueue True Function not implemented\n\
         lock True Operation not permitted\n{unsupported}"
    );
    // What succeeded leaves the answer of the call before.
    let said = said.replace(
        "own limit False Operation not permitted",
        "own limit False Success",
    );
    assert_eq!(said, expected);
}

#[tokio::test]
async fn n09_signals_reach_no_process_outside() {
    let mut child = std::process::Command::new("sleep")
        .arg("1000")
        // A failure must not leave the pipe of the test's own output open.
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let script = format!(
        "kill -9 {} 2>/dev/null && echo reached; kill -9 1; kill -9 -1 2>/dev/null || true",
        child.id()
    );
    let (outcome, ran) = step(&script).run().await;
    // PID 1 is deaf to it, and -1 is everybody but the two.
    assert_eq!((outcome, ran.log.as_str()), (StepOutcome::Exited(0), ""));
    assert!(child.try_wait().unwrap().is_none());
    child.kill().unwrap();
    child.wait().unwrap();
}

/// `LANDLOCK_CREATE_RULESET_VERSION`: which ABI this kernel has; 0: none.
fn landlock() -> i64 {
    // SAFETY: asks for a number.
    unsafe { libc_syscall(444, 0, 0, 1) }
}

unsafe extern "C" {
    #[link_name = "syscall"]
    fn libc_syscall(number: i64, a: usize, b: usize, c: u32) -> i64;
}

#[tokio::test]
async fn n09_abstract_sockets_of_the_host_are_out_of_reach() {
    let name = mark();
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let _listener = UnixListener::bind_addr(&address).unwrap();
    let connect = format!(
        "perl -MSocket -e 'socket(my $s, AF_UNIX, SOCK_STREAM, 0); print connect($s, pack(\"S a*\", 1, \"\\0{name}\")) ? \"in\" : \"out\"'"
    );
    assert_eq!(step(&connect).said().await, "out");
    // A step that shares the network is kept from them by Landlock alone.
    if landlock() >= 6 {
        let mut with = step(&connect);
        with.request.network = true;
        assert_eq!(with.said().await, "out");
    }
}

#[test]
fn everything_above_holds_for_an_ordinary_user_too() {
    steps::again_as_an_ordinary_user("everything_above_holds_for_an_ordinary_user_too");
}
