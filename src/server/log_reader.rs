//! Reads a generation's logs for one caller, piece by piece as they are asked
//! for: the failed step first, then the evaluation, then the steps in the order
//! they started. When following, passes repeat until the generation has ended; a
//! next attempt's logs are read from their beginning (offset 0 again).

use super::log_folder::{Found, LogFolder, Part, read_at};
use super::refusal::refuse;
use crate::builder::BuilderState;
use crate::pb::LogChunk;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tonic::{Code, Status};

/// Bytes of one chunk, far below gRPC's limit for a message.
const CHUNK: u64 = 64 * 1024;
/// How often a follower looks where nothing is announced: a generation may end,
/// or an attempt's logs go, without a line.
const TICK: Duration = Duration::from_millis(500);
/// What is written one after the other is read at once.
const TOGETHER: Duration = Duration::from_millis(10);

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

    fn wants(&self, log: &Found) -> bool {
        match self {
            Which::All => true,
            Which::Step { derivation, .. } => log.derivation == *derivation,
        }
    }
}

/// A generation that may go on.
pub struct Following {
    /// Whether it has ended; it may block.
    pub is_ended: Arc<dyn Fn() -> bool + Send + Sync>,
    pub builder: watch::Receiver<BuilderState>,
    /// Changes with whatever is written to logs.
    pub lines: watch::Receiver<()>,
}

impl Following {
    /// Until there may be something new.
    async fn news(&mut self) {
        tokio::select! {
            Ok(()) = self.builder.changed() => {}
            Ok(()) = self.lines.changed() => tokio::time::sleep(TOGETHER).await,
            () = tokio::time::sleep(TICK) => {}
        }
    }
}

/// One caller's way through the logs.
pub struct LogReader {
    /// Away while a pass looks at it.
    folder: Option<LogFolder>,
    which: Which,
    failed: Option<String>,
    following: Option<Following>,
    logs: Vec<LogFile>,
    found_some: bool,
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
    /// Its length is the one when the pass began: a step that prints without end
    /// must not keep the others from being read.
    found: Found,
    position: u64,
}

impl LogReader {
    /// Reads what is there in `folder` now.
    pub fn new(folder: PathBuf, which: Which, failed: Option<String>) -> Self {
        LogReader {
            folder: Some(LogFolder::new(folder)),
            which,
            failed,
            following: None,
            logs: Vec::new(),
            found_some: false,
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
            Which::Step { derivation, .. } if !self.found_some => Some(refuse(
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
            Some(following) => following.news().await,
            None => self.pass = Pass::Over,
        }
    }

    async fn begin_pass(&mut self) {
        let is_ended = self
            .following
            .as_ref()
            .map(|following| following.is_ended.clone());
        let mut folder = self.folder.take();
        let look = move || {
            // Asked before the files are looked at: what is written by then is read.
            let last = is_ended.is_none_or(|is_ended| is_ended());
            let anew = folder.as_mut().map(LogFolder::made_anew);
            let found = folder.as_ref().map(LogFolder::list);
            let (anew, found) = (anew.unwrap_or_default(), found.unwrap_or_default());
            (folder, last, anew, found)
        };
        let looked = tokio::task::spawn_blocking(look).await;
        // Only a runtime that ends takes no more work: so does this.
        let (folder, last, anew, found) = looked.unwrap_or((None, true, Vec::new(), Vec::new()));
        self.folder = folder;
        anew.into_iter().for_each(|part| self.forget(part));
        for found in found {
            let known = |known: &&mut LogFile| known.found.path == found.path;
            match self.logs.iter_mut().find(known) {
                Some(known) => known.found.length = found.length,
                None if self.which.wants(&found) => self.admit(found),
                None => {}
            }
        }
        let failed = self.failed.as_deref();
        self.logs
            .sort_by_key(|log| (failed != Some(&log.found.derivation), log.found.order));
        self.index = 0;
        self.pass = Pass::Running {
            read_something: false,
            last,
        };
    }

    /// The attempt these are of is over; an offset asked for was one into it.
    fn forget(&mut self, part: Part) {
        self.logs.retain(|log| log.found.part != part);
        if let (Which::Step { offset, .. }, Part::Steps) = (&mut self.which, part) {
            *offset = 0;
        }
    }

    fn admit(&mut self, found: Found) {
        let position = match self.which {
            Which::Step { offset, .. } => offset,
            Which::All => 0,
        };
        self.found_some = true;
        self.logs.push(LogFile { found, position });
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
        let wanted = self.found.length.saturating_sub(self.position).min(CHUNK);
        if wanted == 0 {
            return Ok(None);
        }
        let (path, offset) = (self.found.path.clone(), self.position);
        let read = tokio::task::spawn_blocking(move || read_at(&path, offset, wanted));
        let read = read.await.unwrap_or_else(|lost| Err(lost.into()));
        let data = read.map_err(|error| {
            let what = match self.found.derivation.as_str() {
                "" => "the evaluation".to_owned(),
                name => format!("step {name}"),
            };
            Status::internal(format!("reading the log of {what} failed: {error}"))
        })?;
        if data.is_empty() {
            return Ok(None);
        }
        self.position += data.len() as u64;
        Ok(Some(LogChunk {
            offset,
            derivation: self.found.derivation.clone(),
            data,
        }))
    }
}

#[cfg(test)]
#[path = "log_reader_tests.rs"]
mod tests;
