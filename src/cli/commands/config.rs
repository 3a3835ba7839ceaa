use crate::cli::error::{CliError, Outcome, Problem};
use crate::cli::{Context, places};
use crate::config::Setting;
use crate::config::comin::{self, Imported};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Validate the configuration, show what is in effect, or translate comin's.
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
    /// Print a kiln.toml that says what a configuration of comin says.
    ///
    /// What has no counterpart is a comment with why and what to do. Nothing is
    /// written: kiln config import-comin comin.yaml > /etc/kiln/kiln.toml
    ImportComin {
        /// The YAML file comin was started with (`comin run --config FILE`).
        file: PathBuf,
    },
}

#[derive(Debug, clap::Args)]
struct File {
    /// The configuration; `conf.d/*.toml` beside it is read too.
    #[arg(long = "config", env = "KILN_CONFIG", default_value = places::SYSTEM_CONFIG, value_name = "FILE")]
    path: PathBuf,
}

impl Config {
    pub(in crate::cli) fn run(self, context: &Context) -> Result<Outcome, CliError> {
        match self.action {
            Action::Check(File { path }) => {
                let settings = settings(&path)?;
                match context.out.json {
                    true => show(context, &settings)?,
                    false => context.out.text(&format!("{}: fine", path.display()))?,
                }
            }
            Action::Show(File { path }) => show(context, &settings(&path)?)?,
            Action::ImportComin { file } => return import(context, &file),
        }
        Ok(Outcome::Done)
    }
}

fn settings(path: &Path) -> Result<Vec<Setting>, CliError> {
    let loaded = crate::config::load_with_origins(path).map_err(|error| {
        let again = format!(
            "mend it, then: kiln config check --config {}",
            path.display()
        );
        Problem::usage(error.to_string(), again)
    });
    Ok(loaded.map(|(_, settings)| settings)?)
}

fn show(context: &Context, settings: &[Setting]) -> Result<(), CliError> {
    for Setting { key, value, origin } in settings {
        let line = match context.out.json {
            true => serde_json::json!({"key": key, "value": value, "origin": origin}).to_string(),
            false => format!("{key} = {value}   # {origin}"),
        };
        context.out.text(&line)?;
    }
    Ok(())
}

fn import(context: &Context, file: &Path) -> Result<Outcome, CliError> {
    let imported = comin::import(&read(file)?, &file.display().to_string());
    let imported = imported.map_err(|error| {
        Problem::usage(
            error.to_string(),
            "name the YAML file comin is started with",
        )
    })?;
    let Imported {
        text,
        notes,
        problem,
    } = &imported;
    if context.out.json {
        let note = |note: &comin::Note| serde_json::json!({"line": note.line, "key": note.key, "message": note.message, "isLoss": note.is_loss});
        let notes: Vec<_> = notes.iter().map(note).collect();
        let line = serde_json::json!({"configuration": text, "notes": notes});
        context.out.text(&line.to_string())?;
    } else {
        context.out.text(text.trim_end())?;
    }
    for note in notes.iter().filter(|note| note.is_loss) {
        context.out.note(&format!(
            "line {}, {}: {}",
            note.line, note.key, note.message
        ));
    }
    match problem {
        None => Ok(Outcome::Done),
        // What could be translated is printed all the same.
        Some(problem) => Err(Problem::failed(problem)
            .hint("mend it by hand, then: kiln config check --config FILE")
            .into()),
    }
}

/// At most one byte more than a configuration may have.
fn read(file: &Path) -> Result<String, CliError> {
    let read = || {
        let mut bytes = Vec::new();
        let limit = u64::try_from(comin::MAX_SIZE).unwrap_or(u64::MAX) + 1;
        std::fs::File::open(file)?
            .take(limit)
            .read_to_end(&mut bytes)?;
        String::from_utf8(bytes).map_err(std::io::Error::other)
    };
    let text = read().map_err(|error| {
        Problem::usage(
            format!("cannot read {}: {error}", file.display()),
            "kiln config import-comin FILE",
        )
    });
    Ok(text?)
}
