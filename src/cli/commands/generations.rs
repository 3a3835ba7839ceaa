use crate::cli::error::{CliError, Outcome};
use crate::cli::offline::{OfflineArgs, unreadable};
use crate::cli::{Context, human};
use crate::server::convert;
use crate::state::Offline;
use crate::{model, pb};

/// The history, newest first.
#[derive(Debug, clap::Args)]
pub struct Generations {
    #[command(flatten)]
    offline: OfflineArgs,
}

impl Generations {
    pub(in crate::cli) async fn run(self, context: &Context) -> Result<Outcome, CliError> {
        if let Some(state) = self.offline.state(context)? {
            return of_files(context, &state);
        }
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

/// A record that cannot be read hides no other.
fn of_files(context: &Context, state: &Offline) -> Result<Outcome, CliError> {
    let mut ended = Outcome::Done;
    for number in state.numbers().map_err(|error| unreadable(&error))? {
        match state.generation(number) {
            Ok(Some(found)) => {
                let found = convert::generation(&found);
                let line = || human::line(&found, model::now());
                context.out.either(&found, line)?;
            }
            // A folder without its file was never acknowledged.
            Ok(None) => {}
            Err(error) => {
                context.out.note(&format!("generation {number}: {error}"));
                ended = Outcome::Failed;
            }
        }
    }
    Ok(ended)
}
