use crate::cli::error::{CliError, Outcome, Problem};
use crate::cli::{Context, places};
use std::path::PathBuf;

/// Validate the configuration, or show what is in effect.
#[derive(Debug, clap::Args)]
pub struct Config {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Validate; says file, line and column of what is wrong.
    Check(File),
    /// The result, with where each value comes from.
    Show(File),
}

#[derive(Debug, clap::Args)]
struct File {
    /// The configuration; `conf.d/*.toml` beside it is read too.
    #[arg(long = "config", env = "KILN_CONFIG", default_value = places::SYSTEM_CONFIG, value_name = "FILE")]
    path: PathBuf,
}

impl Config {
    pub(in crate::cli) fn run(self, context: &Context) -> Result<Outcome, CliError> {
        let (Action::Check(File { path }) | Action::Show(File { path })) = &self.action;
        let (_, settings) = crate::config::load_with_origins(path).map_err(|error| {
            Problem::usage(
                error.to_string(),
                format!(
                    "mend it, then: kiln config check --config {}",
                    path.display()
                ),
            )
        })?;
        if context.out.json {
            for setting in &settings {
                let line = serde_json::json!({"key": setting.key, "value": setting.value, "origin": setting.origin});
                context.out.text(&line.to_string())?;
            }
        } else if let Action::Check(_) = self.action {
            context.out.text(&format!("{}: fine", path.display()))?;
        } else {
            for setting in &settings {
                context.out.text(&format!(
                    "{} = {}   # {}",
                    setting.key, setting.value, setting.origin
                ))?;
            }
        }
        Ok(Outcome::Done)
    }
}
