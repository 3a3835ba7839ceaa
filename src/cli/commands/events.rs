use crate::cli::error::{CliError, Outcome};
use crate::cli::{Context, human};
use crate::pb;
use crate::server::LAST_SEQ;
use std::time::Duration;

/// Kept events arrive at once; the last ones may be of a kind that is not kept.
const SILENCE: Duration = Duration::from_secs(1);

/// The event log.
#[derive(Debug, clap::Args)]
pub struct Events {
    /// Only those after this sequence number.
    #[arg(
        long,
        default_value_t = 0,
        hide_default_value = true,
        value_name = "SEQ"
    )]
    after: u64,
    /// Go on with what happens from now.
    #[arg(short, long)]
    follow: bool,
}

impl Events {
    pub(in crate::cli) async fn run(self, context: &Context) -> Result<Outcome, CliError> {
        let client = context.connect().await?;
        let request = pb::WatchEventsRequest {
            after_seq: self.after,
        };
        let answer = client.agent().watch_events(request).await?;
        let newest = answer
            .metadata()
            .get(LAST_SEQ)
            .and_then(|seq| seq.to_str().ok()?.parse().ok());
        let mut last_wanted: u64 = newest.unwrap_or(u64::MAX);
        if self.follow {
            last_wanted = u64::MAX;
        }
        let mut events = answer.into_inner();
        let mut seq = self.after;
        while seq < last_wanted {
            let next = match self.follow {
                true => events.message().await?,
                false => tokio::time::timeout(SILENCE, events.message())
                    .await
                    .unwrap_or(Ok(None))?,
            };
            let Some(event) = next else { break };
            context.out.either(&event, || human::event(&event))?;
            seq = event.seq;
        }
        Ok(Outcome::Done)
    }
}
