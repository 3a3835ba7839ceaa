use crate::cli::error::{CliError, Outcome};
use crate::cli::offline::{OfflineArgs, unreadable};
use crate::cli::{Context, human};
use crate::model;
use crate::pb::{self, Condition};
use crate::server::offline;

/// Is this host up to date, and if not, why.
#[derive(Debug, clap::Args)]
pub struct Status {
    /// The first line only.
    #[arg(long)]
    oneline: bool,
    /// Exit 0 only when the host is up to date.
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    offline: OfflineArgs,
}

impl Status {
    pub(in crate::cli) async fn run(self, context: &Context) -> Result<Outcome, CliError> {
        let status = match self.offline.state(context)? {
            Some(state) => offline::status(&state).map_err(|error| unreadable(&error))?,
            None => {
                let client = context.connect().await?;
                let asked = client.agent().get_status(pb::GetStatusRequest {}).await;
                asked?.into_inner()
            }
        };
        let (now, color) = (model::now(), context.out.color);
        context.out.either(&status, || match self.oneline {
            true => human::oneline(&status, now, color),
            false => human::status(&status, now, color),
        })?;
        match self.check && status.condition() != Condition::UpToDate {
            true => Ok(Outcome::Failed),
            false => Ok(Outcome::Done),
        }
    }
}
