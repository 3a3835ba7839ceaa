use crate::cli::Context;
use crate::cli::error::{CliError, Outcome};
use crate::pb::{self, Phase};

/// End what runs; answers once its processes are gone.
#[derive(Debug, clap::Args)]
pub struct Cancel {
    /// Why, for the record.
    #[arg(long, default_value = "")]
    reason: String,
}

impl Cancel {
    pub(in crate::cli) async fn run(self, context: &Context) -> Result<Outcome, CliError> {
        let client = context.connect().await?;
        let request = pb::StopRequest {
            reason: self.reason,
        };
        let answer = client.builder().stop(request).await?.into_inner();
        context.changed(answer.state, left)
    }
}

/// What waits for the end of a suspension or for another machine runs no more than
/// what was ended, and is not ended by this.
fn left(state: &pb::BuilderState) -> String {
    let number = state.generation;
    match state.phase() {
        Phase::Waiting => format!(
            "nothing runs any more; generation {number} still waits: kiln show {number} says for what"
        ),
        Phase::Unspecified
        | Phase::Idle
        | Phase::Evaluating
        | Phase::Building
        | Phase::Stopping => "nothing runs any more".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b10_a_cancel_says_what_still_waits() {
        let said = |phase: Phase| {
            left(&pb::BuilderState {
                phase: phase.into(),
                generation: 5,
                ..Default::default()
            })
        };
        assert_eq!(said(Phase::Idle), "nothing runs any more");
        assert_eq!(
            said(Phase::Waiting),
            "nothing runs any more; generation 5 still waits: kiln show 5 says for what"
        );
    }
}
