//! The only place that starts programs. Each gets its own process group,
//! closed standard input (or a request and then a lifeline), pipes that are
//! read to the end, one kill path, and is always reaped.
//!
//! The lifeline: a child that is given a request keeps its standard input open
//! afterwards. When kiln dies, however it dies, the child reads end-of-file
//! there and must end (see [`die_with_parent`]).

use nix::sys::signal::Signal;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::OnceLock;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Between SIGTERM and SIGKILL.
pub const GRACE: Duration = Duration::from_secs(5);
/// After SIGKILL: a process in uninterruptible sleep is given up after this.
pub const GIVE_UP: Duration = Duration::from_secs(30);
/// What a child that ends its own children within [`GRACE`] gets beyond it.
const MARGIN: Duration = Duration::from_secs(1);
/// Read at once from a pipe.
const BUFFER: usize = 64 << 10;
/// More than an unprivileged process may put into a pipe.
const PIPE_MAX: usize = 1 << 20;

/// The program `Spawn::internal` starts.
static PROGRAM: OnceLock<PathBuf> = OnceLock::new();

/// Names the `kiln` program, where the running one is another (a test). The
/// first call counts.
pub fn set_program(path: impl Into<PathBuf>) {
    let _ = PROGRAM.set(path.into());
}

/// What to start.
#[derive(Debug)]
pub struct Spawn {
    pub program: PathBuf,
    pub args: Vec<OsString>,
    /// The whole environment: nothing is inherited.
    pub env: BTreeMap<OsString, OsString>,
    pub cwd: PathBuf,
    /// Sent on standard input, which then stays open as the lifeline.
    pub request: Option<Vec<u8>>,
    pub timeout: Option<Duration>,
    /// Ended when nothing is printed for this long.
    pub silence: Option<Duration>,
    /// Bytes over both streams after which it is ended.
    pub output_limit: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    Stdout,
    Stderr,
}

/// How it ended. In every case the process is gone and reaped, but
/// [`End::Stuck`].
#[derive(Debug)]
pub enum End {
    Exited(ExitStatus),
    TimedOut,
    Silent,
    TooMuchOutput,
    Cancelled,
    /// Did not even die of SIGKILL (uninterruptible sleep); left behind.
    Stuck {
        pid: u32,
    },
}

impl Spawn {
    /// This very program, or the one of [`set_program`], with an `internal`
    /// subcommand.
    ///
    /// # Errors
    /// When the running program's path cannot be found out.
    pub fn internal(name: &str, request: Vec<u8>) -> io::Result<Self> {
        Ok(Spawn {
            program: match PROGRAM.get() {
                Some(program) => program.clone(),
                None => std::env::current_exe()?,
            },
            args: vec!["internal".into(), name.into()],
            env: BTreeMap::new(),
            cwd: "/".into(),
            request: Some(framed(request)),
            timeout: None,
            silence: None,
            output_limit: None,
        })
    }

    /// Runs it to its end; `on_output` gets every piece both streams bring.
    ///
    /// It is over when the program itself is: whatever it left running in its
    /// group is killed, what the pipes hold is read, and a process that escaped
    /// the group and keeps a pipe open is not waited for. When the future is
    /// dropped, the group is killed too.
    ///
    /// # Errors
    /// When the program cannot be started or waited for.
    pub async fn run(
        self,
        cancel: &CancellationToken,
        on_output: impl FnMut(Stream, &[u8]),
    ) -> io::Result<End> {
        Running::new(self, on_output)?.to_end(cancel).await
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "this is the place that starts programs"
    )]
    fn start(&self) -> io::Result<Child> {
        let mut command = Command::new(&self.program);
        command
            .args(&self.args)
            .env_clear()
            .envs(&self.env)
            .current_dir(&self.cwd);
        command.stdin(if self.request.is_some() {
            Stdio::piped()
        } else {
            Stdio::null()
        });
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.process_group(0).kill_on_drop(true);
        command.spawn()
    }
}

/// A program that has been started, until it is reaped.
struct Running<F> {
    group: Group,
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
    unsent: Vec<u8>,
    timeout: Option<Instant>,
    silence: Option<Duration>,
    last_output: Instant,
    output_left: Option<u64>,
    on_output: F,
}

/// What happened next to a running program.
enum Happened {
    Ended(io::Result<ExitStatus>),
    Due(End),
    Sent(io::Result<usize>),
    Read(Stream, io::Result<usize>),
}

impl<F: FnMut(Stream, &[u8])> Running<F> {
    fn new(spawn: Spawn, on_output: F) -> io::Result<Self> {
        let mut child = spawn.start()?;
        let now = Instant::now();
        Ok(Running {
            group: Group(child.id()),
            stdin: child.stdin.take(),
            stdout: child.stdout.take(),
            stderr: child.stderr.take(),
            child,
            unsent: spawn.request.unwrap_or_default(),
            // A time beyond what the clock can count to is no limit.
            timeout: spawn.timeout.and_then(|limit| now.checked_add(limit)),
            silence: spawn.silence,
            last_output: now,
            output_left: spawn.output_limit,
            on_output,
        })
    }

    async fn to_end(mut self, cancel: &CancellationToken) -> io::Result<End> {
        let end = tokio::select! {
            biased;
            () = cancel.cancelled() => End::Cancelled,
            end = self.until(None) => end?,
        };
        if let End::Exited(_) = end {
            return Ok(end);
        }
        self.kill(end).await
    }

    /// SIGTERM to the group, a grace, SIGKILL, wait; what it says meanwhile is
    /// still heard.
    async fn kill(mut self, why: End) -> io::Result<End> {
        for (signal, patience) in [
            (Signal::SIGTERM, GRACE + MARGIN),
            (Signal::SIGKILL, GIVE_UP),
        ] {
            self.group.signal(signal);
            let deadline = Instant::now() + patience;
            if let End::Exited(_) = self.until(Some(deadline)).await? {
                return Ok(why);
            }
        }
        let pid = self.child.id().unwrap_or_default();
        Ok(End::Stuck { pid })
    }

    /// Serves the pipes until the program is reaped or a limit is reached. With
    /// `killing` that is the only limit, and its end reads `TimedOut`.
    async fn until(&mut self, killing: Option<Instant>) -> io::Result<End> {
        let (mut out, mut err) = (vec![0; BUFFER], vec![0; BUFFER]);
        loop {
            let deadline = match killing {
                Some(at) => Some((at, End::TimedOut)),
                None => self.deadline(),
            };
            let happened = tokio::select! {
                biased;
                status = self.child.wait() => Happened::Ended(status),
                end = expire(deadline) => Happened::Due(end),
                sent = send(&mut self.stdin, &self.unsent), if !self.unsent.is_empty() => Happened::Sent(sent),
                read = read_some(&mut self.stdout, &mut out) => Happened::Read(Stream::Stdout, read),
                read = read_some(&mut self.stderr, &mut err) => Happened::Read(Stream::Stderr, read),
            };
            match happened {
                Happened::Ended(status) => {
                    self.group.signal(Signal::SIGKILL); // what it left running ends with it
                    self.group = Group(None);
                    self.drain();
                    return status.map(End::Exited);
                }
                Happened::Due(end) => return Ok(end),
                Happened::Sent(Ok(bytes)) => drop(self.unsent.drain(..bytes)),
                // It closed its input: it will say why itself.
                Happened::Sent(Err(_)) => self.unsent.clear(),
                Happened::Read(Stream::Stdout, Ok(0) | Err(_)) => self.stdout = None,
                Happened::Read(Stream::Stderr, Ok(0) | Err(_)) => self.stderr = None,
                Happened::Read(stream, Ok(bytes)) => {
                    let buffer = match stream {
                        Stream::Stdout => &out,
                        Stream::Stderr => &err,
                    };
                    let within = self.hear(stream, &buffer[..bytes]);
                    if !within && killing.is_none() {
                        return Ok(End::TooMuchOutput);
                    }
                }
            }
        }
    }

    /// The next limit of time.
    fn deadline(&self) -> Option<(Instant, End)> {
        let silent = self
            .silence
            .and_then(|limit| self.last_output.checked_add(limit));
        let limits = [
            self.timeout.map(|at| (at, End::TimedOut)),
            silent.map(|at| (at, End::Silent)),
        ];
        limits.into_iter().flatten().min_by_key(|(at, _)| *at)
    }

    /// Hands output on, as far as the limit allows; whether it was within.
    fn hear(&mut self, stream: Stream, bytes: &[u8]) -> bool {
        self.last_output = Instant::now();
        let left = self.output_left.unwrap_or(u64::MAX);
        let heard = usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()));
        if heard > 0 {
            (self.on_output)(stream, &bytes[..heard]);
        }
        self.output_left = self.output_left.map(|left| left - heard as u64);
        heard == bytes.len()
    }

    /// What the pipes hold now, without waiting; bounded, since a process that
    /// escaped may go on writing.
    fn drain(&mut self) {
        let mut buffer = vec![0; BUFFER];
        for stream in [Stream::Stdout, Stream::Stderr] {
            for _ in 0..PIPE_MAX / BUFFER {
                // The pipes are non-blocking: an empty one answers at once.
                let read = match stream {
                    Stream::Stdout => self.stdout.as_ref().map(|pipe| read_now(pipe, &mut buffer)),
                    Stream::Stderr => self.stderr.as_ref().map(|pipe| read_now(pipe, &mut buffer)),
                };
                match read {
                    Some(Ok(bytes)) if bytes > 0 => self.hear(stream, &buffer[..bytes]),
                    _ => break,
                };
            }
        }
    }
}

/// A process group led by a child that has not been reaped; killed when dropped.
struct Group(Option<u32>);

impl Group {
    fn signal(&self, signal: Signal) {
        if let Some(leader) = self.0 {
            let group = nix::unistd::Pid::from_raw(leader.cast_signed());
            let _ = nix::sys::signal::killpg(group, signal); // gone already is what we want
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::SIGKILL);
    }
}

fn read_now(pipe: &impl AsFd, buffer: &mut [u8]) -> nix::Result<usize> {
    nix::unistd::read(pipe, buffer)
}

async fn expire(deadline: Option<(Instant, End)>) -> End {
    match deadline {
        Some((at, end)) => {
            tokio::time::sleep_until(at).await;
            end
        }
        None => std::future::pending().await,
    }
}

async fn send(stdin: &mut Option<ChildStdin>, bytes: &[u8]) -> io::Result<usize> {
    match stdin {
        Some(pipe) => pipe.write(bytes).await,
        None => Err(io::ErrorKind::BrokenPipe.into()),
    }
}

async fn read_some(
    pipe: &mut Option<impl AsyncRead + Unpin>,
    buffer: &mut [u8],
) -> io::Result<usize> {
    match pipe {
        Some(pipe) => pipe.read(buffer).await,
        None => std::future::pending().await,
    }
}

/// Length, then the request: what follows is the lifeline.
fn framed(request: Vec<u8>) -> Vec<u8> {
    let mut framed = (request.len() as u64).to_le_bytes().to_vec();
    framed.extend(request);
    framed
}

/// For the `internal` subcommands: the request the parent sent. Nothing beyond
/// it is read, so that end-of-file stays to be seen.
///
/// # Errors
/// When standard input ends early or announces more than 1 GiB.
pub fn read_request() -> io::Result<Vec<u8>> {
    use std::io::Read;
    // Unbuffered, so that no byte after the request is swallowed.
    let mut stdin = std::fs::File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let mut length = [0; 8];
    stdin.read_exact(&mut length)?;
    let length = u64::from_le_bytes(length);
    if length > 1 << 30 {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "the request is larger than 1 GiB",
        ));
    }
    let mut request = Vec::new();
    stdin.take(length).read_to_end(&mut request)?;
    match request.len() as u64 == length {
        true => Ok(request),
        false => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// For the `internal` subcommands: ends this process when kiln, which holds
/// the other end of standard input, is gone. Call after the request was read.
pub fn die_with_parent() {
    std::thread::spawn(|| {
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        std::process::exit(70);
    });
}

#[cfg(test)]
mod tests {
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
        let (slow, silent, loud) =
            tokio::join!(run_to_end(slow), run_to_end(silent), run_to_end(loud));
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
        let end = spawn.run(&cancel, |_, bytes| {
            said.extend(bytes);
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
}
