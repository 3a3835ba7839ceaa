use crate::cli::error::{CliError, Outcome};
use crate::cli::{Context, human};
use crate::{model, pb};

/// The history, newest first.
#[derive(Debug, clap::Args)]
pub struct Generations {}

impl Generations {
    pub(in crate::cli) async fn run(self, context: &Context) -> Result<Outcome, CliError> {
        let client = context.connect().await?;
        let mut page_token = String::new();
        loop {
            let request = pb::ListGenerationsRequest {
                page_size: 0,
                page_token,
            };
            let page = client.agent().list_generations(request).await?.into_inner();
            for generation in &page.generations {
                context
                    .out
                    .either(generation, || human::line(generation, model::now()))?;
            }
            if page.next_page_token.is_empty() {
                return Ok(Outcome::Done);
            }
            page_token = page.next_page_token;
        }
    }
}
