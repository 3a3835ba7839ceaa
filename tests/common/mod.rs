//! Real Git, the real program, a hermetic environment: what black-box tests share.
#![allow(dead_code, reason = "each test file uses its part")]

use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::Duration;

/// Nothing a test waits for takes longer on a loaded machine.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// A command without anything of the tester's environment.
pub fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null");
    for who in ["AUTHOR", "COMMITTER"] {
        command
            .env(format!("GIT_{who}_NAME"), "Ann")
            .env(format!("GIT_{who}_EMAIL"), "ann@example.org");
    }
    command.stdin(Stdio::null());
    command
}

/// A work tree with one branch, `main`.
pub struct Repository {
    pub path: PathBuf,
}

impl Repository {
    pub fn new(path: PathBuf) -> Self {
        std::fs::create_dir_all(&path).unwrap();
        let repository = Repository { path };
        repository.git(&["init", "-q", "-b", "main"]);
        repository
    }

    pub fn git(&self, args: &[&str]) -> String {
        let output = command("git")
            .arg("-C")
            .arg(&self.path)
            .args(args)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "git {args:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    pub fn write(&self, path: &str, content: &str) {
        let path = self.path.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// Writes `kiln.star` and commits everything; answers with the commit's id.
    pub fn commit(&self, kiln_star: &str) -> String {
        self.write("kiln.star", kiln_star);
        self.commit_all("a change")
    }

    pub fn commit_all(&self, message: &str) -> String {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
        self.head()
    }

    /// The id of the commit at HEAD.
    pub fn head(&self) -> String {
        self.git(&["rev-parse", "HEAD"])
    }
}

/// Copies a folder of the checkout, as files to be committed.
pub fn copy_tree(from: &Path, to: &Path) {
    let status = command("cp").arg("-r").arg(from).arg(to).status().unwrap();
    assert!(status.success());
}

/// What a finished `kiln` said.
#[derive(Debug)]
pub struct Said {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Said {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:?}");
        self
    }
}

/// A home of its own: state, runtime and temporary folders.
pub struct Home {
    pub folder: tempfile::TempDir,
}

impl Home {
    pub fn new() -> Self {
        Home {
            folder: tempfile::Builder::new()
                .prefix("kiln-test-")
                .tempdir()
                .unwrap(),
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn command(&self) -> Command {
        let mut kiln = command(env!("CARGO_BIN_EXE_kiln"));
        kiln.env("HOME", self.folder.path())
            .env("XDG_STATE_HOME", self.path("state"));
        kiln.current_dir(self.folder.path());
        kiln
    }

    /// Runs `kiln` to its end.
    pub fn kiln(&self, args: &[&str]) -> Said {
        let output = self.command().args(args).output().unwrap();
        Said {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// A running `kiln agent`, killed when dropped.
pub struct Agent<'a> {
    home: &'a Home,
    child: Child,
    pub socket: PathBuf,
    pub state: PathBuf,
}

impl<'a> Agent<'a> {
    /// Starts it on a configuration with this `[[remotes]]` text and waits until it is ready.
    pub fn start(home: &'a Home, remotes: &str) -> Self {
        Self::configured(home, &Self::config(home, remotes))
    }

    /// The configuration [`Agent::start`] uses.
    pub fn config(home: &Home, remotes: &str) -> String {
        let (state, socket) = (home.path("agent"), home.path("kiln.sock"));
        format!(
            "host = \"web-1\"\nstate_dir = {state:?}\n{remotes}\n[builder]\neval_timeout = \"20s\"\n\
             [grpc]\nsocket = {socket:?}\nmode = \"0600\"\ngroup = \"\"\n"
        )
    }

    /// Starts it on a whole configuration and waits until it is ready.
    pub fn configured(home: &'a Home, config: &str) -> Self {
        Self::configured_with(home, config, |_| {})
    }

    /// The same, started as `prepare` says.
    pub fn configured_with(
        home: &'a Home,
        config: &str,
        prepare: impl FnOnce(&mut Command),
    ) -> Self {
        let (state, socket) = (home.path("agent"), home.path("kiln.sock"));
        let file = home.path("kiln.toml");
        std::fs::write(&file, config).unwrap();
        let notify = home.path("notify.sock");
        let _ = std::fs::remove_file(&notify);
        let ready = UnixDatagram::bind(&notify).unwrap();
        ready.set_read_timeout(Some(PATIENCE)).unwrap();
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(home.path("agent.log"))
            .unwrap();
        let mut kiln = home.command();
        kiln.args(["agent", "--config"])
            .arg(&file)
            .env("NOTIFY_SOCKET", &notify)
            .stderr(log);
        prepare(&mut kiln);
        let mut child = kiln.spawn().unwrap();
        let mut said = [0; 64];
        let said = match ready.recv(&mut said) {
            Ok(length) => String::from_utf8_lossy(&said[..length]).into_owned(),
            Err(error) => {
                let _ = child.kill();
                let log = std::fs::read_to_string(home.path("agent.log")).unwrap();
                panic!("the agent is not ready ({error}): {log}");
            }
        };
        assert_eq!(said, "READY=1");
        Agent {
            home,
            child,
            socket,
            state,
        }
    }

    pub fn kiln(&self, args: &[&str]) -> Said {
        let mut all = vec!["--socket", self.socket.to_str().unwrap()];
        all.extend(args);
        self.home.kiln(&all)
    }

    pub fn status(&self) -> Value {
        self.kiln(&["status", "--json"]).ok().json()
    }

    /// Everything that happened and will happen, an event a line.
    pub fn events(&self) -> Events {
        self.events_after(0)
    }

    /// What happened after this number and will happen.
    pub fn events_after(&self, seq: u64) -> Events {
        let mut kiln = self.home.command();
        kiln.arg("--socket").arg(&self.socket).args([
            "events",
            "--follow",
            "--json",
            "--after",
            &seq.to_string(),
        ]);
        let mut child = kiln.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Events { child, lines }
    }

    /// Waits until a generation with this number has a build that ended, and
    /// that no start takes up again.
    pub fn built(&self, number: u64) -> Value {
        let cut_off = |event: &Value| {
            let build = &event["buildFinished"]["generation"]["build"];
            build["cancelledBy"] == "CANCELLED_BY_SHUTDOWN"
        };
        self.events()
            .until(|event| is_end(event, "buildFinished", number) && !cut_off(event));
        self.kiln(&["show", &number.to_string(), "--json"])
            .ok()
            .json()
    }

    pub fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap()
    }

    /// `kill -9`, and waits until it is gone.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, and waits for its exit status.
    pub fn terminate(mut self) -> ExitStatus {
        let pid = nix::unistd::Pid::from_raw(self.pid());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
        self.child.wait().unwrap()
    }
}

impl Drop for Agent<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The end of this kind, of generation `number`?
pub fn is_end(event: &Value, kind: &str, number: u64) -> bool {
    event[kind]["generation"]["number"] == number
}

/// A followed event log.
pub struct Events {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Events {
    /// Reads on until an event is `wanted`; answers with it.
    pub fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        let guard = Watchdog::new(self.child.id());
        loop {
            let mut line = String::new();
            self.lines.read_line(&mut line).unwrap();
            assert!(!line.is_empty(), "the event never came");
            let event: Value = serde_json::from_str(&line).unwrap();
            if wanted(&event) {
                drop(guard);
                return event;
            }
        }
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Kills a process after [`PATIENCE`], so that a test fails instead of hanging.
struct Watchdog(std::sync::mpsc::Sender<()>);

impl Watchdog {
    fn new(pid: u32) -> Self {
        let (sender, receiver) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            if receiver.recv_timeout(PATIENCE) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                let pid = nix::unistd::Pid::from_raw(i32::try_from(pid).unwrap());
                let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL);
            }
        });
        Watchdog(sender)
    }
}

/// A `git daemon` on a loopback port of its own, serving the folders below `base`.
pub struct GitDaemon {
    child: Child,
    pub port: u16,
}

impl GitDaemon {
    pub fn start(base: &Path) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let mut git = command("git");
        git.args([
            "daemon",
            "--verbose",
            "--reuseaddr",
            "--export-all",
            "--enable=receive-pack",
        ]);
        git.args([
            "--listen=127.0.0.1",
            &format!("--port={port}"),
            &format!("--base-path={}", base.display()),
        ]);
        let mut child = git.arg(base).stderr(Stdio::piped()).spawn().unwrap();
        // It says "Ready to rumble" once it listens; the rest is drained.
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("Ready") {
            line.clear();
            assert_ne!(
                said.read_line(&mut line).unwrap(),
                0,
                "git daemon did not start"
            );
        }
        std::thread::spawn(move || said.read_to_end(&mut Vec::new()));
        GitDaemon { child, port }
    }
}

impl Drop for GitDaemon {
    fn drop(&mut self) {
        // Its group would be ours: end the daemon, which ends its workers.
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM);
        let _ = self.child.wait();
    }
}

/// Pids of processes whose arguments hold `mark`.
pub fn processes_with(mark: &str) -> Vec<i32> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(|pid| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line)
            .replace('\0', " ")
            .contains(mark)
    })
    .collect()
}

/// Waits until the process is gone: told by the kernel, not by asking again.
pub fn wait_gone(pid: i32) {
    // SAFETY: pidfd_open takes a pid and flags and touches no memory of ours.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    if fd < 0 {
        return; // gone already
    }
    let mut poll = libc::pollfd {
        fd: i32::try_from(fd).unwrap(),
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: one pollfd that lives through the call.
    let ready = unsafe { libc::poll(&raw mut poll, 1, 20_000) };
    // SAFETY: fd is ours and not used afterwards.
    unsafe { libc::close(poll.fd) };
    assert_eq!(ready, 1, "process {pid} is still there");
}

/// Asks again and again, without sleeping, until there is an answer.
pub fn wait_for<T>(ask: impl Fn() -> Option<T>) -> T {
    let end = std::time::Instant::now() + PATIENCE;
    loop {
        if let Some(found) = ask() {
            return found;
        }
        assert!(std::time::Instant::now() < end, "it never came");
        std::thread::yield_now();
    }
}
