//! What a backend reports while it works: log bytes go to files, steps become
//! progress events.

use crate::backend::{Sink, StepEvent};
use crate::events::EventKind;
use crate::model::GenerationNumber;
use crate::state::State;
use crate::state::packed_log::packed_path;
use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// The file of what is of no step.
const EVALUATION: &str = "evaluation.log";

/// One attempt's sink. Logs are best effort: a full disk fails no build by itself.
pub(super) struct AttemptSink {
    number: GenerationNumber,
    state: Arc<State>,
    folder: PathBuf,
    open: Mutex<Logs>,
}

#[derive(Default)]
struct Logs {
    files: HashMap<Option<String>, File>,
    /// Where the next step's log stands in the order they began.
    next: usize,
}

/// Whose logs a sink takes, in place of those there are.
#[derive(Debug, Clone, Copy)]
pub(super) enum Of {
    /// A new evaluation: nothing of the one before counts.
    Evaluation,
    /// An evaluation that a build asks for: the build's own logs go on.
    EvaluationForBuild,
    /// The steps of a build.
    Build,
}

impl AttemptSink {
    /// A sink whose logs replace those of the attempt before.
    pub fn new(state: Arc<State>, number: GenerationNumber, of: Of) -> Self {
        let folder = state.reader().logs(number);
        let _ = match of {
            Of::Evaluation => fs::remove_dir_all(&folder),
            Of::EvaluationForBuild => remove_log(&folder.join(EVALUATION)),
            Of::Build => fs::remove_dir_all(folder.join("steps")),
        };
        AttemptSink {
            number,
            state,
            folder,
            open: Mutex::default(),
        }
    }

    fn write(&self, derivation: Option<&str>, bytes: &[u8]) -> io::Result<()> {
        let mut logs = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let key = derivation.map(str::to_owned);
        if !logs.files.contains_key(&key) {
            let path = match derivation {
                None => self.folder.join(EVALUATION),
                Some(name) => {
                    logs.next += 1;
                    self.folder
                        .join(format!("steps/{:05}-{name}.log", logs.next))
                }
            };
            fs::create_dir_all(path.parent().unwrap_or(&self.folder))?;
            let file = OpenOptions::new().create(true).append(true).open(path)?;
            logs.files.insert(key.clone(), file);
        }
        match logs.files.get_mut(&key) {
            Some(file) => file.write_all(bytes),
            None => Ok(()),
        }
    }

    fn close(&self, derivation: &str) {
        let mut logs = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        logs.files.remove(&Some(derivation.to_owned()));
    }
}

/// As it is written, and as it lies when its generation has ended.
fn remove_log(plain: &Path) -> io::Result<()> {
    let packed = fs::remove_file(packed_path(plain));
    fs::remove_file(plain).and(packed)
}

impl Sink for AttemptSink {
    fn log(&self, derivation: Option<&str>, bytes: &[u8]) {
        if let Err(error) = self.write(derivation, bytes) {
            tracing::warn!(%error, folder = %self.folder.display(), "log lines are lost");
        }
        self.state.log_written();
    }

    fn step(&self, event: StepEvent) {
        let number = self.number;
        match event {
            StepEvent::Started { derivation, steps } => {
                let event = EventKind::StepStarted {
                    number,
                    derivation,
                    steps,
                };
                self.state.progress(number, steps, event);
            }
            StepEvent::Finished {
                derivation,
                end,
                duration,
                steps,
            } => {
                self.close(&derivation);
                let event = EventKind::StepFinished {
                    number,
                    derivation,
                    end,
                    duration,
                    steps,
                };
                self.state.progress(number, steps, event);
            }
        }
    }
}
