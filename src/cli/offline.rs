//! `--offline`: what commands answer from the files, without an agent.

use super::Context;
use super::error::{CliError, Problem};
use super::values::GenerationArg;
use crate::model::{Generation, GenerationNumber};
use crate::state::{Offline, StateError};
use std::path::PathBuf;

/// Where the files are, and whether they are asked.
#[derive(Debug, clap::Args)]
pub struct OfflineArgs {
    /// Read the files only, without an agent; refused while one owns the state.
    #[arg(long)]
    offline: bool,
    /// The state to read [default: of this repository's dev agent, else the system's].
    #[arg(long, value_name = "DIR", requires = "offline")]
    state_dir: Option<PathBuf>,
}

impl OfflineArgs {
    /// The state, where it is to be read without an agent.
    ///
    /// # Errors
    /// When an agent owns it, or there is none.
    pub fn state(&self, context: &Context) -> Result<Option<Offline>, CliError> {
        if !self.offline {
            return Ok(None);
        }
        let folder = self.state_dir.clone();
        let folder = folder.unwrap_or_else(|| context.state_here());
        Offline::open(&folder)
            .map(Some)
            .map_err(|error| unreadable(&error))
    }
}

/// Why the files give no answer.
pub fn unreadable(error: &StateError) -> CliError {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
    let message = format!("{error}{}", cause.unwrap_or_default());
    match error {
        StateError::Owned { .. } => {
            Problem::failed(message).hint("ask its agent: leave --offline out")
        }
        _ => Problem::failed(message).hint("name the state: --offline --state-dir DIR"),
    }
    .into()
}

/// The generation meant.
///
/// # Errors
/// When there is none, or it cannot be read.
pub fn generation(state: &Offline, arg: GenerationArg) -> Result<Generation, CliError> {
    let found = match arg {
        GenerationArg::Number(number) => state.generation(GenerationNumber(number)),
        GenerationArg::Latest => state.newest(None, |_| true),
        GenerationArg::Current => state.current(),
        GenerationArg::Previous => state.current().and_then(|current| {
            let before = current.map_or(GenerationNumber(0), |current| current.number);
            state.newest(Some(before), |found| found.built().is_some())
        }),
    };
    let found = found.map_err(|error| unreadable(&error))?;
    found.ok_or_else(|| {
        Problem {
            code: "NOT_FOUND",
            ..Problem::failed("there is no such generation")
                .hint("kiln generations --offline lists those there are")
        }
        .into()
    })
}
