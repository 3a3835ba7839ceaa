use crate::agent::revision::Which;
use crate::backend::inspect::Wanted;
use crate::cli::error::{CliError, Outcome};
use crate::cli::revision::{self, Meant};
use crate::cli::{Context, human};
use crate::pb;
use crate::server::convert::inspect;

/// The build steps of a revision or a generation, with what each needs.
///
/// A revision is evaluated here, without an agent; a generation asks the agent.
#[derive(Debug, clap::Args)]
pub struct Graph {
    /// Anything Git resolves, or a generation: its number, current, latest or
    /// previous; `rev:` before a revision of digits only.
    #[arg(value_name = "REV|GENERATION", default_value = "HEAD")]
    what: Meant,
    /// How it is written.
    #[arg(long, default_value = "text")]
    format: Format,
    #[command(flatten)]
    repository: revision::RepositoryArgs,
    /// The host to evaluate a revision for [default: this one].
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Text,
    Dot,
    Json,
    Mermaid,
}

impl Graph {
    pub(in crate::cli) async fn run(self, context: &Context) -> Result<Outcome, CliError> {
        let graph = match &self.what {
            Meant::Generation(generation) => {
                let client = context.connect().await?;
                let generation_number = generation.number(&client).await?;
                let request = pb::GetGraphRequest { generation_number };
                client.agent().get_graph(request).await?.into_inner()
            }
            Meant::Revision(rev) => self.of_revision(context, rev).await?,
        };
        match self.format {
            _ if context.out.json => context.out.message(&graph)?,
            Format::Json => context.out.message(&graph)?,
            Format::Text => context.out.text(&human::graph::text(&graph))?,
            Format::Dot => context.out.text(&human::graph::dot(&graph))?,
            Format::Mermaid => context.out.text(&human::graph::mermaid(&graph))?,
        }
        Ok(Outcome::Done)
    }

    async fn of_revision(
        &self,
        context: &Context,
        rev: &str,
    ) -> Result<pb::GetGraphResponse, CliError> {
        let which = Which::Revision(rev.to_owned());
        let revision = self.repository.open(context, which).await?;
        let host = match &self.host {
            Some(name) => revision::host(name)?,
            None => revision.this_host().clone(),
        };
        let wanted = Wanted {
            files: false,
            graph: true,
        };
        let side = revision.side(&host, wanted);
        let side = side
            .await
            .map_err(|error| revision::problem(error, &host))?;
        Ok(inspect::graph(&host, side.graph))
    }
}
