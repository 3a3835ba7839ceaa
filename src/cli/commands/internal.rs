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
    /// Fetches one file for a `fetch()`.
    Download,
    /// Unpacks one archive.
    Unpack,
    /// Runs a program whose descendants end with it.
    Supervise,
    /// Waits for kiln's end and gives its cgroups back.
    Cgroups,
    /// Reads the index to its end.
    CheckIndex,
    /// Runs one attempt of a hook, beside the agent.
    HookRunner {
        /// Where its request lies and its outcome goes.
        folder: std::path::PathBuf,
    },
    /// Runs a command that dies, as by kill -9, when its state comes by a
    /// point the nth time: for tests of what a crash leaves.
    DieAt {
        point: String,
        nth: u32,
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<std::ffi::OsString>,
    },
}

/// What is to be done instead of the part.
pub(in crate::cli) enum Handed {
    Over(ExitCode),
    /// This command line is run.
    Back(Vec<std::ffi::OsString>),
}

impl Internal {
    /// Hands over; the part speaks with its parent on standard input and output.
    pub(in crate::cli) fn run(self) -> Handed {
        Handed::Over(match self.part {
            Part::Sandbox => crate::backend::native::provider::sandbox::internal_main(),
            Part::Eval => crate::backend::native::eval::internal_main(),
            Part::Download => crate::backend::native::download::internal_main(),
            Part::Unpack => crate::backend::native::unpack::internal_main(),
            Part::Fetch => crate::source::fetch_child::internal_main(),
            Part::Supervise => crate::process::supervise::internal_main(),
            Part::Cgroups => crate::backend::native::provider::cgroup::internal_main(),
            Part::CheckIndex => crate::state::check::internal_main(),
            Part::HookRunner { folder } => crate::hooks::internal_main(&folder),
            Part::DieAt {
                point,
                nth,
                command,
            } => match crate::state::fail_point::arm(&point, nth) {
                Ok(()) => return Handed::Back(command),
                Err(message) => {
                    eprintln!("{message}");
                    ExitCode::from(2)
                }
            },
        })
    }
}
