//! A program whose descendants end with it: real processes, real signals.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests drive programs, and say what went wrong by panicking"
)]

mod common;

use kiln::process::supervise::{CANNOT_START, Supervised};
use kiln::process::{End, GIVE_UP, GRACE};
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Instant;
use tokio_util::sync::CancellationToken;

fn shell(script: &str) -> Supervised {
    kiln::process::set_program(env!("CARGO_BIN_EXE_kiln"));
    Supervised {
        program: "sh".into(),
        args: vec!["-c".into(), script.into()],
        env: [("PATH".to_owned(), "/usr/bin:/bin".to_owned())].into(),
        memory: None,
        stdin: None,
    }
}

/// How it ended, and what it said.
async fn run(program: &Supervised, cancel: &CancellationToken) -> (End, String) {
    let mut said = Vec::new();
    let spawn = program.spawn().unwrap();
    let end = spawn.run(cancel, |_, bytes| {
        said.extend_from_slice(bytes);
        if said.ends_with(b"cancel me\n") {
            cancel.cancel();
        }
    });
    let end = end.await.unwrap();
    (end, String::from_utf8(said).unwrap())
}

async fn exited(program: &Supervised) -> (ExitStatus, String) {
    match run(program, &CancellationToken::new()).await {
        (End::Exited(status), said) => (status, said),
        other => panic!("{other:?}"),
    }
}

fn is_alive(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
    stat.is_ok_and(|stat| !stat.contains(") Z "))
}

#[tokio::test]
async fn it_ends_as_its_program_ends_and_hands_on_what_it_says() {
    let (status, said) = exited(&shell("echo out; echo err >&2; exit 3")).await;
    assert_eq!(status.code(), Some(3));
    assert!(said.contains("out\n") && said.contains("err\n"), "{said:?}");
    for signal in [libc::SIGKILL, libc::SIGSEGV, libc::SIGTERM] {
        let (status, _) = exited(&shell(&format!("kill -{signal} $$"))).await;
        assert_eq!(status.signal(), Some(signal));
    }
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named() {
    let mut missing = shell("");
    missing.program = "no-such-program".into();
    let (status, said) = exited(&missing).await;
    assert_eq!(status.code(), Some(CANNOT_START));
    assert!(
        said.starts_with("kiln: cannot start no-such-program: "),
        "{said:?}"
    );
}

#[tokio::test]
async fn each_process_has_the_limit_of_memory_and_an_environment_of_its_own() {
    let mut limited = shell("ulimit -v; sh -c 'ulimit -v'; env | sort");
    limited.memory = Some(512 << 20);
    let (_, said) = exited(&limited).await;
    assert!(said.starts_with("524288\n524288\n"), "{said:?}");
    assert!(!said.contains("HOME="), "{said:?}");
}

#[tokio::test]
async fn f05_what_left_its_session_ends_with_the_program() {
    let script = "setsid sh -c 'echo $$; exec sleep 600' > $0 & \
                  while ! [ -s $0 ]; do :; done; cat $0; exit 0";
    let folder = tempfile::tempdir().unwrap();
    let mut daemon = shell(script);
    daemon
        .args
        .push(folder.path().join("x").to_str().unwrap().into());
    let (status, said) = exited(&daemon).await;
    assert!(status.success());
    assert!(!is_alive(&said), "{said}");
}

#[tokio::test]
async fn f05_cancelled_it_ends_all_of_them_whatever_they_ignore() {
    let script = "trap '' TERM; setsid sh -c 'trap \"\" TERM; echo $$; echo cancel me; exec sleep 600' & \
                  sleep 600; wait";
    let began = Instant::now();
    let (end, said) = run(&shell(script), &CancellationToken::new()).await;
    assert!(matches!(end, End::Cancelled), "{end:?}");
    let pid = said.lines().next().unwrap();
    assert!(!is_alive(pid), "{said}");
    assert!(began.elapsed() < GRACE + GIVE_UP);
}

#[tokio::test]
async fn f05_nothing_is_left_when_kiln_itself_dies() {
    // As the agent's own end: its side of the lifeline closes.
    let home = common::Home::new();
    let file = home.path("pid");
    let script = format!(
        "setsid sh -c 'echo $$ > {0}; exec sleep 600' & exec sleep 600",
        file.display()
    );
    let body = serde_json::to_vec(&shell(&script)).unwrap();
    let mut kiln = home.command();
    kiln.args(["internal", "supervise"])
        .stdin(std::process::Stdio::piped());
    let mut kiln = kiln.spawn().unwrap();
    let mut lifeline = kiln.stdin.take().unwrap();
    use std::io::Write;
    lifeline
        .write_all(&(body.len() as u64).to_le_bytes())
        .unwrap();
    lifeline.write_all(&body).unwrap();
    let said = || std::fs::read_to_string(&file).ok();
    let pid = common::wait_for(|| said().filter(|pid| pid.ends_with('\n')));
    assert!(is_alive(&pid));
    drop(lifeline);
    assert_eq!(kiln.wait().unwrap().signal(), Some(libc::SIGTERM));
    assert!(!is_alive(&pid));
}

#[tokio::test]
async fn it_reads_what_it_is_told_later_and_nothing_else() {
    let (pipe, mut tell) = std::io::pipe().unwrap();
    let told = format!("/proc/{}/fd/{}", std::process::id(), pipe.as_raw_fd());
    let mut cat = shell("echo begun; cat");
    cat.stdin = Some(told.into());
    let never = CancellationToken::new();
    let mut said = Vec::new();
    let mut tell = Some(&mut tell);
    let run = cat.spawn().unwrap().run(&never, |_, bytes| {
        said.extend_from_slice(bytes);
        if let Some(tell) = tell.take() {
            tell.write_all(b"told\n").unwrap();
        }
        if said.ends_with(b"told\n") {
            never.cancel();
        }
    });
    let end = tokio::time::timeout(common::PATIENCE, run)
        .await
        .unwrap()
        .unwrap();
    assert!(matches!(end, End::Cancelled), "it waits for more: {end:?}");
    assert_eq!(said, b"begun\ntold\n");

    let (_, said) = exited(&shell("cat; echo end")).await;
    assert_eq!(said, "end\n", "without one there is nothing to read");
    let mut missing = shell(":");
    missing.stdin = Some("/nowhere/pipe".into());
    let (status, said) = exited(&missing).await;
    assert_eq!(status.code(), Some(CANNOT_START));
    assert!(said.contains("/nowhere/pipe"), "{said}");
}
