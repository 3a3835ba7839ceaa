//! One child that asks one mirror, as its parent sees it.

use super::child::{Order, Said};
use super::client::{Resume, Task, shown};
use super::{Confinement, Log};
use crate::backend::BackendError;
use crate::backend::native::attempted;
use crate::model::Failure;
use crate::process::{self, Spawn, Stream};
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Lines about the progress of the longest download fit.
const OUTPUT_LIMIT: u64 = 64 << 20;
/// Between two lines of progress in the log.
const PROGRESS: Duration = Duration::from_secs(5);

/// One request to one mirror.
pub(super) struct Attempt {
    pub task: Task,
    pub file: PathBuf,
    pub confinement: Confinement,
    /// A child that says nothing for this long is slower than its task allows.
    pub stall: Duration,
    pub deadline: Option<Instant>,
}

/// How it ended; the child is gone.
#[derive(Debug)]
pub(super) enum End {
    Complete,
    Failed(Failure),
    TimedOut,
    Cancelled,
}

impl Attempt {
    /// Runs the child to its end; also tells where a next attempt may go on.
    ///
    /// # Errors
    /// When this host cannot run the child.
    pub async fn run(
        self,
        log: &Log,
        cancel: &CancellationToken,
    ) -> Result<(End, Option<Resume>), BackendError> {
        let stall = self.stall;
        let (url, before) = (self.task.url.clone(), self.task.resume.clone());
        let timeout = self
            .deadline
            .map(|at| at.saturating_duration_since(Instant::now()));
        let order = Order {
            task: self.task,
            file: self.file.clone(),
            confinement: self.confinement,
        };
        let json = serde_json::to_vec(&order).map_err(attempted("write the download's order"))?;
        let mut child =
            Spawn::internal("download", json).map_err(attempted("find kiln's own program"))?;
        child.timeout = timeout;
        child.silence = Some(stall);
        child.output_limit = Some(OUTPUT_LIMIT);
        let mut heard = Heard::new(log);
        let end = child
            .run(cancel, |stream, bytes| match stream {
                Stream::Stdout => heard.hear(bytes),
                Stream::Stderr => heard.stray.extend_from_slice(bytes),
            })
            .await
            .map_err(attempted("run the download's child"))?;
        let resume = heard.resume(&self.file, before);
        let end = heard.end(end, &url, stall)?;
        Ok((end, resume))
    }
}

/// What the child said so far.
struct Heard<'l> {
    log: &'l Log,
    line: Vec<u8>,
    stray: Vec<u8>,
    last: Option<Said>,
    began: bool,
    validator: Option<String>,
    total: Option<u64>,
    logged: Instant,
}

impl<'l> Heard<'l> {
    fn new(log: &'l Log) -> Self {
        Heard {
            log,
            line: Vec::new(),
            stray: Vec::new(),
            last: None,
            began: false,
            validator: None,
            total: None,
            logged: Instant::now(),
        }
    }

    fn hear(&mut self, bytes: &[u8]) {
        self.line.extend_from_slice(bytes);
        while let Some(end) = self.line.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.line.drain(..=end).collect();
            if let Ok(said) = serde_json::from_slice(&line) {
                self.note(said);
            }
        }
    }

    fn note(&mut self, said: Said) {
        match &said {
            Said::Redirected { to } => self.say(&format!("redirected to {to}")),
            Said::Began {
                at,
                total,
                validator,
            } => {
                self.began = true;
                self.validator.clone_from(validator);
                self.total = *total;
                if *at > 0 {
                    self.say(&format!("the server goes on at byte {at}"));
                }
            }
            Said::Progress { bytes } if self.logged.elapsed() >= PROGRESS => {
                self.logged = Instant::now();
                let of = self.total.map(|total| format!(" of {}", mebibytes(total)));
                self.say(&format!("{}{}", mebibytes(*bytes), of.unwrap_or_default()));
            }
            Said::Progress { .. } => {}
            Said::Done { bytes } => self.say(&format!("received {bytes} bytes")),
            Said::Failed(_) | Said::Broken { .. } => {}
        }
        self.last = Some(said);
    }

    fn say(&self, line: &str) {
        (self.log)(format!("{line}\n").as_bytes());
    }

    /// A file that is there in part, of a server that says how to tell whether
    /// it is still the same.
    fn resume(&self, file: &std::path::Path, before: Option<Resume>) -> Option<Resume> {
        let at = std::fs::metadata(file).ok()?.len();
        if !self.began {
            return before.filter(|before| before.at == at);
        }
        let validator = self.validator.clone()?;
        (at > 0).then_some(Resume { at, validator })
    }

    fn end(self, end: process::End, url: &str, stall: Duration) -> Result<End, BackendError> {
        let url = shown(url);
        Ok(match end {
            process::End::Cancelled => End::Cancelled,
            process::End::TimedOut => End::TimedOut,
            process::End::Silent => End::Failed(
                Failure::transient(format!(
                    "{url}: the server sent next to nothing for {} s and was left",
                    stall.as_secs()
                ))
                .hint("check the network and the server; it is tried again"),
            ),
            process::End::Stuck { pid } => {
                let why = format!("process {pid} does not die");
                return Err(attempted("end the download's child")(why));
            }
            process::End::TooMuchOutput => End::Failed(Failure::certain(format!(
                "{url}: too many lines of progress"
            ))),
            process::End::Exited(status) => match self.last {
                Some(Said::Done { .. }) => End::Complete,
                Some(Said::Failed(failure)) => End::Failed(failure),
                Some(Said::Broken { message }) => {
                    return Err(attempted("set up the download's child")(message));
                }
                Some(Said::Redirected { .. } | Said::Began { .. } | Said::Progress { .. })
                | None => End::Failed(
                    Failure::transient(format!(
                        "{url}: the child that fetched it ended early ({status}): {}",
                        String::from_utf8_lossy(&self.stray).trim()
                    ))
                    .hint("it is tried again"),
                ),
            },
        })
    }
}

fn mebibytes(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
    let mebibytes = bytes as f64 / f64::from(1 << 20);
    format!("{mebibytes:.1} MiB")
}
