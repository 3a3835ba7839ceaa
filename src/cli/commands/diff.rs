use crate::agent::revision::{Revision, RevisionError, Which};
use crate::backend::inspect::{Side, Wanted};
use crate::cli::error::{CliError, Outcome};
use crate::cli::revision::{self, Meant};
use crate::cli::values::GenerationArg;
use crate::cli::{Context, human};
use crate::client::Client;
use crate::model::HostName;
use crate::pb;
use crate::server::convert::inspect;
use std::collections::BTreeSet;

/// What differs between the files of two revisions or two generations.
///
/// Two generations ask the agent. Revisions are evaluated here; a generation beside
/// a revision stands for its commit and host. What is yet to be built is shown as
/// {name:identity}.
#[derive(Debug, clap::Args)]
pub struct Diff {
    /// Anything Git resolves, or a generation: its number, current, latest or
    /// previous; `rev:` before a revision of digits only.
    #[arg(value_name = "A")]
    from: Meant,
    #[arg(value_name = "B")]
    to: Meant,
    /// Only which files differ, and by how many lines.
    #[arg(long)]
    stat: bool,
    /// Also what of the graph differs.
    #[arg(long)]
    objects: bool,
    /// Exit 1 when something differs.
    #[arg(long)]
    exit_code: bool,
    #[command(flatten)]
    repository: revision::RepositoryArgs,
    /// The host to evaluate revisions for [default: every host].
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
}

impl Diff {
    pub(in crate::cli) async fn run(self, context: &Context) -> Result<Outcome, CliError> {
        let answer = match (&self.from, &self.to) {
            (Meant::Generation(from), Meant::Generation(to)) => {
                let client = context.connect().await?;
                let request = pb::DiffRequest {
                    from: from.to_string(),
                    to: to.to_string(),
                    objects: self.objects,
                };
                client.agent().diff(request).await?.into_inner()
            }
            (from, to) => self.of_revisions(context, from, to).await?,
        };
        let color = context.out.color;
        context.out.either(&answer, || match self.stat {
            true => human::diff::stat(&answer),
            false => human::diff::diff(&answer, color),
        })?;
        let differs = !answer.files.is_empty() || !answer.objects.is_empty();
        match self.exit_code && differs {
            true => Ok(Outcome::Failed),
            false => Ok(Outcome::Done),
        }
    }

    async fn of_revisions(
        &self,
        context: &Context,
        from: &Meant,
        to: &Meant,
    ) -> Result<pb::DiffResponse, CliError> {
        let mut host = self.host.clone();
        let mut open = async |meant: &Meant| {
            let rev = match meant {
                Meant::Revision(rev) => rev.clone(),
                Meant::Generation(generation) => {
                    let client = context.connect().await?;
                    let of = commit_of(context, &client, *generation).await?;
                    host.get_or_insert(of.host);
                    of.commit.unwrap_or_default().id
                }
            };
            self.repository.open(context, Which::Revision(rev)).await
        };
        let (old, new) = (open(from).await?, open(to).await?);
        let hosts = match &host {
            Some(name) => BTreeSet::from([revision::host(name)?]),
            None => hosts([&old, &new]).await?,
        };
        let wanted = Wanted {
            files: true,
            graph: self.objects,
        };
        let mut whole = pb::DiffResponse::default();
        for name in hosts {
            let (from, to) = tokio::try_join!(
                side(&old, &name, wanted, host.is_some()),
                side(&new, &name, wanted, host.is_some()),
            )?;
            let part = compared(&name, &from, &to)?;
            whole.files.extend(part.files);
            whole.objects.extend(part.objects);
        }
        Ok(whole)
    }
}

async fn commit_of(
    context: &Context,
    client: &Client,
    generation: GenerationArg,
) -> Result<pb::Generation, CliError> {
    let number = generation.number(client).await?;
    let request = pb::GetGenerationRequest { number };
    let found = client.agent().get_generation(request).await?.into_inner();
    if found.commit.as_ref().is_some_and(|commit| commit.dirty) {
        let number = found.number;
        context.out.note(&format!(
            "generation {number} has files that were not committed; its commit is compared"
        ));
    }
    Ok(found)
}

/// The hosts that either declares; a fallback counts as this host.
async fn hosts(revisions: [&Revision; 2]) -> Result<BTreeSet<HostName>, CliError> {
    let mut hosts = BTreeSet::new();
    for revision in revisions {
        let survey = revision.survey().await;
        let survey = survey.map_err(|error| revision::problem(error, revision.this_host()))?;
        for host in survey.hosts {
            match host.name.as_str() {
                "*" => hosts.insert(revision.this_host().clone()),
                name => hosts.insert(revision::host(name)?),
            };
        }
    }
    Ok(hosts)
}

/// Of a host that is not declared there is nothing, unless it was asked for.
async fn side(
    revision: &Revision,
    host: &HostName,
    wanted: Wanted,
    is_named: bool,
) -> Result<Side, CliError> {
    match revision.side(host, wanted).await {
        Ok(side) => Ok(side),
        Err(RevisionError::Failed(failure)) if failure.usage && !is_named => Ok(Side::default()),
        Err(error) => Err(revision::problem(error, host)),
    }
}

fn compared(host: &HostName, from: &Side, to: &Side) -> Result<pb::DiffResponse, CliError> {
    let compared = tokio::task::block_in_place(|| inspect::diff(host, from, to));
    compared.map_err(|error| {
        crate::cli::Problem::failed(format!("a file cannot be read: {error}")).into()
    })
}
