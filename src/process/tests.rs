//! Real programs, real signals.

use super::*;
use std::time::Instant as Clock;

fn shell(script: &str) -> Spawn {
    Spawn {
        program: "/bin/sh".into(),
        args: vec!["-c".into(), script.into()],
        env: BTreeMap::from([("PATH".into(), "/usr/bin:/bin".into())]),
        cwd: "/".into(),
        request: None,
        timeout: None,
        silence: None,
        output_limit: None,
    }
}

async fn run(spawn: Spawn, cancel: &CancellationToken) -> (End, String) {
    let mut said = Vec::new();
    let end = spawn.run(cancel, |_, bytes| said.extend(bytes)).await;
    (end.unwrap(), String::from_utf8(said).unwrap())
}

async fn run_to_end(spawn: Spawn) -> (End, String) {
    run(spawn, &CancellationToken::new()).await
}

fn is_alive(pid: &str) -> bool {
    let state = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
    state.is_ok_and(|stat| !stat.contains(") Z "))
}

async fn until_dead(pid: &str) {
    let deadline = Clock::now() + Duration::from_secs(20);
    while is_alive(pid) {
        assert!(Clock::now() < deadline, "{pid} lives on");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn both_streams_and_the_exit_code_come_back() {
    let mut pieces = Vec::new();
    let spawn = shell("echo out; echo err >&2; exit 3");
    let on_output = |stream, bytes: &[u8]| pieces.push((stream, bytes.to_vec()));
    let end = spawn
        .run(&CancellationToken::new(), on_output)
        .await
        .unwrap();
    assert!(matches!(end, End::Exited(status) if status.code() == Some(3)));
    assert!(pieces.contains(&(Stream::Stdout, b"out\n".to_vec())));
    assert!(pieces.contains(&(Stream::Stderr, b"err\n".to_vec())));
}

#[tokio::test]
async fn everything_is_read_though_more_than_a_pipe_holds() {
    let (end, said) = run_to_end(shell("head -c 3000000 /dev/zero")).await;
    assert!(matches!(end, End::Exited(status) if status.success()));
    assert_eq!(said.len(), 3_000_000);
}

#[tokio::test]
async fn the_environment_is_the_one_given_and_standard_input_is_empty() {
    let (_, said) = run_to_end(shell("cat; env | grep -v -e ^PWD= -e ^_= -e ^SHLVL=")).await;
    assert_eq!(said, "PATH=/usr/bin:/bin\n");
}

#[tokio::test]
async fn a_request_is_sent_whole_and_the_lifeline_stays_open_after_it() {
    let mut spawn = shell("head -c 1000008 | wc -c; timeout 0.2 cat; echo $?");
    spawn.request = Some(framed(vec![b'x'; 1_000_000]));
    let (_, said) = run_to_end(spawn).await;
    assert_eq!(said, "1000008\n124\n");
}

#[tokio::test]
async fn a_child_that_does_not_read_its_request_is_no_error() {
    let mut spawn = shell("exec <&-; exit 4");
    spawn.request = Some(framed(vec![0; 1_000_000]));
    let (end, _) = run_to_end(spawn).await;
    assert!(matches!(end, End::Exited(status) if status.code() == Some(4)));
}

#[tokio::test]
async fn what_a_program_leaves_in_its_group_dies_with_it() {
    let (_, pid) = run_to_end(shell("sleep 1000 & echo $!")).await;
    until_dead(&pid).await;
}

#[tokio::test]
async fn b17_an_escaped_process_with_the_pipe_open_is_not_waited_for() {
    let started = Clock::now();
    let (end, said) = run_to_end(shell("setsid sleep 30 & echo $!; exit 0")).await;
    assert!(matches!(end, End::Exited(status) if status.success()));
    assert!(started.elapsed() < Duration::from_secs(20));
    let pid = nix::unistd::Pid::from_raw(said.trim().parse().unwrap());
    let _ = nix::sys::signal::kill(pid, Signal::SIGKILL);
}

#[tokio::test]
async fn an_escaped_process_that_floods_the_pipe_does_not_hold_the_end_back() {
    let (end, said) = run_to_end(shell("setsid yes & echo $!; exit 0")).await;
    assert!(matches!(end, End::Exited(_)));
    let pid = said.lines().find(|line| *line != "y").unwrap();
    // Its pipe is closed, so it ends by itself.
    until_dead(pid).await;
}

#[tokio::test]
async fn limits_of_time_silence_and_output_end_the_whole_group() {
    let short = Some(Duration::from_millis(300));
    let mut slow = shell("while :; do echo y; sleep 0.05; done");
    slow.timeout = short;
    let mut silent = shell("sleep 1000 & echo $!; wait");
    silent.silence = short;
    let mut loud = shell("yes");
    loud.output_limit = Some(10_000);
    let (slow, silent, loud) = tokio::join!(run_to_end(slow), run_to_end(silent), run_to_end(loud));
    assert!(matches!(slow.0, End::TimedOut), "{:?}", slow.0);
    assert!(matches!(silent.0, End::Silent), "{:?}", silent.0);
    until_dead(&silent.1).await;
    assert!(matches!(loud.0, End::TooMuchOutput), "{:?}", loud.0);
    assert_eq!(loud.1.len(), 10_000);
}

#[tokio::test]
async fn a_cancelled_program_is_heard_to_its_end() {
    let cancel = CancellationToken::new();
    let spawn = shell("trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.05; done");
    let mut said = Vec::new();
    let end = spawn.run(&cancel, |stream, bytes| {
        // The shell may report on its killed `sleep` on the other stream.
        if stream == Stream::Stdout {
            said.extend(bytes);
        }
        cancel.cancel();
    });
    assert!(matches!(end.await.unwrap(), End::Cancelled));
    assert_eq!(String::from_utf8(said).unwrap(), "up\nbye\n");
}

#[tokio::test]
async fn a_program_deaf_to_sigterm_is_killed_after_the_grace() {
    let cancel = CancellationToken::new();
    let started = Clock::now();
    let mut pid = String::new();
    let spawn = shell("trap '' TERM; echo $$; while :; do sleep 1; done");
    let end = spawn.run(&cancel, |_, bytes| {
        pid.push_str(std::str::from_utf8(bytes).unwrap());
        cancel.cancel();
    });
    assert!(matches!(end.await.unwrap(), End::Cancelled));
    assert!(started.elapsed() >= GRACE && started.elapsed() < GRACE * 2);
    assert!(!is_alive(&pid));
}

#[tokio::test]
async fn a_dropped_run_leaves_nothing_of_its_group() {
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let running = tokio::spawn(async move {
        let spawn = shell("trap '' TERM; sleep 1000 & echo $!; wait");
        let cancel = CancellationToken::new();
        spawn
            .run(&cancel, |_, bytes| drop(tell.send(bytes.to_vec())))
            .await
    });
    let pid = String::from_utf8(told.recv().await.unwrap()).unwrap();
    running.abort();
    until_dead(&pid).await;
}

#[tokio::test(start_paused = true)]
async fn without_limits_of_time_a_paused_clock_changes_nothing() {
    let (end, said) = run_to_end(shell("sleep 0.2; echo done")).await;
    assert!(matches!(end, End::Exited(status) if status.success()));
    assert_eq!(said, "done\n");
}

#[tokio::test]
async fn a_program_that_does_not_exist_is_an_error() {
    let mut spawn = shell("");
    spawn.program = "/no/such/program".into();
    let error = spawn
        .run(&CancellationToken::new(), |_, _| {})
        .await
        .unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
}

#[tokio::test]
async fn the_leader_that_ended_keeps_its_group_until_that_is_killed() {
    let never = CancellationToken::new();
    let mut running = shell("sleep 1000 & exit 3").begin(|_, _| {}).unwrap();
    let leader = running.leader.id().unwrap();
    running.group.ended(&mut running.changes).await;
    let stat = std::fs::read_to_string(format!("/proc/{leader}/stat"));
    assert!(stat.unwrap().contains(") Z "), "it was reaped too early");
    let end = running.run_to_end(&never).await.unwrap();
    assert!(matches!(end, End::Exited(status) if status.code() == Some(3)));
}
