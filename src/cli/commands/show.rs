use crate::cli::error::{CliError, Outcome};
use crate::cli::values::GenerationArg;
use crate::cli::{Context, human};
use crate::{model, pb};

/// One generation whole.
#[derive(Debug, clap::Args)]
pub struct Show {
    /// A number, current, latest or previous.
    #[arg(
        value_name = "GENERATION",
        default_value = "latest",
        hide_default_value = false
    )]
    generation: GenerationArg,
}

impl Show {
    pub(in crate::cli) async fn run(self, context: &Context) -> Result<Outcome, CliError> {
        let client = context.connect().await?;
        let request = pb::GetGenerationRequest {
            number: self.generation.number(&client).await?,
        };
        let generation = client.agent().get_generation(request).await?.into_inner();
        context
            .out
            .either(&generation, || human::generation(&generation, model::now()))?;
        Ok(Outcome::Done)
    }
}
