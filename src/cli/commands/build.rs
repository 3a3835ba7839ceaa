use crate::cli::Context;
use crate::cli::error::{CliError, Outcome, Problem};
use crate::cli::values::GenerationArg;
use crate::pb;

/// Submit an evaluated generation for building.
#[derive(Debug, clap::Args)]
pub struct Build {
    /// A number, current, latest or previous [default: latest].
    #[arg(value_name = "GENERATION")]
    generation: Option<String>,
    /// Wait until it is built; exit 0 only if it was.
    #[arg(long)]
    wait: bool,
    /// Try again although the same input failed before.
    #[arg(long)]
    retry: bool,
}

impl Build {
    pub(in crate::cli) async fn run(self, context: &Context) -> Result<Outcome, CliError> {
        let wanted = meant(self.generation.as_deref())?;
        let client = context.connect().await?;
        let request = pb::SubmitBuildRequest {
            generation_number: wanted.number(&client).await?,
            retry: self.retry,
        };
        let asked = request.generation_number;
        let generation = match client.builder().submit_build(request).await {
            // Somebody else's submission serves as well to who waits for the result.
            Err(status)
                if self.wait && asked > 0 && status.code() == tonic::Code::AlreadyExists =>
            {
                Some(pb::Generation {
                    number: asked,
                    ..Default::default()
                })
            }
            answer => answer?.into_inner().generation,
        };
        context.begun(&client, generation, self.wait).await
    }
}

/// Who comes from other tools names a path here.
fn meant(argument: Option<&str>) -> Result<GenerationArg, CliError> {
    let Some(text) = argument else {
        return Ok(GenerationArg::Latest);
    };
    text.parse().map_err(|why: String| {
        let hint = match text.contains(['/', '.']) || std::path::Path::new(text).exists() {
            true => format!("to build what is in a folder: kiln dev --once {text}"),
            false => format!("to evaluate and build a revision: kiln eval {text} --wait"),
        };
        Problem::usage(format!("{text:?} is no generation: {why}"), hint).into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_or_a_revision_is_told_the_command_to_type() {
        let hint = |text| match meant(Some(text)) {
            Err(CliError::Problem(problem)) => (problem.outcome, problem.hint),
            other => panic!("{other:?}"),
        };
        let (outcome, text) = hint("./infra");
        assert_eq!(
            (outcome, &text[..]),
            (
                Outcome::Usage,
                "to build what is in a folder: kiln dev --once ./infra"
            )
        );
        assert!(hint("v1-2").1.ends_with("kiln eval v1-2 --wait"));
        assert_eq!(meant(None).unwrap(), GenerationArg::Latest);
    }
}
