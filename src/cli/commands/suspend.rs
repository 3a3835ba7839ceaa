use crate::cli::error::{CliError, Outcome};
use crate::cli::{Context, human, values};
use crate::pb;
use std::time::Duration;

/// Stop a running build and hold builds back; evaluation goes on.
#[derive(Debug, clap::Args)]
pub struct Suspend {
    /// How long, such as 2h [default: until kiln resume].
    #[arg(long = "for", value_name = "DURATION", value_parser = values::duration)]
    length: Option<Duration>,
    /// Why, for whoever asks later.
    #[arg(long, default_value = "", value_name = "TEXT")]
    reason: String,
}

impl Suspend {
    pub(in crate::cli) async fn run(self, context: &Context) -> Result<Outcome, CliError> {
        let client = context.connect().await?;
        let request = pb::SuspendRequest {
            reason: self.reason,
            duration: self.length.map(Into::into),
        };
        let answer = client.builder().suspend(request).await?.into_inner();
        context.changed(answer.state, |state| {
            let suspension = state.suspension.as_ref();
            match suspension.and_then(|suspension| suspension.until.as_ref()) {
                Some(until) => format!(
                    "builds are suspended until {}, or kiln resume",
                    human::clock(Some(until))
                ),
                None => "builds are suspended until kiln resume".into(),
            }
        })
    }
}

/// End a suspension; what is evaluated and not built is built.
#[derive(Debug, clap::Args)]
pub struct Resume {}

impl Resume {
    pub(in crate::cli) async fn run(self, context: &Context) -> Result<Outcome, CliError> {
        let client = context.connect().await?;
        let answer = client.builder().resume(pb::ResumeRequest {}).await?;
        let state = answer.into_inner().state;
        context.changed(state, |_| "builds are no longer suspended".into())
    }
}
