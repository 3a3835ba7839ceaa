//! The command line: parse, run one command, exit code. One file per command.
//!
//! In: arguments and the environment. Out: text for people or the JSON mapping
//! of the wire's messages, written by [`render`] alone. It knows the agent
//! through [`crate::client`] only; `dev` and `agent` start one.

mod commands;
mod environment;
mod error;
mod human;
mod logging;
mod offline;
mod progress;
mod render;
mod revision;
mod values;
mod wait;

pub mod places;

use crate::client::{CONNECT_TIMEOUT, Client, ConnectError};
use clap::{Args, Parser, Subcommand, ValueEnum};
use commands::internal::Handed;
use error::{CliError, Outcome, Problem};
use render::Output;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

/// A GitOps agent for any Linux host: pushed commits become built generations.
#[derive(Debug, Parser)]
#[command(name = "kiln", version, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
struct Global {
    /// The agent's socket [default: $KILN_SOCKET, the dev agent's of this repository,
    /// /run/kiln/kiln.sock].
    #[arg(long, global = true, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// Say more on stderr; twice for everything.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
    /// Which parts say how much, such as `kiln::source=debug`.
    #[arg(
        long,
        global = true,
        env = "KILN_LOG",
        value_name = "FILTER",
        hide = true
    )]
    log: Option<String>,
    /// Colours in what is printed.
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    color: When,
    /// How log lines on stderr are written.
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text")]
    log_format: LogFormat,
    /// Print JSON: one object, or one a line for lists.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum When {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    Text,
    Json,
    /// Without times: the journal has its own.
    Journal,
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(commands::init::Init),
    Check(commands::check::Check),
    Dev(commands::dev::Dev),
    Agent(commands::agent::Agent),
    Status(commands::status::Status),
    Fetch(commands::fetch::Fetch),
    Eval(commands::eval::Eval),
    Build(commands::build::Build),
    Cancel(commands::cancel::Cancel),
    Baseline(commands::baseline::Baseline),
    AcceptReset(commands::baseline::AcceptReset),
    /// There is no such command: see `kiln cancel`.
    #[command(hide = true)]
    Stop,
    Confirm(commands::confirm::Confirm),
    Suspend(commands::suspend::Suspend),
    Resume(commands::suspend::Resume),
    Generations(commands::generations::Generations),
    Show(commands::show::Show),
    Log(commands::log::Log),
    Graph(commands::graph::Graph),
    Diff(commands::diff::Diff),
    Events(commands::events::Events),
    Shell(commands::shell::Shell),
    Store(commands::store::Store),
    Config(commands::config::Config),
    Doctor(commands::doctor::Doctor),
    #[command(hide = true)]
    Internal(commands::internal::Internal),
}

/// What every command is given.
struct Context {
    global: Global,
    out: Output,
    env: environment::Environment,
    /// An agent was reached: what it is asked does not end with the command.
    is_agent_asked: AtomicBool,
}

/// Runs the program to its exit code.
pub fn main() -> ExitCode {
    let mut cli = Cli::parse();
    // A child of the agent: no logging, no runtime, nothing of the user's.
    while let Command::Internal(internal) = cli.command {
        match internal.run() {
            Handed::Over(code) => return code,
            Handed::Back(line) => {
                let program = std::ffi::OsString::from("kiln");
                cli = Cli::parse_from(std::iter::once(program).chain(line));
            }
        }
    }
    let Cli { global, command } = cli;
    let env = environment::Environment::read();
    let out = Output::new(global.json, global.color, &env);
    let context = Context {
        global,
        out,
        env,
        is_agent_asked: AtomicBool::new(false),
    };
    let ended = logging::set_up(&context.global, matches!(command, Command::Agent(_)))
        .and_then(|()| run(&context, command));
    match ended {
        Ok(outcome) => outcome.into(),
        Err(error) => context.out.error(&error).into(),
    }
}

fn run(context: &Context, command: Command) -> Result<Outcome, CliError> {
    // Entering namespaces needs a process of one thread: before the runtime.
    if let Command::Shell(shell) = command {
        return shell.run(context);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Problem::failed(format!("starting the runtime failed: {error}")))?;
    let ended = runtime.block_on(dispatch(context, command));
    // A look-up in a name service may hang: it does not hold the exit up.
    runtime.shutdown_background();
    ended
}

async fn dispatch(context: &Context, command: Command) -> Result<Outcome, CliError> {
    match command {
        // These end what they run before they go.
        Command::Dev(command) => command.run(context).await,
        Command::Agent(command) => command.run(context).await,
        other => tokio::select! {
            ended = ask(context, other) => ended,
            _ = tokio::signal::ctrl_c() => Err(CliError::Interrupted {
                is_agent_asked: context.is_agent_asked.load(Ordering::Relaxed),
            }),
        },
    }
}

async fn ask(context: &Context, command: Command) -> Result<Outcome, CliError> {
    match command {
        Command::Init(command) => command.run(context),
        Command::Check(command) => command.run(context).await,
        Command::Graph(command) => command.run(context).await,
        Command::Diff(command) => command.run(context).await,
        Command::Status(command) => command.run(context).await,
        Command::Fetch(command) => command.run(context).await,
        Command::Eval(command) => command.run(context).await,
        Command::Build(command) => command.run(context).await,
        Command::Cancel(command) => command.run(context).await,
        Command::Baseline(command) => command.run(context).await,
        Command::AcceptReset(command) => command.run(context).await,
        Command::Stop => Err(Problem::usage(
            "there is no command stop",
            "to end what the agent runs: kiln cancel",
        )
        .into()),
        Command::Confirm(command) => command.run(context).await,
        Command::Suspend(command) => command.run(context).await,
        Command::Resume(command) => command.run(context).await,
        Command::Generations(command) => command.run(context).await,
        Command::Show(command) => command.run(context).await,
        Command::Log(command) => command.run(context).await,
        Command::Events(command) => command.run(context).await,
        Command::Store(command) => command.run(context).await,
        Command::Config(command) => command.run(context),
        Command::Doctor(command) => command.run(context).await,
        Command::Dev(_) | Command::Agent(_) | Command::Shell(_) | Command::Internal(_) => {
            Err(Problem::failed("this command is run elsewhere").into())
        }
    }
}

impl Context {
    /// A connection to the agent meant.
    ///
    /// # Errors
    /// Exit 3, with what to do.
    async fn connect(&self) -> Result<Client, CliError> {
        let cwd = std::env::current_dir().unwrap_or_default();
        let socket = places::socket(&self.env, &cwd, self.global.socket.as_deref())?;
        tracing::debug!(?socket, "connecting");
        let client = Client::connect(&socket, CONNECT_TIMEOUT).await?;
        self.is_agent_asked.store(true, Ordering::Relaxed);
        Ok(client)
    }

    /// As [`Context::connect`]; that no agent runs, where none was named, is an
    /// answer too.
    ///
    /// # Errors
    /// Exit 3, when one should answer and does not.
    async fn try_connect(&self) -> Result<Result<Client, ConnectError>, CliError> {
        let cwd = std::env::current_dir().unwrap_or_default();
        let is_named = self.global.socket.is_some() || self.env.socket.is_some();
        let socket = places::socket(&self.env, &cwd, self.global.socket.as_deref())?;
        match Client::connect(&socket, CONNECT_TIMEOUT).await {
            Ok(client) => {
                self.is_agent_asked.store(true, Ordering::Relaxed);
                Ok(Ok(client))
            }
            Err(none @ (ConnectError::Missing(_) | ConnectError::Stale(_))) if !is_named => {
                Ok(Err(none))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The state of the dev agent of the repository one stands in, else the system's.
    fn state_here(&self) -> PathBuf {
        let cwd = std::env::current_dir().unwrap_or_default();
        let here = places::dev_from(&self.env, &cwd).into_iter();
        here.map(|place| place.state)
            .find(|state| state.is_dir())
            .unwrap_or_else(|| places::SYSTEM_STATE.into())
    }

    /// The end of a command that began something with a generation: waits for
    /// what it comes to, or prints its line.
    ///
    /// # Errors
    /// When it did not go well, or the agent went away.
    async fn begun(
        &self,
        client: &Client,
        generation: Option<crate::pb::Generation>,
        waits: bool,
    ) -> Result<Outcome, CliError> {
        let generation = generation.unwrap_or_default();
        if waits {
            wait::wait(client, &self.out, generation.number).await?;
        } else {
            let line = || human::line(&generation, crate::model::now());
            self.out.either(&generation, line)?;
        }
        Ok(Outcome::Done)
    }

    /// The end of a command that changed what the Builder does: prints its state,
    /// for people in `words`.
    ///
    /// # Errors
    /// When it cannot be printed.
    fn changed(
        &self,
        state: Option<crate::pb::BuilderState>,
        words: impl FnOnce(&crate::pb::BuilderState) -> String,
    ) -> Result<Outcome, CliError> {
        let state = state.unwrap_or_default();
        self.out.either(&state, || words(&state))?;
        Ok(Outcome::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn global_options_may_stand_before_and_after_the_command() {
        for line in [
            "kiln --json --socket /s status",
            "kiln status --json --socket /s",
        ] {
            let cli = Cli::try_parse_from(line.split(' ')).unwrap();
            assert!(
                cli.global.json && cli.global.socket.as_deref() == Some("/s".as_ref()),
                "{line}"
            );
        }
    }
}
