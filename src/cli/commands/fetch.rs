use crate::cli::error::{CliError, Outcome};
use crate::cli::{Context, human};
use crate::{model, pb};

/// Ask the remotes now, wait, and print every branch's verdict.
#[derive(Debug, clap::Args)]
pub struct Fetch {
    /// Those to ask [default: all].
    #[arg(value_name = "REMOTE")]
    remotes: Vec<String>,
}

impl Fetch {
    pub(in crate::cli) async fn run(self, context: &Context) -> Result<Outcome, CliError> {
        let client = context.connect().await?;
        let request = pb::FetchRequest {
            remotes: self.remotes,
        };
        let remotes = client.agent().fetch(request).await?.into_inner().remotes;
        if context.out.json {
            remotes
                .iter()
                .try_for_each(|remote| context.out.message(remote))?;
        } else {
            context.out.text(&human::remotes(&remotes, model::now()))?;
        }
        // None of those asked answered: what was asked failed.
        match !remotes.is_empty() && remotes.iter().all(|remote| !remote.reachable) {
            true => Ok(Outcome::Failed),
            false => Ok(Outcome::Done),
        }
    }
}
