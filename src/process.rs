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
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::OnceLock;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Between SIGTERM and SIGKILL.
pub const GRACE: Duration = Duration::from_secs(5);
/// After SIGKILL: a process in uninterruptible sleep is given up after this.
pub const GIVE_UP: Duration = Duration::from_secs(30);

static PROGRAM: OnceLock<PathBuf> = OnceLock::new();

/// What [`Spawn::internal`] starts instead of this very program: a test is not
/// kiln itself. The first call counts.
pub fn set_program(path: PathBuf) {
    let _ = PROGRAM.set(path); // a later call asks for the same
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
    /// This very program, with an `internal` subcommand.
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
    pub async fn run(
        self,
        cancel: &CancellationToken,
        mut on_output: impl FnMut(Stream, &[u8]),
    ) -> io::Result<End> {
        let mut child = self.start()?;
        let group = child.id();
        let mut stdin = child.stdin.take();
        let mut stdout = child.stdout.take();
        let mut stderr = child.stderr.take();
        let request = self.request.unwrap_or_default();
        let mut unsent = &request[..];
        let started = Instant::now();
        let mut last_output = started;
        let mut printed = 0u64;
        let (mut out, mut err) = (vec![0; 65536], vec![0; 65536]);
        let end = loop {
            let deadline = earliest([
                self.timeout.map(|t| (started + t, End::TimedOut)),
                self.silence.map(|t| (last_output + t, End::Silent)),
            ]);
            let (stream, read) = tokio::select! {
                biased;
                () = cancel.cancelled() => break Some(End::Cancelled),
                end = expire(deadline) => break Some(end),
                sent = send(&mut stdin, unsent), if !unsent.is_empty() => {
                    match sent {
                        Ok(n) => unsent = &unsent[n..],
                        Err(_) => unsent = &[], // it closed its input: it will say why itself
                    }
                    continue;
                }
                read = read_some(&mut stdout, &mut out) => (Stream::Stdout, read),
                read = read_some(&mut stderr, &mut err) => (Stream::Stderr, read),
                else => break None,
            };
            let (pipe_is_done, data) = match (&read, stream) {
                (Ok(n), Stream::Stdout) => (*n == 0, &out[..*n]),
                (Ok(n), Stream::Stderr) => (*n == 0, &err[..*n]),
                (Err(_), _) => (true, &[][..]),
            };
            if pipe_is_done {
                match stream {
                    Stream::Stdout => stdout = None,
                    Stream::Stderr => stderr = None,
                }
                if stdout.is_none() && stderr.is_none() {
                    break None;
                }
                continue;
            }
            printed += data.len() as u64;
            last_output = Instant::now();
            on_output(stream, data);
            if self.output_limit.is_some_and(|limit| printed > limit) {
                break Some(End::TooMuchOutput);
            }
        };
        match end {
            Some(end) => Ok(kill(child).await?.unwrap_or(end)),
            // The streams are closed: it is ending. A child that closed them and
            // lives on is held to the same deadline.
            None => {
                let left = self.timeout.map(|t| (started + t, End::TimedOut));
                tokio::select! {
                    biased;
                    status = child.wait() => {
                        // What it left running in its group ends with it.
                        signal_group(group, Signal::SIGKILL);
                        Ok(End::Exited(status?))
                    }
                    () = cancel.cancelled() => Ok(kill(child).await?.unwrap_or(End::Cancelled)),
                    end = expire(left) => Ok(kill(child).await?.unwrap_or(end)),
                }
            }
        }
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

/// SIGTERM to the group, a grace, SIGKILL, wait. `Some` when it would not die.
async fn kill(mut child: Child) -> io::Result<Option<End>> {
    let Some(pid) = child.id() else {
        return Ok(None);
    };
    signal_group(Some(pid), Signal::SIGTERM);
    if tokio::time::timeout(GRACE + Duration::from_secs(1), child.wait())
        .await
        .is_ok()
    {
        signal_group(Some(pid), Signal::SIGKILL);
        return Ok(None);
    }
    signal_group(Some(pid), Signal::SIGKILL);
    match tokio::time::timeout(GIVE_UP, child.wait()).await {
        Ok(status) => status.map(|_| None),
        Err(_) => Ok(Some(End::Stuck { pid })),
    }
}

fn signal_group(group: Option<u32>, signal: Signal) {
    if let Some(group) = group {
        let group = nix::unistd::Pid::from_raw(group.cast_signed());
        let _ = nix::sys::signal::killpg(group, signal); // gone already is what we want
    }
}

fn earliest(deadlines: [Option<(Instant, End)>; 2]) -> Option<(Instant, End)> {
    deadlines.into_iter().flatten().min_by_key(|(at, _)| *at)
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

async fn send(stdin: &mut Option<tokio::process::ChildStdin>, bytes: &[u8]) -> io::Result<usize> {
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
    let mut stdin =
        std::fs::File::from(std::os::fd::AsFd::as_fd(&io::stdin()).try_clone_to_owned()?);
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
