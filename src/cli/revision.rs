//! Revisions as arguments, and what commands that evaluate them here share.

use super::Context;
use super::error::{CliError, Problem};
use super::values::{Backend, GenerationArg};
use crate::agent::revision::{Revision, RevisionError, RevisionOptions, Which};
use crate::backend::nix::Attribute;
use crate::backend::{Sink, StepEvent};
use crate::model::HostName;
use crate::server::convert;
use std::io::Write;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

/// What is meant: digits only are a generation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meant {
    Generation(GenerationArg),
    Revision(String),
}

impl FromStr for Meant {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(rev) = text.strip_prefix("rev:") {
            return Ok(Meant::Revision(rev.to_owned()));
        }
        let is_word = ["current", "latest", "previous"].contains(&text);
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        match is_word || is_number {
            true => Ok(Meant::Generation(text.parse()?)),
            false => Ok(Meant::Revision(text.to_owned())),
        }
    }
}

/// A host's name as typed.
///
/// # Errors
/// When it is none.
pub fn host(name: &str) -> Result<HostName, CliError> {
    let parsed: Result<HostName, _> = name.parse();
    parsed.map_err(|error| Problem::usage(error.to_string(), "--host NAME").into())
}

/// Whose files are looked at, and how they are evaluated.
#[derive(Debug, clap::Args)]
pub struct RepositoryArgs {
    /// The repository of revisions, or a folder in it.
    #[arg(long, value_name = "PATH", default_value = ".")]
    repo: PathBuf,
    /// How to evaluate revisions: by kiln.star, flake.nix or plain Nix.
    #[arg(long, value_name = "KIND", default_value = "auto")]
    backend: Backend,
    /// What Nix builds for a host [default: nixosConfigurations."{host}"].
    #[arg(long, value_name = "ATTRIBUTE")]
    attribute: Option<Attribute>,
}

impl RepositoryArgs {
    /// The files of a revision, ready to be evaluated.
    ///
    /// # Errors
    /// When there is none, or nothing in it that can be evaluated here.
    pub async fn open(&self, context: &Context, which: Which) -> Result<Revision, CliError> {
        let options = RevisionOptions {
            path: self.repo.clone(),
            which,
            backend: self.backend.into(),
            attribute: self.attribute.clone(),
            surroundings: context.env.of_a_person(),
            sink: Arc::new(Printing {
                quiet: context.out.json,
            }),
        };
        Ok(Revision::open(options).await?)
    }
}

/// Hands on what a repository prints.
struct Printing {
    quiet: bool,
}

impl Sink for Printing {
    fn log(&self, _derivation: Option<&str>, bytes: &[u8]) {
        let mut safe = Vec::new();
        super::human::TerminalFilter::default().write(bytes, &mut safe);
        if !self.quiet {
            let _ = std::io::stderr().lock().write_all(&safe); // nobody left to tell
        }
    }

    fn step(&self, _event: StepEvent) {}
}

/// Why a revision has no answer.
pub fn problem(error: RevisionError, host: &HostName) -> CliError {
    let failure = match error {
        RevisionError::Run(error) => return error.into(),
        RevisionError::Failed(failure) => *failure,
    };
    if failure.usage {
        return Problem::usage(failure.message, failure.hint).into();
    }
    let problem = Problem::failed(format!("host {host} does not evaluate"));
    problem.because(Some(convert::failure(&failure))).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_a_generation_and_everything_else_a_revision() {
        let generation = |arg| Ok(Meant::Generation(arg));
        let revision = |text: &str| Ok(Meant::Revision(text.into()));
        assert_eq!("12".parse(), generation(GenerationArg::Number(12)));
        assert_eq!("latest".parse(), generation(GenerationArg::Latest));
        assert_eq!("rev:1234567".parse(), revision("1234567"));
        assert_eq!("main~2".parse(), revision("main~2"));
        assert_eq!("12ab".parse(), revision("12ab"));
        assert!("99999999999".parse::<Meant>().is_err());
    }
}
