use crate::agent::revision::{Revision, RevisionError, Which};
use crate::backend::inspect::{Survey, SurveyedHost, TestEnd, Warning};
use crate::cli::error::{CliError, Outcome};
use crate::cli::{Context, human, revision};
use crate::model::Failure;
use crate::pb::{self, CheckKind};
use crate::server::convert;
use futures_util::stream::{self, StreamExt};

/// Evaluate every host and run the tests: for CI, and before a push.
///
/// No agent is asked and nothing is built. Of a flake or a Nix file the hosts are
/// the names in nixosConfigurations, or where --attribute has {host}. `test_*`
/// functions of `*_test.star` files are run: one that calls fail() has failed. Exits 1 when a host does not
/// evaluate or a test fails; warnings are warnings.
#[derive(Debug, clap::Args)]
pub struct Check {
    /// This revision instead of the files as they are in the work tree.
    #[arg(value_name = "REV")]
    rev: Option<String>,
    #[command(flatten)]
    repository: revision::RepositoryArgs,
}

impl Check {
    pub(in crate::cli) async fn run(self, context: &Context) -> Result<Outcome, CliError> {
        let plain = |rev: String| rev.strip_prefix("rev:").map_or(rev.clone(), str::to_owned);
        let which = self.rev.map(plain).map_or(Which::WorkTree, Which::Revision);
        let revision = self.repository.open(context, which).await?;
        let survey = revision.survey().await;
        let survey = survey.map_err(|error| whole(error, &revision))?;
        let checking = Checking {
            context,
            revision: &revision,
        };
        for warning in &survey.warnings {
            checking.print(&warned(warning))?;
        }
        let (hosts, failed_hosts) = checking.hosts(&survey).await?;
        let (tests, failed_tests) = checking.tests(&survey).await?;
        let warnings = survey.warnings.len();
        context.out.note(&format!(
            "{hosts} hosts, {tests} tests, {} failed, {warnings} warnings",
            failed_hosts + failed_tests
        ));
        match failed_hosts + failed_tests {
            0 => Ok(Outcome::Done),
            _ => Ok(Outcome::Failed),
        }
    }
}

/// Nothing was evaluated at all.
fn whole(error: RevisionError, revision: &Revision) -> CliError {
    match error {
        RevisionError::Failed(failure) => {
            let why = Some(convert::failure(&failure));
            crate::cli::Problem::failed("the repository cannot be evaluated")
                .because(why)
                .into()
        }
        error @ RevisionError::Run(_) => revision::problem(error, revision.this_host()),
    }
}

struct Checking<'c> {
    context: &'c Context,
    revision: &'c Revision,
}

impl Checking<'_> {
    /// How many there are, and how many do not evaluate.
    async fn hosts(&self, survey: &Survey) -> Result<(usize, usize), CliError> {
        let results = stream::iter(&survey.hosts).map(|host| self.host(host));
        let mut results = results.buffered(self.revision.at_once());
        let mut failed = 0;
        while let Some(result) = results.next().await {
            let result = result?;
            failed += usize::from(!result.passed);
            self.print(&result)?;
        }
        Ok((survey.hosts.len(), failed))
    }

    async fn host(&self, host: &SurveyedHost) -> Result<pb::CheckResult, CliError> {
        let name = match host.name.as_str() {
            "*" => self.revision.this_host().clone(),
            name => revision::host(name)?,
        };
        let mut result = pb::CheckResult {
            kind: CheckKind::Host.into(),
            name: host.name.clone(),
            passed: true,
            location: host.location.as_ref().map(convert::location),
            needs: host.needs.clone(),
            ..pb::CheckResult::default()
        };
        match self.revision.check(&name).await {
            Ok(message) => result.message = message,
            Err(RevisionError::Failed(failure)) => {
                result.passed = false;
                result.failure = Some(convert::failure(&failure));
            }
            Err(RevisionError::Run(error)) => return Err(error.into()),
        }
        Ok(result)
    }

    async fn tests(&self, survey: &Survey) -> Result<(usize, usize), CliError> {
        let results = stream::iter(&survey.test_files).map(|file| self.test_file(file));
        let mut results = results.buffered(self.revision.at_once());
        let (mut all, mut failed) = (0, 0);
        while let Some(tests) = results.next().await {
            for result in tests? {
                all += 1;
                failed += usize::from(!result.passed);
                self.print(&result)?;
            }
        }
        Ok((all, failed))
    }

    async fn test_file(&self, file: &str) -> Result<Vec<pb::CheckResult>, CliError> {
        match self.revision.tests(file).await {
            Ok(tests) => Ok(tests.into_iter().map(|test| tested(file, test)).collect()),
            Err(RevisionError::Failed(failure)) => Ok(vec![test_result(file, Some(*failure))]),
            Err(RevisionError::Run(error)) => Err(error.into()),
        }
    }

    fn print(&self, result: &pb::CheckResult) -> Result<(), CliError> {
        let out = &self.context.out;
        out.either(result, || human::check::result(result, out.color))
    }
}

fn tested(file: &str, test: TestEnd) -> pb::CheckResult {
    test_result(&format!("{file}:{}", test.name), test.failure)
}

fn test_result(name: &str, failure: Option<Failure>) -> pb::CheckResult {
    let failure = failure.as_ref();
    pb::CheckResult {
        kind: CheckKind::Test.into(),
        name: name.to_owned(),
        passed: failure.is_none(),
        location: failure.and_then(|f| f.location.as_ref().map(convert::location)),
        failure: failure.map(convert::failure),
        ..pb::CheckResult::default()
    }
}

fn warned(warning: &Warning) -> pb::CheckResult {
    pb::CheckResult {
        kind: CheckKind::Warning.into(),
        name: warning.name.clone(),
        passed: true,
        message: warning.message.clone(),
        location: warning.location.as_ref().map(convert::location),
        ..pb::CheckResult::default()
    }
}
