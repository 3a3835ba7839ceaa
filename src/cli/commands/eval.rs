use crate::cli::error::{CliError, Outcome};
use crate::cli::{Context, values};
use crate::client::Client;
use crate::pb;
use std::time::Duration;

/// Evaluate now, as a new generation; its build follows.
#[derive(Debug, clap::Args)]
pub struct Eval {
    /// Anything Git resolves, or a generation's number for its commit [default: the selection]. A
    /// revision of digits only is written rev:1234567.
    rev: Option<String>,
    /// Wait until it is evaluated and built; exit 0 only if all went well.
    #[arg(long)]
    wait: bool,
    /// Keep the selection from taking over: for this long, else until the next kiln eval without
    /// --hold.
    #[arg(long, value_name = "DURATION", value_parser = values::duration, num_args = 0..=1, require_equals = true)]
    hold: Option<Option<Duration>>,
}

impl Eval {
    pub(in crate::cli) async fn run(self, context: &Context) -> Result<Outcome, CliError> {
        let client = context.connect().await?;
        let rev = match &self.rev {
            Some(rev) => revision(&client, rev).await?,
            None => String::new(),
        };
        let request = pb::EvalRequest {
            rev,
            hold: self.hold.map(|length| length.unwrap_or_default().into()),
            ..Default::default()
        };
        let answer = client.builder().eval(request).await?.into_inner();
        context.begun(&client, answer.generation, self.wait).await
    }
}

/// A number is a generation, and means its commit.
async fn revision(client: &Client, rev: &str) -> Result<String, CliError> {
    match rev.parse() {
        Ok(number) => {
            let request = pb::GetGenerationRequest { number };
            let generation = client.agent().get_generation(request).await?.into_inner();
            Ok(generation.commit.unwrap_or_default().id)
        }
        Err(_) => Ok(rev.strip_prefix("rev:").unwrap_or(rev).to_owned()),
    }
}
