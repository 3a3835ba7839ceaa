use crate::cli::Context;
use crate::cli::error::{CliError, Outcome};
use crate::cli::values::GenerationArg;
use crate::pb;

/// Let a build that waits for confirmation begin.
#[derive(Debug, clap::Args)]
pub struct Confirm {
    /// A number, current, latest or previous [default: latest].
    #[arg(value_name = "GENERATION")]
    generation: Option<GenerationArg>,
    /// Wait until it is built; exit 0 only if it was.
    #[arg(long)]
    wait: bool,
}

impl Confirm {
    pub(in crate::cli) async fn run(self, context: &Context) -> Result<Outcome, CliError> {
        let client = context.connect().await?;
        let wanted = self.generation.unwrap_or(GenerationArg::Latest);
        let request = pb::ConfirmRequest {
            generation_number: wanted.number(&client).await?,
        };
        let answer = client.builder().confirm(request).await?.into_inner();
        context.begun(&client, answer.generation, self.wait).await
    }
}
