//! The only place that starts programs. Each gets its own process group,
//! closed standard input (or a request and then a lifeline), pipes that are
//! read to the end, one kill path, and is always reaped.
//!
//! The lifeline: a child that is given a request keeps its standard input open
//! afterwards. When kiln dies, however it dies, the child reads end-of-file
//! there and must end (see [`die_with_parent`]).

mod bounds;
mod cancel;
mod clone;
mod detached;
mod find;
mod guard;
mod idle;
mod job;
pub(crate) mod privileges;
mod serve;
mod server;
mod stack;
pub mod supervise;
pub(crate) mod tree;

pub use bounds::Bounds;
pub use cancel::{Cancel, CancelOnDrop};
pub(crate) use clone::clone_into;
pub use detached::{Credentials, Owned, detach};
pub use find::find_program;
pub(crate) use guard::Guard;
pub(crate) use idle::IDLE;
pub use job::Ended;
pub use serve::{Serve, serve};
pub use server::{ForkError, ForkJob, ForkServer};
pub(crate) use stack::Stack;

use bounds::Left;
use job::has_ended;
use nix::sys::signal::Signal;
use nix::unistd::Pid;
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
use tokio::signal::unix::{self, SignalKind};
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

fn program() -> io::Result<PathBuf> {
    match PROGRAM.get() {
        Some(program) => Ok(program.clone()),
        None => std::env::current_exe(),
    }
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
            program: program()?,
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
        self.begin(on_output)?.run_to_end(cancel).await
    }

    fn begin<F: FnMut(Stream, &[u8])>(self, on_output: F) -> io::Result<Running<F>> {
        // Before it starts, so that its end is not missed.
        let changes = unix::signal(SignalKind::child())?;
        let child = self.start()?;
        let bounds = Bounds {
            timeout: self.timeout,
            silence: self.silence,
            output_limit: self.output_limit,
        };
        let request = self.request.unwrap_or_default();
        Ok(Running::new(child, changes, request, bounds, on_output))
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
    /// SIGCHLD: some child changed its state.
    changes: unix::Signal,
    leader: Child,
    stdin: Option<ChildStdin>,
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
    unsent: Vec<u8>,
    left: Left,
    on_output: F,
}

/// What happened next to a running program.
enum Happened {
    Ended,
    Due(End),
    Sent(io::Result<usize>),
    Read(Stream, io::Result<usize>),
}

impl<F: FnMut(Stream, &[u8])> Running<F> {
    fn new(
        mut child: Child,
        changes: unix::Signal,
        request: Vec<u8>,
        bounds: Bounds,
        on_output: F,
    ) -> Self {
        Running {
            group: Group(child.id()),
            changes,
            stdin: child.stdin.take(),
            stdout: child.stdout.take(),
            stderr: child.stderr.take(),
            leader: child,
            unsent: request,
            left: Left::from(bounds),
            on_output,
        }
    }

    async fn run_to_end(mut self, cancel: &CancellationToken) -> io::Result<End> {
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
        let pid = self.leader.id().unwrap_or_default();
        Ok(End::Stuck { pid })
    }

    /// Serves the pipes until the program is reaped or a limit is reached. With
    /// `killing` that is the only limit, and its end reads `TimedOut`.
    async fn until(&mut self, killing: Option<Instant>) -> io::Result<End> {
        let (mut out, mut err) = (vec![0; BUFFER], vec![0; BUFFER]);
        loop {
            let deadline = match killing {
                Some(at) => Some((at, End::TimedOut)),
                None => self.left.deadline(),
            };
            let happened = tokio::select! {
                biased;
                () = self.group.ended(&mut self.changes) => Happened::Ended,
                end = expire(deadline) => Happened::Due(end),
                sent = send(&mut self.stdin, &self.unsent), if !self.unsent.is_empty() => Happened::Sent(sent),
                read = read_some(&mut self.stdout, &mut out) => Happened::Read(Stream::Stdout, read),
                read = read_some(&mut self.stderr, &mut err) => Happened::Read(Stream::Stderr, read),
            };
            match happened {
                Happened::Ended => {
                    self.group.signal(Signal::SIGKILL); // what it left running ends with it
                    self.group = Group(None);
                    let status = self.leader.wait().await; // at once: it has ended
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

    /// Hands output on, as far as the limit allows; whether it was within.
    fn hear(&mut self, stream: Stream, bytes: &[u8]) -> bool {
        let heard = self.left.heard(bytes);
        if !heard.is_empty() {
            (self.on_output)(stream, heard);
        }
        heard.len() == bytes.len()
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

/// A process group led by a child that has not been reaped, so that its id is no
/// other group's; killed when dropped.
struct Group(Option<u32>);

impl Group {
    fn leader(&self) -> Option<Pid> {
        self.0.map(|leader| Pid::from_raw(leader.cast_signed()))
    }

    fn signal(&self, signal: Signal) {
        if let Some(leader) = self.leader() {
            let _ = nix::sys::signal::killpg(leader, signal); // gone already is what we want
        }
    }

    /// Waits until the leader has ended, and leaves it to be reaped.
    async fn ended(&self, changes: &mut unix::Signal) {
        while let Some(leader) = self.leader() {
            if has_ended(leader) {
                return; // what is wrong is said by who reaps it
            }
            changes.recv().await;
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
pub(crate) fn framed(request: Vec<u8>) -> Vec<u8> {
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
    // Not more at once than there is room for anyhow: the length is only a claim.
    let mut request = Vec::with_capacity(length.min(PIPE_MAX as u64) as usize);
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
        #[expect(
            clippy::disallowed_methods,
            reason = "nobody is left to drain for, and the main thread may never return"
        )]
        std::process::exit(70);
    });
}

#[cfg(test)]
mod tests;
