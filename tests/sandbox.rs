//! The sandbox with real namespaces: what a step sees, and that nothing of it
//! is left. As root, every test runs a second time as an ordinary user.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests drive programs, and say what went wrong by panicking"
)]

use kiln::backend::native::provider::StepOutcome;
use kiln::process::CancelOnDrop;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::sync::Arc;
use std::time::{Duration, Instant};

#[path = "common/steps.rs"]
mod steps;
use steps::{Step, is_root, mark, processes_with, run, sandbox, step, stubborn, until};

#[tokio::test]
async fn a_trivial_step_leaves_its_output_in_the_scratch_store() {
    let (outcome, ran) = step("echo hello; echo made > $out").run().await;
    assert_eq!(outcome, StepOutcome::Exited(0), "{}", ran.log);
    assert_eq!(ran.log, "hello\n");
    assert_eq!(fs::read_to_string(ran.output()).unwrap(), "made\n");
    let owner = fs::metadata(ran.output()).unwrap().uid();
    match is_root() {
        true => assert!((60600..60856).contains(&owner), "{owner}"),
        false => assert_eq!(owner, nix::unistd::geteuid().as_raw()),
    }
}

#[tokio::test]
async fn exit_codes_and_signals_come_back_as_they_are() {
    assert_eq!(step("exit 7").run().await.0, StepOutcome::Exited(7));
    assert_eq!(step("kill -9 $$").run().await.0, StepOutcome::Signalled(9));
    let mut missing = step("");
    missing.request.argv = vec!["/no/such/program".into()];
    let (outcome, ran) = missing.run().await;
    assert_eq!(outcome, StepOutcome::Exited(127));
    assert!(ran.log.contains("run /no/such/program"), "{}", ran.log);
}

#[tokio::test]
async fn the_log_is_one_stream_in_order_and_can_be_reopened() {
    let said = step("echo 1; echo 2 >&2; echo 3; echo 4 > /dev/stderr; echo 5 > /dev/stdout");
    assert_eq!(said.said().await, "1\n2\n3\n4\n5\n");
}

#[tokio::test]
async fn the_step_is_user_1000_of_group_100_on_localhost() {
    let said = step("id -u; id -g; id -G; id -un; uname -n; pwd; umask")
        .said()
        .await;
    assert_eq!(said, "1000\n100\n100\nkiln\nlocalhost\n/build\n0022\n");
}

#[tokio::test]
async fn the_environment_is_exactly_the_one_given() {
    let mut step = step("");
    step.request.argv = vec!["/usr/bin/env".into()];
    step.request.env = [("A", "1"), ("B", "two words")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    assert_eq!(step.said().await, "A=1\nB=two words\n");
}

#[tokio::test]
async fn the_network_is_an_empty_one_with_a_loopback() {
    let script = "tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '; tail -n +2 /proc/net/route
        cat /sys/class/net 2>/dev/null || echo no sys";
    assert_eq!(step(script).said().await, "lo\nno sys\n");
}

#[tokio::test]
async fn a_port_of_the_host_is_unreachable_without_network_and_reachable_with_it() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let script =
        format!("bash -c ': < /dev/tcp/127.0.0.1/{port}' 2>/dev/null && echo in || echo out");
    assert_eq!(step(&script).said().await, "out\n");
    let mut with = step(&script);
    with.request.network = true;
    assert_eq!(with.said().await, "in\n");
}

#[tokio::test]
async fn processes_of_the_host_are_unseen() {
    let said = step("cd /proc; ls -d [0-9]* | wc -l; tr '\\0' ' ' < 1/cmdline")
        .said()
        .await;
    let (count, init) = said.split_once('\n').unwrap();
    assert!(count.parse::<u32>().unwrap() <= 4, "{said}");
    assert!(init.contains("internal sandbox"), "{said}");
}

#[tokio::test]
async fn files_of_the_host_are_unseen() {
    let on_host = tempfile::NamedTempFile::new().unwrap();
    let mut step = step("");
    let undeclared = step.input("11111111111111111111111111111111-undeclared");
    fs::write(&undeclared, "secret").unwrap();
    step.request.inputs = Arc::default();
    step.request.files[0].1 = format!(
        "for p in /home /root /run /sys /srv /mnt /media /opt /etc/shadow /etc/ssh /etc/resolv.conf \
         {} {} /old_root; do [ ! -e $p ] || echo $p is there; done
         ls -A / /etc /var /var/lib /var/lib/kiln /var/lib/kiln/store /tmp /usr/local /dev",
        on_host.path().display(),
        undeclared.display(),
    );
    let said = step.said().await;
    assert!(!said.contains("is there"), "{said}");
    for listed in [
        "/:\nbin\nbuild\ndev\netc\n",
        "/etc:\nalternatives\ngroup\nhosts\npasswd\n\n",
        "/var:\nlib\n\n/var/lib:\nkiln\n\n/var/lib/kiln:\nstore\n\n/var/lib/kiln/store:\n\n",
        "/tmp:\n\n/usr/local:\n",
        "/dev:\nfd\nfull\nnull\nptmx\npts\nrandom\nshm\nstderr\nstdin\nstdout\ntty\nurandom\nzero\n",
    ] {
        for part in listed.split("\n\n") {
            assert!(said.contains(part), "{part}\nnot in\n{said}");
        }
    }
}

#[tokio::test]
async fn inputs_are_seen_where_they_are_written_and_cannot_be_changed() {
    let mut step = step(
        "cd /var/lib/kiln/store; ls; cat *-file; cat *-folder/inside; cat *-link/inside; *-folder/program
         for change in 'touch x-file/../1*-file' 'rm -rf 1*' 'chmod 777 1*-file' 'touch 2*-folder/new' \
            'mv 2*-folder elsewhere' 'mount -o remount,rw 2*-folder' 'umount 2*-folder'; do
            if sh -c \"$change\" 2>/dev/null; then echo \"$change worked\"; fi
         done; cat *-file",
    );
    let file = step.input("11111111111111111111111111111111-file");
    fs::write(&file, "text\n").unwrap();
    let folder = step.input("22222222222222222222222222222222-folder");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("inside"), "deep\n").unwrap();
    fs::write(folder.join("program"), "#!/bin/sh\necho ran\n").unwrap();
    fs::set_permissions(folder.join("program"), fs::Permissions::from_mode(0o555)).unwrap();
    let link = step.input("33333333333333333333333333333333-link");
    symlink("22222222222222222222222222222222-folder", &link).unwrap();
    let (outcome, ran) = step.run().await;
    assert_eq!(outcome, StepOutcome::Exited(0), "{}", ran.log);
    let names = "11111111111111111111111111111111-file\n22222222222222222222222222222222-folder\n\
                 33333333333333333333333333333333-link\n";
    assert_eq!(ran.log, format!("{names}text\ndeep\ndeep\nran\ntext\n"));
    assert_eq!(fs::read_to_string(file).unwrap(), "text\n");
    assert_eq!(fs::read_dir(folder).unwrap().count(), 2);
}

#[tokio::test]
async fn the_host_paths_and_the_root_are_read_only() {
    let script = "for p in / /usr /usr/bin /usr/local /etc /var/lib /dev; do
        if touch $p/new 2>/dev/null; then echo $p is writable; fi; done
        touch /build/a /tmp/b /dev/shm/c; mv /build/a /build/d";
    assert_eq!(step(script).said().await, "");
}

#[tokio::test]
async fn the_source_is_copied_writable_and_is_where_the_step_starts() {
    let mut step = step(
        "pwd; ./sub/run; echo more >> sub/text; rm link; mkdir new; ls -l sub/run | cut -c1-10",
    );
    let source = step.input("11111111111111111111111111111111-source");
    step.request.inputs = Arc::default();
    fs::create_dir_all(source.join("sub")).unwrap();
    fs::write(source.join("sub/text"), "text").unwrap();
    fs::write(source.join("sub/run"), "#!/bin/sh\necho ran\n").unwrap();
    symlink("sub/text", source.join("link")).unwrap();
    for (path, mode) in [
        ("sub/text", 0o444),
        ("sub/run", 0o555),
        ("sub", 0o555),
        ("", 0o555),
    ] {
        fs::set_permissions(source.join(path), fs::Permissions::from_mode(mode)).unwrap();
    }
    step.request.src = Some(source.clone());
    let said = step.said().await;
    assert_eq!(said, "/build/src\nran\n-rwxr-xr-x\n");
}

#[tokio::test]
async fn a_source_that_is_a_file_leaves_the_step_in_build() {
    let mut step = step("pwd; cat src; echo more >> src");
    let source = step.input("11111111111111111111111111111111-source");
    step.request.inputs = Arc::default();
    fs::write(&source, "text\n").unwrap();
    step.request.src = Some(source);
    assert_eq!(step.said().await, "/build\ntext\n");
}

#[tokio::test]
async fn the_step_has_no_capability_no_new_privileges_and_no_open_file() {
    let said = step(
        "grep -E '^(Cap|NoNewPrivs|SigBlk|SigIgn)' /proc/self/status | tr -s '\\t' ' '
         ls /proc/self/fd | wc -l; readlink /proc/self/fd/0; ulimit -c
         unshare -U true 2>/dev/null || echo no user namespace; ls /proc/1/fd 2>/dev/null || echo closed",
    )
    .said()
    .await;
    let zero = "0000000000000000";
    let sets = ["Inh", "Prm", "Eff", "Bnd", "Amb"].map(|set| format!("Cap{set}: {zero}\n"));
    let expected = format!(
        "SigBlk: {zero}\nSigIgn: {zero}\n{}NoNewPrivs: 1\n4\n/dev/null\n0\nno user namespace\nclosed\n",
        sets.concat()
    );
    assert_eq!(said, expected);
}

#[tokio::test]
async fn limits_of_file_size_and_processes_hold() {
    let mut large = step("head -c 2000000 /dev/zero > big");
    large.request.limits.output_size = 1_000_000;
    assert_ne!(large.run().await.0, StepOutcome::Exited(0));
    // How many processes it could start beside itself.
    let mut crowd = step(
        "exec perl -e 'my @p; for (1..9) { my $p = fork; next unless defined $p;
         if (!$p) { sleep 60; exit } push @p, $p } kill 9, @p; print scalar @p'",
    );
    crowd.request.limits.processes = 5;
    assert_eq!(crowd.said().await, "4");
}

#[tokio::test]
async fn which_groups_the_host_has_is_not_to_be_seen() {
    let said = step("cut -d: -f3 /proc/self/cgroup | sort -u").said().await;
    assert_eq!(said, "/\n");
}

#[tokio::test]
async fn a_setuid_file_gives_nothing() {
    let script = "cp /usr/bin/id id; chmod 6755 id 2>/dev/null || true; ./id -u; mknod d c 1 3 2>&1 | grep -c permitted";
    assert_eq!(step(script).said().await, "1000\n1\n");
}

#[tokio::test]
async fn what_a_step_leaves_running_dies_with_it() {
    let mark = mark();
    let script = stubborn(&mark) + "exit 3";
    assert_eq!(step(&script).run().await.0, StepOutcome::Exited(3));
    assert_eq!(processes_with(&mark), [""; 0]);
}

#[tokio::test]
async fn b17_a_cancelled_step_that_ignores_sigterm_is_gone_within_the_grace_time() {
    let mark = mark();
    let step = step(&(stubborn(&mark) + "echo up; while :; do sleep 1000; done"));
    let (said, cancel) = (step.said.clone(), step.request.cancel.clone());
    let running = tokio::spawn(step.run());
    until("the step is up", || !said.lock().unwrap().is_empty()).await;
    let asked = Instant::now();
    cancel.cancel();
    let (outcome, _ran) = running.await.unwrap();
    assert_eq!(outcome, StepOutcome::Cancelled);
    let took = asked.elapsed();
    assert!(
        took >= Duration::from_secs(5) && took < Duration::from_secs(9),
        "{took:?}"
    );
    assert_eq!(processes_with(&mark), [""; 0]);
}

#[tokio::test]
async fn a_step_that_heeds_sigterm_is_gone_at_once() {
    let step = step("trap 'echo bye; exit 1' TERM; echo up; while :; do sleep 0.1; done");
    let (said, cancel) = (step.said.clone(), step.request.cancel.clone());
    let running = tokio::spawn(step.run());
    until("the step is up", || !said.lock().unwrap().is_empty()).await;
    let asked = Instant::now();
    cancel.cancel();
    let (outcome, ran) = running.await.unwrap();
    assert_eq!(outcome, StepOutcome::Cancelled);
    assert!(asked.elapsed() < Duration::from_secs(4));
    assert!(ran.log.contains("bye"), "{}", ran.log);
}

#[tokio::test]
async fn time_silence_and_log_limits_end_a_step() {
    let mut slow = step("while :; do echo still; sleep 0.1; done");
    let short = Duration::from_millis(600);
    slow.request.limits.timeout = short;
    let mut silent = step("echo one; sleep 1000");
    // Setting the step up is silent as well, and slow on a slow machine.
    let quiet = Duration::from_secs(4);
    silent.request.limits.silence = quiet;
    let mut loud = step("yes");
    loud.request.limits.log_size = 100_000;
    // A limit that does not hold fails this test and does not hang it.
    let _ends = [&slow, &silent, &loud].map(|step| CancelOnDrop(step.request.cancel.clone()));
    let all = async { tokio::join!(slow.run(), silent.run(), loud.run()) };
    let (slow, silent, loud) = tokio::time::timeout(Duration::from_secs(50), all)
        .await
        .expect("all three end");
    assert_eq!(slow.0, StepOutcome::TimedOut(short));
    assert_eq!(silent.0, StepOutcome::Silent(quiet));
    assert_eq!(silent.1.log, "one\n");
    assert_eq!(loud.0, StepOutcome::LogTooLarge(100_000));
    assert_eq!(loud.1.log.len(), 100_000);
}

#[tokio::test]
async fn a_pid_1_that_is_killed_takes_the_step_with_it() {
    let mark = mark();
    let step = step(&(stubborn(&mark) + "echo up; while :; do sleep 1000; done"));
    let said = step.said.clone();
    let request = step.request;
    let running = tokio::spawn(async move { run(&sandbox(), request).await });
    let up = || !said.lock().unwrap().is_empty() && !processes_with(&mark).is_empty();
    until("the step is up", up).await;
    kill(pid_1_of(&mark), Signal::SIGKILL).unwrap();
    let error = running.await.unwrap().unwrap_err();
    assert!(error.to_string().contains("the step's PID 1"), "{error}");
    assert_eq!(processes_with(&mark), [""; 0]);
    drop(step.folder);
}

/// PID 1 of the namespace that a process with this mark is in: going up, the
/// first that is a child of this very process.
fn pid_1_of(mark: &str) -> Pid {
    let field = |pid: &str, name: &str| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let found = status.lines().find_map(|line| line.strip_prefix(name))?;
        Some(found.trim().to_owned())
    };
    let mut pid = numbered(mark);
    let own = std::process::id().to_string();
    while let Some(parent) = field(&pid, "PPid:").filter(|parent| *parent != own) {
        pid = parent;
    }
    Pid::from_raw(pid.parse().unwrap())
}

/// The number of a process with this mark in its arguments.
fn numbered(mark: &str) -> String {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let has_mark = |entry: &fs::DirEntry| {
        let arguments = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let name = entry.file_name();
        name.to_str()
            .is_some_and(|name| name.parse::<u32>().is_ok())
            && String::from_utf8_lossy(&arguments).contains(mark)
    };
    let mut found = entries.filter(has_mark);
    found.next().unwrap().file_name().into_string().unwrap()
}

#[tokio::test]
async fn a_killed_agent_leaves_no_step() {
    let mark = mark();
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let this = fs::read_link("/proc/self/exe").unwrap();
    let mut agent = std::process::Command::new(this)
        .args(["--exact", "a_step_without_end", "--ignored", "--nocapture"])
        .env("MARK", &mark)
        .env("TMPDIR", folder.path())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    until("the step is up", || processes_with(&mark).len() > 4).await;
    agent.kill().unwrap();
    agent.wait().unwrap();
    until("the step is gone", || processes_with(&mark).is_empty()).await;
}

#[tokio::test]
#[ignore = "is what the test above runs and kills"]
async fn a_step_without_end() {
    let mark = std::env::var("MARK").unwrap();
    let step = step(&(stubborn(&mark) + "while :; do sleep 1000; done"));
    step.run().await;
}

#[tokio::test]
async fn a_path_of_the_host_where_a_step_has_its_own_is_refused() {
    let mut step = step("true");
    step.request.host_paths.push("/tmp".into());
    let error = run(&sandbox(), step.request).await.unwrap_err().to_string();
    assert!(error.contains("/tmp"), "{error}");
}

#[tokio::test]
async fn a_host_that_cannot_set_the_step_up_says_what_failed() {
    let mut step = step("true");
    let nowhere = step.folder.path().join("nowhere");
    Arc::make_mut(&mut step.request.inputs).insert("1-x".into(), nowhere.clone());
    let error = run(&sandbox(), step.request).await.unwrap_err();
    assert!(
        error.to_string().contains(nowhere.to_str().unwrap()),
        "{error}"
    );
}

#[tokio::test]
async fn names_that_would_leave_the_scratch_folder_are_refused() {
    for name in ["../x", "a/b", "..", "", "/etc/x"] {
        let mut step = step("true");
        step.request.files.push((name.into(), "text".into()));
        assert!(run(&sandbox(), step.request).await.is_err(), "{name:?}");
    }
}

#[tokio::test]
async fn a_trivial_step_takes_this_long() {
    let mut took = Vec::new();
    for _ in 0..10 {
        let step = step("exit 0");
        let started = Instant::now();
        assert_eq!(step.run().await.0, StepOutcome::Exited(0));
        took.push(started.elapsed());
    }
    took.sort();
    eprintln!(
        "a trivial step: median {:?}, fastest {:?}",
        took[5], took[0]
    );
}

/// How much longer a step takes with so many inputs; what ARCHITECTURE.md says comes from here.
#[tokio::test]
async fn n05_a_closure_of_this_many_paths_takes_this_long() {
    for count in [1, 50, 200, 1000] {
        let mut took = Vec::new();
        for _ in 0..5 {
            let mut step = step("exit 0");
            for number in 0..count {
                let input = step.input(&format!("{number:032}-input"));
                fs::create_dir(input).unwrap();
            }
            let Step {
                request, folder, ..
            } = step;
            let started = Instant::now();
            let outcome = run(&sandbox(), request).await.unwrap();
            took.push(started.elapsed());
            assert_eq!(outcome, StepOutcome::Exited(0));
            drop(folder);
        }
        took.sort();
        eprintln!(
            "a closure of {count} folders: median {:?}, fastest {:?}",
            took[2], took[0]
        );
    }
}

#[test]
fn everything_above_holds_for_an_ordinary_user_too() {
    steps::again_as_an_ordinary_user("everything_above_holds_for_an_ordinary_user_too");
}
