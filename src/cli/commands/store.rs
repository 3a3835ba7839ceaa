use crate::cli::Context;
use crate::cli::commands::cache::{GenerateKey, Pull, Push};
use crate::cli::error::{CliError, Outcome};

/// The object store.
#[derive(Debug, clap::Args)]
pub struct Store {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    Push(Push),
    Pull(Pull),
    GenerateKey(GenerateKey),
}

impl Store {
    pub(in crate::cli) async fn run(self, context: &Context) -> Result<Outcome, CliError> {
        match self.action {
            Action::Push(command) => command.run(context).await,
            Action::Pull(command) => command.run(context).await,
            Action::GenerateKey(command) => command.run(context),
        }
    }
}
