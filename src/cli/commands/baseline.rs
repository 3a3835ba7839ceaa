use crate::cli::Context;
use crate::cli::error::{CliError, Outcome};
use crate::pb;

/// The newest main commit with a built generation here: every head must descend from it.
#[derive(Debug, clap::Args)]
pub struct Baseline {}

impl Baseline {
    pub(in crate::cli) async fn run(self, context: &Context) -> Result<Outcome, CliError> {
        let client = context.connect().await?;
        let request = pb::GetBaselineRequest {};
        let answer = client.agent().get_baseline(request).await?.into_inner();
        context.out.either(&answer, || answer.commit_id.clone())?;
        Ok(Outcome::Done)
    }
}

/// Move the baseline by hand, after a branch was rewritten on purpose.
#[derive(Debug, clap::Args)]
pub struct AcceptReset {
    remote: String,
    branch: String,
    /// What that branch's head is now, in full.
    commit: String,
    /// Why, for whoever asks later.
    #[arg(long, default_value = "", value_name = "TEXT")]
    reason: String,
}

impl AcceptReset {
    pub(in crate::cli) async fn run(self, context: &Context) -> Result<Outcome, CliError> {
        let client = context.connect().await?;
        let request = pb::AcceptResetRequest {
            remote: self.remote,
            branch: self.branch,
            commit_id: self.commit,
            reason: self.reason,
        };
        let answer = client.agent().accept_reset(request).await?.into_inner();
        context.out.either(&answer, || {
            format!("the baseline is {} now", answer.baseline)
        })?;
        Ok(Outcome::Done)
    }
}
