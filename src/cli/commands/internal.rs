use std::process::ExitCode;

/// Parts of kiln that run as children of the agent. Not for people.
#[derive(Debug, clap::Args)]
pub struct Internal {
    #[command(subcommand)]
    part: Part,
}

#[derive(Debug, clap::Subcommand)]
enum Part {
    /// Runs one step in its namespaces.
    Sandbox,
    /// Evaluates `kiln.star`.
    Eval,
    /// Fetches one remote.
    Fetch,
    /// Reads the index to its end.
    CheckIndex,
    /// Runs one attempt of a hook, beside the agent.
    HookRunner {
        /// Where its request lies and its outcome goes.
        folder: std::path::PathBuf,
    },
}

impl Internal {
    /// Hands over; the part speaks with its parent on standard input and output.
    pub(in crate::cli) fn run(self) -> ExitCode {
        match self.part {
            Part::Sandbox => crate::backend::native::provider::sandbox::internal_main(),
            Part::Eval => crate::backend::native::eval::internal_main(),
            Part::Fetch => crate::source::fetch_child::internal_main(),
            Part::CheckIndex => crate::state::check::internal_main(),
            Part::HookRunner { folder } => crate::hooks::internal_main(&folder),
        }
    }
}
