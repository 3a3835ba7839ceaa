//! Reads a generation's logs for one caller, piece by piece as they are asked
//! for: the failed step first, then the evaluation, then the steps in the order
//! they started. When following, passes repeat until the generation has ended.

use super::refusal::refuse;
use crate::builder::BuilderState;
use crate::pb::LogChunk;
use std::io::SeekFrom;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio::sync::watch;
use tonic::{Code, Status};

/// Bytes of one chunk, far below gRPC's limit for a message.
const CHUNK: u64 = 64 * 1024;
/// Log lines announce themselves by no event: how often a follower looks.
const TICK: Duration = Duration::from_millis(100);

/// Which logs are wanted.
pub enum Which {
    /// The evaluation's and all steps'.
    All,
    /// One step's, from an offset.
    Step { derivation: String, offset: u64 },
}

impl Which {
    /// From a request's fields.
    ///
    /// # Errors
    /// An offset says nothing when it is not known into which log.
    pub fn new(derivation: String, offset: u64) -> Result<Self, Status> {
        match (derivation.is_empty(), offset) {
            (true, 0) => Ok(Which::All),
            (true, _) => Err(Status::invalid_argument(
                "an offset needs a derivation: each log counts from 0",
            )),
            (false, _) => Ok(Which::Step { derivation, offset }),
        }
    }

    fn wants(&self, log: &LogFile) -> bool {
        match self {
            Which::All => true,
            Which::Step { derivation, .. } => log.derivation == *derivation,
        }
    }
}

/// Whether the generation has ended, and what wakes a waiting follower.
type Following = (
    Box<dyn Fn() -> bool + Send + Sync>,
    watch::Receiver<BuilderState>,
);

/// One caller's way through the logs.
pub struct LogReader {
    folder: PathBuf,
    which: Which,
    failed: Option<String>,
    following: Option<Following>,
    logs: Vec<LogFile>,
    /// Where the pass is.
    index: usize,
    pass: Pass,
}

enum Pass {
    First,
    /// Running; `last`: the generation had ended when it began.
    Running {
        read_something: bool,
        last: bool,
    },
    Over,
}

struct LogFile {
    path: PathBuf,
    /// Start order; the evaluation is 0.
    order: u64,
    /// Empty: the evaluation.
    derivation: String,
    position: u64,
    /// Its length when the pass began: a step that prints without end must not
    /// keep the others from being read.
    length: u64,
}

impl LogReader {
    /// Reads what is there in `folder` now.
    pub fn new(folder: PathBuf, which: Which, failed: Option<String>) -> Self {
        LogReader {
            folder,
            which,
            failed,
            following: None,
            logs: Vec::new(),
            index: 0,
            pass: Pass::First,
        }
    }

    /// Goes on until the generation has ended.
    pub fn follow(mut self, following: Option<Following>) -> Self {
        self.following = following;
        self
    }

    /// The next piece; `None` at the end.
    pub async fn next(&mut self) -> Option<Result<LogChunk, Status>> {
        loop {
            if let Pass::First = self.pass {
                self.begin_pass().await;
            }
            match self.read_piece().await {
                Ok(Some(chunk)) => return Some(Ok(chunk)),
                Ok(None) => {}
                Err(status) => {
                    self.pass = Pass::Over;
                    return Some(Err(status));
                }
            }
            match self.pass {
                Pass::Running { last: true, .. } => {
                    self.pass = Pass::Over;
                    return self.nothing_found().map(Err);
                }
                Pass::Running {
                    read_something: false,
                    ..
                } => self.wait().await,
                Pass::Running { .. } | Pass::First => {}
                Pass::Over => return None,
            }
            self.begin_pass().await;
        }
    }

    /// A step that left no log is a question answered with "no such thing".
    fn nothing_found(&self) -> Option<Status> {
        match &self.which {
            Which::Step { derivation, .. } if self.logs.is_empty() => Some(refuse(
                Code::NotFound,
                format!(
                    "there is no log of {derivation:?}: no step of that name ran, or its output was there already"
                ),
                "kiln log without --derivation shows all there are",
            )),
            _ => None,
        }
    }

    async fn wait(&mut self) {
        match &mut self.following {
            Some((_, changes)) => {
                let _ = tokio::time::timeout(TICK, changes.changed()).await; // either way: look again
                // A closed channel answers at once: the tick still has to pass.
                if changes.has_changed().is_err() {
                    tokio::time::sleep(TICK).await;
                }
            }
            None => self.pass = Pass::Over,
        }
    }

    async fn begin_pass(&mut self) {
        // Asked before the files are looked at: what is written by then is read.
        let last = self
            .following
            .as_ref()
            .is_none_or(|(is_ended, _)| is_ended());
        self.index = 0;
        for found in list(&self.folder).await {
            match self.logs.iter_mut().find(|known| known.path == found.path) {
                Some(known) => known.length = found.length,
                None if self.which.wants(&found) => self.admit(found),
                None => {}
            }
        }
        let failed = self.failed.as_deref();
        self.logs
            .sort_by_key(|log| (failed != Some(&log.derivation), log.order));
        self.pass = Pass::Running {
            read_something: false,
            last,
        };
    }

    fn admit(&mut self, mut log: LogFile) {
        if let Which::Step { offset, .. } = self.which {
            log.position = offset;
        }
        self.logs.push(log);
    }

    /// The next piece of this pass.
    async fn read_piece(&mut self) -> Result<Option<LogChunk>, Status> {
        while let Some(log) = self.logs.get_mut(self.index) {
            if let Some(chunk) = log.read().await? {
                if let Pass::Running { read_something, .. } = &mut self.pass {
                    *read_something = true;
                }
                return Ok(Some(chunk));
            }
            self.index += 1;
        }
        Ok(None)
    }
}

impl LogFile {
    async fn read(&mut self) -> Result<Option<LogChunk>, Status> {
        let wanted = self.length.saturating_sub(self.position).min(CHUNK);
        if wanted == 0 {
            return Ok(None);
        }
        let data = read_at(&self.path, self.position, wanted)
            .await
            .map_err(|error| {
                Status::internal(format!(
                    "reading the log {} failed: {error}",
                    self.path.display()
                ))
            })?;
        if data.is_empty() {
            return Ok(None);
        }
        let offset = self.position;
        self.position += data.len() as u64;
        Ok(Some(LogChunk {
            offset,
            derivation: self.derivation.clone(),
            data,
        }))
    }
}

async fn read_at(path: &Path, position: u64, most: u64) -> std::io::Result<Vec<u8>> {
    let mut file = File::open(path).await?;
    file.seek(SeekFrom::Start(position)).await?;
    let mut data = Vec::new();
    file.take(most).read_to_end(&mut data).await?;
    Ok(data)
}

/// The logs there are now; what cannot be listed is not there yet.
async fn list(folder: &Path) -> Vec<LogFile> {
    let mut logs = Vec::new();
    let evaluation = folder.join("evaluation.log");
    if let Ok(found) = tokio::fs::metadata(&evaluation).await {
        logs.push(LogFile {
            path: evaluation,
            order: 0,
            derivation: String::new(),
            position: 0,
            length: found.len(),
        });
    }
    let Ok(mut steps) = tokio::fs::read_dir(folder.join("steps")).await else {
        return logs;
    };
    while let Ok(Some(entry)) = steps.next_entry().await {
        let name = entry.file_name();
        let Some((order, derivation)) = name.to_str().and_then(parse_step) else {
            continue;
        };
        if let Ok(found) = entry.metadata().await {
            logs.push(LogFile {
                path: entry.path(),
                order,
                derivation: derivation.to_owned(),
                position: 0,
                length: found.len(),
            });
        }
    }
    logs
}

/// `0003-hello.log` is the third step that started, `hello`.
fn parse_step(name: &str) -> Option<(u64, &str)> {
    let (order, derivation) = name.strip_suffix(".log")?.split_once('-')?;
    Some((order.parse().ok()?, derivation))
}

#[cfg(test)]
#[path = "log_reader_tests.rs"]
mod tests;
