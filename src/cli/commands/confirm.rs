use crate::cli::error::{CliError, Outcome};
use crate::cli::values::GenerationArg;
use crate::cli::{Context, human, wait};
use crate::{model, pb};

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
        let generation = answer.generation.unwrap_or_default();
        if self.wait {
            wait::wait(&client, &context.out, generation.number).await?;
        } else {
            context
                .out
                .either(&generation, || human::line(&generation, model::now()))?;
        }
        Ok(Outcome::Done)
    }
}
