//! Runs one program of Nix to its end: what it gets, what it may see, what is
//! kept of what it says.

use super::NixConfig;
use super::messages::{Message, Messages};
use crate::backend::BackendError;
use crate::model::Failure;
use crate::process::supervise::{CANNOT_START, Supervised};
use crate::process::{End, Stream};
use std::collections::BTreeMap;
use std::os::unix::fs::DirBuilderExt;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// An answer is a few paths; more is a mistake in the repository.
const MAX_ANSWER: usize = 4 << 20;

/// Seconds that Nix remembers what a cache of the network does not have: an hour
/// where nobody says.
pub(super) const NARINFO_ABSENT_TTL: &str = "narinfo-cache-negative-ttl";
/// And what it has: 30 days.
pub(super) const NARINFO_PRESENT_TTL: &str = "narinfo-cache-positive-ttl";

/// A program of Nix, with its arguments and limits.
#[derive(Debug)]
pub(super) struct Program {
    command: Supervised,
    home: std::path::PathBuf,
    timeout: Option<Duration>,
    output_limit: Option<u64>,
    answer_limit: usize,
}

/// How it ended, and its standard output.
#[derive(Debug)]
pub(super) struct Ran {
    pub end: End,
    pub answer: String,
}

impl Program {
    /// `nix`, `nix-store` or `nix-instantiate`, set up as configured; nothing is
    /// read by a shell.
    pub fn new(config: &NixConfig, name: &str) -> Self {
        let mut args: Vec<String> = Vec::new();
        let mut option = |name: &str, value: &str| {
            args.extend(["--option".into(), name.into(), value.into()]);
        };
        for (name, value) in &config.options {
            option(name, value);
        }
        // What follows takes the place of what the options say: `jobs` keeps a host
        // from building, limits keep it whole; entries of the cache are never asked
        // for again, and would only grow.
        option("eval-cache", "false");
        option("max-build-log-size", &config.log_size.to_string());
        if !config.builders.is_empty() {
            option("builders", &config.builders.join(" ; "));
        }
        if !config.substituters.is_empty() {
            let urls: Vec<_> = config
                .substituters
                .iter()
                .map(|url| cache_url(url))
                .collect();
            option("extra-substituters", &urls.join(" "));
        }
        if !config.trusted_public_keys.is_empty() {
            let keys = config.trusted_public_keys.join(" ");
            option("extra-trusted-public-keys", &keys);
        }
        if let Some(jobs) = config.jobs {
            option("max-jobs", &jobs.to_string());
        }
        option("extra-experimental-features", "nix-command flakes");
        let home = config.home.display();
        let env = [
            ("PATH", config.search_path.clone()),
            ("HOME", home.to_string()),
            ("XDG_CACHE_HOME", format!("{home}/cache")),
            // Nobody is there to answer, and a question would be waited for.
            ("GIT_TERMINAL_PROMPT", "0".into()),
            ("GIT_SSH_COMMAND", "ssh -oBatchMode=yes".into()),
            ("NIX_SSHOPTS", "-oBatchMode=yes".into()),
            ("LC_ALL", "C.UTF-8".into()),
        ];
        let env = env.map(|(name, value)| (name.to_owned(), value));
        let given = config.environment.iter().cloned();
        let env: BTreeMap<_, _> = given.chain(env).collect(); // the last of a name counts
        Program {
            command: Supervised {
                program: name.into(),
                args,
                env,
                memory: None,
                stdin: None,
            },
            home: config.home.clone(),
            timeout: None,
            output_limit: None,
            answer_limit: MAX_ANSWER,
        }
    }

    pub fn args<T: Into<String>>(mut self, args: impl IntoIterator<Item = T>) -> Self {
        self.command.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// A setting that the configuration cannot change.
    pub fn option(self, name: &str, value: &str) -> Self {
        self.args(["--option", name, value])
    }

    pub fn timeout(self, timeout: Duration) -> Self {
        let timeout = Some(timeout);
        Program { timeout, ..self }
    }

    /// Bytes of address space of each of its processes.
    pub fn memory(mut self, bytes: u64) -> Self {
        self.command.memory = Some(bytes);
        self
    }

    /// What it reads: a file, or a pipe that is told something later.
    pub fn stdin(mut self, path: std::path::PathBuf) -> Self {
        self.command.stdin = Some(path);
        self
    }

    /// Bytes it may say before it is ended.
    pub fn output_limit(self, bytes: u64) -> Self {
        let output_limit = Some(bytes);
        Program {
            output_limit,
            ..self
        }
    }

    /// Bytes of its answer, where that is no list of a few paths.
    pub fn answer_limit(self, answer_limit: usize) -> Self {
        Program {
            answer_limit,
            ..self
        }
    }

    /// Runs it; each message comes while it runs. None of its processes is left.
    ///
    /// # Errors
    /// When kiln cannot start anything, or something does not die.
    pub async fn run(
        self,
        cancel: &CancellationToken,
        mut each: impl FnMut(Message),
    ) -> Result<Ran, BackendError> {
        let program = self.args(["--log-format", "internal-json"]);
        let (name, limit) = (program.command.program.clone(), program.answer_limit);
        let failed = |source| attempted(format!("run {name}"), source);
        let home = program.home;
        let what = format!("make the folder {}", home.display());
        let made = tokio::task::spawn_blocking(move || make_home(&home)).await;
        let made = made.unwrap_or_else(|error| Err(std::io::Error::other(error)));
        made.map_err(|error| attempted(what, error))?;
        let mut spawn = program.command.spawn().map_err(failed)?;
        spawn.timeout = program.timeout;
        spawn.output_limit = program.output_limit;
        let (mut answer, mut messages) = (Vec::new(), Messages::default());
        let end = spawn.run(cancel, |stream, bytes| match stream {
            Stream::Stdout => {
                let room = (limit + 1).saturating_sub(answer.len());
                answer.extend_from_slice(&bytes[..bytes.len().min(room)]);
            }
            Stream::Stderr => messages.push(bytes, &mut each),
        });
        let end = end.await.map_err(failed)?;
        messages.finish(&mut each);
        let end = match end {
            End::Stuck { pid } => {
                let stuck = std::io::Error::other(format!("process {pid} does not die"));
                return Err(attempted(format!("end {name}"), stuck));
            }
            End::Exited(_) if answer.len() > limit => End::TooMuchOutput,
            end => end,
        };
        let answer = String::from_utf8_lossy(&answer).into_owned();
        Ok(Ran { end, answer })
    }
}

/// The URL of a binary cache: to Nix a bare path is a root with a store below it.
pub(super) fn cache_url(cache: &str) -> String {
    match cache.starts_with('/') {
        true => format!("file://{cache}"),
        false => cache.to_owned(),
    }
}

/// The failure of a Nix that is not there or cannot be run; `None`: it ran.
pub(super) fn not_started(end: &End, said: &str) -> Option<Failure> {
    match end {
        End::Exited(status) if status.code() == Some(CANNOT_START) => {
            let message = said.strip_prefix("kiln: ").unwrap_or(said).trim();
            Some(Failure::transient(message).hint(
                "install Nix, or set `[backend] kind = \"native\"`; `kiln doctor` says what is found",
            ))
        }
        _ => None,
    }
}

/// Nix puts caches of Git repositories and of what it looked up there. Blocking.
pub(super) fn make_home(home: &std::path::Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true).mode(0o700).create(home)
}

pub(super) fn attempted<E>(what: impl Into<String>, source: E) -> BackendError
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    BackendError {
        attempted: format!("cannot {}", what.into()),
        source: source.into(),
    }
}
