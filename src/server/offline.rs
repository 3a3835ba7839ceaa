//! The same answers from the files of a state that no agent owns. What only an
//! agent knows (remotes, the selection) is not in them.

use super::agent_service;
use super::log_reader::{LogReader, Which};
use super::status::{Inputs, derived};
use crate::builder::{BuilderState, Phase};
use crate::model::{self, Generation};
use crate::pb;
use crate::state::{Offline, StateError};
use futures_util::stream::{self, Stream};
use std::collections::BTreeMap;

/// The status as the files tell it: never up to date, since nobody asks the remotes.
///
/// # Errors
/// When a file cannot be read or understood.
pub fn status(state: &Offline) -> Result<pb::Status, StateError> {
    let (current, latest) = (state.current()?, state.newest(None, |_| true)?);
    let (suspension, hold) = state.held_back()?;
    let builder = BuilderState {
        phase: Phase::Idle,
        generation: latest.as_ref().map(|latest| latest.number),
        suspension,
        hold,
    };
    let inputs = Inputs {
        now: model::now(),
        started_at: model::now(),
        builder: &builder,
        current: current.as_ref(),
        latest: latest.as_ref(),
        selection: None,
        remotes: &[],
        intervals: &BTreeMap::new(),
        state_damaged: false,
        disk_full: false,
    };
    let mut warnings = vec!["no agent runs: this is what its files say".to_owned()];
    if state.is_cut_short() {
        warnings.push("a transition was cut short: the next start completes it".into());
    }
    Ok(pb::Status {
        host: latest
            .as_ref()
            .map_or_else(String::new, |g| g.host.to_string()),
        baseline: state.baseline()?.unwrap_or_default(),
        warnings,
        ..derived(&inputs)
    })
}

/// A generation's logs, or one step's, as they are now.
pub fn read_log(
    state: &Offline,
    generation: &Generation,
    derivation: &str,
) -> impl Stream<Item = Result<pb::LogChunk, tonic::Status>> + use<> {
    let which = match derivation {
        "" => Which::All,
        name => Which::Step {
            derivation: name.to_owned(),
            offset: 0,
        },
    };
    let failed = agent_service::failed_step(generation);
    let reader = LogReader::new(state.logs(generation.number), which, failed);
    stream::unfold(reader, |mut reader| async move {
        let chunk = reader.next().await?;
        Some((chunk, reader))
    })
}
