//! Downloads: the bytes of a `fetch()`, from whichever mirror has them.
//!
//! ```text
//! Download ──task, lifeline──▶ child (build user, read-only mounts) ──http(s)──▶ mirror
//!     │   ◀──what happens, a line each──┘ └──bytes──▶ the one file it may write
//!     └─ wrong, gone: the next mirror; cut: the same one goes on; all tried: wait, again
//! ```
//! In: URLs, an empty folder. Out: a file that one of them served, to be judged
//! by its hash by the caller, who may refuse it. Each child knows one URL and
//! the login for its host alone. Policy is here, HTTP is in `client.rs`.

mod address;
mod attempt;
mod child;
mod client;
mod netrc;

pub use address::{Denied, denied};
pub use child::internal_main;
pub use netrc::{Login, login, passwords};

use super::confined::Confinement;
use crate::backend::BackendError;
use crate::model::{Failure, FailureKind};
use attempt::Attempt;
pub(super) use client::shown;
use client::{Resume, Task};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Bytes of address space of the child.
const MEMORY: u64 = 1 << 30;
/// How often every mirror is asked before the failure is told.
const ROUNDS: u32 = 3;
/// How often a download that was cut goes on where it was, in one round.
const RESUMES: u32 = 10;

/// How this host downloads.
#[derive(Debug, Clone)]
pub struct DownloadConfig {
    /// Where no download may go.
    pub deny: Vec<Denied>,
    /// Logins by host; read at every use.
    pub netrc_file: Option<PathBuf>,
    /// First uid and count of the users that children become when kiln is
    /// root; the slot of the job chooses.
    pub build_users: Option<(u32, u32)>,
    /// A server that sends less than `rate` bytes a second for this long is left.
    pub stall: Duration,
    pub rate: u64,
    /// Before the mirrors are asked again; doubled each time.
    pub pause: Duration,
}

impl Default for DownloadConfig {
    fn default() -> Self {
        DownloadConfig {
            deny: vec![Denied::Loopback, Denied::LinkLocal, Denied::Metadata],
            netrc_file: None,
            build_users: Some((60600, 32)),
            stall: Duration::from_secs(60),
            rate: 1 << 10,
            pause: Duration::from_secs(2),
        }
    }
}

impl DownloadConfig {
    /// Who the child of this slot becomes; `None`: it stays the caller, who is
    /// not root.
    ///
    /// # Errors
    /// When kiln is root and there is no build user for the slot.
    pub(super) fn user(&self, slot: u32) -> Result<Option<u32>, BackendError> {
        if !nix::unistd::geteuid().is_root() {
            return Ok(None);
        }
        let user = self.build_users.filter(|(first, _)| *first > 0);
        let user = user
            .and_then(|(first, count)| (slot < count).then(|| first.checked_add(slot)).flatten());
        user.map(Some).ok_or_else(|| {
            super::attempted("choose a build user")(
                "native.build_users has none left: raise its count or lower native.jobs",
            )
        })
    }
}

/// Takes lines of a step's log; must not block.
pub type Log = Arc<dyn Fn(&[u8]) + Send + Sync>;

/// One file to be brought.
pub struct Download {
    config: DownloadConfig,
    confinement: Confinement,
    /// Where the bytes go; the child makes it.
    file: PathBuf,
    /// Bytes it may have.
    size: u64,
    deadline: Option<Instant>,
    log: Log,
    cancel: CancellationToken,
    mirrors: Vec<Mirror>,
    at: usize,
    round: u32,
}

struct Mirror {
    url: String,
    /// A certain failure: it is not asked again.
    given_up: bool,
    failure: Option<Failure>,
    resume: Option<Resume>,
    resumes: u32,
}

/// How bringing the file ended.
#[derive(Debug)]
pub enum Brought {
    /// The whole file lies there, as far as the server of this URL said; its
    /// hash is the caller's to judge.
    File {
        url: String,
    },
    Failed(Failure),
    TimedOut,
    Cancelled,
}

/// What a download needs beside its configuration.
pub struct DownloadRequest {
    /// Mirrors, in order.
    pub urls: Vec<String>,
    pub file: PathBuf,
    pub size: u64,
    /// For all attempts together.
    pub timeout: Duration,
    pub slot: u32,
    pub log: Log,
    pub cancel: CancellationToken,
}

impl Download {
    /// Nothing is started yet.
    ///
    /// # Errors
    /// When this host has no user for the child.
    pub fn new(config: &DownloadConfig, request: DownloadRequest) -> Result<Self, BackendError> {
        let mirror = |url| Mirror {
            url,
            given_up: false,
            failure: None,
            resume: None,
            resumes: 0,
        };
        Ok(Download {
            confinement: Confinement {
                user: config.user(request.slot)?,
                memory: MEMORY,
                // One byte more, so that the limit itself is told by kiln.
                file_size: request.size.saturating_add(1 << 20),
            },
            config: config.clone(),
            file: request.file,
            size: request.size,
            // A time beyond what the clock can count to is no limit.
            deadline: Instant::now().checked_add(request.timeout),
            log: request.log,
            cancel: request.cancel,
            mirrors: request.urls.into_iter().map(mirror).collect(),
            at: 0,
            round: 0,
        })
    }

    /// Asks mirrors until one has served the whole file.
    ///
    /// # Errors
    /// When this host cannot run the child.
    pub async fn bring(&mut self) -> Result<Brought, BackendError> {
        loop {
            if self.mirrors.iter().all(|mirror| mirror.given_up) || self.round == ROUNDS {
                return Ok(Brought::Failed(self.verdict()));
            }
            if self.mirrors[self.at].given_up {
                self.advance();
                continue;
            }
            if self.at == 0 && self.round > 0 && !self.pause().await {
                return Ok(Brought::Cancelled);
            }
            match self.attempt().await? {
                attempt::End::Complete => {
                    let url = self.mirrors[self.at].url.clone();
                    return Ok(Brought::File { url });
                }
                attempt::End::Failed(failure) => self.failed(failure),
                attempt::End::TimedOut => return Ok(Brought::TimedOut),
                attempt::End::Cancelled => return Ok(Brought::Cancelled),
            }
        }
    }

    /// The file that was brought last is the wrong one: its mirror is not asked
    /// again. A file that came in pieces is asked for as a whole once more.
    pub fn refuse(&mut self, failure: Failure) {
        let mirror = &mut self.mirrors[self.at];
        let in_pieces = mirror.resumes > 0 && mirror.resume.is_some();
        mirror.resume = None;
        match in_pieces {
            true => mirror.resumes = RESUMES,
            false => mirror.given_up = true,
        }
        self.say(&failure.message);
        mirror_failure(&mut self.mirrors[self.at], failure);
        if self.mirrors[self.at].given_up {
            self.advance();
        }
    }

    fn failed(&mut self, failure: Failure) {
        self.say(&failure.message);
        let mirror = &mut self.mirrors[self.at];
        mirror.given_up = failure.kind == FailureKind::Certain;
        let goes_on = mirror.resume.is_some() && mirror.resumes < RESUMES && !mirror.given_up;
        mirror_failure(mirror, failure);
        match goes_on {
            true => mirror.resumes += 1,
            false => self.advance(),
        }
    }

    fn advance(&mut self) {
        if self.mirrors.len() > 1 {
            // The next one begins the file anew.
            self.mirrors[self.at].resume = None;
        }
        self.at += 1;
        if self.at == self.mirrors.len() {
            self.at = 0;
            self.round += 1;
            for mirror in &mut self.mirrors {
                mirror.resumes = 0;
            }
        }
    }

    /// Waits before the next round; `false` when nobody wants it any more.
    async fn pause(&self) -> bool {
        let pause = self.config.pause.saturating_mul(1 << (self.round - 1));
        let jitter = pause.mul_f64(fastrand::f64() / 2.0);
        self.say(&format!("trying again in {:.0} s", pause.as_secs_f64()));
        tokio::select! {
            () = self.cancel.cancelled() => false,
            () = tokio::time::sleep(pause + jitter) => true,
        }
    }

    async fn attempt(&mut self) -> Result<attempt::End, BackendError> {
        let mirror = &self.mirrors[self.at];
        let login = match self.login(&mirror.url) {
            Ok(login) => login,
            Err(failure) => return Ok(attempt::End::Failed(*failure)),
        };
        self.say(&match &mirror.resume {
            None => format!("fetching {}", shown(&mirror.url)),
            Some(resume) => format!("going on at byte {} of {}", resume.at, shown(&mirror.url)),
        });
        let attempt = Attempt {
            task: Task {
                url: mirror.url.clone(),
                resume: mirror.resume.clone(),
                login,
                deny: self.config.deny.clone(),
                size: self.size,
                rate: self.config.rate,
            },
            file: self.file.clone(),
            confinement: self.confinement.clone(),
            stall: self.config.stall,
            deadline: self.deadline,
        };
        let (end, resume) = attempt.run(&self.log, &self.cancel).await?;
        self.mirrors[self.at].resume = resume;
        Ok(end)
    }

    /// The login of the URL's host, and nobody else's.
    fn login(&self, url: &str) -> Result<Option<Login>, Box<Failure>> {
        let Some(path) = &self.config.netrc_file else {
            return Ok(None);
        };
        let text = crate::config::read_secret_file(path).map_err(|error| {
            let cause = std::error::Error::source(&error);
            let cause = cause.map(|cause| format!(": {cause}")).unwrap_or_default();
            let failure = Failure::transient(format!("native.netrc_file: {error}{cause}"));
            Box::new(failure.hint("mend the file, or take netrc_file out of the configuration"))
        })?;
        let url = url::Url::parse(url).ok();
        let host = url.as_ref().and_then(url::Url::host_str);
        Ok(host.and_then(|host| login(&text, host)))
    }

    /// All that went wrong: may it pass by itself?
    fn verdict(&self) -> Failure {
        let failures: Vec<&Failure> = self.mirrors.iter().flat_map(|m| &m.failure).collect();
        let transient = failures
            .iter()
            .find(|failure| failure.kind == FailureKind::Transient);
        let Some(first) = transient.or(failures.first()) else {
            return Failure::certain("there is no place to fetch from");
        };
        let messages: Vec<&str> = failures
            .iter()
            .map(|failure| failure.message.as_str())
            .collect();
        Failure {
            message: messages.join("\n"),
            ..(*first).clone()
        }
    }

    fn say(&self, line: &str) {
        (self.log)(format!("{line}\n").as_bytes());
    }
}

fn mirror_failure(mirror: &mut Mirror, failure: Failure) {
    mirror.failure = Some(failure);
}
