use crate::cli::Context;
use crate::cli::error::{CliError, Outcome, Problem};
use crate::cli::values::GenerationArg;
use crate::model::{Built, Generation, GenerationNumber};
use crate::store::StoreError;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Run a command with the store at its written path; needs no root and no agent.
///
/// The command sees KILN_OUT and starts in the result, where that is a folder.
#[derive(Debug, clap::Args)]
pub struct Shell {
    /// A number, current, latest or previous; a built one.
    #[arg(value_name = "GENERATION", default_value = "current")]
    generation: GenerationArg,
    /// The state [default: of this repository's dev agent, else the system's].
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
    /// The command [default: $SHELL].
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

impl Shell {
    /// Must be called while the process has one thread.
    pub(in crate::cli) fn run(self, context: &Context) -> Result<Outcome, CliError> {
        let state = self
            .state_dir
            .clone()
            .unwrap_or_else(|| context.state_here());
        let generation = find(&state, self.generation)?;
        let built = generation.built().ok_or_else(|| not_built(&generation))?;
        let default = || {
            vec![
                context
                    .env
                    .shell
                    .clone()
                    .unwrap_or_else(|| "/bin/sh".into())
                    .into(),
            ]
        };
        let argv = if self.command.is_empty() {
            default()
        } else {
            self.command
        };
        Err(enter(built, &argv).into())
    }
}

fn not_built(generation: &Generation) -> Problem {
    let number = generation.number;
    Problem::failed(format!("generation {number} is not built"))
        .hint(format!("kiln show {number} says why"))
}

/// Returns only when the command could not be run.
fn enter(built: &Built, argv: &[OsString]) -> Problem {
    let Some(store) = built.real_path.parent() else {
        return Problem::failed(format!("{} lies in no store", built.real_path.display()));
    };
    // What is run here is not garbage before the command ends, which inherits it.
    let pinned = match built.out_path.parse() {
        Ok(path) => crate::store::pin(store, &path, true),
        Err(error) => return Problem::failed(format!("{}: {error}", built.out_path)),
    };
    let _pinned = match pinned {
        Ok(pinned) => pinned,
        Err(error @ StoreError::Missing(_)) => {
            return Problem::failed(error.to_string()).hint("kiln eval builds it again");
        }
        Err(error) => return Problem::failed(error.to_string()),
    };
    set_result(built);
    if built.real_path.is_dir()
        && let Err(error) = std::env::set_current_dir(&built.real_path)
    {
        return Problem::failed(format!(
            "entering {} failed: {error}",
            built.real_path.display()
        ));
    }
    let Err(error) = crate::backend::native::provider::enter::exec_with_store(store, argv);
    Problem::failed(error.to_string())
}

#[expect(
    clippy::disallowed_methods,
    reason = "this process becomes the command, and has one thread"
)]
fn set_result(built: &Built) {
    // SAFETY: the caller runs before any other thread was started, so nobody
    // reads the environment meanwhile.
    unsafe { std::env::set_var("KILN_OUT", &built.out_path) };
}

/// Reads the state's files; no agent is asked.
pub(in crate::cli) fn find(state: &Path, wanted: GenerationArg) -> Result<Generation, CliError> {
    let read = |number| crate::state::files::read_generation(state, number);
    let mut built = numbers(state)?
        .into_iter()
        .filter_map(|number| read(number).ok().flatten());
    let found = match wanted {
        GenerationArg::Number(number) => {
            let number = GenerationNumber(number);
            let told = |error| {
                Problem::failed(format!(
                    "reading generation {number} in {} failed: {error}",
                    state.display()
                ))
            };
            read(number).map_err(told)?
        }
        GenerationArg::Latest => built.next(),
        GenerationArg::Current => built.find(|generation| generation.built().is_some()),
        GenerationArg::Previous => built
            .filter(|generation| generation.built().is_some())
            .nth(1),
    };
    found.ok_or_else(|| {
        let message = format!("there is no such built generation in {}", state.display());
        Problem::failed(message)
            .hint("kiln dev --once builds one; --state-dir names another state")
            .into()
    })
}

/// The generations recorded there, newest first.
fn numbers(state: &Path) -> Result<Vec<GenerationNumber>, CliError> {
    let folder = state.join("generations");
    let entries = std::fs::read_dir(&folder).map_err(|error| {
        CliError::from(
            Problem::failed(format!("reading {} failed: {error}", folder.display()))
                .hint("kiln dev --once builds a generation here; --state-dir names another state"),
        )
    })?;
    let name =
        |entry: std::io::Result<std::fs::DirEntry>| entry.ok()?.file_name().to_str()?.parse().ok();
    let mut numbers: Vec<GenerationNumber> =
        entries.filter_map(name).map(GenerationNumber).collect();
    numbers.sort_unstable_by(|a, b| b.cmp(a));
    Ok(numbers)
}
