use crate::agent::AgentOptions;
use crate::cli::error::{CliError, Outcome};
use crate::cli::{Context, places};
use std::path::PathBuf;

/// The daemon: polls, evaluates, builds, answers.
#[derive(Debug, clap::Args)]
pub struct Agent {
    /// The configuration; `conf.d/*.toml` beside it is read too.
    #[arg(long, env = "KILN_CONFIG", default_value = places::SYSTEM_CONFIG, value_name = "FILE")]
    config: PathBuf,
}

impl Agent {
    pub(in crate::cli) async fn run(self, context: &Context) -> Result<Outcome, CliError> {
        let options = AgentOptions {
            config: self.config,
            socket: context.global.socket.clone(),
            surroundings: context.env.of_the_agent(),
            notify_socket: context.env.notify_socket.clone(),
        };
        crate::agent::run(options).await?;
        Ok(Outcome::Done)
    }
}
