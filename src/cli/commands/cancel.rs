use crate::cli::Context;
use crate::cli::error::{CliError, Outcome};
use crate::pb;

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
        context.changed(answer.state, |_| "nothing runs any more".into())
    }
}
