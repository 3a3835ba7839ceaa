//! Log lines on standard error: how many, and in which form.

use super::error::{CliError, Problem};
use super::{Global, LogFormat};
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// Sets up logging for this process; the agent says more by default than a
/// command that a person waits for.
///
/// # Errors
/// When the filter cannot be parsed.
pub fn set_up(global: &Global, is_agent: bool) -> Result<(), CliError> {
    let filter = match &global.log {
        Some(filter) => EnvFilter::try_new(filter).map_err(|error| {
            Problem::usage(
                format!("KILN_LOG={filter}: {error}"),
                "such as KILN_LOG=kiln::source=debug,info",
            )
        })?,
        None => EnvFilter::new(default_filter(global.verbose, is_agent)),
    };
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal() && global.log_format == LogFormat::Text);
    let set = match global.log_format {
        LogFormat::Text => lines.try_init(),
        LogFormat::Json => lines.json().try_init(),
        LogFormat::Journal => lines.without_time().try_init(),
    };
    set.map_err(|error| Problem::failed(format!("setting up the log failed: {error}")).into())
}

fn default_filter(verbose: u8, is_agent: bool) -> &'static str {
    match (verbose, is_agent) {
        (0, false) => "warn",
        (0, true) => "info",
        (1, false) => "warn,kiln=info",
        (1, true) => "info,kiln=debug",
        (_, _) => "info,kiln=trace",
    }
}
